"""A document's passages in the table: what is new comes in, what is there stays, what is gone goes."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import reduce
from itertools import batched
from operator import or_
from typing import Any

from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import F, Max, Q, TextField
from django.db.models.functions import Cast
from django.utils import timezone

from .. import indexing
from ..models import Knowledge, KnowledgeDocument, KnowledgeTag
from .passages import Draft
from .rows import hold_texts, insert

CHUNK = 200  # passages of one transaction
LOOKED_UP = 500  # hashes of one query
FEW = 20  # hashes that the database itself looks for
HOLDERS_READ = 10  # documents of one query; each may share many thousand passages


class Gone(Exception):
    """The document was deleted meanwhile."""


def task_key(document_id: str) -> str:
    """The key under which the queue holds a document's task."""
    return f"knowledge.import:{document_id}"


def forget_file(stored: str) -> None:
    """Delete a stored file once the caller's transaction stands."""
    transaction.on_commit(lambda: default_storage.delete(stored), robust=True)


class Plan:
    """What reading a document changes, worked out by content hashes."""

    def __init__(self, document: KnowledgeDocument, drafts: Iterable[Draft]) -> None:
        self.document = document
        unique = {draft.hash: draft for draft in reversed(list(drafts))}  # of equal ones the first counts
        self.before = self._before()
        others = _held_by_others(document, [key for key in unique if key not in self.before])
        ordered = sorted(unique.values(), key=lambda draft: draft.place.get("start", 0))
        self.drafts = [draft for draft in ordered if draft.hash not in others]
        self.shared = [[draft.hash, draft.title, draft.place] for draft in ordered if draft.hash in others]
        self.gone = [key for hash_, (key, *_rest) in self.before.items() if hash_ not in unique]

    def _before(self) -> dict[str, tuple[str, int | None, str, Any]]:
        rows = Knowledge.objects.filter(document=self.document).order_by("-pk")
        found = rows.values_list("content_hash", "pk", "position", "title", "metadata")
        return {hash_ or key: (key, position, title, place) for hash_, key, position, title, place in found}

    @property
    def counts(self) -> dict[str, int]:
        """How many passages are new, as before, gone, and known from elsewhere."""
        added = sum(draft.hash not in self.before for draft in self.drafts)
        return {
            "added": added,
            "kept": len(self.drafts) - added,
            "removed": len(self.gone),
            "shared": len(self.shared),
        }

    def chunks(self) -> Iterator[tuple[Draft, ...]]:
        """The passages that stay or come, by the transaction."""
        return batched(self.drafts, CHUNK)


def _held_by_others(document: KnowledgeDocument, hashes: Sequence[str]) -> set[str]:
    held: set[str] = set()
    for at in range(0, len(hashes), LOOKED_UP):
        rows = Knowledge.objects.filter(content_hash__in=hashes[at : at + LOOKED_UP])
        held |= set(rows.exclude(document=document.pk).values_list("content_hash", flat=True))
    return held


@transaction.atomic
def store(document: KnowledgeDocument, drafts: Sequence[Draft], at: int) -> list[str]:
    """Bring these passages into the table, from the position `at` on; returns their keys, new or not.

    Twice is as good as once: what is there by now is not added again. What others have stored since this was
    planned, by an import or by hand, is shared with them, and has no key here. Raises Gone.
    """
    hold_texts()
    if not _lock([document.pk]):
        raise Gone
    row: KnowledgeDocument = KnowledgeDocument.objects.defer("shared_passages").get(pk=document.pk)
    hashes = [draft.hash for draft in drafts]
    own = Knowledge.objects.filter(document=row, content_hash__in=hashes).defer("embedding", "content")
    there = {passage.content_hash: passage for passage in own}
    late = _held_by_others(row, [hash_ for hash_ in hashes if hash_ not in there])
    new = []
    for position, draft in enumerate((draft for draft in drafts if draft.hash not in late), at):
        if draft.hash in there:
            _refresh(there[draft.hash], position, draft)
        else:
            new.append(_passage(row, position, draft))
    insert(new, [row.tags] * len(new))
    KnowledgeDocument.objects.filter(pk=row.pk).update(updated_at=timezone.now())
    if late:
        _note_shared(row, [draft for draft in drafts if draft.hash in late])
    return [passage.pk for passage in (*there.values(), *new)]


def _note_shared(document: KnowledgeDocument, drafts: Sequence[Draft]) -> None:
    """Passages that were to be new are those of others after all."""
    entries = [[draft.hash, draft.title, draft.place] for draft in drafts]
    counts = document.counts or {}
    moved = {"added": counts.get("added", 0) - len(drafts), "shared": counts.get("shared", 0) + len(drafts)}
    KnowledgeDocument.objects.filter(pk=document.pk).update(
        shared_passages=[*(document.shared_passages or []), *entries],
        passage_count=F("passage_count") - len(drafts),
        counts=counts | moved,
    )


def _passage(document: KnowledgeDocument, position: int, draft: Draft) -> Knowledge:
    return Knowledge(
        document=document,
        position=position,
        title=draft.title,
        content=draft.content,
        content_hash=draft.hash,
        source=document.source[:255],
        metadata=draft.place,
        created_by_id=document.created_by_id,
    )


def _refresh(passage: Knowledge, position: int, draft: Draft) -> None:
    """The same words at another place keep row, tags and vector; under a new title they are indexed."""
    if (passage.position, passage.metadata) != (position, draft.place):
        Knowledge.objects.filter(pk=passage.pk).update(position=position, metadata=draft.place)
    if passage.title != draft.title:
        passage.title = draft.title
        passage.save(update_fields=["title", "updated_at"])
        indexing.index(passage)


