"""The ledger: one row for each run of a tool, written before the tool starts (the seed's section 5.3.3)."""

from typing import Any, Self

from django.conf import settings
from django.db import models
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from agi_site.lib.fields import CreatedAtField, EnumField, ExactCharField, UUIDKey, enum_check
from agi_site.lib.owned import OwnedModel, OwnedQuerySet

from .approvals import Approval, ApprovalStatus
from .policies import RanIn


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

    def move(self, *, pk: str, to: str, attempt: int | None = None, **values: Any) -> bool:
        """Set the state and `values` of one row in one statement; False if the move is not legal now.

        With `attempt` only while that attempt holds the row: a later one has taken it from a dead process.
        """
        sources = [state for state, targets in LEGAL_MOVES.items() if to in targets]
        rows = self.filter(pk=pk, status__in=sources)
        rows = rows if attempt is None else rows.filter(attempt=attempt)
        return bool(rows.update(status=to, **values))

    def without_question(self) -> Self:
        """Those for which nobody is asked for consent now."""
        asked = Approval.objects.waiting().filter(
            target_type="tool_execution", target_id=models.OuterRef("pk")
        )
        return self.exclude(models.Exists(asked))

    def with_approvals(self) -> Self:
        """Load `approval_pk` and `approved_by` too: the question that was asked, and who said yes."""
        asked = Approval.objects.filter(target_type="tool_execution", target_id=models.OuterRef("pk"))
        newest = asked.order_by("-pk")
        agreed = newest.filter(status=ApprovalStatus.APPROVED)
        return self.annotate(
            approval_pk=models.Subquery(newest.values("pk")[:1]),
            approved_by=models.Subquery(agreed.values("decided_by")[:1]),
        )

    def unfinished(self) -> Self:
        """What has not come to an end."""
        return self.filter(status__in=[state for state, targets in LEGAL_MOVES.items() if targets])


class ToolExecution(OwnedModel):
    """One run of a tool, written before the tool starts (table `tool_execution`, 5.3.3)."""

    owner_path = "user"

    id = UUIDKey()
    tool = models.ForeignKey(
        "tools.Tool", models.DO_NOTHING, related_name="executions", verbose_name=_("tool")
    )
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
    # Whose sandbox it works in; no foreign key, as conversations stand above tools.
    conversation = models.CharField(_("conversation"), max_length=36, blank=True, default="", db_default="")
    ran_in = EnumField(_("ran in"), choices=RanIn, null=True, blank=True)
    # Why it was allowed to run, or not: allow, ask or deny, and by which rule (none: the default).
    policy_effect = models.CharField(_("policy effect"), max_length=10, blank=True, default="", db_default="")
    policy = models.ForeignKey(
        "tools.ToolPolicy",
        models.DB_SET_NULL,
        null=True,
        blank=True,
        related_name="executions",
        verbose_name=_("policy"),
    )
    error_code = models.CharField(_("error code"), max_length=50, blank=True, default="", db_default="")
    attempt = models.PositiveSmallIntegerField(_("attempt"), default=0, db_default=0)
    # What names the asked-for call over all attempts; one that failed gives its key back.
    idempotency_key = ExactCharField(_("idempotency key"), max_length=100, null=True, blank=True)
    # The door it came through: chat, page, api, plan, mcp.
    asked_through = models.CharField(_("asked through"), max_length=20, blank=True, default="", db_default="")
    unattended = models.BooleanField(_("unattended"), default=False, db_default=False)
    language = models.CharField(_("language"), max_length=10, blank=True, default="", db_default="")
    # What the caller allows it, where that is less than the tool's own limit.
    seconds = models.FloatField(_("time limit (seconds)"), null=True, blank=True)
    # A running row that nobody has ended by then was left behind by its process.
    deadline_at = models.DateTimeField(_("deadline"), null=True, blank=True)
    # Something that was forgotten was taken out of its arguments: with what is left it never runs.
    arguments_forgotten = models.BooleanField(_("arguments forgotten"), default=False, db_default=False)
    # The same of its result: a step of a plan that would go on with what is left is told.
    result_forgotten = models.BooleanField(_("result forgotten"), default=False, db_default=False)
    stop_requested_at = models.DateTimeField(_("stop requested at"), null=True, blank=True)
    # What a running row waits for (a plan's run), which ends it.
    awaits_type = models.CharField(_("awaits type"), max_length=50, blank=True, default="", db_default="")
    awaits_id = models.CharField(_("awaits id"), max_length=36, blank=True, default="", db_default="")
    # A large result stands whole in a file; `result` then holds its head.
    result_file = models.CharField(_("result file"), max_length=255, blank=True, default="", db_default="")
    result_size = models.BigIntegerField(_("result size (bytes)"), null=True, blank=True)

    objects = ToolExecutionQuerySet.as_manager()

    class Meta:
        db_table = "tool_execution"
        verbose_name = _("tool execution")
        verbose_name_plural = _("tool executions")
        indexes = [
            models.Index(fields=["trigger_id", "trigger_type"], name="tool_execution_trigger_idx"),
            models.Index(fields=["tool", "status", "created_at"], name="tool_execution_tool_idx"),
            models.Index(fields=["user", "id"], name="tool_execution_history_idx"),
            models.Index(fields=["awaits_id"], name="tool_execution_awaits_idx"),
        ]
        constraints = [
            enum_check("tool_execution_status_enum", "status", ToolExecutionStatus),
            enum_check("tool_execution_ran_in_enum", "ran_in", RanIn),
            models.UniqueConstraint(
                fields=["user", "idempotency_key"], name="tool_execution_idempotency_unique"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tool_id}: {self.status}"

    @property
    def duration(self) -> float | None:
        """Seconds from start to end; None while it has not ended."""
        if self.started_at is None or self.completed_at is None:
            return None
        return (self.completed_at - self.started_at).total_seconds()

    @property
    def ended(self) -> bool:
        """Whether it has come to its end."""
        return not LEGAL_MOVES[str(self.status)]

    @property
    def waits(self) -> bool:
        """Whether nobody works on it now: it waits for consent, or for what it has set going."""
        return not self.ended and bool(self.awaits_type or self.approval)

    @cached_property
    def approval(self) -> Approval | None:
        """The question to a person that was asked before it, the newest if there are several."""
        asked = Approval.objects.filter(target_type="tool_execution", target_id=self.pk)
        found: Approval | None = asked.order_by("-pk").first()
        return found
