"""Work for a goal: a model is asked for steps, which takes long, and outside of every transaction."""

from typing import Any

from system import queue
from system.queue import TaskRun

from .services import proposals


@queue.task_type(proposals.TASK, time_limit=300, max_retries=1)
def propose(task: TaskRun, *, plan_id: str) -> dict[str, Any]:
    """Write a proposal for a plan; the last attempt says so when it cannot be made."""
    try:
        return {"state": proposals.write_proposal(plan_id=plan_id)}
    except Exception:
        if task.last_attempt:
            proposals.give_up(plan_id=plan_id)
        raise
