"""Putting work into the queue: a row in the caller's transaction, a wake-up for a worker after its commit."""

import logging
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from celery import current_app
from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from ..models import TaskQueue
from . import registry

logger = logging.getLogger(__name__)

RUN_TASK = "system.tasks.run_task"
# While the broker does not answer, requests do not wait for it each time.
BROKER_PAUSE_SECONDS = 5.0
_broker_rests_until = 0.0


def enqueue(
    *,
    task_type: str,
    payload: Mapping[str, Any],
    priority: int = 0,
    queue: str | None = None,
    max_retries: int | None = None,
    run_at: datetime | None = None,
    key: str | None = None,
) -> TaskQueue:
    """Store a task in the caller's transaction; after the commit a worker is woken.

    `queue` and `max_retries` default to the task type's. With a `key`, a task that is still waiting or
    running under the same key is returned instead of a new one. Raises UnknownTaskType.
    """
    kind = registry.find(task_type)
    now = timezone.now()
    available_at = max(run_at or now, now)
    later = available_at > now
    task = TaskQueue(
        task_type=task_type,
        payload=dict(payload),
        priority=priority,
        queue=queue or kind.queue,
        max_retries=kind.max_retries if max_retries is None else max_retries,
        unique_key=key,
        available_at=available_at,
        resend_at=available_at if later else resend_after(now),
    )
    stored = _store_once(task)
    if stored is task and not later:
        transaction.on_commit(partial(wake, task.queue, task.pk), robust=True)
    return stored


def resend_after(now: datetime) -> datetime:
    """When the sweep sends another wake-up for a task whose wake-up left `now`."""
    return now + timedelta(seconds=settings.TASK_RESEND_SECONDS)


def announce(event: str, payload: Mapping[str, Any]) -> list[TaskQueue]:
    """Tell every listener of `event`, each by a task of its own, in the caller's transaction."""
    return [enqueue(task_type=listener, payload=payload) for listener in registry.listeners(event)]


def _store_once(task: TaskQueue) -> TaskQueue:
    if task.unique_key is None:
        task.save(force_insert=True)
        return task
    for _attempt in range(5):
        try:
            with transaction.atomic():
                task.save(force_insert=True)
            return task
        except IntegrityError:
            # The other one may end meanwhile and give its key back; then ours can be stored.
            existing = TaskQueue.objects.filter(unique_key=task.unique_key).first()
            if existing is not None:
                found: TaskQueue = existing
                return found
    raise IntegrityError(f"task key {task.unique_key!r} could not be stored")


def wake(queue: str, task_id: str) -> bool:
    """Send a wake-up to the workers of a queue; False (and a log line) when the broker is out of reach.

    A wake-up says "there is work"; which task is done first is decided at the claim, by priority. The id
    is for people who read the broker's traffic.
    """
    global _broker_rests_until  # noqa: PLW0603 - one broker per process
    if time.monotonic() < _broker_rests_until:
        return False
    try:
        current_app.send_task(RUN_TASK, args=[queue, task_id], queue=queue, retry=False, ignore_result=True)
    except Exception as error:  # whatever the transport raises: the sweep sends it again
        _broker_rests_until = time.monotonic() + BROKER_PAUSE_SECONDS
        logger.warning("the broker %s is out of reach: %s", _address(), type(error).__name__)
        return False
    return True


def _address() -> str:
    """The broker's address without its password."""
    return str(settings.CELERY_BROKER_URL).rpartition("@")[2]
