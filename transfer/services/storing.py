"""What was read from a source becomes passages: a batch of items in few statements."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from agi_site.lib.problems import Invalid
from knowledge import services as knowledge

from ..models import KnowledgeSource, KnowledgeSourceItem
from ..sources import Item

LONGEST_TAG = 50


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
    made = knowledge.write_many(
        by=by,
        new=[one.passage for one in added if one.passage is not None],
        changed={one.row.knowledge_id: one.passage for one in taken if one.what == "changed" and one.passage},
    )
    for one, passage in zip(added, made, strict=True):
        one.row.knowledge = passage
    _save(taken, pass_id)
    return [one.what for one in taken]


def _rows(source: KnowledgeSource, items: Sequence[Item]) -> list[tuple[Item, KnowledgeSourceItem]]:
    """Each item with its row, which is not saved yet where the item is new."""
    keys = [hashlib.sha256(item.external_id.encode()).hexdigest() for item in items]
    there = {row.key: row for row in source.items.filter(key__in=keys)}
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


def _fault(item: Item) -> str:
    """Why it could not be read, "" where it could."""
    return item.fault or ("" if item.content.strip() else _("There is no text in it."))


def _take(source: KnowledgeSource, item: Item, row: KnowledgeSourceItem) -> _Taken:
    """What is to be done with an item."""
    row.reason = _fault(item) or None
    if row.reason:
        return _Taken(item, row)
    if row.content_hash == item.hash and row.knowledge_id is not None:
        return _Taken(item, row, what="unchanged")
    title = item.title.strip() or item.external_id[:255]
    told = {"source_id": source.pk, "external_id": item.external_id}
    passage = knowledge.Passage(title, item.content, item.source, [tag_of(source.domain)], told)
    try:
        knowledge.check_passage(passage)
    except Invalid as problem:
        row.reason = reason_of(problem)
        return _Taken(item, row)
    row.content_hash = item.hash
    return _Taken(item, row, passage, "added" if row.knowledge_id is None else "changed")


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
        old, ["content_hash", "knowledge", "round", "reason", "updated_at"]
    )
    same = [one.row.pk for one in taken if one.what == "unchanged"]
    KnowledgeSourceItem.objects.filter(pk__in=same).update(round=pass_id, reason=None)


def reason_of(fault: Exception) -> str:
    """What a fault says, in one line."""
    errors = getattr(fault, "errors", {})
    return " ".join(str(one) for some in errors.values() for one in some) or str(fault)
