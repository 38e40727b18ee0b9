"""Work done outside of requests: driving runs, their clocks, and what ends elsewhere and goes on here."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.utils import timezone

from agi_site.lib.problems import Conflict
from knowledge.services import Mark, Traces
from system import queue
from system.queue import TaskRun
from tools import services as tools

from . import agent_tasks, engine, goal_tasks, schedule_tasks, services  # noqa: F401 - importing registers their tasks
from .engine import waking
from .models import PlanExecution

TARGET = "plan_step_execution"
TAKE_OUT_AGAIN = "planning.take_out_again"
# Doubled each time: the last look comes some eight hours after the first.
LOOK_AGAIN, MOST_LOOKS = timedelta(minutes=1), 9


# A driver whose process dies is followed by another, however often; its time is that of its longest step.
@queue.task_type(waking.DRIVE, time_limit=8 * 3600, max_retries=100_000)
def drive(task: TaskRun, execution_id: str, lane: int = 0) -> dict[str, Any] | None:
    """Do what is ready in a run."""
    return engine.drive(task, execution_id, lane)


@queue.task_type(waking.TIMER, transactional=True, max_retries=100)
def look_at_clocks(_task: TaskRun, execution_id: str) -> None:
    """Go on where a time has come."""
    engine.look_at_clocks(execution_id)


@queue.task_type(waking.SETTLE, transactional=True, max_retries=100)
def settle(_task: TaskRun, step_id: int) -> None:
    """Look again at what a waiting step waits for."""
    engine.settle(step_id)


@queue.on_event("tool_execution.ended", transactional=True, max_retries=100)
def go_on_after_tool(_task: TaskRun, trigger_type: str | None, trigger_id: str | None, **_more: Any) -> None:
    """A step's call has ended that its driver did not end: it was approved, refused, or ended elsewhere."""
    if trigger_type == TARGET and trigger_id:
        engine.settle(int(trigger_id))


@queue.on_event("approval.decided", transactional=True, max_retries=100)
def go_on_after_approval(_task: TaskRun, target_type: str, target_id: str, **_more: Any) -> None:
    """Somebody has answered the question of a step, or its time is over."""
    if target_type == TARGET:
        engine.settle(int(target_id))


@queue.on_event("memories.forgotten", time_limit=1800)
def take_out_memories(
    _task: TaskRun, *, user_id: int, ids: list[str], marks: Sequence[Mark] = ()
) -> dict[str, Any]:
    """Memories were forgotten: the records of runs lose what they have of them, too."""
    traces = Traces(ids, marks)
    changed = services.take_out_memories(user_id=user_id, traces=traces)
    _look_again(user_id, ids, marks, looked=0)
    return {"changed": changed}


@queue.task_type(TAKE_OUT_AGAIN, time_limit=1800)
def take_out_again(
    _task: TaskRun, *, user_id: int, ids: list[str], marks: Sequence[Mark], looked: int
) -> dict[str, Any]:
    """A driver may have written since what it remembered, into steps and into the calls of their tools."""
    traces = Traces(ids, marks)
    changed = services.take_out_memories(user_id=user_id, traces=traces)
    changed += tools.take_out_memories(user_id=user_id, traces=traces)
    _look_again(user_id, ids, marks, looked=looked)
    return {"changed": changed}


def _look_again(user_id: int, ids: list[str], marks: Sequence[Mark], *, looked: int) -> None:
    """In a minute, in two more, and so on, while runs of the person go on: as long as a step may take."""
    if looked < MOST_LOOKS and PlanExecution.objects.live().filter(user=user_id).exists():
        payload = {"user_id": user_id, "ids": ids, "marks": marks, "looked": looked + 1}
        later = timezone.now() + LOOK_AGAIN * 2**looked
        queue.enqueue(task_type=TAKE_OUT_AGAIN, payload=payload, run_at=later)


@queue.on_event("tool_execution.stop_requested")
def stop_with_tool(_task: TaskRun, awaits_type: str, awaits_id: str, **_more: Any) -> None:
    """A call that waits for a run is to stop: the run with it."""
    if awaits_type != "plan_execution" or not PlanExecution.objects.live().filter(pk=awaits_id).exists():
        return
    try:
        engine.cancel(awaits_id)
    except Conflict:  # it ended just now
        return


@queue.periodic("planning.rescue", every=30)
def rescue() -> int:
    """Wake runs that have steps to do and nobody who does them."""
    return engine.rescue()
