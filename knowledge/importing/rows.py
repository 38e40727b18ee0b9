"""Rows of knowledge by the hundred: each table in as few statements as there can be."""

from collections.abc import Sequence

from agi_site.lib.held import held_row

from .. import indexing
from ..models import Knowledge, KnowledgeLock, KnowledgeTag

BATCH = 200
TEXTS = "texts"  # the lock's one row


def hold_texts() -> None:
    """Store texts alone, to the end of the caller's transaction: what others have stored is then seen.

    Call it before documents and passages are locked.
    """
    held_row(KnowledgeLock, TEXTS)


def insert(rows: Sequence[Knowledge], tags: Sequence[Sequence[str]]) -> None:
    """Store rows that were checked, with their tags and index terms, in the caller's transaction."""
    Knowledge.objects.bulk_create(rows, batch_size=BATCH)
    KnowledgeTag.objects.bulk_create(
        [
            KnowledgeTag(knowledge=row, tag=tag)
            for row, given in zip(rows, tags, strict=True)
            for tag in given
        ],
        batch_size=BATCH,
        ignore_conflicts=True,  # two tags that differ here may be the same to the database: "cafe", "café"
    )
    indexing.add_terms(Knowledge, rows)
