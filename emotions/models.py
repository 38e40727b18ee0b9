"""Emotions: analyses, response strategies and histories (the seed's section 5.11)."""

from typing import Self

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from agi_site.lib.fields import CreatedAtField, UpdatedAtField, UUIDKey, range_check
from agi_site.lib.owned import OwnedModel, OwnedQuerySet, SharedModel, SharedQuerySet


class EmotionAnalysisQuerySet(OwnedQuerySet):
    """Analyses, by what was analysed."""

    def of(self, target_type: str, target_id: str) -> Self:
        """Those of one row."""
        return self.filter(target_type=target_type, target_id=target_id)


class EmotionAnalysis(OwnedModel):
    """The emotions found in a message or another row (table `emotion_analysis`, 5.11.1)."""

    owner_path = "user"

    id = UUIDKey()
    target_id = models.CharField(_("target id"), max_length=36)
    target_type = models.CharField(_("target type"), max_length=50)
    emotions = models.JSONField(_("emotions"))
    dominant_emotion = models.CharField(
        _("dominant emotion"), max_length=50, null=True, blank=True, db_index=True
    )
    intensity = models.DecimalField(_("intensity"), max_digits=5, decimal_places=4, null=True, blank=True)
    timestamp = CreatedAtField(_("timestamp"), db_index=True)
    # Beyond the seed; the README says why.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.DB_CASCADE, related_name="emotion_analyses", verbose_name=_("user")
    )

    objects = EmotionAnalysisQuerySet.as_manager()

    class Meta:
        db_table = "emotion_analysis"
        verbose_name = _("emotion analysis")
        verbose_name_plural = _("emotion analyses")
        indexes = [
            models.Index(fields=["target_id", "target_type"], name="emotion_analysis_target_ta_idx"),
        ]
        constraints = [
            range_check("emotion_analysis_intensity_range", "intensity", 0, 1),
        ]

    def __str__(self) -> str:
        return str(self.dominant_emotion)


class EmotionalResponseQuerySet(SharedQuerySet):
    """Strategies, by when they apply."""

    def active(self) -> Self:
        """Those in use."""
        return self.filter(is_active=True)

    def told_in(self, language: str) -> Self:
        """Those in a language; English where the language is none of ours."""
        return self.filter(language=language if language in dict(settings.LANGUAGES) else "en")


class EmotionalResponse(SharedModel):
    """How to answer when an emotion shows (table `emotional_response`, 5.11.2)."""

    shared_because = "response strategies serve everyone"

    id = UUIDKey()
    trigger_emotion = models.CharField(_("trigger emotion"), max_length=50, db_index=True)
    response_type = models.CharField(_("response type"), max_length=100, db_index=True)
    template = models.TextField(_("template"))
    priority = models.IntegerField(
        _("priority"), null=True, blank=True, db_index=True, default=0, db_default=0
    )
    is_active = models.BooleanField(
        _("is active"), null=True, blank=True, db_index=True, default=True, db_default=True
    )
    created_at = CreatedAtField(_("created at"))
    updated_at = UpdatedAtField(_("updated at"), null=True)
    # Beyond the seed; the README says why.
    language = models.CharField(_("language"), max_length=10, default="en", db_default="en", db_index=True)

    objects = EmotionalResponseQuerySet.as_manager()

    class Meta:
        db_table = "emotional_response"
        verbose_name = _("emotional response")
        verbose_name_plural = _("emotional responses")

    def __str__(self) -> str:
        return str(self.trigger_emotion)


class UserEmotionHistory(OwnedModel):
    """The emotions of a person over time (table `user_emotion_history`, 5.11.3)."""

    owner_path = "user"

    id = models.BigAutoField(_("id"), primary_key=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.DB_CASCADE, related_name="emotion_history", verbose_name=_("user")
    )
    emotion = models.CharField(_("emotion"), max_length=50, db_index=True)
    intensity = models.DecimalField(_("intensity"), max_digits=5, decimal_places=4)
    context = models.CharField(_("context"), max_length=255, null=True, blank=True)
    timestamp = CreatedAtField(_("timestamp"), db_index=True)

    class Meta:
        db_table = "user_emotion_history"
        verbose_name = _("user emotion history")
        verbose_name_plural = _("user emotion histories")
        constraints = [
            range_check("user_emotion_history_intensity_range", "intensity", 0, 1),
        ]

    def __str__(self) -> str:
        return str(self.emotion)


class EmpathyModel(SharedModel):
    """A set of parameters for empathic answers (table `empathy_model`, 5.11.4)."""

    shared_because = "empathy models serve everyone"

    id = UUIDKey()
    name = models.CharField(_("name"), max_length=100)
    description = models.TextField(_("description"), null=True, blank=True)
    parameters = models.JSONField(_("parameters"), null=True, blank=True)
    version = models.CharField(_("version"), max_length=50)
    is_active = models.BooleanField(
        _("is active"), null=True, blank=True, db_index=True, default=True, db_default=True
    )
    created_at = CreatedAtField(_("created at"))

    class Meta:
        db_table = "empathy_model"
        verbose_name = _("empathy model")
        verbose_name_plural = _("empathy models")
        constraints = [
            models.UniqueConstraint(fields=["name", "version"], name="empathy_model_name_version_unique"),
        ]

    def __str__(self) -> str:
        return str(self.name)
