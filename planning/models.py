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

    class Meta:
        db_table = "plan"
        verbose_name = _("plan")
        verbose_name_plural = _("plans")
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

    class Meta:
        db_table = "plan_step"
        verbose_name = _("plan step")
        verbose_name_plural = _("plan steps")
        constraints = [
            models.UniqueConstraint(fields=["plan", "order_index"], name="plan_step_plan_order_index_unique"),
            enum_check("plan_step_status_enum", "status", PlanStepStatus),
        ]

    def __str__(self) -> str:
        return str(self.status)

    @property
    def dependencies(self) -> list[int]:
        """The ids of the steps this one waits for; `services.check_dependencies` keeps them well formed."""
        return [int(word) for word in (self.depends_on or "").split(",") if word.strip().isdigit()]


class PlanExecutionStatus(models.TextChoices):
    PENDING = "pending", _("pending")
    RUNNING = "running", _("running")
    COMPLETED = "completed", _("completed")
    FAILED = "failed", _("failed")
    CANCELED = "canceled", _("canceled")


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

    class Meta:
        db_table = "plan_execution"
        verbose_name = _("plan execution")
        verbose_name_plural = _("plan executions")
        constraints = [
            enum_check("plan_execution_status_enum", "status", PlanExecutionStatus),
        ]

    def __str__(self) -> str:
        return str(self.status)
