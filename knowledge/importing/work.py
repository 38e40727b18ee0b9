"""Reading a document into passages: what a task does, and does again where an attempt broke off.

First all passages are stored, a chunk in a transaction, and can be found by their words; then they get their
vectors, a chunk at a time. What stands in the table is never done again: an attempt that follows works out
the same passages and finds those that are there.
"""

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction
from django.utils import timezone

from agi_site.lib import engines, vectors
from agi_site.lib.engines.base import EngineError
from agi_site.lib.ids import uuid7

from .. import indexing
from ..models import DocumentKind, DocumentStatus, Knowledge, KnowledgeDocument
from . import fetching, storing
from .extractors import Extracted, extract
from .reading import drafts_of, parts_of_type
from .reasons import Unreadable

logger = logging.getLogger(__name__)

EMBEDDED = 64  # passages between two checkpoints


@dataclass(frozen=True, slots=True)
class Attempt:
    """What the queue knows of the attempt, as far as this work needs it."""

    check: Callable[[], None]
    stopped: Callable[[], bool]
    told: Callable[[dict[str, Any]], None]


def read_document(document: KnowledgeDocument, attempt: Attempt) -> dict[str, Any]:
    """Read it to the end. Raises Unreadable, NotNow, storing.Gone, and what `attempt.check` raises."""
    if not KnowledgeDocument.objects.move(pk=document.pk, to=DocumentStatus.READING):
        return {"ended": document.pk}
    data = _bytes(document, attempt)
    if data is None:
        return {"known": document.pk}
    name = document.source if document.kind == DocumentKind.FILE else fetching.name_of(document.source)
    kind, charset = parts_of_type(document.media_type)
    found = extract(name=name, data=data, media_type=kind, charset=charset, stop=attempt.check)
    plan = _planned(document, found)
    keys: list[str] = []
    for chunk in plan.chunks():
        attempt.check()
        keys += storing.store(document, chunk, len(keys))
    attempt.check()
    if plan.gone:
        storing.remove(document, plan.gone)
    meaning = _embed(document, keys, attempt)
    _finish(document, len(keys), "" if meaning else "no_meaning")
    return {"passages": len(keys)}


def _bytes(document: KnowledgeDocument, attempt: Attempt) -> bytes | None:
    """The document's bytes, fetched where there are none yet; None where they hold nothing new."""
    if document.stored:
        try:
            with default_storage.open(document.stored) as file:
                return bytes(file.read())
        except OSError as error:
            if document.kind == DocumentKind.FILE:
                raise Unreadable("gone") from error
    if document.kind == DocumentKind.FILE:
        raise Unreadable("gone")
    data, media_type = fetching.fetch(document.source, attempt.stopped)
    attempt.check()
    digest = hashlib.sha256(data).hexdigest()
    if document.read_at and document.sha256 == digest:
        count = document.passages.count()
        _settle(document, DocumentStatus.READY, "unchanged", passage_count=count, done_count=count)
        return None
    twin = KnowledgeDocument.objects.filter(sha256=digest).exclude(pk=document.pk).first()
    if twin is not None and not document.read_at:
        _settle(document, DocumentStatus.SKIPPED, "duplicate", {"title": twin.title, "id": twin.pk})
        return None
    _keep(document, data, media_type, None if twin else digest)
    return data


def _keep(document: KnowledgeDocument, data: bytes, media_type: str, digest: str | None) -> None:
    """Store what was fetched, so that an attempt that follows reads the same."""
    document.stored = default_storage.save(f"knowledge/{uuid7()}", ContentFile(data))
    document.media_type, document.size, document.sha256 = media_type, len(data), digest
    fields = ["stored", "media_type", "size", "sha256", "updated_at"]
    try:
        with transaction.atomic():
            document.save(update_fields=fields)
    except IntegrityError:  # another document has taken these bytes a moment ago
        document.sha256 = None
        document.save(update_fields=fields)


def _planned(document: KnowledgeDocument, found: Extracted) -> storing.Plan:
    """What is to be done, noted in the document."""
    plan = storing.Plan(document, drafts_of(found))
    document.title = " ".join(found.title.split())[:255] or document.title
    values: dict[str, Any] = {
        "title": document.title,
        "media_type": document.media_type or found.media_type,
        "passage_count": len(plan.drafts),
        "done_count": 0,
        "shared_passages": plan.shared or None,
    }
    if document.counts is None:  # an attempt that goes on would count what stands as if it had been before
        values["counts"] = plan.counts
    if not KnowledgeDocument.objects.move(pk=document.pk, to=DocumentStatus.INDEXING, **values):
        raise storing.Gone
    return plan


def _embed(document: KnowledgeDocument, keys: list[str], attempt: Attempt) -> bool:
    """Give the passages their vectors; False where the engine does not answer (they get them later)."""
    meaning = True
    for at in range(0, len(keys), EMBEDDED):
        attempt.check()
        if meaning:
            try:
                indexing.embed(Knowledge, keys[at : at + EMBEDDED], engines.embedding(), check=attempt.check)
            except EngineError as error:
                logger.warning("document %s goes on without vectors: %s", document.pk, error)
                meaning = False
        done = min(at + EMBEDDED, len(keys))
        KnowledgeDocument.objects.filter(pk=document.pk).update(done_count=done, updated_at=timezone.now())
        attempt.told({"done": done, "total": len(keys)})
    return meaning


def _finish(document: KnowledgeDocument, count: int, reason: str) -> None:
    stored = document.stored
    _settle(
        document,
        DocumentStatus.READY,
        reason,
        stored="",
        passage_count=count,
        done_count=count,
        read_at=timezone.now(),
    )
    if stored:
        storing.forget_file(stored)
    vectors.touch(Knowledge)


def _settle(
    document: KnowledgeDocument, to: str, reason: str, values: dict[str, Any] | None = None, **more: Any
) -> None:
    if not KnowledgeDocument.objects.move(
        pk=document.pk, to=to, reason_code=reason, reason_values=values, **more
    ):
        raise storing.Gone
