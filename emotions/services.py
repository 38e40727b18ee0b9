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

GUIDANCE, OPENING = "guidance", "opening"
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


def strategy_for(
    *, emotion: str, language: str = "en", intensity: float = 1.0, response_type: str = GUIDANCE
) -> EmotionalResponse | None:
    """The active strategy of highest priority for an emotion in a language; its words are in `template`.

    `response_type`: GUIDANCE is told to the model, OPENING is a sentence an answer may begin with. A fine
    emotion without a strategy of its own (`gratitude`) takes that of its family (`love`). None if the emotion
    is neutral, weaker than the empathy model's `response_threshold`, or nobody wrote a strategy.
    """
    if emotion == NEUTRAL or intensity < parameters()["response_threshold"]:
        return None
    names = names_for(emotion)
    found = EmotionalResponse.objects.active().told_in(language)
    best: EmotionalResponse | None = min(
        found.filter(trigger_emotion__in=names, response_type=response_type),
        key=lambda row: (names.index(row.trigger_emotion), -(row.priority or 0), row.pk),
        default=None,
    )
    return best


def parameters() -> dict[str, float]:
    """The parameters of the newest active empathy model, over the defaults."""
    model = EmpathyModel.objects.filter(is_active=True).order_by("-created_at", "-pk").first()
    stored = model.parameters if model and isinstance(model.parameters, dict) else {}
    usable = {name: value for name, value in stored.items() if not _fault(name, value)}
    return DEFAULT_PARAMETERS | usable


def parameter_faults(values: dict[str, Any]) -> list[str]:
    """What is wrong with the parameters of an empathy model; empty when they can be used."""
    return [fault for name, value in values.items() if (fault := _fault(name, value))]


@transaction.atomic
def activate_model(*, model: EmpathyModel) -> EmpathyModel:
    """Make this empathy model the one that counts; the others rest."""
    EmpathyModel.objects.exclude(pk=model.pk).filter(is_active=True).update(is_active=False)
    model.is_active = True
    model.save(update_fields=["is_active"])
    return model


def _fault(name: str, value: Any) -> str:
    if name not in DEFAULT_PARAMETERS:
        known = ", ".join(DEFAULT_PARAMETERS)
        return _("Unknown parameter “%(name)s”. Known: %(known)s.") % {"name": name[:50], "known": known}
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        return _("“%(name)s” must be a number from 0 to 1.") % {"name": name}
    return ""


def _fraction(value: float) -> Decimal:
    exact = Decimal(str(value))
    if not exact.is_finite():
        raise Invalid(errors={"analysis": [_("Emotions are numbers from 0 to 1.")]})
    return min(max(exact, Decimal(0)), Decimal(1)).quantize(_STEP)
