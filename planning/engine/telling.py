"""What followers of a run are told: which steps moved, how many are through, and how the run stands."""

import logging
import time
from collections.abc import Iterable
from typing import Any

from agi_site.lib import events
from system.services import webhooks

from ..models import PlanExecution, PlanExecutionStatus, PlanStepExecution, StepState
from ..reasons import text_of
from .moves import ENDED, Ends, Step

logger = logging.getLogger(__name__)

EVERY_SECONDS = 0.2
MOST_STEPS = 500


def declare_events() -> None:
    """Say which events people's own programs can ask for."""
    runs = [status for status in PlanExecutionStatus if status != PlanExecutionStatus.PENDING]
    webhooks.declare("plan_execution", [*runs, "paused", "resumed"])
    # A step that is to begin later, or is given back, is told when it begins.
    steps = [state for state in StepState if state not in (StepState.PENDING, StepState.READY)]
    webhooks.declare("plan_step_execution", steps)


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
    """Tell people's own programs of steps that ended or wait, in the transaction in which they do.

    One that is given back (`ready`) comes to its turn again, and is told then.
    """
    for step, outcome in ends:
        if outcome.status in ENDED or outcome.status == StepState.WAITING:
            _tell_step(execution, step, outcome.status, code=outcome.code, error=outcome.error)


def tell_begun(execution: PlanExecution, steps: Iterable[Step]) -> None:
    """Tell people's own programs of steps that are under way now, in the transaction that claims them."""
    for step in steps:
        _tell_step(execution, step, StepState.RUNNING)


def tell_skipped(ids: Iterable[int]) -> None:
    """Tell people's own programs of steps that were skipped with others, in the same transaction."""
    rows = PlanStepExecution.objects.filter(pk__in=list(ids)).order_by("pk")
    one = rows.select_related("execution").only("execution__user_id", "execution__id").first()
    event = f"plan_step_execution.{StepState.SKIPPED}"
    if one is None or not webhooks.is_heard(user_id=one.execution.user_id, event=event):
        return
    for row in rows.only("key", "item_index", "error_code", "error_message", "why"):
        error = text_of(row.why, row.error_message)
        _tell_step(one.execution, row, StepState.SKIPPED, code=row.error_code, error=error)


def _tell_step(
    execution: PlanExecution,
    step: Step | PlanStepExecution,
    status: StepState,
    *,
    code: str = "",
    error: str = "",
) -> None:
    event = f"plan_step_execution.{status}"
    if not webhooks.is_heard(user_id=execution.user_id, event=event):
        return
    data = {
        "id": step.id,
        "execution_id": execution.pk,
        "key": step.key,
        "item": step.item_index,
        "status": str(status),
        "error_code": code,
        "error_message": error,
    }
    webhooks.emit(user_id=execution.user_id, event=event, data=data)


def tell_run(execution: PlanExecution, *, change: str = "", error: str = "", code: str = "") -> None:
    """Tell people's own programs how a run stands, in the transaction in which that changes.

    The event is called after its status, or after the `change`: a run that is paused has none of its own.
    """
    data = {
        "id": execution.pk,
        "plan_id": execution.plan_id,
        "status": str(execution.status),
        "error_code": code,
        "error_details": error,
        "trigger_type": execution.trigger_type,
        "trigger_id": execution.trigger_id,
    }
    event = f"plan_execution.{change or execution.status}"
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
