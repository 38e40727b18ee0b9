"""The catalogue: switched on and off, with the limits that operators set."""

from copy import copy
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from agi_site.lib.admin import HistoryAdmin, HistoryInline, TableAdmin, link_to
from sandbox.admin.common import ServiceForm

from .. import registry, services
from ..models import Tool, ToolParameter

LIMITS = ("timeout_seconds", "retry_safe", "max_retries", "max_concurrent", "rate_limit")


class ToolParameterInline(HistoryInline):
    """The parameters come from the program; here they are read."""

    model = ToolParameter
    ordering = ["pk"]
    fields = ["name", "type", "required", "default_value", "schema", "description"]


class ToolForm(ServiceForm):
    class Meta:
        model = Tool
        fields = ["enabled", *LIMITS]
        help_texts = {
            "timeout_seconds": _("Empty: as the tool says itself."),
            "retry_safe": _("It may run again after it broke, or its process died."),
            "max_concurrent": _("Empty: as many as come."),
            "rate_limit": _("Of each person: 30/m, 5/10s, 1000/d. Empty: as often as they like."),
        }

    def attempt(self, values: dict[str, Any]) -> None:
        services.change_limits(tool=copy(self.instance), by=None, **_limits(values))


@admin.register(Tool)
class ToolAdmin(TableAdmin):
    form = ToolForm
    list_display = [
        "name",
        "category",
        "kind",
        "version",
        "enabled",
        "available",
        "exec_env",
        "executions",
        "updated_at",
    ]
    list_filter = ["enabled", "exec_env", "kind", "category"]
    search_fields = ["name", "description"]
    readonly_fields = [
        "name",
        "description",
        "category",
        "version",
        "exec_env",
        "kind",
        "source",
        "available",
        "executions",
    ]
    fields = [*readonly_fields, "enabled", *LIMITS]
    inlines = [ToolParameterInline]
    actions = ["enable", "disable"]

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # tools come with the program that runs them

    def save_model(self, request: HttpRequest, obj: Tool, form: Any, change: bool) -> None:
        """Store by the services, which leave an audit record."""
        given = _limits(form.cleaned_data)
        changed = {name: value for name, value in given.items() if name in form.changed_data}
        if changed:
            services.change_limits(tool=obj, by=request.user, **changed)
        if "enabled" in form.changed_data:
            services.set_enabled(tool=obj, enabled=bool(obj.enabled), by=request.user)

    @admin.display(description=_("available"), boolean=True)
    def available(self, tool: Tool) -> bool:
        return registry.of_row(tool) is not None

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
        changed = [services.set_enabled(tool=tool, enabled=enabled, by=request.user) for tool in queryset]
        text = ngettext("%(count)s tool changed.", "%(count)s tools changed.", len(changed))
        messages.success(request, text % {"count": len(changed)})


@admin.register(ToolParameter)
class ToolParameterAdmin(HistoryAdmin):
    list_display = ["name", link_to("tool"), "type", "required", "default_value"]
    list_filter = ["type", "required"]
    search_fields = ["name", "description"]


def _limits(values: dict[str, Any]) -> dict[str, Any]:
    return {name: values[name] for name in LIMITS if name in values}
