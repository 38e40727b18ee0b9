"""Commands and code run in sandboxes (the seed, 5.9.3)."""

from typing import Self

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from agi_site.lib.fields import CreatedAtField, EnumField, SealedJSONField, UUIDKey, enum_check
from agi_site.lib.owned import OwnedModel, OwnedQuerySet

from .sandboxes import Sandbox


class ExecutionStatus(models.TextChoices):
    QUEUED = "queued", _("queued")
    RUNNING = "running", _("running")
    ENDED = "ended", _("ended")


class ExecutionKind(models.TextChoices):
    COMMAND = "command", _("command")
    CELL = "cell", _("code cell")
    TERMINAL = "terminal", _("terminal")


class ExecutionCause(models.TextChoices):
    """Why an execution ended; `exit` is by itself, with an exit code or by a signal of its own."""

    EXIT = "exit", _("ended by itself")
    TIMEOUT = "timeout", _("out of time")
    OOM = "oom", _("out of memory")
    CANCELLED = "cancelled", _("cancelled")
    OUTPUT_LIMIT = "output_limit", _("too much output")
    LOST = "lost", _("lost")
    ERROR = "error", _("could not be started")


class SandboxExecutionQuerySet(OwnedQuerySet):
    """Executions, by where they are in their life."""

    def live(self) -> Self:
        """Those that wait or run."""
        return self.filter(status__in=[ExecutionStatus.QUEUED, ExecutionStatus.RUNNING])

    def without_output(self) -> Self:
        """Leave the long texts in the database: for lists."""
        return self.defer("stdout", "stderr", "stdin", "environment")


class SandboxExecution(OwnedModel):
    """One command run in a sandbox (table `sandbox_execution`, 5.9.3)."""

    owner_path = "sandbox__user"

    id = UUIDKey()
    sandbox = models.ForeignKey(
        Sandbox, models.DB_CASCADE, related_name="executions", verbose_name=_("sandbox")
    )
    command = models.TextField(_("command"))
    working_dir = models.CharField(_("working dir"), max_length=255, null=True, blank=True)
    started_at = CreatedAtField(_("started at"), null=True, db_index=True)
    completed_at = models.DateTimeField(_("completed at"), null=True, blank=True)
    exit_code = models.IntegerField(_("exit code"), null=True, blank=True)
    stdout = models.TextField(_("stdout"), null=True, blank=True)
    stderr = models.TextField(_("stderr"), null=True, blank=True)
    resource_usage = models.JSONField(_("resource usage"), null=True, blank=True)
    # beyond the seed (see the app's README)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.DB_SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("asked by"),
    )
    kind = EnumField(
        _("kind"),
        choices=ExecutionKind,
        default=ExecutionKind.COMMAND,
        db_default=ExecutionKind.COMMAND,
    )
    status = EnumField(
        _("status"),
        choices=ExecutionStatus,
        db_index=True,
        default=ExecutionStatus.QUEUED,
        db_default=ExecutionStatus.QUEUED,
    )
    cause = EnumField(_("cause"), choices=ExecutionCause, null=True, blank=True)
    detail = models.TextField(_("detail"), null=True, blank=True)
    signal = models.IntegerField(_("signal"), null=True, blank=True)
    python_session = models.CharField(
        _("Python session"), max_length=64, default="", db_default="", blank=True
    )
    environment = SealedJSONField(_("environment"), null=True, blank=True)
    stdin = models.TextField(_("stdin"), null=True, blank=True)
    stdin_open = models.BooleanField(_("stdin stays open"), default=False, db_default=False)
    timeout = models.IntegerField(_("timeout"), null=True, blank=True)
    output_limit = models.BigIntegerField(_("output limit"), null=True, blank=True)
    stdout_bytes = models.BigIntegerField(_("bytes of stdout"), default=0, db_default=0)
    stderr_bytes = models.BigIntegerField(_("bytes of stderr"), default=0, db_default=0)
    submitted_at = CreatedAtField(_("submitted at"))
    cancel_requested_at = models.DateTimeField(_("cancel requested at"), null=True, blank=True)
    worker = models.CharField(_("worker"), max_length=100, null=True, blank=True, editable=False)
    lease_until = models.DateTimeField(_("lease until"), null=True, blank=True, editable=False)

    objects = SandboxExecutionQuerySet.as_manager()

    class Meta:
        db_table = "sandbox_execution"
        indexes = [models.Index(fields=["sandbox", "status"], name="idx_sandbox_execution_live")]
        constraints = [
            enum_check("sandbox_execution_kind_enum", "kind", ExecutionKind),
            enum_check("sandbox_execution_status_enum", "status", ExecutionStatus),
            enum_check("sandbox_execution_cause_enum", "cause", ExecutionCause),
        ]
        verbose_name = _("sandbox execution")
        verbose_name_plural = _("sandbox executions")

    def __str__(self) -> str:
        return str(self.command)
