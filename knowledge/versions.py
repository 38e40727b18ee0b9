"""The chain of a memory: what it replaced, and what replaced it."""

from collections.abc import Sequence

from .models import Memory, MemoryRelation, RelationType

MOST_STEPS = 20


def versions_of(memory: Memory) -> list[Memory]:
    """The memory among its earlier and later versions, oldest first; empty where there is no other.

    A query for each step in either direction, at most twenty of them.
    """
    earlier = _walk([memory], "source_memory", "target_memory")
    later = _walk([memory], "target_memory", "source_memory")
    chain = [*earlier, memory, *later]
    return sorted(chain, key=lambda row: (row.created_at, row.pk)) if len(chain) > 1 else []


def _walk(start: Sequence[Memory], here: str, there: str) -> list[Memory]:
    """Follow “supersedes” from one end of the relation to the other, as far as it goes."""
    found: list[Memory] = []
    seen, level = {row.pk for row in start}, list(start)
    while level and len(found) < MOST_STEPS:
        rows = MemoryRelation.objects.filter(
            relation_type=RelationType.SUPERSEDES, **{f"{here}__in": [row.pk for row in level]}
        ).select_related(there)
        level = [
            row for one in rows.defer(f"{there}__embedding") if (row := getattr(one, there)).pk not in seen
        ]
        seen.update(row.pk for row in level)
        found += level
    return found[:MOST_STEPS]