@transaction.atomic
def remove(document: KnowledgeDocument, keys: Sequence[str]) -> None:
    """Take passages that the document no longer has out of the table; raises Gone."""
    let_go(document.pk, _hashes(keys))
    for at in range(0, len(keys), LOOKED_UP):
        Knowledge.objects.filter(document=document.pk, pk__in=keys[at : at + LOOKED_UP]).delete()
    if keys:
        indexing.rows_deleted(Knowledge)


def let_all_go(document_id: str) -> int:
    """Before a document goes: hand those of its passages over that others hold, too; raises Gone."""
    hashes = _hashes_of(document_id)
    seen = set(hashes)
    moved = let_go(document_id, hashes)
    # While it waited for the others, one that went may have handed it more.
    late = {hash_: key for hash_, key in _hashes_of(document_id).items() if hash_ not in seen}
    return moved + let_go(document_id, late)


def let_go(document_id: str, hashes: dict[str, str]) -> int:
    """Hand those passages of a document, keys by hash, over that other documents hold, too: how many.

    Holds the document and those others to the end of the caller's transaction; raises Gone.
    """
    held = _lock([document_id, *_holders(hashes, besides=document_id)])
    if document_id not in held:
        raise Gone
    return sum(_share_out(hashes, holder, copies=False) for holder in held if holder != document_id)


def leave_copies(keys: Sequence[str]) -> int:
    """Give documents that hold the text of these passages, too, passages of their own; returns how many.

    For passages that are about to go, or to say something else. Call it before they are locked: documents
    are locked before passages everywhere.
    """
    hashes = _hashes(keys)
    return sum(_share_out(hashes, holder, copies=True) for holder in _lock(_holders(hashes)))


def _hashes_of(document_id: str) -> dict[str, str]:
    rows = Knowledge.objects.filter(document=document_id, content_hash__isnull=False)
    return dict(rows.values_list("content_hash", "pk"))


def _hashes(keys: Sequence[str]) -> dict[str, str]:
    """The keys by what the passages say."""
    found: dict[str, str] = {}
    for at in range(0, len(keys), LOOKED_UP):
        rows = Knowledge.objects.filter(pk__in=keys[at : at + LOOKED_UP], content_hash__isnull=False)
        found |= dict(rows.values_list("content_hash", "pk"))
    return found


def _holders(hashes: Collection[str], besides: str = "") -> list[str]:
    """The documents that hold one of these texts in another's passage; a few of them in memory at a time."""
    if not hashes:
        return []
    rows = KnowledgeDocument.objects.filter(shared_passages__isnull=False).exclude(pk=besides).order_by("pk")
    if len(hashes) <= FEW:  # then the database looks, and what is not wanted is not read at all
        rows = rows.annotate(text=Cast("shared_passages", TextField()))
        rows = rows.filter(reduce(or_, (Q(text__contains=hash_) for hash_ in hashes)))
    found: list[str] = []
    at = ""
    while batch := list(rows.filter(pk__gt=at).values_list("pk", "shared_passages")[:HOLDERS_READ]):
        found += [pk for pk, shared in batch if any(hash_ in hashes for hash_, *_rest in shared or [])]
        at = batch[-1][0]
    return found


def _lock(document_ids: Iterable[str]) -> list[str]:
    """Hold those of the documents that are there, always in the same order, and give them in it.

    Two who hold several at once then never wait for each other.
    """
    wanted = sorted(document_ids)
    held: list[str] = []
    for at in range(0, len(wanted), LOOKED_UP):
        rows = KnowledgeDocument.objects.select_for_update().filter(pk__in=wanted[at : at + LOOKED_UP])
        held += rows.order_by("pk").values_list("pk", flat=True)
    return held


def _share_out(hashes: dict[str, str], holder_id: str, *, copies: bool) -> int:
    """Give a document, which is held, what it holds of `hashes`, and take that out of them: how many.

    It gets the passages themselves, or `copies` of them.
    """
    holder = KnowledgeDocument.objects.get(pk=holder_id)
    shared = holder.shared_passages or []
    wanted = {hashes[hash_]: (title, place) for hash_, title, place in shared if hash_ in hashes}
    last = holder.passages.aggregate(last=Max("position"))["last"]
    position = 0 if last is None else last + 1
    given: set[str] = set()
    for keys in batched(wanted, CHUNK):
        rows = Knowledge.objects.select_for_update().filter(pk__in=keys).defer("embedding").order_by("pk")
        for row in rows:
            if hashes.get(row.content_hash or "") != row.pk:  # it says something else by now
                continue
            passage = Knowledge(content=row.content, content_hash=row.content_hash) if copies else row
            _settle_in(passage, holder, position + len(given), *wanted[row.pk])
            del hashes[row.content_hash]
            given.add(row.content_hash)
    if given:
        _note_given(holder, given)
    return len(given)


def _note_given(holder: KnowledgeDocument, given: Collection[str]) -> None:
    left = [entry for entry in holder.shared_passages or [] if entry[0] not in given]
    count = holder.passages.count()
    KnowledgeDocument.objects.filter(pk=holder.pk).update(
        shared_passages=left or None, passage_count=count, done_count=count
    )


def _settle_in(
    passage: Knowledge, holder: KnowledgeDocument, position: int, title: str, place: dict[str, Any]
) -> None:
    """Store it as a passage of the document."""
    passage.document, passage.position = holder, position
    passage.title, passage.metadata = title, place
    passage.source, passage.created_by_id = holder.source[:255], holder.created_by_id
    passage.save()
    passage.tags.all().delete()
    KnowledgeTag.objects.bulk_create(
        [KnowledgeTag(knowledge=passage, tag=tag) for tag in holder.tags], ignore_conflicts=True
    )
    indexing.index(passage)
