"""What sandboxes use now and used in the last hours, for pages to draw.

The last minutes are the events `usage`, ten seconds apart; what is older stands in table `monitoring`, a
minute apart.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.cache import cache

from agi_site.lib import events
from system.services import metrics_of

from .channels import sandbox_channel
from .models import Sandbox, SandboxStatus

MOST = 360
STORED_FOR = timedelta(hours=3)


def samples_of(sandbox: Sandbox) -> list[dict[str, Any]]:
    """The kept samples of one sandbox, the oldest first, with rates between each two; one query."""
    told = events.read(sandbox_channel(str(sandbox.pk)))
    raw: list[tuple[datetime, Mapping[str, Any]]] = [
        (_when(event.id), event.data) for event in told if event.name == "usage"
    ]
    begins = raw[0][0] if raw else datetime.now(UTC)
    stored = metrics_of(component=f"sandbox:{sandbox.pk}", since=begins - STORED_FOR)
    raw = [*((at, values) for at, values in stored if at < begins), *raw][-MOST - 1 :]
    found: list[dict[str, Any]] = []
    before: tuple[datetime, Mapping[str, Any]] | None = None
    for at, data in raw:
        found.append(_sample(at, data, before))
        before = (at, data)
    return found[-MOST:]


def latest_of(sandboxes: Iterable[Sandbox]) -> dict[str, dict[str, Any]]:
    """The newest sample of each running sandbox, from the cache the collector leaves it in."""
    keys = {usage_key(str(row.pk)): row.pk for row in sandboxes if row.status == SandboxStatus.RUNNING}
    try:
        found = cache.get_many(keys)
    except Exception:  # a cache that is away only costs these figures
        return {}
    now = datetime.now(UTC)
    return {
        str(keys[key]): _sample(now, value, None) for key, value in found.items() if isinstance(value, dict)
    }


def usage_key(sandbox_id: str) -> str:
    """Under which the collector leaves the newest sample."""
    return f"sandbox:usage:{sandbox_id}"


def _when(event_id: str) -> datetime:
    return datetime.fromtimestamp(events.position(event_id)[0] / 1000, UTC)


def _sample(
    at: datetime, data: Mapping[str, Any], before: tuple[datetime, Mapping[str, Any]] | None
) -> dict[str, Any]:
    """`cpu` in percent of one processor, `memory` and `disk` in bytes, `rx` and `tx` in bytes a second."""
    passed = (at - before[0]).total_seconds() if before else 0

    def rate(name: str) -> float | None:
        if not before or passed <= 0 or data.get(name) is None or before[1].get(name) is None:
            return None
        return max(0.0, (data[name] - before[1][name]) / passed)

    cpu = data.get("cpu_percent")
    if cpu is None and (seconds := rate("cpu_seconds")) is not None:
        cpu = seconds * 100
    return {
        "at": int(at.timestamp() * 1000),
        "when": at,
        "cpu": None if cpu is None else round(cpu, 1),
        "memory": data.get("memory"),
        "disk": data.get("disk_used"),
        "rx": rate("rx_bytes"),
        "tx": rate("tx_bytes"),
        "pids": data.get("pids"),
    }
