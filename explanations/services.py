"""Saying why: explanations of a row, the features that weighed in it, and the words they are told in."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from agi_site.lib import plain_json, targets
from agi_site.lib.problems import Invalid

from .models import Complexity, Explanation, ExplanationFeature, ExplanationTemplate
from .wording import fill, main_feature_values

MAX_FEATURES = 100
MAX_VALUE_CHARACTERS = 4000
_STEP = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class Feature:
    """One thing that weighed in a decision. `importance`: any weight from 0 up; stored as a share of all."""

    name: str
    value: str
    importance: float


@transaction.atomic
def explain(
    *,
    user: Any,
    target_type: str,
    target_id: str,
    summary: str,
    algorithm: str,
    confidence: float | None,
    features: Sequence[Feature] = (),
) -> Explanation:
    """Store why a row of `user` is as it is, in place of what was said about it before.

    `confidence` is cut to 0..1; the importances are stored as shares that sum to 1. Raises Invalid (unknown
    type, empty summary, a weight below 0 or not a number) and NotFound (not a row of `user`).
    """
    targets.resolve(target_type=target_type, target_id=target_id, user=user)
    if not summary.strip():
        raise Invalid(errors={"summary": [_("An explanation needs words.")]})
    shares = _shares([feature.importance for feature in features[:MAX_FEATURES]])
    Explanation.objects.for_user(user).of(target_type, target_id).delete()
    explanation = Explanation.objects.create(
        user=user,
        target_type=target_type,
        target_id=target_id,
        explanation=_clean(summary),
        algorithm=algorithm[:100],
        confidence=None if confidence is None else _fraction(confidence),
    )
    ExplanationFeature.objects.bulk_create(
        ExplanationFeature(
            explanation=explanation,
            feature_name=_clean(feature.name)[:100],
            feature_value=_clean(feature.value)[:MAX_VALUE_CHARACTERS],
            importance=share,
        )
        for feature, share in zip(features, shares, strict=False)
    )
    return explanation


def explanation_of(*, user: Any, target_type: str, target_id: str) -> Explanation | None:
    """The newest explanation of a row, features loaded, heaviest first; None if `user` has none for it."""
    found: Explanation | None = (
        Explanation.objects.for_user(user)
        .of(target_type, target_id)
        .with_features()
        .order_by("-created_at", "-pk")
        .first()
    )
    return found


def tell(
    *,
    explanation: Explanation,
    language: str = "en",
    complexity: str = Complexity.MODERATE,
) -> str:
    """The explanation in words: by the active template for its target, language and complexity.

    Without such a template the stored summary is the answer.
    """
    template = (
        ExplanationTemplate.objects.active()
        .for_target(explanation.target_type, language)
        .filter(complexity_level=complexity)
        .first()
    )
    if template is None:
        return explanation.explanation
    return fill(template.template_text, main_feature_values(explanation, language))


def _shares(weights: Sequence[float]) -> list[Decimal]:
    """The weights as shares of their sum, in ten-thousandths; rounding never lifts the sum above 1."""
    exact = [_weight(weight) for weight in weights]
    total = sum(exact, Decimal(0))
    if not total:
        return [Decimal(0) for _weight_of_nothing in exact]
    return [(weight / total).quantize(_STEP, rounding=ROUND_DOWN) for weight in exact]


def _weight(weight: float) -> Decimal:
    exact = Decimal(str(weight))
    if not exact.is_finite() or exact < 0:
        raise Invalid(errors={"features": [_("An importance must be a number from 0 upwards.")]})
    return exact


def _fraction(value: float) -> Decimal:
    exact = Decimal(str(value))
    if not exact.is_finite():
        raise Invalid(errors={"confidence": [_("A confidence must be a number from 0 to 1.")]})
    return min(max(exact, Decimal(0)), Decimal(1)).quantize(_STEP)


def _clean(text: str) -> str:
    """Text without what a column cannot hold; it comes from models, so it is repaired, not refused."""
    return plain_json.repaired(text)
