"""What the clock does to memories: long-unused ones fade and are archived, near-duplicates become one.

Each step says in the memory's history what it did and why, and in the log how many it touched.
"""

import logging
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from agi_site.lib import engines, vectors

from ... import access, gate, options
from ...holding import hold_memory, hold_owners
from ...models import Memory, MemoryQuestion, MemoryRefusal, MemoryRelation
from ...models.memory import moment
from ..anew import take_anew, take_memories
from ..own import announce_forgotten
from .checks import check_owner, note

logger = logging.getLogger(__name__)

BATCH = 200
MOST_PER_RUN = 2_000
MOST_OF_ONE = 5_000  # memories of one person that are compared with each other


def fade_memories(*, now: datetime | None = None) -> dict[str, int]:
    """Lower the importance of what was not used for long; archive what falls below the floor.

    Pinned memories stay as they are. A memory fades at most once in a period, so running twice does nothing
    twice. Returns how many faded and how many were archived.
    """
    now = now or timezone.now()
    counts = {"faded": 0, "archived": 0}
    days = options.fade_days()
    if days <= 0:
        return counts
    for key in _due(now, timedelta(days=days)):
        what = _fade(key, now, days)
        if what:
            counts[what] += 1
    if any(counts.values()):
        logger.warning("memories not used for %s days: %s", days, counts)
    return counts


def _due(now: datetime, period: timedelta) -> Iterator[str]:
    """The keys of memories that fade now, at most so many: those that need not are passed over."""
    before = now - period
    rows = Memory.objects.filter(archived_at__isnull=True, created_at__lt=before).current()
    rows = rows.filter(Q(last_accessed__isnull=True) | Q(last_accessed__lt=before)).order_by("pk")
    at, due = "", 0
    while batch := list(rows.filter(pk__gt=at).values_list("pk", "metadata")[:BATCH]):
        for at, metadata in batch:
            if due < MOST_PER_RUN and _may_fade(metadata or {}, before):
                due += 1
                yield at
        if due >= MOST_PER_RUN:
            return


def _may_fade(metadata: Mapping[str, Any], before: datetime) -> bool:
    """Whether it is neither pinned nor has faded in this period."""
    faded_at = moment(str(metadata.get("faded_at", "")))
    return not metadata.get("pinned") and (faded_at is None or faded_at <= before)


@transaction.atomic
def _fade(key: str, now: datetime, days: float) -> str:
    hold_owners([key])
    row = Memory.objects.select_for_update().defer("embedding").filter(pk=key).first()
    if row is None or not _may_fade(row.metadata or {}, now - timedelta(days=days)):  # changed meanwhile
        return ""
    unused = (now - (row.last_accessed or row.created_at)).days
    old = row.importance if row.importance is not None else Decimal("0.50")
    new = (old * Decimal(str(options.fade_factor()))).quantize(Decimal("0.01"))
    row.metadata = (row.metadata or {}) | {"faded_at": now.isoformat(timespec="seconds")}
    row.importance = new
    note(row, "faded", **{"from": str(old), "to": str(new), "days": unused})
    what = "faded"
    if new < Decimal(str(options.fade_floor())) and options.archives():
        row.archived_at = now
        note(row, "archived", days=unused)
        what = "archived"
    row.save(update_fields=["importance", "metadata", "archived_at", "updated_at"])
    return what


@transaction.atomic
def restore_memory(*, memory: Memory, by: Any) -> Memory:
    """Recall an archived memory again; it counts as used now. Raises NotFound."""
    check_owner(memory, by)
    hold_memory(user_id=by.pk)
    take_anew(memory)
    if memory.archived_at is not None:
        memory.archived_at = None
        memory.last_accessed = timezone.now()
        memory.importance = max(memory.importance or Decimal(0), Decimal("0.30"))
        note(memory, "restored")
        memory.save(update_fields=["archived_at", "last_accessed", "importance", "metadata", "updated_at"])
    return memory


# --- Merging -----------------------------------------------------------------------------------------------
def merge_memories(*, user_id: Any = None) -> int:
    """Make one memory of those that say the same, in other words perhaps; returns how many went into others.

    Only vectors of the configured engine are compared. The older memory stays, with the messages of both.
    """
    merged = 0
    for owner in [user_id] if user_id is not None else _owners():
        merged += sum(_merge(owner, *pair) for pair in _pairs(owner))
    if merged:
        logger.warning("memories that said the same were merged: %s", merged)
    return merged


