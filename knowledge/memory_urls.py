"""Addresses of the memory pages."""

from django.urls import path

from . import memory_views as views

app_name = "memory"

urlpatterns = [
    path("", views.memory_list, name="list"),
    path("new/", views.add, name="add"),
    path("context/", views.context, name="context"),
    path("context/clear/", views.context_clear, name="context_clear"),
    path("<uuid:pk>/", views.detail, name="detail"),
    path("<uuid:pk>/edit/", views.edit, name="edit"),
    path("<uuid:pk>/forget/", views.forget, name="forget"),
    path("<uuid:pk>/pin/", views.pin, name="pin"),
]
