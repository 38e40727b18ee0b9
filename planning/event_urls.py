"""Streams; the full stack serves these by ASGI."""

from django.urls import path

from .events import execution_events, plan_events

app_name = "plan_events"
urlpatterns = [
    path("plan-executions/<str:pk>/", execution_events, name="execution"),
    path("plans/<str:pk>/", plan_events, name="plan"),
]
