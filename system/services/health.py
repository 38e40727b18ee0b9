"""Health: what each part of the system says of itself, stored by the scheduler and asked live by /healthz."""

import logging
import shutil
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from celery import current_app
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.utils import timezone

from ..models import HealthCheck, HealthStatus
from ..redact import redact
from .metrics import queue_backlog

logger = logging.getLogger(__name__)

type Finding = tuple[HealthStatus, dict[str, Any]]

SIGN_OF_WORK = "system.queue.sign"
SIGN_SECONDS = 300
LAG_DEGRADED, LAG_DOWN = 60.0, 900.0
DISK_DEGRADED, DISK_DOWN = 0.05, 0.01
EMBEDDING_SECONDS = 600


def check_health() -> list[HealthCheck]:
    """Ask every part and store what it says."""
    rows = [HealthCheck(component=name, status=status, details=said) for name, (status, said) in _ask(CHECKS)]
    return list(HealthCheck.objects.bulk_create(rows))


def healthz() -> dict[str, Any]:
    """The state for a load balancer: `status` and each part's; no details, for anybody may ask.

    Only what this process can say quickly is asked; the database is the one part without which nothing works.
    """
    parts = {name: status.value for name, (status, _said) in _ask(QUICK)}
    worst = HealthStatus.UP
    if any(state != HealthStatus.UP for state in parts.values()):
        worst = HealthStatus.DEGRADED
    if parts["database"] == HealthStatus.DOWN:
        worst = HealthStatus.DOWN
    return {"status": worst.value, "parts": parts}


def latest_health(*, span: timedelta = timedelta(minutes=10)) -> list[HealthCheck]:
    """The newest finding of each part, of those within `span`."""
    newest: dict[str, HealthCheck] = {}
    recent = HealthCheck.objects.filter(timestamp__gte=timezone.now() - span).order_by("-timestamp")
    for row in recent[:200]:
        newest.setdefault(row.component, row)
    return sorted(newest.values(), key=lambda row: str(row.component))


def give_sign_of_work() -> None:
    """Say that a worker lives; its keeper does so every few seconds."""
    cache.set(SIGN_OF_WORK, time.time(), SIGN_SECONDS)


def _ask(checks: dict[str, Callable[[], Finding]]) -> list[tuple[str, Finding]]:
    found: list[tuple[str, Finding]] = []
    for name, check in checks.items():
        begun = time.monotonic()
        try:
            status, said = check()
        except Exception as error:  # whatever a broken part raises is what it has to say
            status, said = HealthStatus.DOWN, {"error": redact(f"{type(error).__name__}: {error}")[:500]}
        found.append((name, (status, said | {"milliseconds": round((time.monotonic() - begun) * 1000, 1)})))
    return found


def _database() -> Finding:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.fetchone()
    return HealthStatus.UP, {"vendor": connection.vendor}


def _broker() -> Finding:
    with current_app.connection_for_write() as broker:
        broker.ensure_connection(max_retries=1, timeout=2)
        return HealthStatus.UP, {"transport": broker.transport_cls}


def _worker() -> Finding:
    sign = cache.get(SIGN_OF_WORK)
    lags = {queue: round(seconds, 1) for queue, (_count, seconds) in queue_backlog().items()}
    silent = round(time.time() - sign, 1) if sign else None
    said = {"silent_seconds": silent, "lag_seconds": lags}
    lag = max(lags.values(), default=0.0)
    if silent is None or silent > SIGN_SECONDS / 2 or lag > LAG_DOWN:
        return HealthStatus.DOWN, said
    return (HealthStatus.DEGRADED if lag > LAG_DEGRADED else HealthStatus.UP), said


def _disk() -> Finding:
    usage = shutil.disk_usage(settings.DATA_DIR)
    share = usage.free / usage.total
    said = {"free_bytes": usage.free, "free_share": round(share, 3)}
    if share < DISK_DOWN:
        return HealthStatus.DOWN, said
    return (HealthStatus.DEGRADED if share < DISK_DEGRADED else HealthStatus.UP), said


def _embedding() -> Finding:
    """Embeds a word, though not every minute: a hosted engine is paid by the call.

    An engine that stands in for the configured one finds less, which is said.
    """
    from agi_site.lib import engines
    from agi_site.lib.engines.packaged import WITHOUT_KOREAN

    engine, wanted = engines.embedding(), settings.EMBEDDING_ENGINE
    said = {"engine": engine.name, "dimension": engine.dimension}
    if not engine.name.startswith(f"{wanted}/") or engine.name == WITHOUT_KOREAN:
        said["instead_of"] = wanted
    if cache.get("system.health.embedding") != engine.name:
        engine.embed_queries(["health"])
        cache.set("system.health.embedding", engine.name, EMBEDDING_SECONDS)
    return (HealthStatus.DEGRADED if "instead_of" in said else HealthStatus.UP), said


QUICK: dict[str, Callable[[], Finding]] = {"database": _database, "broker": _broker, "worker": _worker}
CHECKS = QUICK | {"disk": _disk, "embedding": _embedding}
