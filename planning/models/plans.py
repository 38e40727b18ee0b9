"""Plans, their steps and their runs (the seed's section 5.4)."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from agi_site.lib.fields import CreatedAtField, EnumField, UpdatedAtField, UUIDKey, enum_check
from agi_site.lib.owned import OwnedModel


class PlanStatus(models.TextChoices):
    PENDING = "pending", _("pending")
    RUNNING = "running", _("running")
    COMPLETED = "completed", _("completed")
    FAILED = "failed", _("failed")
    CANCELED = "canceled", _("canceled")


class Plan(OwnedModel):
    """A goal broken into steps (table `plan`, 5.4.1)."""

    owner_path = "user"

    id = UUIDKey()
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.DB_CASCADE, related_name="plans", verbose_name=_("user")
    )
    title = models.CharField(_("title"), max_length=200)
    description = models.TextField(_("description"), null=True, blank=True)
    created_at = CreatedAtField(_("created at"), db_index=True)
    updated_at = UpdatedAtField(_("updated at"), null=True)
    status = EnumField(
        _("status"),
        choices=PlanStatus,
        null=True,
        blank=True,
        db_index=True,
        default=PlanStatus.PENDING,
        db_default=PlanStatus.PENDING,
    )
    started_at = models.DateTimeField(_("started at"), null=True, blank=True)
    completed_at = models.DateTimeField(_("completed at"), null=True, blank=True)
    # Beyond the seed; the README says why.
    version = models.PositiveIntegerField(_("version"), default=1, db_default=1)
    is_template = models.BooleanField(_("is a template"), default=False, db_default=False)
    inputs = models.JSONField(_("inputs"), null=True, blank=True)
    budget = models.JSONField(_("budget"), null=True, blank=True)
    trigger_type = models.CharField(_("trigger type"), max_length=50, null=True, blank=True)
    trigger_id = models.CharField(_("trigger id"), max_length=36, null=True, blank=True)
    # Steps that a model proposes for a goal, until the person accepts them (services/proposals.py).
    draft = models.JSONField(_("proposal"), null=True, blank=True, editable=False)

    class Meta:
        db_table = "plan"
        verbose_name = _("plan")
        verbose_name_plural = _("plans")
        indexes = [
            models.Index(fields=["user", "is_template", "id"], name="plan_list_idx"),
        ]
        constraints = [
            enum_check("plan_status_enum", "status", PlanStatus),
        ]

    def __str__(self) -> str:
        return str(self.title)


class PlanStepStatus(models.TextChoices):
    PENDING = "pending", _("pending")
    RUNNING = "running", _("running")
    COMPLETED = "completed", _("completed")
    FAILED = "failed", _("failed")
    SKIPPED = "skipped", _("skipped")


class StepKind(models.TextChoices):
    """What a step does."""

    TOOL = "tool", _("run a tool")
    PROMPT = "prompt", _("ask the assistant")
    PLAN = "plan", _("run another plan")
    APPROVAL = "approval", _("wait for a person")
    WAIT = "wait", _("wait for a time")
    NONE = "none", _("nothing, a milestone")


class OnFailure(models.TextChoices):
    """What a step that has failed for good means for those that wait for it."""

    STOP = "stop", _("skip what depends on it")
    CONTINUE = "continue", _("go on without its output")


class PlanStep(OwnedModel):
    """One step of a plan and the steps it depends on (table `plan_step`, 5.4.2)."""

    owner_path = "plan__user"

    id = models.BigAutoField(_("id"), primary_key=True)
    plan = models.ForeignKey(Plan, models.DB_CASCADE, related_name="steps", verbose_name=_("plan"))
    order_index = models.IntegerField(_("order index"))
    description = models.TextField(_("description"))
    status = EnumField(
        _("status"),
        choices=PlanStepStatus,
        null=True,
        blank=True,
        db_index=True,
        default=PlanStepStatus.PENDING,
        db_default=PlanStepStatus.PENDING,
    )
    depends_on = models.CharField(_("depends on"), max_length=255, null=True, blank=True)
    started_at = models.DateTimeField(_("started at"), null=True, blank=True)
    completed_at = models.DateTimeField(_("completed at"), null=True, blank=True)
    execution_details = models.JSONField(_("execution details"), null=True, blank=True)
    # Beyond the seed; the README says why.
    key = models.CharField(_("key"), max_length=50, null=True, blank=True)
    kind = EnumField(_("kind"), choices=StepKind, default=StepKind.NONE, db_default=StepKind.NONE)
    tool_name = models.CharField(_("tool"), max_length=100, blank=True, default="", db_default="")
    arguments = models.JSONField(_("arguments"), null=True, blank=True)
    sub_plan = models.ForeignKey(
        Plan, models.DB_SET_NULL, null=True, blank=True, related_name="used_in", verbose_name=_("sub-plan")
    )
    condition = models.CharField(_("condition"), max_length=500, blank=True, default="", db_default="")
    for_each = models.CharField(_("for each"), max_length=500, blank=True, default="", db_default="")
    max_retries = models.PositiveSmallIntegerField(_("max retries"), default=0, db_default=0)
    retry_seconds = models.PositiveIntegerField(_("seconds before a retry"), default=5, db_default=5)
    timeout_seconds = models.PositiveIntegerField(_("timeout (seconds)"), null=True, blank=True)
    on_failure = EnumField(
        _("on failure"), choices=OnFailure, default=OnFailure.STOP, db_default=OnFailure.STOP
    )
    depends_on_rest = models.TextField(_("depends on, continued"), blank=True, default="", editable=False)

    class Meta:
        db_table = "plan_step"
        verbose_name = _("plan step")
        verbose_name_plural = _("plan steps")
        constraints = [
            models.UniqueConstraint(fields=["plan", "order_index"], name="plan_step_plan_order_index_unique"),
            models.UniqueConstraint(fields=["plan", "key"], name="plan_step_plan_key_unique"),
            enum_check("plan_step_status_enum", "status", PlanStepStatus),
            enum_check("plan_step_kind_enum", "kind", StepKind),
            enum_check("plan_step_on_failure_enum", "on_failure", OnFailure),
        ]

    def __str__(self) -> str:
        return str(self.key or self.order_index)

    @property
    def dependencies(self) -> list[int]:
        """The ids of the steps this one waits for; `services.check_dependencies` keeps them well formed."""
        words = ",".join(filter(None, [self.depends_on, self.depends_on_rest])).split(",")
        return [int(word) for word in words if word.strip().isdigit()]
