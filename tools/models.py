"""Tools, their parameters and the ledger of their executions (the seed's section 5.3)."""

from typing import Any, Self

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from agi_site.lib.fields import CreatedAtField, EnumField, UpdatedAtField, UUIDKey, enum_check
from agi_site.lib.owned import OwnedModel, OwnedQuerySet, SharedModel, SharedQuerySet


class ExecEnv(models.TextChoices):
    HOST = "host", _("host")
    SANDBOX = "sandbox", _("sandbox")
    BOTH = "both", _("both")


class ToolQuerySet(SharedQuerySet):
    """Tools, by who may run them."""

    def runnable_by(self, user: Any) -> Self:
        """The tools switched on for `user`; running is for everyone who is signed in."""
        return self.filter(enabled=True) if user is not None and user.is_authenticated else self.none()

    def with_parameters(self) -> Self:
        """Load the parameters too, in the order in which they were declared."""
        return self.prefetch_related(
            models.Prefetch("parameters", queryset=ToolParameter.objects.order_by("pk"))
        )


class Tool(SharedModel):
    """Something the assistant, a person or a plan can run by name (table `tool`, 5.3.1)."""

    shared_because = "the registry of tools serves everyone"

    id = UUIDKey()
    name = models.CharField(_("name"), max_length=100, unique=True)
    description = models.TextField(_("description"), null=True, blank=True)
    category = models.CharField(_("category"), max_length=50, null=True, blank=True, db_index=True)
    version = models.CharField(_("version"), max_length=20, null=True, blank=True)
    enabled = models.BooleanField(_("enabled"), null=True, blank=True, default=True, db_default=True)
    exec_env = EnumField(
        _("exec env"),
        choices=ExecEnv,
        null=True,
        blank=True,
        db_index=True,
        default=ExecEnv.HOST,
        db_default=ExecEnv.HOST,
    )
    created_at = CreatedAtField(_("created at"), null=True)
    updated_at = UpdatedAtField(_("updated at"), null=True)

    objects = ToolQuerySet.as_manager()

    class Meta:
        db_table = "tool"
        verbose_name = _("tool")
        verbose_name_plural = _("tools")
        constraints = [
            enum_check("tool_exec_env_enum", "exec_env", ExecEnv),
        ]

    def __str__(self) -> str:
        return str(self.name)


class ToolParameter(SharedModel):
    """An argument that a tool takes (table `tool_parameter`, 5.3.2)."""

    shared_because = "parameters belong to a shared tool"

    id = models.BigAutoField(_("id"), primary_key=True)
    tool = models.ForeignKey(Tool, models.DB_CASCADE, related_name="parameters", verbose_name=_("tool"))
    name = models.CharField(_("name"), max_length=100)
    description = models.TextField(_("description"), null=True, blank=True)
    type = models.CharField(_("type"), max_length=50)
    required = models.BooleanField(_("required"), null=True, blank=True, default=False, db_default=False)
    default_value = models.CharField(_("default value"), max_length=255, null=True, blank=True)
    # Beyond the seed; the README says why.
    schema = models.JSONField(_("schema"), null=True, blank=True)

    class Meta:
        db_table = "tool_parameter"
        verbose_name = _("tool parameter")
        verbose_name_plural = _("tool parameters")
        constraints = [
            models.UniqueConstraint(fields=["tool", "name"], name="tool_parameter_tool_name_unique"),
        ]

    def __str__(self) -> str:
        return str(self.name)


class ToolExecutionStatus(models.TextChoices):
    PENDING = "pending", _("pending")
    RUNNING = "running", _("running")
    COMPLETED = "completed", _("completed")
    FAILED = "failed", _("failed")


# The only moves an execution may make; a finished one never changes again.
LEGAL_MOVES: dict[str, frozenset[str]] = {
    ToolExecutionStatus.PENDING: frozenset({ToolExecutionStatus.RUNNING, ToolExecutionStatus.FAILED}),
    ToolExecutionStatus.RUNNING: frozenset({ToolExecutionStatus.COMPLETED, ToolExecutionStatus.FAILED}),
    ToolExecutionStatus.COMPLETED: frozenset(),
    ToolExecutionStatus.FAILED: frozenset(),
}


class ToolExecutionQuerySet(OwnedQuerySet):
    """Executions, and the one way their state moves."""

    def move(self, *, pk: str, to: str, **values: Any) -> bool:
        """Set the state and `values` of one row in one statement; False if the move is not legal now."""
        sources = [state for state, targets in LEGAL_MOVES.items() if to in targets]
        return bool(self.filter(pk=pk, status__in=sources).update(status=to, **values))

    def unfinished(self) -> Self:
        """What has not come to an end."""
        return self.filter(status__in=[state for state, targets in LEGAL_MOVES.items() if targets])


class ToolExecution(OwnedModel):
    """One run of a tool, written before the tool starts (table `tool_execution`, 5.3.3)."""

    owner_path = "user"

    id = UUIDKey()
    tool = models.ForeignKey(Tool, models.DO_NOTHING, related_name="executions", verbose_name=_("tool"))
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.DB_SET_NULL,
        null=True,
        blank=True,
        related_name="tool_executions",
        verbose_name=_("user"),
    )
    sandbox = models.ForeignKey(
        "sandbox.Sandbox",
        models.DB_SET_NULL,
        null=True,
        blank=True,
        related_name="tool_executions",
        verbose_name=_("sandbox"),
    )
    parameters = models.JSONField(_("parameters"), null=True, blank=True)
    result = models.JSONField(_("result"), null=True, blank=True)
    status = EnumField(
        _("status"),
        choices=ToolExecutionStatus,
        null=True,
        blank=True,
        db_index=True,
        default=ToolExecutionStatus.PENDING,
        db_default=ToolExecutionStatus.PENDING,
    )
    error_message = models.TextField(_("error message"), null=True, blank=True)
    created_at = CreatedAtField(_("created at"), null=True, db_index=True)
    started_at = models.DateTimeField(_("started at"), null=True, blank=True)
    completed_at = models.DateTimeField(_("completed at"), null=True, blank=True)
    # Beyond the seed; the README says why.
    trigger_type = models.CharField(_("trigger type"), max_length=50, null=True, blank=True)
    trigger_id = models.CharField(_("trigger id"), max_length=36, null=True, blank=True)

    objects = ToolExecutionQuerySet.as_manager()

    class Meta:
        db_table = "tool_execution"
        verbose_name = _("tool execution")
        verbose_name_plural = _("tool executions")
        indexes = [
            models.Index(fields=["trigger_id", "trigger_type"], name="tool_execution_trigger_idx"),
        ]
        constraints = [
            enum_check("tool_execution_status_enum", "status", ToolExecutionStatus),
        ]

    def __str__(self) -> str:
        return f"{self.tool_id}: {self.status}"

    @property
    def duration(self) -> float | None:
        """Seconds from start to end; None while it has not ended."""
        if self.started_at is None or self.completed_at is None:
            return None
        return (self.completed_at - self.started_at).total_seconds()
