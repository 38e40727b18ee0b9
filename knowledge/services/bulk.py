"""Knowledge by the hundred: rows, tags and index terms in a few statements, vectors by tasks of many."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.utils import timezone

from agi_site.lib.problems import Forbidden, NotFound

from .. import indexing
from ..importing.places import placed
from ..importing.rows import BATCH, hold_texts, insert
from ..importing.storing import leave_copies
from ..models import Knowledge
from . import knowledge as single

EMBEDDED_AT_ONCE = 100  # rows of one embedding task
REWRITTEN = ("title", "content", "source", "metadata", "content_hash", "updated_at")


@dataclass(frozen=True, slots=True)
class Passage:
    """What `add_many` stores; the same as `add_knowledge` takes."""

    title: str
    content: str
    source: str = ""
    tags: Sequence[str] = ()
    metadata: Mapping[str, Any] | None = field(default=None)


def check_passage(passage: Passage) -> None:
    """Raise Invalid where a passage cannot be stored, as storing it would."""
    _fill(Knowledge(), passage)
    single.clean_tags(passage.tags)


def add_many(*, author: Any, passages: Iterable[Passage]) -> list[Knowledge]:
    """Store passages; the rows in the order given. Raises Forbidden or Invalid, and then stores none."""
    return write_many(by=author, new=list(passages), changed={})


@transaction.atomic
def write_many(*, by: Any, new: Sequence[Passage], changed: Mapping[str, Passage]) -> list[Knowledge]:
    """Store new passages, and what those of the keys in `changed` say now, which keep their tags.

    Returns the new rows in the order given. A document that holds the former text of one as well gets a
    passage of its own before. Their vectors are made together. Raises Forbidden, Invalid or NotFound, and
    then stores none; `by` None is the program.
    """
    if new and by is not None and not by.has_perm("knowledge.add_knowledge"):
        raise Forbidden
    hold_texts()
    keys = _rewrite(by, changed) if changed else []
    rows = [Knowledge(created_by=by) for _passage in new]
    for row, passage in zip(rows, new, strict=True):
        _fill(row, passage)
    insert(rows, [single.clean_tags(passage.tags) for passage in new])
    keys += [row.pk for row in rows]
    for at in range(0, len(keys), EMBEDDED_AT_ONCE):
        indexing.embed_later(Knowledge, keys[at : at + EMBEDDED_AT_ONCE])
    return rows


def _fill(row: Knowledge, passage: Passage) -> None:
    single.fill(row, title=passage.title, content=passage.content, source=passage.source)
    row.metadata = dict(passage.metadata) if passage.metadata else None


def _rewrite(by: Any, changed: Mapping[str, Passage]) -> list[str]:
    """Store what passages say now; returns the keys of those that want a new vector."""
    drafts = {key: Knowledge() for key in changed}
    for key, draft in drafts.items():
        _fill(draft, changed[key])
    said = dict(Knowledge.objects.filter(pk__in=changed).values_list("pk", "content_hash"))
    leave_copies([key for key, hash_ in said.items() if hash_ not in (None, drafts[key].content_hash)])
    held = Knowledge.objects.select_for_update().filter(pk__in=changed).order_by("pk")
    rows = list(held.defer("embedding"))
    if len(rows) < len(changed):
        raise NotFound
    now = timezone.now()
    anew: list[Knowledge] = []
    for row in rows:
        if by is not None:
            single.check_may_change(row, by)
        before = indexing.text_of(row)
        _fill(row, changed[row.pk])
        row.updated_at = now
        if indexing.text_of(row) != before:
            anew.append(row)
    Knowledge.objects.bulk_update(rows, REWRITTEN, batch_size=BATCH)
    indexing.index_anew(Knowledge, anew)
    return [row.pk for row in anew]


def move_many(*, by: Any, places: Mapping[str, Mapping[str, Any]]) -> int:
    """Note where passages stand now whose words are as before, by key; returns how many have moved.

    Neither vectors nor index terms are touched. Raises Forbidden, and then notes none; `by` None is the
    program.
    """
    moved = []
    for row in Knowledge.objects.filter(pk__in=places).only("metadata", "created_by").order_by("pk"):
        metadata = placed(row.metadata, places[row.pk])
        if metadata != (row.metadata or {}):
            if by is not None:
                single.check_may_change(row, by)
            row.metadata = metadata
            moved.append(row)
    Knowledge.objects.bulk_update(moved, ["metadata"], batch_size=BATCH)
    return len(moved)


@transaction.atomic
def delete_many(*, keys: Sequence[str], by: Any) -> int:
    """Remove passages with all that hangs on them; returns how many there were.

    A document that holds the text of one as well gets a passage of its own before.

    Raises Forbidden, and removes none, unless `by` wrote them all or is an operator; None is the program.
    """
    leave_copies(keys)
    removed = 0
    for at in range(0, len(keys), BATCH):
        rows = Knowledge.objects.filter(pk__in=keys[at : at + BATCH])
        if by is not None:
            for row in rows.only("created_by").select_for_update():
                single.check_may_change(row, by)
        removed += rows.delete()[0]
    if removed:
        indexing.rows_deleted(Knowledge)
    return removed
