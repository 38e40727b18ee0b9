"""Addresses of the knowledge pages."""

from django.urls import path

from . import views

app_name = "knowledge"

urlpatterns = [
    path("", views.knowledge_list, name="list"),
    path("new/", views.add, name="add"),
    path("<uuid:pk>/", views.detail, name="detail"),
    path("<uuid:pk>/edit/", views.edit, name="edit"),
    path("<uuid:pk>/delete/", views.delete, name="delete"),
]
