"""Runs of plans and of their steps (the seed's section 5.4.3, and a table of ours)."""

from datetime import datetime, timedelta
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from agi_site.lib.fields import CreatedAtField, EnumField, UUIDKey, enum_check
from agi_site.lib.owned import OwnedModel, OwnedQuerySet
from tools.models import ToolExecution

from ..reasons import text_of
from .plans import Plan, PlanStep, StepKind


class PlanExecutionStatus(models.TextChoices):
    PENDING = "pending", _("pending")
    RUNNING = "running", _("running")
    COMPLETED = "completed", _("completed")
    FAILED = "failed", _("failed")
    CANCELED = "canceled", _("canceled")


# The only moves a run may make. A failed or canceled one is taken up again where it stopped.
LEGAL_MOVES: dict[str, frozenset[str]] = {
    PlanExecutionStatus.PENDING: frozenset(
        {PlanExecutionStatus.RUNNING, PlanExecutionStatus.FAILED, PlanExecutionStatus.CANCELED}
    ),
    PlanExecutionStatus.RUNNING: frozenset(
        {PlanExecutionStatus.COMPLETED, PlanExecutionStatus.FAILED, PlanExecutionStatus.CANCELED}
    ),
    PlanExecutionStatus.COMPLETED: frozenset(),
    PlanExecutionStatus.FAILED: frozenset({PlanExecutionStatus.RUNNING}),
    PlanExecutionStatus.CANCELED: frozenset({PlanExecutionStatus.RUNNING}),
}


class PlanExecutionQuerySet(OwnedQuerySet):
    """Runs, and the one way their state moves."""

    def move(self, *, pk: str, to: str, **values: Any) -> bool:
        """Set the state and `values` of one row in one statement; False if the move is not legal now."""
        sources = [state for state, targets in LEGAL_MOVES.items() if to in targets]
        return bool(self.filter(pk=pk, status__in=sources).update(status=to, **values))

    def live(self) -> Self:
        """Begun or waiting to begin, and not ended."""
        return self.filter(status__in=[PlanExecutionStatus.PENDING, PlanExecutionStatus.RUNNING])


class PlanExecution(OwnedModel):
    """One run of a plan (table `plan_execution`, 5.4.3)."""

    owner_path = "user"

    id = UUIDKey()
    plan = models.ForeignKey(Plan, models.DB_CASCADE, related_name="executions", verbose_name=_("plan"))
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.DB_CASCADE, related_name="plan_executions", verbose_name=_("user")
    )
    status = EnumField(
        _("status"),
        choices=PlanExecutionStatus,
        null=True,
        blank=True,
        db_index=True,
        default=PlanExecutionStatus.PENDING,
        db_default=PlanExecutionStatus.PENDING,
    )
    started_at = CreatedAtField(_("started at"), db_index=True)
    completed_at = models.DateTimeField(_("completed at"), null=True, blank=True)
    result = models.JSONField(_("result"), null=True, blank=True)
    error_details = models.TextField(_("error details"), null=True, blank=True)
    # Beyond the seed; the README says why.
    version = models.PositiveIntegerField(_("version"), default=1, db_default=1)
    inputs = models.JSONField(_("inputs"), null=True, blank=True)
    budget = models.JSONField(_("budget"), null=True, blank=True)
    spent = models.JSONField(_("spent"), null=True, blank=True)
    steps_total = models.PositiveIntegerField(_("steps"), default=0, db_default=0)
    paused_at = models.DateTimeField(_("paused at"), null=True, blank=True)
    unattended = models.BooleanField(_("unattended"), default=False, db_default=False)
    language = models.CharField(_("language"), max_length=10, blank=True, default="", db_default="")
    # Something that was forgotten was taken out of them: no step begins with what is left.
    inputs_forgotten = models.BooleanField(_("inputs forgotten"), default=False, db_default=False)
    result_forgotten = models.BooleanField(_("result forgotten"), default=False, db_default=False)
    error_code = models.CharField(_("error code"), max_length=50, blank=True, default="", db_default="")
    why = models.JSONField(_("reason as data"), null=True, blank=True, editable=False)
    trigger_type = models.CharField(_("trigger type"), max_length=50, null=True, blank=True)
    trigger_id = models.CharField(_("trigger id"), max_length=36, null=True, blank=True)

    objects = PlanExecutionQuerySet.as_manager()

    class Meta:
        db_table = "plan_execution"
        verbose_name = _("plan execution")
        verbose_name_plural = _("plan executions")
        indexes = [
            models.Index(fields=["plan", "id"], name="plan_execution_history_idx"),
            models.Index(fields=["trigger_id", "trigger_type"], name="plan_execution_trigger_idx"),
        ]
        constraints = [
            enum_check("plan_execution_status_enum", "status", PlanExecutionStatus),
        ]

    def __str__(self) -> str:
        return str(self.status)

    @property
    def ends_at(self) -> datetime | None:
        """When the seconds of its budget are over; None without such a limit."""
        seconds = (self.budget or {}).get("seconds")
        return self.started_at + timedelta(seconds=seconds + self._idle) if seconds else None

    def seconds_until(self, now: datetime) -> float:
        """How long it has run by then: the time between an end and being taken up again does not count."""
        seconds: float = (now - self.started_at).total_seconds()
        return max(0.0, seconds - self._idle)

    @property
    def seconds(self) -> float | None:
        """How long it has run; None while it has not ended."""
        return None if self.completed_at is None else self.seconds_until(self.completed_at)

    @property
    def _idle(self) -> float:
        return float((self.spent or {}).get("idle", 0))

    @property
    def error_text(self) -> str:
        """Why it did not come to a good end, in the language of now where the reason is one of ours."""
        return text_of(self.why, str(self.error_details or ""))


