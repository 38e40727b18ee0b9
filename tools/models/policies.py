"""Who may run which tool, and after whose consent."""

from typing import Any

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from agi_site.lib.fields import CreatedAtField, EnumField, UpdatedAtField, enum_check
from agi_site.lib.owned import SharedModel


class RanIn(models.TextChoices):
    HOST = "host", _("host")
    SANDBOX = "sandbox", _("sandbox")


class PolicyEffect(models.TextChoices):
    ALLOW = "allow", _("allow")
    ASK = "ask", _("ask first")
    DENY = "deny", _("deny")


class Approver(models.TextChoices):
    SELF = "self", _("the person it runs for")
    OPERATOR = "operator", _("an operator")


class ToolPolicy(SharedModel):
    """One rule (table `tool_policy`, beyond the seed): tool, category or everything; role or everyone.

    Of the rules that fit a call, `deny` beats the others; else the most specific one decides (a tool before
    a category before everything, then a role before everyone), and among equals `ask` beats `allow`.
    """

    shared_because = "what tools may do is decided for the whole team"

    id = models.BigAutoField(_("id"), primary_key=True)
    tool = models.ForeignKey(
        "tools.Tool",
        models.DB_CASCADE,
        null=True,
        blank=True,
        related_name="policies",
        verbose_name=_("tool"),
        help_text=_("Empty: every tool, or every tool of the category."),
    )
    category = models.CharField(_("category"), max_length=50, null=True, blank=True)
    role = models.ForeignKey(
        "accounts.Role",
        models.DB_CASCADE,
        null=True,
        blank=True,
        related_name="tool_policies",
        verbose_name=_("role"),
        help_text=_("Empty: everyone."),
    )
    effect = EnumField(_("effect"), choices=PolicyEffect)
    approver = EnumField(_("approver"), choices=Approver, default=Approver.SELF, db_default=Approver.SELF)
    # What "ask first" means where nobody waits for the answer (schedules): deny, or ask and wait.
    unattended = EnumField(
        _("unattended"),
        choices=PolicyEffect,
        default=PolicyEffect.DENY,
        db_default=PolicyEffect.DENY,
    )
    expires_seconds = models.PositiveIntegerField(
        _("approval expires after (seconds)"), null=True, blank=True
    )
    exec_env = EnumField(_("exec env"), choices=RanIn, null=True, blank=True)
    reason = models.CharField(_("reason"), max_length=500, blank=True, default="", db_default="")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.DB_SET_NULL,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
        verbose_name=_("created by"),
    )
    created_at = CreatedAtField(_("created at"))
    updated_at = UpdatedAtField(_("updated at"), null=True)

    class Meta:
        db_table = "tool_policy"
        verbose_name = _("tool policy")
        verbose_name_plural = _("tool policies")
        constraints = [
            enum_check("tool_policy_effect_enum", "effect", PolicyEffect),
            enum_check("tool_policy_approver_enum", "approver", Approver),
            enum_check("tool_policy_unattended_enum", "unattended", PolicyEffect),
            enum_check("tool_policy_exec_env_enum", "exec_env", RanIn),
            models.CheckConstraint(
                condition=models.Q(tool__isnull=True) | models.Q(category__isnull=True),
                name="tool_policy_tool_or_category",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.effect}: {self.category or self.tool_id or '*'}"

    @property
    def specificity(self) -> tuple[int, int]:
        """How narrowly it is drawn: (2 tool, 1 category, 0 all; 1 role, 0 everyone)."""
        subject = 2 if self.tool_id else 1 if self.category else 0
        return subject, 1 if self.role_id else 0

    def fits(self, *, tool: Any, role_ids: set[int]) -> bool:
        """Whether the rule speaks of this tool and one of these roles."""
        if self.tool_id and self.tool_id != tool.pk:
            return False
        if self.category and self.category != tool.category:
            return False
        return self.role_id is None or self.role_id in role_ids
