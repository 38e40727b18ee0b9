"""Doing the work: claim a task, run its handler, write down how it ended. Every write is fenced."""

import functools
import hashlib
import logging
import os
import random
import secrets
import socket
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection, transaction
from django.utils import timezone

from agi_site.lib.problems import Problem, TooMany

from ..models import TaskQueue, TaskStatus
from ..redact import redact
from . import keeper, registry
from .task_run import Stopped, TaskRun

logger = logging.getLogger(__name__)

MOST_BACKOFF_SECONDS = 600.0
WRITE_ATTEMPTS = 6
LONGEST_ERROR = 4000


class Lost(Exception):
    """Another worker holds the task by now, or somebody canceled it: what was done must not count."""


@functools.cache
def place() -> str:
    """Where this process runs: host name, and a mark of the machine's boot and process namespace.

    Two processes with the same place see the same process ids.
    """
    marks = [socket.gethostname()]
    try:
        marks.append(Path("/proc/sys/kernel/random/boot_id").read_text())
        marks.append(str(Path("/proc/self/ns/pid").readlink()))
    except OSError:  # not Linux
        marks.append("")
    digest = hashlib.sha256("\n".join(marks).encode()).hexdigest()[:8]
    return f"{marks[0][:50]}-{digest}"


def work(queue: str | None = None) -> bool:
    """Claim the most urgent due task of a queue (None: of all) and run it; False if none was due."""
    row = claim(queue=queue)
    if row is None:
        return False
    _run(row, watched=True)
    return True


def run(task_id: str) -> bool:
    """Claim this one task and run it here and now; False if it was not waiting or not due."""
    row = claim(task_id=task_id)
    if row is None:
        return False
    _run(row, watched=False)
    return True


def run_pending(limit: int = 1000, *, until: datetime | None = None) -> int:
    """Run what is due (or becomes due by `until`) in this thread, and what that queues in turn.

    Returns how many attempts were made; for tests and commands.
    """
    done = 0
    while done < limit:
        row = claim(now=until)
        if row is None:
            break
        _run(row, watched=False)
        done += 1
    return done


def claim(
    *, queue: str | None = None, task_id: str | None = None, now: datetime | None = None
) -> TaskQueue | None:
    """Take the most urgent due task for this process, or None. No two claims get the same task.

    Rows that another claim has locked are skipped where the database can do that; the compare-and-set
    decides everywhere.
    """
    while True:
        with transaction.atomic():
            due = TaskQueue.objects.due(now or timezone.now(), queue)
            if task_id is not None:
                due = due.filter(pk=task_id)
            if connection.features.has_select_for_update_skip_locked:
                due = due.select_for_update(skip_locked=True)
            row: TaskQueue | None = due.first()
            if row is None:
                return None
            row.status, row.worker = TaskStatus.PROCESSING, f"{place()}:{os.getpid()}:{secrets.token_hex(6)}"
            row.started_at = timezone.now()
            row.lease_until = row.started_at + timedelta(seconds=settings.TASK_LEASE_SECONDS)
            taken = TaskQueue.objects.filter(pk=row.pk, status=TaskStatus.PENDING).update(
                status=row.status, worker=row.worker, started_at=row.started_at, lease_until=row.lease_until
            )
        if taken:
            return row


def _run(row: TaskQueue, *, watched: bool) -> None:
    try:
        kind = registry.find(row.task_type)
    except registry.UnknownTaskType as error:
        _fail(TaskRun(row, worker=str(row.worker), time_limit=0, watched=False), error)
        return
    task = TaskRun(row, worker=str(row.worker), time_limit=kind.time_limit, watched=watched)
    if not watched:  # nobody renews its lease, so it gets one for the whole attempt
        lease = timezone.now() + timedelta(seconds=kind.time_limit + settings.TASK_LEASE_SECONDS)
        TaskQueue.objects.held(task.id, task.worker).update(lease_until=lease)
    try:
        with keeper.watching(task) if watched else keeper.unwatched(task):
            _do(kind, task, row.payload)
    except (Lost, Stopped):
        logger.info("task %s (%s) was taken away or canceled", task.id, task.task_type)
    except Exception as error:  # a handler may raise anything
        _fail(task, error)


