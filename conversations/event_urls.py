"""Streams; the full stack serves these by ASGI."""

from django.urls import path

from .events import conversation_events

app_name = "events"
urlpatterns = [path("conversations/<str:pk>/", conversation_events, name="conversation")]
