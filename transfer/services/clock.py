"""When sources are read by the clock: the next time of each, and who it is read for."""

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from ..models import KnowledgeSource, ReadEvery

EVERY: dict[str, timedelta] = {
    ReadEvery.HOUR: timedelta(hours=1),
    ReadEvery.DAY: timedelta(days=1),
    ReadEvery.WEEK: timedelta(days=7),
}
LONGEST_BACKOFF = timedelta(days=1)
MOST_FAILURES = 1_000  # counted; long before that the wait is at its longest


def set_next(row: KnowledgeSource) -> None:
    """What decides on the next time has changed: count it from the last reading, or be due at once."""
    now, every = timezone.now(), _every(row)
    row.failures = 0
    if every is None:
        row.next_read_at = None
    else:
        row.next_read_at = max(now, row.synced_at + every) if row.synced_at else now


def set_after_reading(row: KnowledgeSource, *, failed: bool) -> None:
    """A reading has ended: the next one is due after a turn, or later after failures in a row."""
    row.failures = min(row.failures + 1, MOST_FAILURES) if failed else 0
    every = _every(row)
    row.next_read_at = None if every is None else timezone.now() + _wait(every, row.failures)


def claim(row: KnowledgeSource, now: datetime) -> bool:
    """Take the turn of a due source; False where another round, or a change, was faster."""
    same = KnowledgeSource.objects.filter(pk=row.pk, next_read_at=row.next_read_at)
    return bool(same.update(next_read_at=now + EVERY[ReadEvery(row.read_every)]))


def reader_of(row: KnowledgeSource) -> Any:
    """The person that a source is read for; None where there is none any more who may change sources."""
    person = row.scheduled_by
    return person if person is not None and person.has_perm("transfer.change_knowledgesource") else None


def _every(row: KnowledgeSource) -> timedelta | None:
    return EVERY.get(ReadEvery(row.read_every)) if row.is_active else None


def _wait(every: timedelta, failures: int) -> timedelta:
    """A turn; after the second failure in a row two, then four, up to a day where a turn is shorter."""
    turns: int = 2 ** min(max(failures - 1, 0), 10)
    return max(every, min(every * turns, LONGEST_BACKOFF))
