"""Addresses of the memory pages."""

from django.urls import path

from . import memory_views as views
from . import own_views as own

app_name = "memory"

urlpatterns = [
    path("", views.memory_list, name="list"),
    path("new/", views.add, name="add"),
    path("graph/", views.graph, name="graph"),
    path("refused/", views.refused, name="refused"),
    path("questions/", views.questions, name="questions"),
    path("settings/", own.settings, name="settings"),
    path("export/", own.export, name="export"),
    path("import/", own.import_file, name="import_file"),
    path("import/<uuid:pk>/", own.imported, name="import"),
    path("forget-everything/", own.forget_everything, name="forget_everything"),
    path("context/", own.context, name="context"),
    path("context/clear/", own.context_clear, name="context_clear"),
    path("context/drop/", own.context_drop, name="context_drop"),
    path("<uuid:pk>/", views.detail, name="detail"),
    path("<uuid:pk>/edit/", views.edit, name="edit"),
    path("<uuid:pk>/forget/", views.forget, name="forget"),
    path("<uuid:pk>/pin/", views.pin, name="pin"),
    path("<uuid:pk>/restore/", views.restore, name="restore"),
]
