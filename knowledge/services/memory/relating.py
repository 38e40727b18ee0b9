"""How memories bear on each other: found when one is written, or said by the person."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from agi_site.lib import fulltext
from agi_site.lib.problems import Conflict, Invalid, NotFound
from system import queue

from ... import contradictions, nearness
from ...extraction import Bearing
from ...holding import hold_memory
from ...models import Memory, MemoryQuestion, MemoryRelation, MemorySearch, RelationType
from ..anew import take_both_anew, take_memories
from .checks import check_owner, check_relation_type, note, share_of

LOOKED_AT = 12  # memories with words in common
MOST_SIMILAR = 3
MOST_ASKED = 2  # questions about one new memory; many near ones are a list, not contradictions
SAME_SLOT = 500  # a person's newest memories, looked through for another value of the same slot
SURE = Decimal("0.80")  # a model that is surer than this of a contradiction is believed


def relate_new(memory: Memory, *, near: Mapping[str, float], told: Iterable[Bearing] = ()) -> None:
    """Find the relations of a new memory to those there are, by its words, by `near` cosines, as `told`.

    A contradiction replaces the earlier memory where it is clear, and asks the person where it is not. The
    caller holds the person's setting.
    """
    said = {one.memory: one for one in told}
    words = MemorySearch.objects.filter(memory__user=memory.user_id).exclude(memory=memory.pk)
    found = fulltext.match(words, memory.content, key="memory_id", limit=LOOKED_AT)
    keys = {match.key for match in found} | near.keys() | said.keys() | _of_same_slot(memory)
    rows = Memory.objects.filter(user=memory.user_id, pk__in=keys).exclude(pk=memory.pk).current()
    held = take_memories(rows.values_list("pk", flat=True))
    similar = asked = 0
    for row in (row for row in reversed(held.values()) if row.state == "current"):
        verdict = contradictions.judge(
            newer=memory.content, older=row.content, kind=memory.type, cosine=near.get(row.pk, 0.0)
        )
        if verdict is not None and verdict.relation == RelationType.CONTRADICTS:
            asked += not verdict.sure
            if verdict.sure or asked <= MOST_ASKED:
                _contradicted(memory, row, verdict.strength, sure=verdict.sure)
        elif (one := said.get(row.pk)) is not None:
            _as_told(memory, row, one)
        elif verdict is not None and similar < MOST_SIMILAR:
            similar += 1
            link(memory, row, verdict.relation, verdict.strength)


def _of_same_slot(memory: Memory) -> set[str]:
    """Memories that fill a slot of the new one, in whatever words: "I moved to Seoul", "I live in Busan"."""
    filled = contradictions.slots(memory.content)
    if not filled:
        return set()
    rows = Memory.objects.filter(user=memory.user_id).exclude(pk=memory.pk).current().order_by("-pk")
    newest = rows.values_list("pk", "content")[:SAME_SLOT]
    return {key for key, content in newest if filled & contradictions.slots(content)}


def _as_told(memory: Memory, row: Memory, one: Bearing) -> None:
    if one.relation in (RelationType.CONTRADICTS, RelationType.SUPERSEDES):
        _contradicted(memory, row, one.strength, sure=one.strength >= SURE)
    else:
        link(memory, row, one.relation, one.strength)


def _contradicted(newer: Memory, older: Memory, strength: Decimal, *, sure: bool) -> None:
    if sure:
        supersede(newer=newer, older=older, strength=strength)
        return
    link(newer, older, RelationType.CONTRADICTS, strength)
    MemoryQuestion.objects.get_or_create(user_id=newer.user_id, newer=newer, older=older)


@transaction.atomic
def supersede(*, newer: Memory, older: Memory, strength: Decimal = SURE) -> None:
    """The earlier memory is no longer recalled; its row stays, with what replaced it. Raises NotFound."""
    take_both_anew(newer, older)
    older.valid_until = timezone.now()
    note(older, "replaced", by=newer.pk)
    older.save(update_fields=["valid_until", "metadata", "updated_at"])
    note(newer, "replaces", memory=older.pk)
    newer.save(update_fields=["metadata", "updated_at"])
    link(newer, older, RelationType.SUPERSEDES, strength)


def link(source: Memory, target: Memory, relation: str, strength: Decimal) -> MemoryRelation | None:
    """Store a relation once; None for a memory and itself."""
    if source.pk == target.pk:
        return None
    row, _made = MemoryRelation.objects.get_or_create(
        source_memory=source,
        target_memory=target,
        relation_type=relation,
        defaults={"strength": share_of(strength, "strength")},
    )
    found: MemoryRelation = row
    return found


def relate_later(memory: Memory) -> None:
    """Look for memories of nearly the same meaning when there is time: it takes the embedding engine."""
    queue.enqueue(task_type="knowledge.relate", payload={"ids": [memory.pk]}, priority=-2)


def relate_by_meaning(*, ids: Iterable[str]) -> int:
    """Relate memories to those of nearly the same meaning; twice finds nothing new. Raises EngineError."""
    related = 0
    for memory in Memory.objects.filter(pk__in=list(ids)).current().defer("embedding"):
        near = nearness.cosines(memory.user_id, memory.content, besides=memory.pk)
        with transaction.atomic():
            hold_memory(user_id=memory.user_id)
            related += _relate_near(memory.pk, near)
    return related


def _relate_near(key: str, near: Mapping[str, float]) -> int:
    """Relate a memory to the nearest ones, as all of them are now; returns how many relations that made."""
    held = {pk: row for pk, row in take_memories([key, *near]).items() if row.state == "current"}
    memory = held.pop(key, None)
    if memory is None:  # it was forgotten or replaced since its task was queued
        return 0
    before = memory.outgoing_relations.count()
    for row in sorted(held.values(), key=lambda row: -near[row.pk])[:MOST_SIMILAR]:
        verdict = contradictions.judge(
            newer=memory.content, older=row.content, kind=memory.type, cosine=near[row.pk]
        )
        if verdict is not None and not _known(memory, row):
            link(memory, row, RelationType.SIMILAR_TO, verdict.strength)
    return int(memory.outgoing_relations.count() - before)


def _known(one: Memory, other: Memory) -> bool:
    pair = [one.pk, other.pk]
    return bool(MemoryRelation.objects.filter(source_memory__in=pair, target_memory__in=pair).exists())


@transaction.atomic
def relate_memories(
    *, source: Memory, target: Memory, by: Any, relation_type: str, strength: float | Decimal | str = "0.5"
) -> MemoryRelation:
    """Say how one memory bears on another of the same person; raises NotFound, Invalid or Conflict."""
    check_owner(source, by)
    check_owner(target, by)
    check_relation_type(relation_type)
    if source.pk == target.pk:
        raise Invalid(errors={"target_memory": [_("A memory cannot relate to itself.")]})
    hold_memory(user_id=by.pk)
    take_both_anew(source, target)
    relation = MemoryRelation(
        source_memory=source,
        target_memory=target,
        relation_type=relation_type,
        strength=share_of(strength, "strength"),
    )
    try:
        with transaction.atomic():
            relation.save(force_insert=True)
    except IntegrityError as error:
        raise Conflict(_("These memories are related like that already."), code="related_already") from error
    return relation


@transaction.atomic
def change_relation(
    *, relation: MemoryRelation, by: Any, relation_type: str | None = None, strength: Any = None
) -> MemoryRelation:
    """Change a relation; raises NotFound or Invalid."""
    check_owner(relation.source_memory, by)
    hold_memory(user_id=by.pk)
    if not MemoryRelation.objects.filter(pk=relation.pk).exists():
        raise NotFound
    changed = []
    if relation_type is not None:
        check_relation_type(relation_type)
        relation.relation_type = relation_type
        changed.append("relation_type")
    if strength is not None:
        relation.strength = share_of(strength, "strength")
        changed.append("strength")
    relation.save(update_fields=changed)
    return relation


@transaction.atomic
def unrelate_memories(*, relation: MemoryRelation, by: Any) -> None:
    """Remove a relation; the memories stay. Raises NotFound."""
    check_owner(relation.source_memory, by)
    hold_memory(user_id=by.pk)
    relation.delete()
