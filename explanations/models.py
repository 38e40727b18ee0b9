"""Explanations of what the system decided (the seed's section 5.10)."""

from typing import Self

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from agi_site.lib.fields import CreatedAtField, EnumField, UpdatedAtField, UUIDKey, enum_check, range_check
from agi_site.lib.owned import OwnedModel, OwnedQuerySet, SharedModel, SharedQuerySet


class ExplanationQuerySet(OwnedQuerySet):
    """Explanations, by what they explain."""

    def of(self, target_type: str, target_id: str) -> Self:
        """Those of one row."""
        return self.filter(target_type=target_type, target_id=target_id)

    def with_features(self) -> Self:
        """Load the features too, heaviest first."""
        features = ExplanationFeature.objects.order_by("-importance", "pk")
        return self.prefetch_related(models.Prefetch("features", queryset=features))


class Explanation(OwnedModel):
    """Why a row came to be as it is (table `explanation`, 5.10.1)."""

    owner_path = "user"

    id = UUIDKey()
    target_id = models.CharField(_("target id"), max_length=36)
    target_type = models.CharField(_("target type"), max_length=50)
    explanation = models.TextField(_("explanation"))
    algorithm = models.CharField(_("algorithm"), max_length=100, null=True, blank=True, db_index=True)
    confidence = models.DecimalField(_("confidence"), max_digits=5, decimal_places=4, null=True, blank=True)
    created_at = CreatedAtField(_("created at"), db_index=True)
    # Beyond the seed; the README says why.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.DB_CASCADE, related_name="explanations", verbose_name=_("user")
    )

    objects = ExplanationQuerySet.as_manager()

    class Meta:
        db_table = "explanation"
        verbose_name = _("explanation")
        verbose_name_plural = _("explanations")
        indexes = [
            models.Index(fields=["target_id", "target_type"], name="explanation_target_target_idx"),
        ]
        constraints = [
            range_check("explanation_confidence_range", "confidence", 0, 1),
        ]

    def __str__(self) -> str:
        return str(self.explanation)[:80]


class ExplanationFeature(OwnedModel):
    """One thing that weighed in a decision (table `explanation_feature`, 5.10.2)."""

    owner_path = "explanation__user"

    id = models.BigAutoField(_("id"), primary_key=True)
    explanation = models.ForeignKey(
        Explanation, models.DB_CASCADE, related_name="features", verbose_name=_("explanation")
    )
    feature_name = models.CharField(_("feature name"), max_length=100, db_index=True)
    feature_value = models.TextField(_("feature value"))
    importance = models.DecimalField(_("importance"), max_digits=5, decimal_places=4, db_index=True)

    class Meta:
        db_table = "explanation_feature"
        verbose_name = _("explanation feature")
        verbose_name_plural = _("explanation features")
        constraints = [
            range_check("explanation_feature_importance_range", "importance", 0, 1),
        ]

    def __str__(self) -> str:
        return str(self.feature_name)


# A template for this type tells of every type that has no template of its own.
ANY_TARGET = "any"


class Complexity(models.TextChoices):
    SIMPLE = "simple", _("simple")
    MODERATE = "moderate", _("moderate")
    DETAILED = "detailed", _("detailed")


class ExplanationTemplateQuerySet(SharedQuerySet):
    """Templates, by where they apply."""

    def active(self) -> Self:
        """Those in use."""
        return self.filter(is_active=True)

    def for_target(self, target_type: str, language: str) -> Self:
        """Those for a type of row in a language; one made for that very type comes before one for `any`."""
        return self.filter(target_type__in=[target_type, ANY_TARGET], language=language).order_by(
            models.Case(models.When(target_type=target_type, then=0), default=1), "name"
        )


class ExplanationTemplate(SharedModel):
    """The words an explanation is told in (table `explanation_template`, 5.10.3)."""

    shared_because = "templates serve everyone"

    id = UUIDKey()
    name = models.CharField(_("name"), max_length=100, unique=True)
    template_text = models.TextField(_("template text"))
    target_type = models.CharField(_("target type"), max_length=50, db_index=True)
    complexity_level = EnumField(
        _("complexity level"),
        choices=Complexity,
        null=True,
        blank=True,
        db_index=True,
        default=Complexity.MODERATE,
        db_default=Complexity.MODERATE,
    )
    is_active = models.BooleanField(
        _("is active"), null=True, blank=True, db_index=True, default=True, db_default=True
    )
    created_at = CreatedAtField(_("created at"))
    updated_at = UpdatedAtField(_("updated at"), null=True)
    # Beyond the seed; the README says why.
    language = models.CharField(_("language"), max_length=10, default="en", db_default="en", db_index=True)

    objects = ExplanationTemplateQuerySet.as_manager()

    class Meta:
        db_table = "explanation_template"
        verbose_name = _("explanation template")
        verbose_name_plural = _("explanation templates")
        constraints = [
            enum_check("explanation_template_complexity_level_enum", "complexity_level", Complexity),
        ]

    def __str__(self) -> str:
        return str(self.name)
