"""What people feel: keeping what was found in their words, and choosing how to answer it."""

from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from agi_site.lib import targets
from agi_site.lib.engines.base import Analysis
from agi_site.lib.problems import Invalid

from .families import NEUTRAL, names_for
from .models import EmotionalResponse, EmotionAnalysis, EmpathyModel, UserEmotionHistory

# What holds while no empathy model is active.
DEFAULT_PARAMETERS: dict[str, float] = {"history_threshold": 0.5, "response_threshold": 0.3}
_STEP = Decimal("0.0001")


@transaction.atomic
def record(
    *, user: Any, target_type: str, target_id: str, analysis: Analysis, context: str = ""
) -> EmotionAnalysis:
    """Keep the emotions found in a row of `user`, in place of what was found in it before.

    A strong emotion (the empathy model's `history_threshold`) also becomes a line of the person's history,
    once per row. Raises Invalid (unknown type, intensity not a number) and NotFound (not a row of `user`).
    """
    targets.resolve(target_type=target_type, target_id=target_id, user=user)
    intensity = _fraction(analysis.intensity)
    emotion = (analysis.dominant_emotion or NEUTRAL)[:50]
    again, _by_model = EmotionAnalysis.objects.for_user(user).of(target_type, target_id).delete()
    row = EmotionAnalysis.objects.create(
        user=user,
        target_type=target_type,
        target_id=target_id,
        emotions={name[:50]: float(_fraction(score)) for name, score in analysis.emotions.items()},
        dominant_emotion=emotion,
        intensity=intensity,
    )
    if not again and emotion != NEUTRAL and intensity >= Decimal(str(parameters()["history_threshold"])):
        UserEmotionHistory.objects.create(
            user=user, emotion=emotion, intensity=intensity, context=(context or target_type)[:255]
        )
    return row


def strategy_for(*, emotion: str, language: str = "en", intensity: float = 1.0) -> EmotionalResponse | None:
    """The active response strategy for an emotion in a language, the one of highest priority.

    A fine emotion without a strategy of its own (`gratitude`) takes that of its family (`love`). None if the
    emotion is neutral, weaker than the empathy model's `response_threshold`, or nobody wrote a strategy.
    """
    if emotion == NEUTRAL or intensity < parameters()["response_threshold"]:
        return None
    names = names_for(emotion)
    found = EmotionalResponse.objects.active().told_in(language).filter(trigger_emotion__in=names)
    best: EmotionalResponse | None = min(
        found, key=lambda row: (names.index(row.trigger_emotion), -(row.priority or 0), row.pk), default=None
    )
    return best


def parameters() -> dict[str, float]:
    """The parameters of the newest active empathy model, over the defaults."""
    model = EmpathyModel.objects.filter(is_active=True).order_by("-created_at", "-pk").first()
    stored = model.parameters if model and isinstance(model.parameters, dict) else {}
    usable = {name: value for name, value in stored.items() if isinstance(value, int | float)}
    return DEFAULT_PARAMETERS | usable


@transaction.atomic
def activate_model(*, model: EmpathyModel) -> EmpathyModel:
    """Make this empathy model the one that counts; the others rest."""
    EmpathyModel.objects.exclude(pk=model.pk).filter(is_active=True).update(is_active=False)
    model.is_active = True
    model.save(update_fields=["is_active"])
    return model


def _fraction(value: float) -> Decimal:
    exact = Decimal(str(value))
    if not exact.is_finite():
        raise Invalid(errors={"analysis": [_("Emotions are numbers from 0 to 1.")]})
    return min(max(exact, Decimal(0)), Decimal(1)).quantize(_STEP)
