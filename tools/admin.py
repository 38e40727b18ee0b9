"""Admin of tools."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from agi_site.lib.admin import HistoryAdmin, HistoryInline, TableAdmin, link_to

from . import registry, services
from .models import Tool, ToolExecution, ToolParameter


class ToolParameterInline(HistoryInline):
    """The parameters come from the program; here they are read."""

    model = ToolParameter
    ordering = ["pk"]
    fields = ["name", "type", "required", "default_value", "schema", "description"]


@admin.register(Tool)
class ToolAdmin(TableAdmin):
    list_display = [
        "name",
        "category",
        "version",
        "enabled",
        "available",
        "exec_env",
        "executions",
        "updated_at",
    ]
    list_filter = ["enabled", "exec_env", "category"]
    search_fields = ["name", "description"]
    readonly_fields = ["name", "description", "category", "version", "exec_env", "available", "executions"]
    inlines = [ToolParameterInline]
    actions = ["enable", "disable"]

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # tools come with the program that runs them

    @admin.display(description=_("available"), boolean=True)
    def available(self, tool: Tool) -> bool:
        return registry.get(tool.name) is not None

    @admin.display(description=_("executions"))
    def executions(self, tool: Tool) -> str:
        address = reverse("admin:tools_toolexecution_changelist")
        return format_html('<a href="{}?tool__id__exact={}">{}</a>', address, tool.pk, _("show"))

    @admin.action(description=_("Enable the selected tools"), permissions=["change"])
    def enable(self, request: HttpRequest, queryset: QuerySet[Tool]) -> None:
        self._switch(request, queryset, enabled=True)

    @admin.action(description=_("Disable the selected tools"), permissions=["change"])
    def disable(self, request: HttpRequest, queryset: QuerySet[Tool]) -> None:
        self._switch(request, queryset, enabled=False)

    def _switch(self, request: HttpRequest, queryset: QuerySet[Tool], *, enabled: bool) -> None:
        changed = [services.set_enabled(tool=tool, enabled=enabled) for tool in queryset]
        text = ngettext("%(count)s tool changed.", "%(count)s tools changed.", len(changed))
        messages.success(request, text % {"count": len(changed)})


@admin.register(ToolParameter)
class ToolParameterAdmin(HistoryAdmin):
    list_display = ["name", link_to("tool"), "type", "required", "default_value"]
    list_filter = ["type", "required"]
    search_fields = ["name", "description"]


@admin.register(ToolExecution)
class ToolExecutionAdmin(HistoryAdmin):
    list_display = [
        "id",
        link_to("tool"),
        link_to("user"),
        "status",
        "created_at",
        "seconds",
        "error_message",
    ]
    list_filter = ["status", "tool", "created_at"]
    search_fields = ["id", "trigger_id"]

    @admin.display(description=_("seconds"))
    def seconds(self, execution: ToolExecution) -> str:
        return "–" if execution.duration is None else f"{execution.duration:.2f}"
