"""Recall: search in what is remembered about a person."""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any, Literal

from django.db.models import Q, QuerySet
from django.utils import timezone

from agi_site.lib import fulltext
from agi_site.lib.engines.base import Vector

from .. import access, options
from ..models import Memory, MemorySearch, MemoryType
from ..models.memory import MemoryQuerySet
from .fusion import POOL, Parts, by_meaning, by_words, fuse, settled
from .hits import Hit

type MemoryState = Literal["current", "past", "any"]

HALF_USED = 10  # uses
# How much of its neighbours' relevance an episodic memory takes on (measured: README, "Memories").
BEFORE, AFTER = 0.4, 0.2
LOOKED_THROUGH = 200  # memories, where nothing is asked for
LONGEST_STORY = 5_000  # episodic memories whose order is looked at


def search_memory(
    *,
    user: Any,
    query: str,
    vector: Vector | None = None,
    limit: int = 8,
    kind: str = "",
    as_typed: bool = False,
    recalled: bool = True,
    state: MemoryState = "current",
) -> list[Hit]:
    """What is remembered of `user` that bears on `query`, best first by relevance, importance, recency, use.

    `recalled` counts the hits as used (later, in one write for many); pages that only show them say no.
    `state` is "current" for what holds now, "past" for what was replaced, is archived or past its time, and
    "any" for both.
    """
    rows = _in_state(Memory.objects.for_user(user).of_type(kind), state)
    if rows.query.is_empty():
        return []
    scope: QuerySet[Any] = MemorySearch.objects.filter(memory__in=rows.values("pk"))
    text = by_words(scope, query, "memory_id", as_typed)
    among = list(rows.values_list("pk", flat=True)) if kind or (state != "any" and _hides(user)) else None

    def ask() -> Mapping[str, Parts]:
        return fuse(text, by_meaning(Memory, query, vector, text, owner=user.pk, among=among))

    fused, found = settled(Memory, rows.defer("embedding"), POOL, ask)
    around = told_around(rows, found, {key: parts[0] for key, parts in fused.items()})
    found |= rows.defer("embedding").in_bulk(around.keys() - found.keys())
    ranked = _ranked(found, fused, around)
    hits = [_memory_hit(row, query, total, parts) for total, row, parts in ranked[:limit]]
    if recalled:
        access.note(hit.id for hit in hits)
    return hits


def first_memories(*, user: Any, limit: int = 8) -> list[Hit]:
    """What is remembered of `user` first of all, whatever is asked: by importance, recency and use."""
    rows = Memory.objects.for_user(user).current().defer("embedding").order_by("-importance", "-pk")
    ranked = _ranked({row.pk: row for row in rows[:LOOKED_THROUGH]}, {}, {})
    hits = [_memory_hit(row, "", total, parts) for total, row, parts in ranked[:limit]]
    access.note(hit.id for hit in hits)
    return hits


def _in_state(rows: MemoryQuerySet, state: MemoryState) -> MemoryQuerySet:
    if state == "any":
        return rows
    return rows.past() if state == "past" else rows.current()


def _ranked(
    found: Mapping[str, Memory], fused: Mapping[str, tuple[float, ...]], around: Mapping[str, float]
) -> list[tuple[float, Memory, dict[str, float]]]:
    """The rows with their scores and score parts, best first."""
    now, weights, half_life = timezone.now(), options.memory_weights(), options.memory_half_life_days()
    ranked = []
    for key, row in found.items():
        own, text, meaning = fused.get(key, (0.0, 0.0, 0.0))
        parts = {
            "text": text,
            "vector": meaning,
            "importance": _importance(row),
            "recency": _recency(row.last_accessed or row.created_at, now, half_life),
            "use": _use(row.access_count or 0),
        }
        if context := around.get(key, 0.0):
            parts["context"] = context
        total = _weighted((own + context, parts["importance"], parts["recency"], parts["use"]), weights)
        ranked.append((total, row, parts))
    return sorted(ranked, key=lambda one: (-one[0], one[1].pk))


def _hides(user: Any) -> bool:
    """Whether there are memories of `user` that are not current, which would take the place of others."""
    own = Memory.objects.for_user(user)
    return bool(own.filter(Q(archived_at__isnull=False) | Q(valid_until__isnull=False)).exists())


def _weighted(parts: Sequence[float], weights: Sequence[float]) -> float:
    """The weighted mean (after Park et al. 2023, "Generative Agents"); the first part if no weight counts."""
    total = sum(weights)
    return (
        sum(part * weight for part, weight in zip(parts, weights, strict=True)) / total if total else parts[0]
    )


def _importance(row: Memory) -> float:
    return 1.0 if row.pinned else float(row.importance if row.importance is not None else 0.5)


def _memory_hit(row: Memory, query: str, total: float, parts: Mapping[str, float]) -> Hit:
    return Hit(
        id=row.pk,
        kind="memory",
        title=str(MemoryType(row.type).label),
        content=row.content,
        score=round(min(1.0, total), 4),
        parts={name: round(part, 4) for name, part in parts.items()},
        highlights=fulltext.highlights(row.content, query),
        source=f"message:{row.source_message}" if row.source_message else "",
        row=row,
    )


def told_around(
    rows: "QuerySet[Any]", found: Mapping[str, Memory], own: Mapping[str, float]
) -> dict[str, float]:
    """What what happened just before and after adds to how well an episodic memory answers, by key.

    Of the same conversation only: a question asked there is answered by what was said next, so what comes
    before counts twice as much. Neighbours that do not answer by themselves are brought in, too.
    """
    if not any(row.type == MemoryType.EPISODIC and row.source_conversation for row in found.values()):
        return {}
    told = rows.filter(type=MemoryType.EPISODIC).order_by("pk")
    order = list(told.values_list("pk", "metadata__source_conversation")[:LONGEST_STORY])
    added: dict[str, float] = {}
    for (before, one), (after, other) in pairwise(order):
        if not one or one != other or not (before in found or after in found):
            continue
        for key, neighbour, weight in ((after, before, BEFORE), (before, after, AFTER)):
            if own.get(neighbour):
                added[key] = added.get(key, 0.0) + weight * own[neighbour]
    return added


def _use(count: int) -> float:
    """0 for what was never used, 0.5 after ten uses, towards 1 after many."""
    return count / (count + HALF_USED)


def _recency(used: datetime, now: datetime, half_life_days: float) -> float:
    """1 just after use, then halved every so many days."""
    days = max(0.0, (now - used).total_seconds() / 86_400)
    return math.pow(0.5, days / half_life_days)
