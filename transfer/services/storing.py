"""What was read from a source becomes passages: a batch of items in few statements."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Q
from django.utils import timezone

from agi_site.lib.problems import Invalid
from knowledge import services as knowledge
from knowledge.importing.places import placed

from ..models import KnowledgeSource, KnowledgeSourceItem
from ..reasons import SourceFault
from ..sources import Item

LONGEST_TAG = 50
REASON: dict[str, Any] = {"reason": None, "reason_code": "", "reason_values": None}  # nothing to say


def tag_of(domain: str) -> str:
    """The tag that passages of a domain carry."""
    return " ".join(domain.lower().split())[:LONGEST_TAG].strip()


@dataclass(slots=True)
class _Taken:
    """An item and its row; `passage` is what is to be stored, None where nothing is."""

    item: Item
    row: KnowledgeSourceItem
    passage: knowledge.Passage | None = None
    what: str = "failed"


def store(*, source: KnowledgeSource, by: Any, items: Sequence[Item], pass_id: str) -> list[str]:
    """Keep items, no two of one id, in the caller's transaction.

    Returns what happened to each: "added", "changed", "unchanged" or "failed". Raises Forbidden or NotFound.
    """
    taken = [_take(source, item, row) for item, row in _rows(source, items)]
    for one in taken:
        one.row.round = pass_id
    _keep_what_came_from(source, [item for item in items if _fault(item)], pass_id)
    # Not `add_knowledge`: two sources may say the same, and each goes on to look after its own passage.
    added = [one for one in taken if one.what == "added"]
    new = [one.passage for one in added if one.passage is not None]
    changed = {one.row.knowledge_id: one.passage for one in taken if one.what == "changed" and one.passage}
    if new or changed:  # where all is as before, nobody else has to wait
        made = knowledge.write_many(by=by, new=new, changed=changed)
        for one, passage in zip(added, made, strict=True):
            one.row.knowledge = passage
    knowledge.move_many(by=by, places={one.row.knowledge_id: one.item.place for one in taken if _moved(one)})
    _save(taken, pass_id)
    return [one.what for one in taken]


def _rows(source: KnowledgeSource, items: Sequence[Item]) -> list[tuple[Item, KnowledgeSourceItem]]:
    """Each item with its row, which is not saved yet where the item is new."""
    keys = [hashlib.sha256(item.external_id.encode()).hexdigest() for item in items]
    rows = source.items.filter(key__in=keys).select_related("knowledge")
    there = {row.key: row for row in rows.defer("knowledge__content", "knowledge__embedding")}
    return [
        (
            item,
            there.get(key)
            or KnowledgeSourceItem(
                source=source, key=key, external_id=item.external_id[:500], content_hash=""
            ),
        )
        for item, key in zip(items, keys, strict=True)
    ]


def _fault(item: Item) -> SourceFault | None:
    """Why it could not be read, None where it could."""
    return item.fault or (None if item.content.strip() else SourceFault("no_text"))


def _take(source: KnowledgeSource, item: Item, row: KnowledgeSourceItem) -> _Taken:
    """What is to be done with an item."""
    fault = _fault(item)
    row.explain(fault)
    if fault is not None:
        return _Taken(item, row)
    if row.content_hash == item.hash and row.knowledge_id is not None:
        return _Taken(item, row, what="unchanged")
    title = item.title.strip() or item.external_id[:255]
    told = {"source_id": source.pk, "external_id": item.external_id, **item.place}
    passage = knowledge.Passage(title, item.content, item.source, [tag_of(source.domain)], told)
    try:
        knowledge.check_passage(passage)
    except Invalid as problem:
        row.explain(problem)
        return _Taken(item, row)
    row.content_hash = item.hash
    return _Taken(item, row, passage, "added" if row.knowledge_id is None else "changed")


def _moved(one: _Taken) -> bool:
    """Whether the words are as before and stand elsewhere."""
    passage = one.row.knowledge
    if one.what != "unchanged" or passage is None or not one.item.place:
        return False
    return placed(passage.metadata, one.item.place) != passage.metadata


def _keep_what_came_from(source: KnowledgeSource, faulty: Sequence[Item], pass_id: str) -> None:
    """What came from there before stays until it can be read again."""
    if faulty:
        parts = (Q(external_id__startswith=f"{item.external_id[:490]}#") for item in faulty)
        source.items.filter(reduce(or_, parts)).update(round=pass_id)


def _save(taken: Sequence[_Taken], pass_id: str) -> None:
    rows = [one.row for one in taken if one.what != "unchanged"]
    new = [row for row in rows if row._state.adding]
    old = [row for row in rows if not row._state.adding]
    for row in old:
        row.updated_at = timezone.now()
    KnowledgeSourceItem.objects.bulk_create(new)
    KnowledgeSourceItem.objects.bulk_update(
        old, ["content_hash", "knowledge", "round", *REASON, "updated_at"]
    )
    same = [one.row.pk for one in taken if one.what == "unchanged"]
    KnowledgeSourceItem.objects.filter(pk__in=same).update(round=pass_id, **REASON)
