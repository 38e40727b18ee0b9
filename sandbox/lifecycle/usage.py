"""What running sandboxes use: asked of their runners, told live, and stored once a minute at most."""

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.core.cache import cache
from django.db import connections

from agi_site.lib import events
from agi_site.lib.problems import Problem
from system.services import record_metrics

from .. import gateway
from ..channels import sandbox_channel
from ..models import HostStatus, InstanceStatus, SandboxInstance, SandboxStatus

logger = logging.getLogger(__name__)

STORED_EVERY = 60
KEPT_SECONDS = 120
CALL_SECONDS = 3.0
THREADS = 4
FIGURES = ("cpu_percent", "memory", "pids", "disk_used", "rx_bytes", "tx_bytes")


def collect() -> int:
    """Ask every running sandbox once; returns how many answered."""
    rows = list(
        SandboxInstance.objects.filter(
            status=InstanceStatus.CLAIMED,
            sandbox__status=SandboxStatus.RUNNING,
            host__status__in=[HostStatus.ACTIVE, HostStatus.DRAINING],
        )
        .select_related("host")
        .only("pk", "sandbox_id", "host__gateway", "host__name")
    )
    if not rows:
        return 0
    with ThreadPoolExecutor(min(THREADS, len(rows)), thread_name_prefix="sandbox-usage") as threads:
        samples = list(threads.map(_ask, rows))
    answered = [(row, sample) for row, sample in zip(rows, samples, strict=True) if sample]
    for row, sample in answered:
        _tell(str(row.sandbox_id), sample)
    return len(answered)


def latest_usage(sandbox_id: str) -> dict[str, Any] | None:
    """The newest sample of a sandbox, None when there is none of the last two minutes.

    {"cpu_percent" (of one processor), "memory", "memory_peak", "pids", "disk_used", "disk_total", "rx_bytes",
    "tx_bytes", "oom_kills", "at" (Unix seconds)}.
    """
    found: dict[str, Any] | None = cache.get(_key(sandbox_id))
    return found


def _ask(row: SandboxInstance) -> dict[str, Any] | None:
    try:
        return gateway.call(row, "usage", timeout=CALL_SECONDS)
    except Problem as problem:
        logger.info("the usage of sandbox %s is not known: %s", row.sandbox_id, problem)
        return None
    finally:
        connections.close_all()


def _tell(sandbox_id: str, sample: dict[str, Any]) -> None:
    now = time.time()
    before = latest_usage(sandbox_id)
    sample = sample | {"at": round(now, 3), "cpu_percent": _cpu_percent(before, sample, now)}
    events.publish(sandbox_channel(sandbox_id), "usage", sample)
    cache.set(_key(sandbox_id), sample, KEPT_SECONDS)
    if cache.add(f"{_key(sandbox_id)}.stored", True, STORED_EVERY):
        known = {name: sample[name] for name in FIGURES if isinstance(sample.get(name), int | float)}
        record_metrics(component=f"sandbox:{sandbox_id}", values=known)


def _cpu_percent(before: dict[str, Any] | None, sample: dict[str, Any], now: float) -> float | None:
    """Of one processor, since the sample before; None for the first one."""
    if before is None or before.get("cpu_seconds") is None or sample.get("cpu_seconds") is None:
        return None
    span, used = now - before["at"], sample["cpu_seconds"] - before["cpu_seconds"]
    return round(100 * max(0.0, used) / span, 2) if span > 0 else None


def _key(sandbox_id: str) -> str:
    return f"sandbox:usage:{sandbox_id}"
