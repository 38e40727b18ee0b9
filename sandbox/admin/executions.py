"""The history of what ran in sandboxes."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from agi_site.lib.admin import for_each, link_to

from .. import services
from ..models import SandboxExecution
from .common import COLOURS, PartAdmin, as_text, names_only


@admin.register(SandboxExecution)
class SandboxExecutionAdmin(PartAdmin):
    list_display = [
        "submitted_at",
        link_to("sandbox"),
        link_to("user"),
        "kind",
        "shown_command",
        "shown_status",
        "cause",
        "exit_code",
        "seconds",
    ]
    list_display_links = ["submitted_at", "shown_command"]
    list_filter = ["status", "kind", "cause", "submitted_at"]
    search_fields = ["id", "sandbox__id", "working_dir"]
    # Nobody reads people's secrets here; texts are shown with their lines.
    exclude = ["environment", "command", "stdout", "stderr", "stdin"]
    readonly_fields = ["shown_environment", "whole_command", "output", "errors"]
    actions = ["cancel"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Without the output, which the page of one execution reads when it shows it."""
        rows: Any = super().get_queryset(request)
        return rows.without_output()

    @display(description=_("command"))
    def shown_command(self, execution: SandboxExecution) -> str:
        return str(execution.command)[:80]

    @display(description=_("command"))
    def whole_command(self, execution: SandboxExecution) -> str:
        return as_text(execution.command)

    @display(description=_("stdout"))
    def output(self, execution: SandboxExecution) -> str:
        return as_text(execution.stdout)

    @display(description=_("stderr"))
    def errors(self, execution: SandboxExecution) -> str:
        return as_text(execution.stderr)

    @display(description=_("status"), ordering="status", label=COLOURS)
    def shown_status(self, execution: SandboxExecution) -> tuple[str, str]:
        return str(execution.status), str(execution.get_status_display())

    @display(description=_("seconds"))
    def seconds(self, execution: SandboxExecution) -> str:
        if not (execution.started_at and execution.completed_at):
            return "–"
        return f"{(execution.completed_at - execution.started_at).total_seconds():.2f}"

    @display(description=_("environment"))
    def shown_environment(self, execution: SandboxExecution) -> str:
        return names_only(execution.environment)

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        """Who may end what other people run: those who may destroy their sandboxes."""
        return bool(request.user.has_perm("sandbox.delete_sandbox"))

    @admin.action(description=_("Cancel the selected executions"), permissions=["cancel"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[SandboxExecution]) -> None:
        """End those that wait or run."""
        rows: Any = queryset.select_related("sandbox")
        for_each(request, rows.live(), lambda row: services.cancel_execution(execution=row, by=request.user))
