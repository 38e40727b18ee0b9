"""What the assistant remembers about a person: written through a gate, corrected and forgotten by them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from agi_site.lib import vectors
from agi_site.lib.problems import Conflict, Invalid, NotFound

from .. import gate, indexing
from ..extraction import EXTRACTOR, Candidate, extract
from ..models import Memory, MemoryRelation, MemoryType, RelationType


@dataclass(frozen=True, slots=True)
class Learnt:
    """What came of a message: memories kept, and candidates refused, each with the gate's reason."""

    kept: list[Memory] = field(default_factory=list)
    refused: list[tuple[Candidate, str]] = field(default_factory=list)


@transaction.atomic
def remember(
    *,
    owner: Any,
    type: str,  # noqa: A002 - the schema's word
    content: str,
    importance: float | Decimal | str | None = None,
    metadata: Mapping[str, Any] | None = None,
    gated: bool = True,
) -> Memory:
    """Keep a memory of `owner`; found by its words after the commit, by its meaning about a second later.

    The gate refuses what is not worth keeping: Invalid with code "small_talk", "question", "demand" or
    "too_short", and always (also with `gated=False`, which is for what a person writes down themselves)
    "duplicate", "too_long", "empty". `metadata` may hold "source_message" and "source_conversation".
    """
    content = gate.normalised(content)
    _check_type(type)
    gate.check_form(content)
    if gated:
        gate.check_worth(content)
    gate.check_duplicate(content, owner=owner)
    memory = Memory(
        user=owner,
        type=type,
        content=content,
        importance=_importance(importance),
        metadata=dict(metadata or {}),
    )
    memory.save(force_insert=True)
    indexing.index(memory)
    return memory


@transaction.atomic
def change_memory(
    *,
    memory: Memory,
    by: Any,
    type: str | None = None,  # noqa: A002 - the schema's word
    content: str | None = None,
    importance: float | Decimal | str | None = None,
    pinned: bool | None = None,
) -> Memory:
    """Correct what is not None; raises NotFound for another's memory, or Invalid."""
    _check_owner(memory, by)
    changed = False
    if type is not None:
        _check_type(type)
        memory.type = type
    if content is not None:
        content = gate.normalised(content)
        gate.check_form(content)
        if changed := content != memory.content:
            gate.check_duplicate(content, owner=memory.user, besides=memory.pk)
        memory.content = content
    if importance is not None:
        memory.importance = _importance(importance)
    if pinned is not None:
        memory.metadata = (memory.metadata or {}) | {"pinned": pinned}
    memory.save(update_fields=["type", "content", "importance", "metadata", "updated_at"])
    if changed:
        indexing.index(memory)
    return memory


@transaction.atomic
def forget_memory(*, memory: Memory, by: Any) -> None:
    """Forget for good: row, relations, search row and vector; no search finds it after the commit."""
    _check_owner(memory, by)
    memory.delete()
    transaction.on_commit(lambda: vectors.touch(Memory))


def learn_from_message(
    *, owner: Any, text: str, source_message: str, source_conversation: str = ""
) -> Learnt:
    """Keep what a message says about its author and is worth keeping; run twice, it keeps nothing twice."""
    learnt = Learnt()
    for candidate in extract(text):
        metadata = {
            "source_message": source_message,
            "source_conversation": source_conversation,
            "extractor": EXTRACTOR,
            "confidence": candidate.confidence,
            "reason": candidate.reason,
        }
        try:
            memory = remember(
                owner=owner,
                type=candidate.type,
                content=candidate.content,
                importance=candidate.importance,
                metadata=metadata,
            )
        except Invalid as problem:
            learnt.refused.append((candidate, problem.code))
        else:
            learnt.kept.append(memory)
    return learnt


def relate_memories(
    *, source: Memory, target: Memory, by: Any, relation_type: str, strength: float | Decimal | str = "0.5"
) -> MemoryRelation:
    """Say how one memory bears on another of the same person; raises NotFound, Invalid or Conflict."""
    _check_owner(source, by)
    _check_owner(target, by)
    _check_relation_type(relation_type)
    if source.pk == target.pk:
        raise Invalid(errors={"target_memory": [_("A memory cannot relate to itself.")]})
    relation = MemoryRelation(
        source_memory=source,
        target_memory=target,
        relation_type=relation_type,
        strength=_decimal(strength, "strength"),
    )
    try:
        with transaction.atomic():
            relation.save(force_insert=True)
    except IntegrityError as error:
        raise Conflict(_("These memories are related like that already."), code="related_already") from error
    return relation


def change_relation(
    *, relation: MemoryRelation, by: Any, relation_type: str | None = None, strength: Any = None
) -> MemoryRelation:
    """Change a relation; raises NotFound or Invalid."""
    _check_owner(relation.source_memory, by)
    if relation_type is not None:
        _check_relation_type(relation_type)
        relation.relation_type = relation_type
    if strength is not None:
        relation.strength = _decimal(strength, "strength")
    relation.save()
    return relation


def unrelate_memories(*, relation: MemoryRelation, by: Any) -> None:
    """Remove a relation; the memories stay. Raises NotFound."""
    _check_owner(relation.source_memory, by)
    relation.delete()


def add_access(counts: Mapping[str, int]) -> None:
    """Write how often memories were used since the last time; one statement for each number of uses."""
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


def _check_owner(memory: Memory, by: Any) -> None:
    if memory.user_id != by.pk:
        raise NotFound


def _check_type(kind: str) -> None:
    if kind not in MemoryType.values:
        known = ", ".join(MemoryType.values)
        raise Invalid(errors={"type": [_("Choose one of: %(known)s.") % {"known": known}]})


def _check_relation_type(kind: str) -> None:
    if kind not in RelationType.values:
        known = ", ".join(RelationType.values)
        raise Invalid(errors={"relation_type": [_("Choose one of: %(known)s.") % {"known": known}]})


def _importance(value: float | Decimal | str | None) -> Decimal:
    return Decimal("0.50") if value is None else _decimal(value, "importance")


def _decimal(value: float | Decimal | str, name: str) -> Decimal:
    try:
        number = Decimal(str(value)).quantize(Decimal("0.01"), ROUND_HALF_UP)
    except ArithmeticError:
        number = Decimal(-1)
    if not number.is_finite() or not 0 <= number <= 1:
        raise Invalid(errors={name: [_("A number from 0 to 1.")]})
    return number
