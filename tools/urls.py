"""Addresses of the tools' pages."""

from django.urls import path

from .sources.urls import urlpatterns as source_urls
from .views import catalogue, executions, rules

app_name = "tools"

urlpatterns = [
    path("", catalogue.tool_list, name="list"),
    path("executions/", executions.execution_list, name="executions"),
    path("executions/<uuid:pk>/", executions.detail, name="execution"),
    path("executions/<uuid:pk>/cancel/", executions.cancel, name="cancel"),
    path("executions/<uuid:pk>/repeat/", executions.repeat, name="repeat"),
    path("executions/<uuid:pk>/result/", executions.result, name="result"),
    path("rules/", rules.rule_list, name="rules"),
    path("rules/new/", rules.add, name="rule_new"),
    path("rules/<int:pk>/", rules.edit, name="rule"),
    path("rules/<int:pk>/remove/", rules.remove, name="rule_remove"),
    *source_urls,
    path("<uuid:pk>/", catalogue.detail, name="detail"),
    path("<uuid:pk>/switch/", catalogue.switch, name="switch"),
]
