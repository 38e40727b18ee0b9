"""Creative works, their prompts, versions, feedback and inspirations (the seed's section 5.15)."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from agi_site.lib.fields import CreatedAtField, EnumField, UpdatedAtField, UUIDKey, enum_check, range_check
from agi_site.lib.owned import OwnedModel


class WorkType(models.TextChoices):
    TEXT = "text", _("text")
    IMAGE = "image", _("image")
    AUDIO = "audio", _("audio")
    VIDEO = "video", _("video")
    CODE = "code", _("code")
    MIXED = "mixed", _("mixed")


class CreativeWork(OwnedModel):
    """A work a person made with the assistant, of any medium (table `creative_work`, 5.15.1)."""

    owner_path = "user"

    id = UUIDKey()
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.DB_CASCADE, related_name="creative_works", verbose_name=_("user")
    )
    type = EnumField(_("type"), choices=WorkType, db_index=True)
    title = models.CharField(_("title"), max_length=255)
    content_ref = models.CharField(_("content ref"), max_length=512, null=True, blank=True)
    parameters = models.JSONField(_("parameters"), null=True, blank=True)
    metadata = models.JSONField(_("metadata"), null=True, blank=True)
    created_at = CreatedAtField(_("created at"), db_index=True)
    updated_at = UpdatedAtField(_("updated at"), null=True)

    class Meta:
        db_table = "creative_work"
        verbose_name = _("creative work")
        verbose_name_plural = _("creative works")
        constraints = [
            enum_check("creative_work_type_enum", "type", WorkType),
        ]

    def __str__(self) -> str:
        return str(self.title)


class GenerationPrompt(OwnedModel):
    """A prompt that led to a work (table `generation_prompt`, 5.15.2)."""

    owner_path = "work__user"

    id = UUIDKey()
    work = models.ForeignKey(
        CreativeWork, models.DB_CASCADE, related_name="generation_prompts", verbose_name=_("work")
    )
    prompt_text = models.TextField(_("prompt text"))
    prompt_type = models.CharField(_("prompt type"), max_length=50, db_index=True)
    timestamp = CreatedAtField(_("timestamp"))

    class Meta:
        db_table = "generation_prompt"
        verbose_name = _("generation prompt")
        verbose_name_plural = _("generation prompts")

    def __str__(self) -> str:
        return str(self.pk)


class CreativeFeedback(OwnedModel):
    """What a person thought of a work (table `creative_feedback`, 5.15.3)."""

    owner_path = "user"

    id = UUIDKey()
    work = models.ForeignKey(CreativeWork, models.DB_CASCADE, related_name="feedback", verbose_name=_("work"))
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.DB_CASCADE, related_name="creative_feedback", verbose_name=_("user")
    )
    rating = models.IntegerField(_("rating"), null=True, blank=True, db_index=True)
    comment = models.TextField(_("comment"), null=True, blank=True)
    aspects = models.JSONField(_("aspects"), null=True, blank=True)
    created_at = CreatedAtField(_("created at"))

    class Meta:
        db_table = "creative_feedback"
        verbose_name = _("creative feedback")
        verbose_name_plural = _("creative feedback")
        constraints = [
            range_check("creative_feedback_rating_range", "rating", 1, 5),
        ]

    def __str__(self) -> str:
        return str(self.pk)


class CreativeVersion(OwnedModel):
    """A version of a work (table `creative_version`, 5.15.4)."""

    owner_path = "work__user"

    id = UUIDKey()
    work = models.ForeignKey(CreativeWork, models.DB_CASCADE, related_name="versions", verbose_name=_("work"))
    version_number = models.IntegerField(_("version number"))
    content_ref = models.CharField(_("content ref"), max_length=512)
    changes_description = models.TextField(_("changes description"), null=True, blank=True)
    created_at = CreatedAtField(_("created at"))

    class Meta:
        db_table = "creative_version"
        verbose_name = _("creative version")
        verbose_name_plural = _("creative versions")
        constraints = [
            models.UniqueConstraint(
                fields=["work", "version_number"], name="creative_version_work_version_number_unique"
            ),
        ]

    def __str__(self) -> str:
        return str(self.version_number)


class InspirationSource(OwnedModel):
    """What a work was inspired by (table `inspiration_source`, 5.15.5)."""

    owner_path = "work__user"

    id = UUIDKey()
    work = models.ForeignKey(
        CreativeWork, models.DB_CASCADE, related_name="inspiration_sources", verbose_name=_("work")
    )
    source_type = models.CharField(_("source type"), max_length=50, db_index=True)
    source_ref = models.CharField(_("source ref"), max_length=512)
    influence_level = models.DecimalField(
        _("influence level"), max_digits=5, decimal_places=4, null=True, blank=True
    )
    created_at = CreatedAtField(_("created at"))

    class Meta:
        db_table = "inspiration_source"
        verbose_name = _("inspiration source")
        verbose_name_plural = _("inspiration sources")
        constraints = [
            range_check("inspiration_source_influence_level_range", "influence_level", 0, 1),
        ]

    def __str__(self) -> str:
        return str(self.source_ref)
