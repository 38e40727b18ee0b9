"""When a plan runs by itself."""

from datetime import datetime
from typing import Self

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from agi_site.lib.fields import CreatedAtField, UpdatedAtField, UUIDKey
from agi_site.lib.owned import OwnedModel, OwnedQuerySet

from .executions import PlanExecution
from .plans import Plan


class PlanScheduleQuerySet(OwnedQuerySet):
    """Schedules, and those whose time has come."""

    def due(self, now: datetime) -> Self:
        """Switched on, with their next run reached; the longest waiting first."""
        return self.filter(enabled=True, next_run_at__lte=now).order_by("next_run_at")


class PlanSchedule(OwnedModel):
    """Runs a plan at the times of a cron expression (table `plan_schedule`, beyond the seed)."""

    owner_path = "user"

    id = UUIDKey()
    plan = models.ForeignKey(Plan, models.DB_CASCADE, related_name="schedules", verbose_name=_("plan"))
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.DB_CASCADE, related_name="plan_schedules", verbose_name=_("user")
    )
    cron = models.CharField(_("cron expression"), max_length=100)
    time_zone = models.CharField(_("time zone"), max_length=64, default="UTC", db_default="UTC")
    inputs = models.JSONField(_("inputs"), null=True, blank=True)
    enabled = models.BooleanField(_("enabled"), default=True, db_default=True)
    next_run_at = models.DateTimeField(_("next run at"), null=True, blank=True, editable=False)
    last_execution = models.ForeignKey(
        PlanExecution,
        models.DB_SET_NULL,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
        verbose_name=_("last execution"),
    )
    error_message = models.TextField(_("error message"), blank=True, default="", editable=False)
    created_at = CreatedAtField(_("created at"))
    updated_at = UpdatedAtField(_("updated at"), null=True)

    objects = PlanScheduleQuerySet.as_manager()

    class Meta:
        db_table = "plan_schedule"
        verbose_name = _("plan schedule")
        verbose_name_plural = _("plan schedules")
        indexes = [
            models.Index(fields=["enabled", "next_run_at"], name="plan_schedule_due_idx"),
        ]

    def __str__(self) -> str:
        return str(self.cron)
