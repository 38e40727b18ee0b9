"""How long history is kept, and the removal of what is older, in short batches."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_noop

from ..models import HealthCheck, Log, Monitoring, TaskQueue, TaskStatus
from .settings import declare, get_setting

BATCH = 1000
SECONDS_PER_RUN = 20.0

_DAYS = {
    "log_days": (90, gettext_noop("For how many days lines of the log are kept.")),
    "monitoring_days": (30, gettext_noop("For how many days measurements are kept.")),
    "health_check_days": (7, gettext_noop("For how many days results of health checks are kept.")),
    "ended_task_days": (30, gettext_noop("For how many days completed and canceled tasks are kept.")),
    "failed_task_days": (90, gettext_noop("For how many days failed tasks are kept.")),
}
for _key, (_default, _description) in _DAYS.items():
    declare(category="retention", key=_key, default=_default, description=_description, least=1)


def prune() -> dict[str, int]:
    """Remove history that is past its retention; returns how many rows of each kind.

    Stops after SECONDS_PER_RUN; the next run goes on.
    """
    stop_at = time.monotonic() + SECONDS_PER_RUN
    return {key: _remove(old(_limit(key)), stop_at) for key, old in _OLD.items()}


def _limit(key: str) -> datetime:
    return timezone.now() - timedelta(days=get_setting(category="retention", key=key))


def _old_tasks(*statuses: TaskStatus) -> Callable[[datetime], Any]:
    return lambda limit: TaskQueue.objects.filter(
        created_at__lt=limit, completed_at__lt=limit, status__in=statuses
    ).order_by("created_at")


_OLD: dict[str, Callable[[datetime], Any]] = {
    "log_days": lambda limit: Log.objects.filter(timestamp__lt=limit).order_by("timestamp"),
    "monitoring_days": lambda limit: Monitoring.objects.filter(timestamp__lt=limit).order_by("timestamp"),
    "health_check_days": lambda limit: HealthCheck.objects.filter(timestamp__lt=limit).order_by("timestamp"),
    "ended_task_days": _old_tasks(TaskStatus.COMPLETED, TaskStatus.CANCELED),
    "failed_task_days": _old_tasks(TaskStatus.FAILED),
}


def _remove(rows: Any, stop_at: float) -> int:
    removed = 0
    while time.monotonic() < stop_at:
        keys = list(rows.values_list("pk", flat=True)[:BATCH])
        if not keys:
            break
        removed += rows.model.objects.filter(pk__in=keys).delete()[0]
    return removed
