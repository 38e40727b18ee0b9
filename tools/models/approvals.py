"""Consent that is asked for and given or not: durable, with an end."""

from datetime import datetime
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from agi_site.lib.fields import CreatedAtField, EnumField, UUIDKey, enum_check
from agi_site.lib.owned import OwnedModel, OwnedQuerySet

from .policies import Approver


class ApprovalStatus(models.TextChoices):
    PENDING = "pending", _("waiting")
    APPROVED = "approved", _("approved")
    REJECTED = "rejected", _("rejected")
    EXPIRED = "expired", _("expired")
    CANCELED = "canceled", _("canceled")


class ApprovalQuerySet(OwnedQuerySet):
    """Approvals, by who may see and decide them."""

    def for_user(self, user: Any) -> Self:
        """A person's own, those handed to them, and for operators those that want an operator."""
        if user is None or not user.is_authenticated:
            return self.none()
        seen = models.Q(user=user.pk) | models.Q(delegate=user.pk)
        if user.has_perm("tools.approve"):
            seen |= models.Q(approver=Approver.OPERATOR)
        return self.filter(seen)

    def decidable_by(self, user: Any) -> Self:
        """What waits for this person's word."""
        if user is None or not user.is_authenticated:
            return self.none()
        mine = models.Q(user=user.pk, approver=Approver.SELF, delegate=None) | models.Q(delegate=user.pk)
        if user.has_perm("tools.approve"):
            mine |= models.Q(approver=Approver.OPERATOR, delegate=None)
        return self.waiting().filter(mine)

    def waiting(self) -> Self:
        """Not decided yet."""
        return self.filter(status=ApprovalStatus.PENDING)

    def overdue(self, now: datetime) -> Self:
        """Waiting, although their time is over."""
        return self.waiting().filter(expires_at__lte=now)


QUESTION = ("title", "reason")  # of the arguments of a plan's question


class Approval(OwnedModel):
    """A question to a person that holds something up (table `approval`, beyond the seed).

    `target_type` and `target_id` say what waits: a `tool_execution` or a `plan_step_execution`. `arguments`
    are those proposed; `edited_arguments` those a decider has put in their place. It ends exactly once.
    """

    owner_path = "user"

    id = UUIDKey()
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.DB_CASCADE, related_name="approvals", verbose_name=_("user")
    )
    target_type = models.CharField(_("target type"), max_length=50)
    target_id = models.CharField(_("target id"), max_length=36)
    title = models.CharField(_("title"), max_length=200)
    reason = models.CharField(_("reason"), max_length=500, blank=True, default="", db_default="")
    arguments = models.JSONField(_("arguments"), null=True, blank=True)
    edited_arguments = models.JSONField(_("edited arguments"), null=True, blank=True)
    approver = EnumField(_("approver"), choices=Approver, default=Approver.SELF, db_default=Approver.SELF)
    delegate = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.DB_SET_NULL,
        null=True,
        blank=True,
        related_name="delegated_approvals",
        verbose_name=_("delegate"),
    )
    status = EnumField(
        _("status"),
        choices=ApprovalStatus,
        default=ApprovalStatus.PENDING,
        db_default=ApprovalStatus.PENDING,
    )
    created_at = CreatedAtField(_("created at"))
    expires_at = models.DateTimeField(_("expires at"))
    decided_at = models.DateTimeField(_("decided at"), null=True, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.DB_SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("decided by"),
    )
    note = models.CharField(_("note"), max_length=500, blank=True, default="", db_default="")

    objects = ApprovalQuerySet.as_manager()

    class Meta:
        db_table = "approval"
        verbose_name = _("approval")
        verbose_name_plural = _("approvals")
        indexes = [
            models.Index(fields=["status", "user"], name="approval_inbox_idx"),
            models.Index(fields=["status", "expires_at"], name="approval_expiry_idx"),
            models.Index(fields=["target_id", "target_type"], name="approval_target_idx"),
        ]
        constraints = [
            enum_check("approval_status_enum", "status", ApprovalStatus),
            enum_check("approval_approver_enum", "approver", Approver),
        ]

    def __str__(self) -> str:
        return str(self.title)

    @property
    def of_tool(self) -> bool:
        """Whether it is asked about a tool's run; else about a step of a plan."""
        return str(self.target_type) == "tool_execution"

    @property
    def subject(self) -> Any:
        """The arguments as people see them: without what of a plan's question is the question itself."""
        if self.of_tool or not isinstance(self.agreed_arguments, dict):
            return self.agreed_arguments
        return {name: value for name, value in self.agreed_arguments.items() if name not in QUESTION}

    @property
    def agreed_arguments(self) -> Any:
        """The arguments to go on with: the edited ones, or those proposed."""
        return self.arguments if self.edited_arguments is None else self.edited_arguments
