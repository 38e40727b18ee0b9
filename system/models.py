"""Settings, logs, monitoring, the task queue and health (the seed's section 5.8)."""

from datetime import datetime, timedelta
from typing import Any, ClassVar, Self

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from agi_site.lib.fields import CreatedAtField, EnumField, ExactCharField, UpdatedAtField, UUIDKey, enum_check
from agi_site.lib.owned import SharedModel, SharedQuerySet


class Setting(SharedModel):
    """A setting that operators change while the system runs (table `setting`, 5.8.1)."""

    shared_because = "settings hold for the whole system"

    id = models.BigAutoField(_("id"), primary_key=True)
    category = models.CharField(_("category"), max_length=50)
    key = models.CharField(_("key"), max_length=100)
    value = models.TextField(_("value"))
    description = models.TextField(_("description"), null=True, blank=True)
    is_encrypted = models.BooleanField(
        _("is encrypted"), null=True, blank=True, default=False, db_default=False
    )
    created_at = CreatedAtField(_("created at"))
    updated_at = UpdatedAtField(_("updated at"), null=True)

    class Meta:
        db_table = "setting"
        verbose_name = _("setting")
        verbose_name_plural = _("settings")
        constraints = [
            models.UniqueConstraint(fields=["category", "key"], name="setting_category_key_unique"),
        ]

    def __str__(self) -> str:
        return str(self.key)


class LogLevel(models.TextChoices):
    TRACE = "trace", _("trace")
    DEBUG = "debug", _("debug")
    INFO = "info", _("info")
    WARN = "warn", _("warn")
    ERROR = "error", _("error")
    FATAL = "fatal", _("fatal")


class LogQuerySet(SharedQuerySet):
    """Every question to the log carries a time bound: it will be partitioned by time."""

    def since(self, start: datetime, until: datetime | None = None) -> Self:
        """The lines from `start` on, up to but not including `until`."""
        rows = self.filter(timestamp__gte=start)
        return rows.filter(timestamp__lt=until) if until else rows

    def recent(self, span: timedelta) -> Self:
        """The lines of the last `span`."""
        return self.since(timezone.now() - span)


class Log(SharedModel):
    """A line of the system log (table `log`, 5.8.2)."""

    shared_because = "the log is read by operators"

    id = models.BigAutoField(_("id"), primary_key=True)
    level = EnumField(_("level"), choices=LogLevel, db_index=True)
    message = models.TextField(_("message"))
    timestamp = CreatedAtField(_("timestamp"), db_index=True)
    component = models.CharField(_("component"), max_length=100, null=True, blank=True, db_index=True)
    user_id = models.BigIntegerField(_("user id"), null=True, blank=True, db_index=True)
    session_id = models.CharField(_("session id"), max_length=36, null=True, blank=True)
    request_id = models.CharField(_("request id"), max_length=36, null=True, blank=True)
    stack_trace = models.TextField(_("stack trace"), null=True, blank=True)

    objects: ClassVar[Any] = LogQuerySet.as_manager()

    class Meta:
        db_table = "log"
        verbose_name = _("log")
        verbose_name_plural = _("logs")
        constraints = [
            enum_check("log_level_enum", "level", LogLevel),
        ]

    def __str__(self) -> str:
        return str(self.component)


class Monitoring(SharedModel):
    """One measurement of a component (table `monitoring`, 5.8.3)."""

    shared_because = "measurements are read by operators"

    id = models.BigAutoField(_("id"), primary_key=True)
    component = models.CharField(_("component"), max_length=100)
    metric = models.CharField(_("metric"), max_length=100)
    value = models.DecimalField(_("value"), max_digits=20, decimal_places=6)
    timestamp = CreatedAtField(_("timestamp"), db_index=True)

    class Meta:
        db_table = "monitoring"
        verbose_name = _("monitoring")
        verbose_name_plural = _("monitoring")
        indexes = [
            models.Index(fields=["component", "metric"], name="monitoring_component_metri_idx"),
        ]

    def __str__(self) -> str:
        return str(self.component)


class TaskStatus(models.TextChoices):
    PENDING = "pending", _("pending")
    PROCESSING = "processing", _("processing")
    COMPLETED = "completed", _("completed")
    FAILED = "failed", _("failed")
    CANCELED = "canceled", _("canceled")


