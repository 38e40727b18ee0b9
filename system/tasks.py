"""What the broker carries: wake-ups for the queue, and the scheduler's periodic jobs."""

from celery import shared_task

from . import queue, services
from .queue import registry


@shared_task(name="system.tasks.run_task")
def run_task(queue_name: str, task_id: str = "") -> None:
    """Answer a wake-up: do the most urgent due task of the queue. `task_id` is what it was sent for."""
    queue.work(queue_name)


@shared_task(name="system.tasks.run_periodic")
def run_periodic(name: str) -> None:
    """Do one periodic job."""
    _every, job = registry.periodic_jobs()[name]
    job()


@queue.periodic("system.check_health", every=60)
def check_health() -> None:
    """Store what every part says of itself."""
    services.check_health()
    services.measure_queue()


@queue.periodic("system.prune", every=3600)
def prune() -> None:
    """Remove history that is past its retention."""
    services.prune()
