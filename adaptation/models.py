"""Adaptation to a person: profile, preferences, rules and sessions (the seed's section 5.12)."""

from decimal import Decimal

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from agi_site.lib.fields import CreatedAtField, UpdatedAtField, UUIDKey, range_check
from agi_site.lib.owned import OwnedModel, SharedModel


class UserProfile(OwnedModel):
    """What the system knows of the way a person works (table `user_profile`, 5.12.1)."""

    owner_path = "user"

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        models.DB_CASCADE,
        primary_key=True,
        related_name="profile",
        verbose_name=_("user"),
    )
    interaction_history = models.JSONField(_("interaction history"), null=True, blank=True)
    knowledge_map = models.JSONField(_("knowledge map"), null=True, blank=True)
    learning_style = models.CharField(
        _("learning style"), max_length=50, null=True, blank=True, db_index=True
    )
    proficiency_level = models.CharField(
        _("proficiency level"), max_length=50, null=True, blank=True, db_index=True
    )
    last_updated = UpdatedAtField(_("last updated"))

    class Meta:
        db_table = "user_profile"
        verbose_name = _("user profile")
        verbose_name_plural = _("user profiles")

    def __str__(self) -> str:
        return str(self.pk)


class LearningPreference(OwnedModel):
    """A preference of a person, with a confidence (table `learning_preference`, 5.12.2)."""

    owner_path = "user"

    id = models.BigAutoField(_("id"), primary_key=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.DB_CASCADE,
        related_name="learning_preferences",
        verbose_name=_("user"),
    )
    pref_key = models.CharField(_("pref key"), max_length=100)
    pref_value = models.CharField(_("pref value"), max_length=255)
    confidence = models.DecimalField(
        _("confidence"),
        max_digits=5,
        decimal_places=4,
        null=True,
        blank=True,
        default=Decimal("0.5000"),
        db_default=Decimal("0.5000"),
    )
    created_at = CreatedAtField(_("created at"))
    updated_at = UpdatedAtField(_("updated at"), null=True)

    class Meta:
        db_table = "learning_preference"
        verbose_name = _("learning preference")
        verbose_name_plural = _("learning preferences")
        indexes = [
            models.Index(fields=["pref_key", "pref_value"], name="learning_preference_pref_k_idx"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "pref_key"], name="learning_preference_user_pref_key_unique"
            ),
            range_check("learning_preference_confidence_range", "confidence", 0, 1),
        ]

    def __str__(self) -> str:
        return str(self.pref_key)


class AdaptationRule(SharedModel):
    """When this holds, adapt like that (table `adaptation_rule`, 5.12.3)."""

    shared_because = "rules hold for everyone; what they did to a person is in adaptation_log"

    id = UUIDKey()
    condition = models.TextField(_("condition"))
    action = models.TextField(_("action"))
    priority = models.IntegerField(
        _("priority"), null=True, blank=True, db_index=True, default=0, db_default=0
    )
    description = models.TextField(_("description"), null=True, blank=True)
    is_active = models.BooleanField(
        _("is active"), null=True, blank=True, db_index=True, default=True, db_default=True
    )
    created_at = CreatedAtField(_("created at"))
    updated_at = UpdatedAtField(_("updated at"), null=True)

    class Meta:
        db_table = "adaptation_rule"
        verbose_name = _("adaptation rule")
        verbose_name_plural = _("adaptation rules")

    def __str__(self) -> str:
        return str(self.pk)


class LearningSession(OwnedModel):
    """A stretch of learning about a topic (table `learning_session`, 5.12.4)."""

    owner_path = "user"

    id = UUIDKey()
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.DB_CASCADE, related_name="learning_sessions", verbose_name=_("user")
    )
    topic = models.CharField(_("topic"), max_length=255, db_index=True)
    start_time = CreatedAtField(_("start time"), db_index=True)
    end_time = models.DateTimeField(_("end time"), null=True, blank=True)
    duration = models.IntegerField(_("duration"), null=True, blank=True)
    progress = models.DecimalField(_("progress"), max_digits=5, decimal_places=2, null=True, blank=True)
    metrics = models.JSONField(_("metrics"), null=True, blank=True)

    class Meta:
        db_table = "learning_session"
        verbose_name = _("learning session")
        verbose_name_plural = _("learning sessions")
        constraints = [
            range_check("learning_session_progress_range", "progress", 0, 100),
        ]

    def __str__(self) -> str:
        return str(self.topic)


class AdaptationLog(OwnedModel):
    """One adaptation that was made, and why (table `adaptation_log`, 5.12.5)."""

    owner_path = "user"

    id = models.BigAutoField(_("id"), primary_key=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.DB_CASCADE, related_name="adaptation_logs", verbose_name=_("user")
    )
    rule = models.ForeignKey(
        AdaptationRule,
        models.DB_SET_NULL,
        null=True,
        blank=True,
        related_name="adaptation_logs",
        verbose_name=_("rule"),
    )
    context = models.JSONField(_("context"))
    adaptation_type = models.CharField(_("adaptation type"), max_length=100, db_index=True)
    adaptation_details = models.JSONField(_("adaptation details"))
    timestamp = CreatedAtField(_("timestamp"), db_index=True)

    class Meta:
        db_table = "adaptation_log"
        verbose_name = _("adaptation log")
        verbose_name_plural = _("adaptation logs")

    def __str__(self) -> str:
        return str(self.pk)
