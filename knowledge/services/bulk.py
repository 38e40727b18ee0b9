"""Knowledge by the hundred: rows, tags and index terms in a few statements, vectors by tasks of many."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from agi_site.lib import vectors
from agi_site.lib.problems import Forbidden

from .. import indexing
from ..importing.rows import BATCH, insert
from ..importing.storing import leave_copies
from ..models import Knowledge
from . import knowledge as single

EMBEDDED_AT_ONCE = 100  # rows of one embedding task


@dataclass(frozen=True, slots=True)
class Passage:
    """What `add_many` stores; the same as `add_knowledge` takes."""

    title: str
    content: str
    source: str = ""
    tags: Sequence[str] = ()
    metadata: Mapping[str, Any] | None = field(default=None)


@transaction.atomic
def add_many(*, author: Any, passages: Iterable[Passage]) -> list[Knowledge]:
    """Store passages; the rows in the order given. Raises Forbidden or Invalid, and then stores none."""
    if author is not None and not author.has_perm("knowledge.add_knowledge"):
        raise Forbidden
    rows: list[Knowledge] = []
    tags: list[list[str]] = []
    for passage in passages:
        row = Knowledge(created_by=author, metadata=dict(passage.metadata) if passage.metadata else None)
        single.fill(row, title=passage.title, content=passage.content, source=passage.source)
        rows.append(row)
        tags.append(single.clean_tags(passage.tags))
    insert(rows, tags)
    for at in range(0, len(rows), EMBEDDED_AT_ONCE):
        indexing.embed_later(Knowledge, [row.pk for row in rows[at : at + EMBEDDED_AT_ONCE]])
    return rows


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
        transaction.on_commit(lambda: vectors.touch(Knowledge))
    return removed
