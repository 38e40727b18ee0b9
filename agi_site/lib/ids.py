"""Identifiers: UUIDv7 as text (RFC 9562, section 5.7), so that keys are ordered by time."""

import os
import threading
import time
from datetime import UTC, datetime

_lock = threading.Lock()
_last_ticks = 0


def moment_of(key: str) -> datetime:
    """When a UUIDv7 was made, to the millisecond (UTC)."""
    return datetime.fromtimestamp(int(key.replace("-", "")[:12], 16) / 1000, UTC)


def uuid7() -> str:
    """Return a UUIDv7 as 36 characters, strictly increasing within this process.

    The 12 bits after the version carry the fraction of the millisecond (RFC 9562, section 6.2, method 3).
    """
    global _last_ticks  # noqa: PLW0603 - the clock of this process
    now_ns = time.time_ns()
    milliseconds, rest_ns = divmod(now_ns, 1_000_000)
    ticks = milliseconds << 12 | rest_ns * 4096 // 1_000_000
    with _lock:
        _last_ticks = ticks = max(ticks, _last_ticks + 1)
    random_bits = int.from_bytes(os.urandom(8)) >> 2
    number = (ticks >> 12) << 80 | 7 << 76 | (ticks & 0xFFF) << 64 | 2 << 62 | random_bits
    digits = f"{number:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
