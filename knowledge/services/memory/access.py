"""How often memories were used, written for many at once."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from ...holding import hold_owners
from ...models import Memory


@transaction.atomic
def add_access(counts: Mapping[str, int]) -> None:
    """Write how often memories were used since the last time; one statement for each number of uses."""
    hold_owners(counts)
    now = timezone.now()
    by_number: dict[int, list[str]] = {}
    for key, number in counts.items():
        by_number.setdefault(int(number), []).append(key)
    for number, keys in by_number.items():
        _count_up(keys, number, now)


def _count_up(keys: Sequence[str], number: int, now: Any) -> None:
    rows = Memory.objects.filter(pk__in=keys)
    rows.filter(access_count__isnull=True).update(access_count=0)
    rows.update(access_count=F("access_count") + number, last_accessed=now)
