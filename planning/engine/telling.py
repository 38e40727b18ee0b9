"""What followers of a run are told: which steps moved, how many are through, and how the run stands."""

import logging
import time
from typing import Any

from agi_site.lib import events
from system.services import webhooks

from ..models import PlanExecution, PlanStepExecution
from .moves import ENDED, Ends

logger = logging.getLogger(__name__)

EVERY_SECONDS = 0.2
MOST_STEPS = 500


def channel_of(execution_id: str) -> str:
    """The channel of a run's events."""
    return f"plan-execution:{execution_id}"


def tell(execution_id: str, name: str, data: dict[str, Any]) -> None:
    """Publish an event; telling never fails the work."""
    try:
        events.publish(channel_of(execution_id), name, data)
    except Exception:
        logger.warning("an event of the run %s could not be told", execution_id, exc_info=True)


def tell_standing(execution: PlanExecution) -> None:
    """Say how the run stands: its status, and whether it is paused."""
    data = {"status": str(execution.status), "paused": execution.paused_at is not None}
    tell(execution.pk, "execution", data)


def tell_steps(execution: PlanExecution, ends: Ends) -> None:
    """Tell people's own programs of steps that ended, in the transaction in which they do."""
    for step, outcome in ends:
        event = f"plan_step_execution.{outcome.status}"
        if outcome.status not in ENDED or not webhooks.is_heard(user_id=execution.user_id, event=event):
            continue
        data = {
            "id": step.id,
            "execution_id": execution.pk,
            "key": step.key,
            "item": step.item_index,
            "status": str(outcome.status),
            "error_code": outcome.code,
            "error_message": outcome.error,
        }
        webhooks.emit(user_id=execution.user_id, event=event, data=data)


def tell_run(execution: PlanExecution, *, error: str = "", code: str = "") -> None:
    """Tell people's own programs of the end of a run, in the transaction in which it ends."""
    data = {
        "id": execution.pk,
        "plan_id": execution.plan_id,
        "status": str(execution.status),
        "error_code": code,
        "error_details": error,
        "trigger_type": execution.trigger_type,
        "trigger_id": execution.trigger_id,
    }
    event = f"plan_execution.{execution.status}"
    webhooks.emit(user_id=execution.user_id, event=event, data=data)


class Teller:
    """Collects what a driver's transactions have moved, and tells it a few times a second."""

    def __init__(self, execution_id: str, total: int) -> None:
        self._id, self._total = execution_id, total
        self._moved: dict[int, list[Any]] = {}
        self._told_at = 0.0

    def note(self, ends: Ends) -> None:
        """These moves are committed."""
        for step, outcome in ends:
            seconds = None
            if outcome.status in ENDED and step.started_at is not None:
                seconds = round((outcome.completed_at - step.started_at).total_seconds(), 3)
            self._moved[step.id] = [step.id, step.name, str(outcome.status), seconds]

    def running(self, step_id: int, name: str) -> None:
        """This step is under way, and takes its time."""
        self._moved[step_id] = [step_id, name, "running", None]

    def tell(self, *, now: bool = False) -> None:
        """Publish what has gathered, if it is time. Of very many moves followers are told to look again."""
        if not self._moved or (not now and time.monotonic() < self._told_at + EVERY_SECONDS):
            return
        self._told_at = time.monotonic()
        moved, self._moved = list(self._moved.values()), {}
        done = PlanStepExecution.objects.filter(
            execution=self._id, status__in=list(ENDED), parent=None
        ).count()
        data = {"steps": moved[:MOST_STEPS], "done": done, "total": self._total}
        if len(moved) > MOST_STEPS:
            data["more"] = True
        tell(self._id, "steps", data)