class StepState(models.TextChoices):
    """Where a step of a run stands."""

    PENDING = "pending", _("waiting for other steps")
    READY = "ready", _("ready")
    RUNNING = "running", _("running")
    WAITING = "waiting", _("waiting")
    COMPLETED = "completed", _("completed")
    FAILED = "failed", _("failed")
    SKIPPED = "skipped", _("skipped")


# The only moves a step of a run may make. From an end it returns to `pending` or `ready` when the run is
# taken up again; `completed` never changes.
LEGAL_STEP_MOVES: dict[str, frozenset[str]] = {
    StepState.PENDING: frozenset({StepState.READY, StepState.SKIPPED}),
    StepState.READY: frozenset({StepState.RUNNING, StepState.SKIPPED, StepState.FAILED}),
    StepState.RUNNING: frozenset(
        {StepState.COMPLETED, StepState.FAILED, StepState.SKIPPED, StepState.WAITING, StepState.READY}
    ),
    StepState.WAITING: frozenset(
        {StepState.READY, StepState.RUNNING, StepState.COMPLETED, StepState.FAILED, StepState.SKIPPED}
    ),
    StepState.COMPLETED: frozenset(),
    StepState.FAILED: frozenset({StepState.PENDING, StepState.READY, StepState.SKIPPED}),
    StepState.SKIPPED: frozenset({StepState.PENDING, StepState.READY}),
}


class PlanStepExecution(OwnedModel):
    """One step in one run (table `plan_step_execution`, beyond the seed).

    `spec` is the step as it was when the run began. `remaining` counts the steps it still waits for,
    `dependents` are the ids of those that wait for it, so that an end touches only its neighbours. With
    `parent` it is one item of a for-each.
    """

    owner_path = "execution__user"

    id = models.BigAutoField(_("id"), primary_key=True)
    execution = models.ForeignKey(
        PlanExecution, models.DB_CASCADE, related_name="steps", verbose_name=_("execution")
    )
    step = models.ForeignKey(
        PlanStep,
        models.DB_SET_NULL,
        null=True,
        blank=True,
        related_name="executions",
        verbose_name=_("step"),
    )
    parent = models.ForeignKey(
        "self", models.DB_CASCADE, null=True, blank=True, related_name="items", verbose_name=_("parent")
    )
    item_index = models.PositiveIntegerField(_("item"), null=True, blank=True)
    order_index = models.IntegerField(_("order index"))
    key = models.CharField(_("key"), max_length=50)
    kind = EnumField(_("kind"), choices=StepKind)
    spec = models.JSONField(_("spec"))
    status = EnumField(
        _("status"), choices=StepState, default=StepState.PENDING, db_default=StepState.PENDING
    )
    remaining = models.IntegerField(_("remaining"), default=0, db_default=0)
    dependents = models.JSONField(_("dependents"), default=list)
    attempt = models.PositiveSmallIntegerField(_("attempt"), default=0, db_default=0)
    # When it may go on: after a pause before a retry, or at the end of a wait.
    available_at = models.DateTimeField(_("available at"), null=True, blank=True)
    claimed_by = models.CharField(_("claimed by"), max_length=100, blank=True, default="", db_default="")
    input = models.JSONField(_("input"), null=True, blank=True)
    output = models.JSONField(_("output"), null=True, blank=True)
    # Something that was forgotten was taken out of it; of an item, `spec` says so (`item_forgotten`).
    output_forgotten = models.BooleanField(_("output forgotten"), default=False, db_default=False)
    usage = models.JSONField(_("usage"), null=True, blank=True)
    error_message = models.TextField(_("error message"), blank=True, default="")
    error_code = models.CharField(_("error code"), max_length=50, blank=True, default="", db_default="")
    why = models.JSONField(_("reason as data"), null=True, blank=True, editable=False)
    tool_execution = models.ForeignKey(
        ToolExecution,
        models.DB_SET_NULL,
        null=True,
        blank=True,
        related_name="plan_step_executions",
        verbose_name=_("tool execution"),
    )
    started_at = models.DateTimeField(_("started at"), null=True, blank=True)
    completed_at = models.DateTimeField(_("completed at"), null=True, blank=True)

    class Meta:
        db_table = "plan_step_execution"
        verbose_name = _("plan step execution")
        verbose_name_plural = _("plan step executions")
        indexes = [
            models.Index(fields=["execution", "status", "order_index"], name="plan_step_execution_claim_idx"),
            models.Index(fields=["status", "available_at"], name="plan_step_execution_timer_idx"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["execution", "key", "item_index"], name="plan_step_execution_key_unique"
            ),
            enum_check("plan_step_execution_status_enum", "status", StepState),
            enum_check("plan_step_execution_kind_enum", "kind", StepKind),
        ]

    def __str__(self) -> str:
        return f"{self.key}: {self.status}"

    @property
    def error_text(self) -> str:
        """Why it failed or was left out, in the language of now where the reason is one of ours."""
        return text_of(self.why, str(self.error_message))
