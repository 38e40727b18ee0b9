"""Addresses of the knowledge pages."""

from django.urls import path

from . import import_views, views

app_name = "knowledge"

urlpatterns = [
    path("", views.knowledge_list, name="list"),
    path("new/", views.add, name="add"),
    path("import/", import_views.bring_in, name="bring_in"),
    path("imports/<uuid:pk>/", import_views.import_detail, name="import"),
    path("imports/<uuid:pk>/retry/", import_views.import_retry, name="import_retry"),
    path("documents/", import_views.document_list, name="documents"),
    path("documents/<uuid:pk>/", import_views.document_detail, name="document"),
    path("documents/<uuid:pk>/retry/", import_views.document_retry, name="document_retry"),
    path("documents/<uuid:pk>/delete/", import_views.document_delete, name="document_delete"),
    path("<uuid:pk>/", views.detail, name="detail"),
    path("<uuid:pk>/edit/", views.edit, name="edit"),
    path("<uuid:pk>/delete/", views.delete, name="delete"),
]
