"""Reading what sources offer, outside of requests."""

from system import queue

from . import services


@queue.task_type(services.SYNC_TASK, time_limit=120, max_retries=0)
def sync_source(task: queue.TaskRun, source_id: str) -> dict[str, int]:
    """Ask a source for its tools."""
    return services.sync_source(source_id=source_id)