def _owners() -> list[Any]:
    """Whose memories have changed in the last two days."""
    since = timezone.now() - timedelta(days=2)
    changed = Memory.objects.filter(updated_at__gte=since).current()
    return list(changed.values_list("user_id", flat=True).distinct().order_by("user_id"))


type _Said = tuple[str, str, str]  # key, type and content of a memory, as they were compared


def _pairs(owner: Any) -> list[tuple[_Said, _Said]]:
    """Memories that say the same, the one that stays first; each goes into one other at most."""
    import numpy as np

    model = engines.embedding().name
    rows = Memory.objects.filter(user=owner, embedding_model=model).current().order_by("pk")
    found = list(rows.values_list("pk", "type", "content", "embedding")[:MOST_OF_ONE])
    if len({len(row[3]) for row in found}) != 1:
        return []
    matrix = engines.multilingual_part(np.stack([vectors.unpack(row[3]) for row in found]))
    pairs: list[tuple[_Said, _Said]] = []
    gone: set[str] = set()
    for at, (key, kind, content, _blob) in enumerate(found):
        if key in gone:
            continue
        cosines = matrix[at + 1 :] @ matrix[at]
        for later in np.flatnonzero(cosines >= gate.SAME_MEANING):
            other = found[at + 1 + int(later)]
            same = other[1] == kind and gate.says_the_same(content, other[2], float(cosines[later]))
            if same and other[0] not in gone:
                gone.add(other[0])
                pairs.append(((key, kind, content), other[:3]))
    return pairs


@transaction.atomic
def _merge(owner: Any, kept: _Said, gone: _Said) -> int:
    hold_memory(user_id=owner)
    held = take_memories([kept[0], gone[0]]).values()
    rows = {(row.pk, row.type, row.content): row for row in held if row.state == "current"}
    if rows.keys() != {kept, gone}:  # one was corrected, replaced or forgotten since they were compared
        return 0
    stays, goes = rows[kept], rows[gone]
    stays.importance = max(stays.importance or Decimal(0), goes.importance or Decimal(0))
    stays.access_count = (stays.access_count or 0) + (goes.access_count or 0)
    stays.last_accessed = max(filter(None, (stays.last_accessed, goes.last_accessed)), default=None)
    sources = [*(stays.sources or [_source(stays)]), *(goes.sources or [_source(goes)])]
    pinned = stays.pinned or goes.pinned
    stays.metadata = (stays.metadata or {}) | {"sources": sources, "pinned": pinned}
    note(stays, "merged", memory=goes.pk)
    stays.save(update_fields=["importance", "access_count", "last_accessed", "metadata", "updated_at"])
    _move_relations(goes, stays)
    MemoryRefusal.objects.filter(memory=goes).update(memory=stays)
    access.forget([goes.pk])
    own_words = goes.content if goes.content != stays.content else ""
    announce_forgotten(user_id=goes.user_id, said={goes.pk: own_words})
    goes.delete()
    transaction.on_commit(lambda: vectors.touch(Memory))
    return 1


def _source(memory: Memory) -> dict[str, Any]:
    return {
        "message": memory.source_message,
        "conversation": memory.source_conversation,
        "extractor": memory.extractor,
        "at": memory.created_at.isoformat(timespec="seconds"),
    }


def _move_relations(goes: Memory, stays: Memory) -> None:
    """What was related to the one is related to the other, once each."""
    for name, other in (("source_memory", "target_memory"), ("target_memory", "source_memory")):
        rows = MemoryRelation.objects.filter(**{name: goes}).exclude(**{other: stays})
        for row in rows:
            wanted = {name: stays, other: getattr(row, other), "relation_type": row.relation_type}
            MemoryRelation.objects.get_or_create(**wanted, defaults={"strength": row.strength})
    questions = MemoryQuestion.objects.filter(Q(newer=goes) | Q(older=goes)).exclude(newer=F("older"))
    for question in questions.exclude(newer=stays).exclude(older=stays):
        newer = stays if question.newer_id == goes.pk else question.newer
        older = stays if question.older_id == goes.pk else question.older
        told = {name: getattr(question, name) for name in ("answer", "created_at", "answered_at")}
        MemoryQuestion.objects.get_or_create(
            user_id=question.user_id, newer=newer, older=older, defaults=told
        )
