"""The sweep: what was lost on the way is sent again, what a dead worker left is opened again."""

import logging
import os
from datetime import datetime
from typing import Any

from celery import current_app
from django.utils import timezone

from ..models import TaskQueue, TaskStatus
from . import keeper, outbox, worker

logger = logging.getLogger(__name__)

BATCH = 500
WORKER_LOST = "WorkerLost: the worker that held this task ended or fell silent"


def sweep() -> tuple[int, int]:
    """Open what was abandoned, then wake workers for what waits unheard; returns how many of each.

    Both are bounded, so that a sweep stays short however much waits. Any number may run at once.
    """
    now = timezone.now()
    opened = sum(_open(row) for row in TaskQueue.objects.abandoned(now)[:BATCH])
    return opened, _wake_unheard(timezone.now())


def reopen_dead() -> int:
    """Open at once what processes of this machine held that no longer live; returns how many tasks."""
    here = TaskQueue.objects.filter(status=TaskStatus.PROCESSING, worker__startswith=f"{worker.place()}:")
    dead = [row for row in here[:BATCH] if not _lives(row)]
    return sum(_open(row) for row in dead)


def wake_all() -> None:
    """Let the next sweeps wake workers for everything that waits: the broker lost its wake-ups."""
    now = timezone.now()
    TaskQueue.objects.filter(status=TaskStatus.PENDING, available_at__lte=now, resend_at__gt=now).update(
        resend_at=now
    )


def _open(row: TaskQueue) -> int:
    """Open a task again, or end it when it cost too many workers; 0 if somebody else did."""
    held = TaskQueue.objects.held(row.pk, str(row.worker))
    attempts = (row.retry_count or 0) + 1
    if attempts > (row.max_retries or 0):
        done = worker.end_as_failed(held, WORKER_LOST)
    else:
        done = worker.reopen(held, WORKER_LOST, attempts=attempts, delay=0)
    if done:
        logger.warning("task %s (%s) was left by %s", row.pk, row.task_type, row.worker)
    return done


def _lives(row: TaskQueue) -> bool:
    pid = int(str(row.worker).split(":")[-2])
    if pid == os.getpid():
        return any(task.worker == row.worker for task in keeper.running())
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _wake_unheard(now: datetime) -> int:
    """Send wake-ups for due tasks that nobody took; no more per queue than BATCH wait at the broker."""
    by_queue: dict[str, list[str]] = {}
    for pk, queue in TaskQueue.objects.unheard(now).values_list("pk", "queue")[:BATCH]:
        by_queue.setdefault(queue, []).append(pk)
    sent: list[str] = []
    for queue, ids in by_queue.items():
        room = max(BATCH - waiting_at_broker(queue), 0)
        for pk in ids[:room]:
            if not outbox.wake(queue, pk):
                break
            sent.append(pk)
        else:
            # Where the broker is full of wake-ups the rest needs none for now.
            sent.extend(ids[room:])
    TaskQueue.objects.filter(pk__in=sent, status=TaskStatus.PENDING).update(
        resend_at=outbox.resend_after(now)
    )
    return len(sent)


def waiting_at_broker(queue: str) -> int:
    """How many wake-ups of a queue wait at the broker; 0 if it has none or does not answer."""
    try:
        with current_app.connection_or_acquire() as connection:
            channel: Any = connection.default_channel
            return int(channel._size(queue))
    except Exception:
        return 0
