"""Streams; the full stack serves these by ASGI."""

from django.urls import path

from .events import build_events, execution_events, file_events, run_events, sandbox_events

app_name = "sandbox_events"
urlpatterns = [
    path("sandboxes/once/", run_events, {"verb": "once"}, name="once"),
    path("sandboxes/<str:pk>/", sandbox_events, name="sandbox"),
    path("sandboxes/<str:pk>/files/", file_events, name="files"),
    path("sandboxes/<str:pk>/run/", run_events, {"verb": "run"}, name="run"),
    path("sandboxes/<str:pk>/cells/", run_events, {"verb": "cells"}, name="cells"),
    path("sandbox-executions/<str:pk>/", execution_events, name="execution"),
    path("sandbox-image-builds/<str:pk>/", build_events, name="image_build"),
]
