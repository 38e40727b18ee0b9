"""Streams; the full stack serves these by ASGI."""

from django.urls import path

from .events import execution_events

app_name = "tool_events"
urlpatterns = [path("tool-executions/<str:pk>/", execution_events, name="execution")]