def _do(kind: registry.TaskType, task: TaskRun, payload: dict[str, Any]) -> None:
    if kind.transactional:
        with transaction.atomic():
            result = kind.handler(task, **payload)
            _complete(task, result)
    else:
        result = kind.handler(task, **payload)
        _stubbornly(task, lambda: _complete(task, result))
    if task.told_progress:
        task.tell("completed", {})


def _complete(task: TaskRun, result: dict[str, Any] | None) -> None:
    """Write down success; raises Lost if the task is no longer ours."""
    ended = TaskQueue.objects.held(task.id, task.worker).update(
        status=TaskStatus.COMPLETED,
        result=result,
        error_message=None,
        completed_at=timezone.now(),
        lease_until=None,
        unique_key=None,
    )
    if not ended:
        raise Lost


def _fail(task: TaskRun, error: Exception) -> None:
    """Write down failure: another attempt later, or the end."""
    text = redact(f"{type(error).__name__}: {error}")[:LONGEST_ERROR]
    final = task.last_attempt or not _retryable(error)
    logger.log(
        logging.ERROR if final else logging.WARNING,
        "task %s (%s) failed, attempt %d of %d: %s",
        task.id,
        task.task_type,
        task.attempt,
        task.max_attempts,
        text,
        exc_info=None if _expected(error) else error,
    )
    held = TaskQueue.objects.held(task.id, task.worker)
    if final:
        _stubbornly(task, lambda: end_as_failed(held, text))
    else:
        delay = backoff(task.attempt)
        if isinstance(error, TooMany):
            delay = max(delay, error.retry_after)
        _stubbornly(task, lambda: reopen(held, text, attempts=task.attempt, delay=delay))
    if task.told_progress:
        task.tell("failed" if final else "retrying", {})


def end_as_failed(held: Any, text: str) -> int:
    """End the tasks of a fenced query as failed; returns how many."""
    return int(
        held.update(
            status=TaskStatus.FAILED,
            error_message=text,
            completed_at=timezone.now(),
            lease_until=None,
            unique_key=None,
        )
    )


def reopen(held: Any, text: str, *, attempts: int, delay: float) -> int:
    """Let the tasks of a fenced query wait for another attempt in `delay` seconds; returns how many."""
    due = timezone.now() + timedelta(seconds=delay)
    return int(
        held.update(
            status=TaskStatus.PENDING,
            error_message=text,
            retry_count=attempts,
            available_at=due,
            resend_at=due,
            lease_until=None,
            worker=None,
        )
    )


def backoff(attempt: int) -> float:
    """Seconds before the attempt after `attempt`: doubling, with jitter so that a crowd spreads out."""
    delay = min(settings.TASK_RETRY_SECONDS * 2 ** (attempt - 1), MOST_BACKOFF_SECONDS)
    return float(delay * random.uniform(0.75, 1.25))  # noqa: S311 - not a secret


def _expected(error: Exception) -> bool:
    """Whether the error's text says it all: a refusal, or a failure that knows if another attempt helps."""
    return isinstance(error, Problem) or hasattr(error, "retryable")


def _retryable(error: Exception) -> bool:
    said = getattr(error, "retryable", None)
    if said is not None:
        return bool(said)
    # A refusal stays one; only "too many" and "does not answer" pass by themselves.
    return not isinstance(error, Problem) or error.status in {429, 503}


def _stubbornly(task: TaskRun, write: Any) -> None:
    """Write how a task ended even if the database is just restarting; else the lease runs out."""
    for attempt in range(WRITE_ATTEMPTS):
        try:
            write()
            return
        except (DatabaseError, InterfaceError):
            if connection.in_atomic_block or attempt == WRITE_ATTEMPTS - 1:
                raise
            logger.warning("the end of task %s could not be written yet", task.id)
            connection.close()
            time.sleep(min(0.5 * 2**attempt, 5))
