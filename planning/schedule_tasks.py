"""Work that the clock asks for: starting the plans whose time has come."""

from typing import Any

from system import queue
from system.queue import TaskRun

from .services import schedules


@queue.periodic("planning.schedules", every=20)
def queue_due() -> int:
    """Queue a start for each schedule that is due."""
    return schedules.queue_due()


@queue.task_type(schedules.START_TASK, transactional=True)
def start_scheduled(task: TaskRun, *, schedule_id: str, due: str) -> dict[str, Any]:
    """Start the plan of a schedule, in one transaction with this task's end: once, whatever happens."""
    return {"execution_id": schedules.start_scheduled(schedule_id=schedule_id)}
