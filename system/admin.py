"""Admin of the system: settings with masked secrets, the task queue with its verbs, and what was observed."""

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from agi_site.lib import crypto
from agi_site.lib.admin import HistoryAdmin, TableAdmin
from agi_site.lib.problems import Problem

from . import queue, services
from .models import HealthCheck, Log, Monitoring, Setting, TaskQueue

STATUS_COLOURS = {
    "pending": "info",
    "processing": "warning",
    "completed": "success",
    "failed": "danger",
    "up": "success",
    "degraded": "warning",
    "down": "danger",
    "warn": "warning",
    "error": "danger",
    "fatal": "danger",
    # without a colour of their own, but to be shown by their names too
    "canceled": "default",
    "trace": "default",
    "debug": "default",
    "info": "default",
}


class SettingForm(forms.ModelForm):  # type: ignore[type-arg]
    """A setting's value; a secret shows as its mask, and stays as it is while the mask stands there."""

    class Meta:
        model = Setting
        fields = ["category", "key", "value", "description", "is_encrypted"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk and self.instance.is_encrypted:
            self.initial["value"] = crypto.MASK

    def clean(self) -> dict[str, Any]:
        """Let the service's rules speak at the fields."""
        values: dict[str, Any] = super().clean() or {}
        try:
            services.check_setting(
                category=values.get("category", ""), key=values.get("key", ""), value=values.get("value", "")
            )
        except Problem as problem:
            for field, faults in problem.errors.items():
                self.add_error(field, [str(fault) for fault in faults])
        if values.get("value") == crypto.MASK and not (self.instance.pk and self.instance.is_encrypted):
            self.add_error("value", gettext("Type the secret itself; the dots only stand for one."))
        return values


@admin.register(Setting)
class SettingAdmin(TableAdmin):
    form = SettingForm
    list_display = ["category", "key", "shown_value", "is_encrypted", "description", "updated_at"]
    list_filter = ["category", "is_encrypted"]
    search_fields = ["category", "key", "description"]
    ordering = ["category", "key"]
    actions = ["reveal"]

    @display(description=_("value"))
    def shown_value(self, row: Setting) -> str:
        return crypto.MASK if row.is_encrypted else str(row.value)[:80]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """A setting keeps its name: the program reads it by that."""
        return [*super().get_readonly_fields(request, obj), *(["category", "key"] if obj else [])]

    def save_model(self, request: HttpRequest, obj: Setting, form: Any, change: bool) -> None:
        """Store by the service, which encrypts, checks and leaves an audit record."""
        value = form.cleaned_data["value"]
        unchanged = value == crypto.MASK
        stored = services.set_setting(
            category=obj.category,
            key=obj.key,
            value=services.keep_secret(obj.category, obj.key) if unchanged else value,
            by=request.user,
            description=obj.description,
            is_encrypted=bool(obj.is_encrypted) or unchanged,
        )
        obj.pk, obj.value = stored.pk, stored.value

    def delete_model(self, request: HttpRequest, obj: Setting) -> None:
        services.remove_setting(category=obj.category, key=obj.key, by=request.user)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Setting]) -> None:
        for row in queryset:
            self.delete_model(request, row)

    @admin.action(description=_("Show the secrets (this is recorded)"), permissions=["change"])
    def reveal(self, request: HttpRequest, queryset: QuerySet[Setting]) -> None:
        """Show the chosen secrets once, to this person."""
        for row in queryset.filter(is_encrypted=True):
            text = services.reveal_setting(category=row.category, key=row.key, by=request.user)
            messages.info(request, f"{row.category}.{row.key}: {text}")


