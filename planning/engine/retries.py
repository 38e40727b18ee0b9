"""Steps that wait a while before they are tried again."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from ..models import StepState
from . import waking
from .moves import Outcome, Step
from .run import Run

LONGEST_PAUSE_SECONDS = 3600.0


def later(run_id: str, seconds: float, *, text: str = "", **values: Any) -> Outcome:
    """Wait so long, and then be ready again. It was no attempt, unless `uncounted` says otherwise."""
    due = timezone.now() + timedelta(seconds=seconds)
    values.setdefault("uncounted", True)
    return Outcome(
        StepState.WAITING,
        available_at=due,
        error=text,
        act=lambda: waking.wake_at(run_id, due),
        **values,
    )


def again_later(run: Run, step: Step, outcome: Outcome) -> Outcome:
    """The outcome, or a pause before another attempt where the step's policy has one left."""
    most = int(step.spec.get("max_retries", 0))
    if outcome.status != StepState.FAILED or not outcome.again or step.attempt > most:
        return outcome
    pause = float(step.spec.get("retry_seconds", 0)) * 2 ** min(step.attempt - 1, 20)
    return later(
        run.id,
        min(pause, LONGEST_PAUSE_SECONDS),
        text=outcome.error,
        uncounted=False,
        code=outcome.code,
        input=outcome.input,
        usage=outcome.usage,
        used=outcome.used,
        tool_execution_id=outcome.tool_execution_id,
    )
