"""Work done outside of requests: runs that a worker makes, and what goes by the clock."""

from collections.abc import Sequence
from typing import Any

from knowledge.services import Mark, Traces
from system import queue
from system.queue import TaskRun

from . import services
from .services.catalogue import LONGEST_SECONDS
from .services.running import RUN_TASK
from .sources import tasks as source_tasks  # noqa: F401 - importing them registers them


# How often a run may cost a process is bounded by its row; a tool that is busy is asked again for hours.
@queue.task_type(RUN_TASK, time_limit=LONGEST_SECONDS + 60, max_retries=50)
def run(task: TaskRun, *, execution_id: str) -> dict[str, Any] | None:
    """Run a tool that was started or approved; after a crash it is decided by the row what goes on."""
    execution = services.run_execution(execution_id=execution_id, stopped=task.cancelled)
    return None if execution is None else {"status": str(execution.status)}


@queue.on_event("memories.forgotten", time_limit=1800)
def take_out_memories(
    task: TaskRun, *, user_id: int, ids: list[str], marks: Sequence[Mark] = ()
) -> dict[str, Any]:
    """Memories were forgotten: the records of runs lose what they have of them, too."""
    return {"changed": services.take_out_memories(user_id=user_id, traces=Traces(ids, marks))}


@queue.periodic("tools.close_abandoned", every=60)
def close_abandoned() -> int:
    """Take care of the executions whose process died under them."""
    return services.close_abandoned()


@queue.periodic("tools.expire_approvals", every=30)
def expire_approvals() -> int:
    """End the questions that nobody has answered in time."""
    return services.expire_approvals()


@queue.periodic("tools.forget_the_gone", every=3600)
def forget_the_gone() -> int:
    """Empty the runs of people whose account was deleted."""
    return services.forget_the_gone()