@admin.register(TaskQueue)
class TaskQueueAdmin(HistoryAdmin):
    list_display = [
        "created_at",
        "task_type",
        "shown_status",
        "queue",
        "priority",
        "attempts",
        "started_at",
        "completed_at",
        "shown_error",
    ]
    list_display_links = ["created_at", "task_type"]
    list_filter = ["status", "queue", "created_at"]
    search_fields = ["id", "task_type", "unique_key"]
    ordering = ["-created_at"]
    actions = ["retry", "cancel"]

    @display(description=_("status"), ordering="status", label=STATUS_COLOURS)
    def shown_status(self, row: TaskQueue) -> tuple[str, str]:
        return str(row.status), str(row.get_status_display())

    @display(description=_("attempts"))
    def attempts(self, row: TaskQueue) -> str:
        return f"{row.retry_count or 0} / {(row.max_retries or 0) + 1}"

    @display(description=_("error message"))
    def shown_error(self, row: TaskQueue) -> str:
        return (row.error_message or "–")[:80]

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Who may retry and cancel: those whose role may change tasks."""
        return bool(request.user.has_perm("system.change_taskqueue"))

    @admin.action(description=_("Try again"), permissions=["operate"])
    def retry(self, request: HttpRequest, tasks: QuerySet[TaskQueue]) -> None:
        """Let failed and canceled tasks start anew."""
        self._each(request, tasks, queue.retry, gettext("%(count)d tasks will be tried again."))

    @admin.action(description=_("Cancel"), permissions=["operate"])
    def cancel(self, request: HttpRequest, tasks: QuerySet[TaskQueue]) -> None:
        """End waiting and running tasks."""
        self._each(request, tasks, queue.cancel, gettext("%(count)d tasks were canceled."))

    def _each(self, request: HttpRequest, tasks: QuerySet[TaskQueue], verb: Any, said: str) -> None:
        done, refused = 0, ""
        for pk in tasks.values_list("pk", flat=True):
            try:
                verb(task_id=pk, by=request.user)
                done += 1
            except Problem as problem:
                refused = str(problem.message)
        if done:
            messages.success(request, said % {"count": done})
        if refused:
            messages.warning(request, refused)


class TimeBound(admin.SimpleListFilter):
    """How far back the list reaches; there is always a bound, for the tables are partitioned by time."""

    title = _("time")
    parameter_name = "span"
    default = "7"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("1", _("last day")), ("30", _("last 30 days")), ("365", _("last year"))]

    def choices(self, changelist: Any) -> Any:
        """The first choice, without a parameter, is a week."""
        first, *others = super().choices(changelist)
        yield first | {"display": _("last 7 days")}
        yield from others

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        days = self.value() or self.default
        span = timedelta(days=int(days) if days.isascii() and days.isdigit() and len(days) < 5 else 7)
        return queryset.filter(timestamp__gte=timezone.now() - span)


@admin.register(Log)
class LogAdmin(HistoryAdmin):
    list_display = ["timestamp", "shown_level", "component", "shown_message", "user_id", "request_id"]
    list_display_links = ["timestamp"]
    list_filter = [TimeBound, "level"]
    search_fields = ["message", "component", "request_id", "session_id"]
    ordering = ["-timestamp"]

    @display(description=_("level"), ordering="level", label=STATUS_COLOURS)
    def shown_level(self, row: Log) -> tuple[str, str]:
        return str(row.level), str(row.get_level_display())

    @display(description=_("message"))
    def shown_message(self, row: Log) -> str:
        return str(row.message)[:160]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody takes a line out of the audit trail; retention does, by age."""
        return False


@admin.register(Monitoring)
class MonitoringAdmin(HistoryAdmin):
    list_display = ["timestamp", "component", "metric", "value"]
    list_filter = [TimeBound]
    search_fields = ["component", "metric"]
    ordering = ["-timestamp"]


@admin.register(HealthCheck)
class HealthCheckAdmin(HistoryAdmin):
    list_display = ["timestamp", "component", "shown_status", "details"]
    list_filter = [TimeBound, "status"]
    search_fields = ["component"]
    ordering = ["-timestamp"]

    @display(description=_("status"), ordering="status", label=STATUS_COLOURS)
    def shown_status(self, row: HealthCheck) -> tuple[str, str]:
        return str(row.status), str(row.get_status_display())
