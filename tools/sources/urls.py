"""Addresses of the pages of tool sources, below those of the tools."""

from django.urls import path

from . import views

urlpatterns = [
    path("sources/", views.source_list, name="sources"),
    path("sources/new/<slug:kind>/", views.source_new, name="source_new"),
    path("sources/scripts/new/", views.script_new, name="script_new"),
    path("sources/scripts/<uuid:pk>/", views.script_change, name="script"),
    path("sources/<uuid:pk>/", views.source_detail, name="source"),
    path("sources/<uuid:pk>/change/", views.source_change, name="source_change"),
    path("sources/<uuid:pk>/sync/", views.source_sync, name="source_sync"),
    path("sources/<uuid:pk>/switch/<uuid:tool>/", views.source_switch, name="source_switch"),
    path("sources/<uuid:pk>/delete/", views.source_delete, name="source_delete"),
]
