"""Plans, their runs and schedules in the admin; operators take runs up again, end them, hold schedules."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from agi_site.lib.admin import HistoryAdmin, for_each, link_to

from .. import services
from ..models import Plan, PlanExecution, PlanSchedule, PlanStep, PlanStepExecution

COLOURS = {
    "pending": "default",
    "ready": "info",
    "running": "info",
    "waiting": "warning",
    "completed": "success",
    "failed": "danger",
    "canceled": "default",
    "skipped": "default",
}


class _WithState:
    @display(description=_("status"), ordering="status", label=COLOURS)
    def shown_status(self, row: Any) -> tuple[str, str]:
        return str(row.status), str(row.get_status_display())


@admin.register(Plan)
class PlanAdmin(_WithState, HistoryAdmin):
    """People change their plans on their own pages, where steps are checked; operators read."""

    list_display = [
        "title",
        link_to("user"),
        "shown_status",
        "version",
        "is_template",
        "created_at",
        "started_at",
    ]
    list_filter = ["status", "is_template", "created_at"]
    search_fields = ["id", "title"]


@admin.register(PlanStep)
class PlanStepAdmin(_WithState, HistoryAdmin):
    list_display = ["key", link_to("plan"), "order_index", "kind", "tool_name", "shown_status", "depends_on"]
    list_filter = ["status", "kind"]
    search_fields = ["key", "tool_name", "plan__id"]


@admin.register(PlanExecution)
class PlanExecutionAdmin(_WithState, HistoryAdmin):
    """A run; operators take failed ones up again, and end those that go on."""

    list_display = [
        "id",
        link_to("plan"),
        link_to("user"),
        "shown_status",
        "paused_at",
        "steps_total",
        "unattended",
        "error_code",
        "started_at",
        "completed_at",
    ]
    list_filter = ["status", "unattended", "started_at"]
    search_fields = ["id", "plan__id", "error_code"]
    actions = ["retry", "cancel"]

    @admin.action(description=_("Go on from the failed steps"), permissions=["steer"])
    def retry(self, request: HttpRequest, rows: QuerySet[Any]) -> None:
        for_each(request, rows, lambda row: services.retry_plan(execution=row, by=request.user))

    @admin.action(description=_("Cancel"), permissions=["steer"])
    def cancel(self, request: HttpRequest, rows: QuerySet[Any]) -> None:
        for_each(request, rows, lambda row: services.cancel_plan(execution=row, by=request.user))

    def has_steer_permission(self, request: HttpRequest) -> bool:
        """Who may change runs: rows are history, but what goes on can be ended."""
        return request.user.has_perm("planning.change_planexecution")


@admin.register(PlanStepExecution)
class PlanStepExecutionAdmin(_WithState, HistoryAdmin):
    list_display = [
        "key",
        link_to("execution"),
        "kind",
        "shown_status",
        "attempt",
        "error_code",
        "started_at",
        "completed_at",
    ]
    list_filter = ["status", "kind"]
    search_fields = ["key", "execution__id", "error_code"]


@admin.register(PlanSchedule)
class PlanScheduleAdmin(HistoryAdmin):
    """A schedule; operators hold it and let it go on."""

    list_display = [
        link_to("plan"),
        link_to("user"),
        "cron",
        "time_zone",
        "enabled",
        "next_run_at",
        "error_message",
    ]
    list_filter = ["enabled"]
    search_fields = ["id", "plan__id", "cron"]
    actions = ["enable", "disable"]

    @admin.action(description=_("Switch on"), permissions=["steer"])
    def enable(self, request: HttpRequest, rows: QuerySet[Any]) -> None:
        self._set(request, rows, enabled=True)

    @admin.action(description=_("Switch off"), permissions=["steer"])
    def disable(self, request: HttpRequest, rows: QuerySet[Any]) -> None:
        self._set(request, rows, enabled=False)

    def _set(self, request: HttpRequest, rows: QuerySet[Any], *, enabled: bool) -> None:
        for_each(
            request,
            rows,
            lambda row: services.update_schedule(schedule=row, by=request.user, enabled=enabled),
        )

    def has_steer_permission(self, request: HttpRequest) -> bool:
        """Who may hold schedules."""
        return request.user.has_perm("planning.change_planschedule")
