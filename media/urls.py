"""Addresses of the pages of media."""

from django.urls import path

from . import views

app_name = "media"

urlpatterns = [
    path("", views.media_list, name="list"),
    path("<slug:kind>/<uuid:pk>/", views.detail, name="detail"),
    path("<slug:kind>/<uuid:pk>/content/", views.content, name="content"),
    path("image/<uuid:pk>/small/", views.small, name="small"),
    path("<slug:kind>/<uuid:pk>/delete/", views.delete, name="delete"),
]
