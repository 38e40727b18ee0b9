"""Addresses of the inbox of approvals."""

from django.urls import path

from .views import approvals

app_name = "approvals"

urlpatterns = [
    path("", approvals.inbox, name="inbox"),
    path("count/", approvals.count, name="count"),
    path("<uuid:pk>/", approvals.detail, name="detail"),
    path("<uuid:pk>/approve/", approvals.approve, name="approve"),
    path("<uuid:pk>/reject/", approvals.reject, name="reject"),
    path("<uuid:pk>/delegate/", approvals.delegate, name="delegate"),
]