class TaskQueueQuerySet(SharedQuerySet):
    """The queue's own questions; each is answered by one index."""

    def due(self, now: datetime, queue: str | None = None) -> Self:
        """What may be claimed now, the most urgent first."""
        rows = self.filter(status=TaskStatus.PENDING, available_at__lte=now)
        rows = rows if queue is None else rows.filter(queue=queue)
        return rows.order_by("-priority", "available_at")

    def unheard(self, now: datetime) -> Self:
        """What waits although its wake-up should have been answered by now, the oldest first."""
        rows = self.filter(status=TaskStatus.PENDING, resend_at__lte=now, available_at__lte=now)
        return rows.order_by("resend_at")

    def abandoned(self, now: datetime) -> Self:
        """What a worker holds although its lease ran out."""
        return self.filter(status=TaskStatus.PROCESSING, lease_until__lt=now).order_by("lease_until")

    def held(self, task_id: str, worker: str) -> Self:
        """The one task, as long as this worker holds it: the fence of everything a worker writes."""
        return self.filter(pk=task_id, status=TaskStatus.PROCESSING, worker=worker)


class TaskQueue(SharedModel):
    """Work to be done outside of a request (table `task_queue`, 5.8.4).

    The table is the queue; the broker only carries it.
    """

    shared_because = "work is watched by operators; people see it through the rows it changes"

    id = UUIDKey()
    task_type = models.CharField(_("task type"), max_length=100, db_index=True)
    priority = models.IntegerField(_("priority"), null=True, blank=True, default=0, db_default=0)
    status = EnumField(
        _("status"),
        choices=TaskStatus,
        null=True,
        blank=True,
        db_index=True,
        default=TaskStatus.PENDING,
        db_default=TaskStatus.PENDING,
    )
    payload = models.JSONField(_("payload"))
    result = models.JSONField(_("result"), null=True, blank=True)
    error_message = models.TextField(_("error message"), null=True, blank=True)
    created_at = CreatedAtField(_("created at"), db_index=True)
    started_at = models.DateTimeField(_("started at"), null=True, blank=True)
    completed_at = models.DateTimeField(_("completed at"), null=True, blank=True)
    retry_count = models.IntegerField(_("retry count"), null=True, blank=True, default=0, db_default=0)
    max_retries = models.IntegerField(_("max retries"), null=True, blank=True, default=3, db_default=3)
    # Beyond the seed; the README says why.
    queue = models.CharField(_("queue"), max_length=50, default="default", db_default="default")
    unique_key = ExactCharField(_("unique key"), max_length=200, null=True, blank=True, unique=True)
    available_at = CreatedAtField(_("available at"))
    resend_at = CreatedAtField(_("resend at"))
    lease_until = models.DateTimeField(_("lease until"), null=True, blank=True, editable=False)
    worker = models.CharField(_("worker"), max_length=100, null=True, blank=True, editable=False)

    objects: ClassVar[Any] = TaskQueueQuerySet.as_manager()

    class Meta:
        db_table = "task_queue"
        verbose_name = _("task queue")
        verbose_name_plural = _("task queues")
        indexes = [
            models.Index(fields=["priority", "status"], name="task_queue_priority_status_idx"),
            # The seed's (priority, status) cannot serve the claim: it would scan and lock every pending row.
            models.Index(
                fields=["status", "queue", "-priority", "available_at"], name="task_queue_claim_idx"
            ),
            models.Index(fields=["status", "resend_at"], name="task_queue_resend_idx"),
        ]
        constraints = [
            enum_check("task_queue_status_enum", "status", TaskStatus),
        ]

    def __str__(self) -> str:
        return str(self.task_type)


class HealthStatus(models.TextChoices):
    UP = "up", _("up")
    DOWN = "down", _("down")
    DEGRADED = "degraded", _("degraded")


class HealthCheck(SharedModel):
    """What a check of a component found (table `health_check`, 5.8.5)."""

    shared_because = "health is watched by operators"

    id = models.BigAutoField(_("id"), primary_key=True)
    component = models.CharField(_("component"), max_length=100, db_index=True)
    status = EnumField(_("status"), choices=HealthStatus, db_index=True)
    details = models.JSONField(_("details"), null=True, blank=True)
    timestamp = CreatedAtField(_("timestamp"), db_index=True)

    class Meta:
        db_table = "health_check"
        verbose_name = _("health check")
        verbose_name_plural = _("health checks")
        constraints = [
            enum_check("health_check_status_enum", "status", HealthStatus),
        ]

    def __str__(self) -> str:
        return str(self.component)
