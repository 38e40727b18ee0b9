"""Measurements of the system's parts, in table `monitoring`."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from django.db.models import Count, Min
from django.utils import timezone

from ..models import Monitoring, TaskQueue, TaskStatus


def record_metrics(*, component: str, values: Mapping[str, float]) -> list[Monitoring]:
    """Store several measurements of one moment, by metric; each value keeps six decimals."""
    now = timezone.now()
    return list(
        Monitoring.objects.bulk_create(
            Monitoring(
                component=component[:100],
                metric=metric[:100],
                value=round(Decimal(str(value)), 6),
                timestamp=now,
            )
            for metric, value in values.items()
        )
    )


def metrics_of(
    *, component: str, since: datetime, most: int = 5000
) -> list[tuple[datetime, dict[str, float]]]:
    """What was stored of a component by `record_metrics`: moments with their values, the oldest first."""
    rows = (
        Monitoring.objects.filter(component=component, timestamp__gte=since)
        .order_by("-timestamp")
        .values_list("timestamp", "metric", "value")[:most]
    )
    moments: dict[datetime, dict[str, float]] = {}
    for at, metric, value in rows:
        moments.setdefault(at, {})[metric] = float(value)
    return sorted(moments.items())


def measure_queue() -> list[Monitoring]:
    """Store how much waits in each queue, for how long (seconds), and what failed in the last hour."""
    now = timezone.now()
    waiting = queue_backlog()
    failed = TaskQueue.objects.filter(
        status=TaskStatus.FAILED,
        created_at__gte=now - timedelta(days=1),
        completed_at__gte=now - timedelta(hours=1),
    ).count()
    rows = [Monitoring(component="queue", metric="failed_in_hour", value=failed)]
    for queue, (count, seconds) in waiting.items():
        rows.append(Monitoring(component="queue", metric=f"{queue}.waiting", value=count))
        rows.append(
            Monitoring(component="queue", metric=f"{queue}.lag_seconds", value=round(Decimal(seconds), 6))
        )
    return list(Monitoring.objects.bulk_create(rows))


def queue_backlog() -> dict[str, tuple[int, float]]:
    """What is due and not taken: per queue the number of tasks, and for how many seconds the oldest waits."""
    now = timezone.now()
    due = TaskQueue.objects.due(now).order_by().values_list("queue")
    found = due.annotate(count=Count("pk"), oldest=Min("available_at"))
    return {queue: (count, (now - oldest).total_seconds()) for queue, count, oldest in found}
