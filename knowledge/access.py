"""Which memories were used: counted in this process, written to the table in one task for many reads.

A process that dies loses at most half a minute of counts; nothing but ranking depends on them.
"""

import threading
import time
from collections import Counter
from collections.abc import Iterable

WRITE_SECONDS = 30.0
WRITE_ROWS = 500

_lock = threading.Lock()
_counts: Counter[str] = Counter()
_since = 0.0


def note(keys: Iterable[str]) -> None:
    """Count these memories as used once more; every half a minute a task with all counts goes out."""
    global _since  # noqa: PLW0603 - when this process began to count
    with _lock:
        if not _counts:
            _since = time.monotonic()
        _counts.update(keys)
        due = len(_counts) >= WRITE_ROWS or time.monotonic() - _since >= WRITE_SECONDS
    if due:
        flush()


def flush() -> int:
    """Queue what was counted so far; returns for how many memories."""
    from system import queue

    with _lock:
        counts = dict(_counts)
        _counts.clear()
    if counts:
        queue.enqueue(task_type="knowledge.count_access", payload={"counts": counts}, priority=-5)
    return len(counts)


def forget(keys: Iterable[str] | None = None) -> None:
    """Drop what was counted and not yet written, of all memories or of these."""
    with _lock:
        if keys is None:
            _counts.clear()
            return
        for key in keys:
            _counts.pop(key, None)
