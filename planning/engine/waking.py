"""Waking drivers: tasks of the outbox under a key of their own, so that a lane has one driver at a time."""

import math
from datetime import UTC, datetime

from django.conf import settings

from system import queue

DRIVE, TIMER, SETTLE = "planning.drive", "planning.timer", "planning.settle"


def lanes() -> int:
    """How many drivers one run may have at a time."""
    return int(settings.PLAN_LANES)


def key_of(execution_id: str, lane: int) -> str:
    """The key of a lane's driver."""
    return f"plan:{execution_id}:{lane}"


def wake(execution_id: str, lane: int = 0) -> None:
    """See to it that a lane has a driver. The caller's transaction holds or shares the run.

    A driver gives its key back while it holds the run alone and nothing is ready, so what was made ready
    before is seen by it, and what is made ready later finds the key free.
    """
    queue.enqueue(
        task_type=DRIVE,
        payload={"execution_id": execution_id, "lane": lane},
        key=key_of(execution_id, lane),
    )


def wake_at(execution_id: str, moment: datetime) -> None:
    """Look at the run's clocks at that time: waits, pauses before retries, its budget of seconds."""
    stamp = math.ceil(moment.timestamp() * 10)  # many steps with one end share a task, a little after it
    queue.enqueue(
        task_type=TIMER,
        payload={"execution_id": execution_id},
        run_at=datetime.fromtimestamp(stamp / 10, tz=UTC),
        key=f"plan-timer:{execution_id}:{stamp}",
    )


def settle_later(step_id: int) -> None:
    """Look again at what a waiting step waits for, in a task of its own."""
    queue.enqueue(task_type=SETTLE, payload={"step_id": step_id})
