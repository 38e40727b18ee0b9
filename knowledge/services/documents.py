"""Documents: files and web addresses that people bring in; a task reads them (`importing.work`)."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import PurePosixPath
from typing import Any

from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from agi_site.lib import outbound
from agi_site.lib.ids import uuid7
from agi_site.lib.plain_json import repaired
from agi_site.lib.problems import Conflict, Forbidden, Invalid, NotFound, TooLarge
from system import queue
from system.models import TaskQueue

from .. import indexing, options
from ..importing import storing
from ..importing.fetching import name_of
from ..importing.rows import BATCH
from ..models import (
    DocumentKind,
    DocumentStatus,
    Knowledge,
    KnowledgeDocument,
    KnowledgeImport,
    KnowledgeTag,
)
from .knowledge import clean_tags

FOLDER = "knowledge"
LOST_AFTER = timedelta(minutes=5)  # without a sign of work
KEPT_AFTER_FAILING = timedelta(days=30)
MOST_RESCUES = 3
MOST_RESCUED = 500  # at once


def add_file(
    *, by: Any, name: str, file: "File[Any]", tags: Iterable[str] = (), batch: KnowledgeImport | None = None
) -> KnowledgeDocument:
    """Take a file; a task reads it. One of the same name by the same person is taken for its new state.

    Tags that it did not have before come to the passages that are there, too. The same bytes a second time
    are not read again: the row that comes back says why (skipped, or ready as before). Raises Forbidden,
    Invalid or TooLarge.
    """
    check_may_add(by)
    name = file_name(name)
    size = file.size or 0
    if size > options.file_bytes():
        most = {"most": options.file_bytes() // 1_000_000}
        raise TooLarge(_("A file may have at most %(most)s MB.") % most)
    if not size:
        raise Invalid(errors={"file": [_("The file is empty.")]})
    digest = hashlib.sha256()
    for chunk in file.chunks():
        digest.update(chunk)
    file.seek(0)
    stored = default_storage.save(f"{FOLDER}/{uuid7()}", file)
    try:
        return _take(
            _Brought(
                by=by,
                kind=DocumentKind.FILE,
                source=name,
                title=PurePosixPath(name).stem or name,
                tags=clean_tags(tags),
                batch=batch,
                stored=stored,
                sha256=digest.hexdigest(),
                size=size,
            )
        )
    except BaseException:
        default_storage.delete(stored)
        raise


def add_url(
    *, by: Any, url: str, tags: Iterable[str] = (), batch: KnowledgeImport | None = None
) -> KnowledgeDocument:
    """Take a web address; it is fetched and read by a task. One known from before is read again.

    Raises Forbidden, Invalid or AddressRefused.
    """
    check_may_add(by)
    url = url.strip()
    if len(url) > options.LONGEST_URL:
        raise Invalid(errors={"url": [_("An address has at most %(most)s characters.") % {"most": 2000}]})
    outbound.checked_url(url)
    title = name_of(url)[:255] or url[:255]
    return _take(
        _Brought(by=by, kind=DocumentKind.URL, source=url, title=title, tags=clean_tags(tags), batch=batch)
    )


@dataclass(frozen=True, slots=True)
class _Brought:
    """What somebody brings in: a stored file, or an address."""

    by: Any
    kind: str
    source: str
    title: str
    tags: list[str]
    batch: KnowledgeImport | None
    stored: str = ""
    sha256: str | None = None
    size: int = 0


def _take(given: _Brought) -> KnowledgeDocument:
    """The row for what was brought in: a new one, or that of its state before."""
    try:
        return _taken(given)
    except IntegrityError:  # the same bytes came in at the same moment: by now they are known
        return _taken(given)


@transaction.atomic
def _taken(given: _Brought) -> KnowledgeDocument:
    key = source_key(given.by, given.kind, given.source)
    rows = KnowledgeDocument.objects.select_for_update()
    earlier = rows.filter(source_key=key, created_by=given.by).exclude(status=DocumentStatus.SKIPPED)
    row: KnowledgeDocument | None = earlier.first()
    if row is not None and row.is_busy:
        raise Conflict(_("“%(source)s” is being imported at this moment.") % {"source": given.source[:200]})
    twin = rows.filter(sha256=given.sha256).first() if given.sha256 else None
    if twin is not None and twin != row and twin.status == DocumentStatus.FAILED:
        KnowledgeDocument.objects.filter(pk=twin.pk).update(sha256=None)  # it holds nothing of them
        twin = None
    if row is not None:
        _tag_too(row, given.tags)
    if row is not None and twin == row and row.status == DocumentStatus.READY:
        storing.forget_file(given.stored)
        row.batch, row.reason_code = given.batch, "unchanged"
        row.save(update_fields=["batch", "tags", "reason_code", "updated_at"])
        return row
    if row is None and twin is not None:
        return _skipped(given, key, twin)
    row = row or KnowledgeDocument(
        kind=given.kind, source=given.source, source_key=key, title=given.title, created_by=given.by
    )
    if row.stored:
        storing.forget_file(row.stored)
    row.batch, row.stored, row.size, row.tags = given.batch, given.stored, given.size, row.tags or given.tags
    if given.sha256:
        row.sha256 = given.sha256 if twin in (None, row) else None
    _begin(row)
    return row


def _tag_too(row: KnowledgeDocument, tags: list[str]) -> None:
    """A document that is brought in again gets the tags that it has not, and so do the passages it has."""
    new = [tag for tag in tags if tag not in row.tags]
    if not new:
        return
    row.tags = sorted({*row.tags, *new})
    keys = row.passages.order_by().values_list("pk", flat=True)
    wanted = [KnowledgeTag(knowledge_id=key, tag=tag) for key in keys for tag in new]
    KnowledgeTag.objects.bulk_create(wanted, batch_size=BATCH, ignore_conflicts=True)


def _skipped(given: _Brought, key: str, twin: KnowledgeDocument) -> KnowledgeDocument:
    """A file whose very bytes are there already, under another name or from somebody else."""
    storing.forget_file(given.stored)
    row: KnowledgeDocument = KnowledgeDocument.objects.create(
        batch=given.batch,
        kind=given.kind,
        title=given.title,
        source=given.source,
        source_key=key,
        size=given.size,
        tags=given.tags,
        status=DocumentStatus.SKIPPED,
        reason_code="duplicate",
        reason_values={"title": twin.title, "id": twin.pk},
        created_by=given.by,
    )
    return row


def _begin(row: KnowledgeDocument) -> None:
    """Let a task read it from the beginning."""
    row.status, row.reason_code, row.reason_values = DocumentStatus.WAITING, "", None
    row.passage_count = row.done_count = row.rescues = 0
    row.counts = None
    row.save()
    start(row)


def start(row: KnowledgeDocument) -> None:
    """Queue the reading of a document, in the caller's transaction."""
    queue.enqueue(
        task_type="knowledge.import_document",
        payload={"document_id": row.pk},
        priority=-1,
        key=storing.task_key(row.pk),
    )


@transaction.atomic
def retry_document(*, document: KnowledgeDocument, by: Any) -> KnowledgeDocument:
    """Read a document again: one that failed goes on where it was, an address is looked at for changes.

    Raises Forbidden, or Conflict where it is being read or its file is not kept any more.
    """
    row: KnowledgeDocument = KnowledgeDocument.objects.select_for_update().get(pk=document.pk)
    _check_may_change(row, by)
    if row.is_busy:
        raise Conflict(_("This is being read already."), code="busy")
    if not row.can_be_read_again:
        raise Conflict(_("The file is not kept any more. Import it again."), code="file_gone")
    done, counts = row.done_count, row.counts
    failed = row.status == DocumentStatus.FAILED
    _begin(row)
    if failed:  # what stands already counts
        KnowledgeDocument.objects.filter(pk=row.pk).update(done_count=done, counts=counts)
        row.done_count, row.counts = done, counts
    return row


@transaction.atomic
def delete_document(*, document: KnowledgeDocument, by: Any) -> None:
    """Remove a document with its passages; those that another document holds as well move there.

    Raises Forbidden or NotFound. A task that reads it at this moment finds it gone and ends.
    """
    _check_may_change(document, by)
    try:
        storing.let_all_go(document.pk)
    except storing.Gone as gone:
        raise NotFound from gone
    row: KnowledgeDocument = KnowledgeDocument.objects.get(pk=document.pk)
    if row.stored:
        storing.forget_file(row.stored)
    row.delete()
    indexing.rows_deleted(Knowledge)


def check_may_add(by: Any) -> None:
    """Raise Forbidden unless the person may add knowledge; None is the program."""
    if by is not None and not by.has_perm("knowledge.add_knowledge"):
        raise Forbidden


def _check_may_change(row: KnowledgeDocument, by: Any) -> None:
    if by is not None and not row.may_be_changed_by(by):
        raise Forbidden(_("Only who brought it in or an operator may change this."), code="not_the_author")


def source_key(by: Any, kind: str, source: str) -> str:
    """One document a person and source."""
    return hashlib.sha256(f"{getattr(by, 'pk', '')}\0{kind}\0{source}".encode()).hexdigest()


def file_name(name: str) -> str:
    """The file's own name, without folders."""
    name = repaired(name.replace("\\", "/").rpartition("/")[2]).strip()
    return name[:255] or "?"


# --- The task's part: how an attempt ends that does not end well -------------------------------------------
def fail_document(*, document_id: str, code: str, values: dict[str, Any]) -> None:
    """It ends here, with a reason; what stands stays, and its file, so that it can be tried again.

    The same bytes under other names, which were not read because of it, are not known either.
    """
    KnowledgeDocument.objects.move(
        pk=document_id, to=DocumentStatus.FAILED, reason_code=code, reason_values=values
    )
    twins = KnowledgeDocument.objects.filter(status=DocumentStatus.SKIPPED, reason_code="duplicate")
    for twin in twins.filter(reason_values__id=document_id).values_list("pk", flat=True):
        KnowledgeDocument.objects.move(pk=twin, to=DocumentStatus.FAILED, reason_code="twin_failed")


def wait_document(*, document_id: str, code: str, values: dict[str, Any]) -> None:
    """It will be tried again by itself; until then it says why."""
    KnowledgeDocument.objects.move(
        pk=document_id, to=DocumentStatus.WAITING, reason_code=code, reason_values=values
    )


def stop_document(*, document_id: str) -> None:
    """Its task was canceled; or it was lost to another worker, and then that one goes on."""
    if not _live([document_id]):
        fail_document(document_id=document_id, code="stopped", values={})


def rescue_documents(*, older_than: timedelta = LOST_AFTER) -> int:
    """Queue the documents anew that nobody works on though they are not done; returns how many.

    One that was lost several times ends as failed.
    """
    silent = timezone.now() - older_than
    rows = list(KnowledgeDocument.objects.busy().filter(updated_at__lt=silent).order_by("pk")[:MOST_RESCUED])
    live = _live([row.pk for row in rows])
    rescued = 0
    for row in rows:
        if row.pk in live:
            continue
        if row.rescues >= MOST_RESCUES:
            fail_document(document_id=row.pk, code="lost", values={})
            continue
        with transaction.atomic():
            KnowledgeDocument.objects.move(pk=row.pk, to=DocumentStatus.WAITING, rescues=row.rescues + 1)
            start(row)
        rescued += 1
    return rescued


def drop_old_files(*, older_than: timedelta = KEPT_AFTER_FAILING) -> int:
    """Delete the stored files of documents that failed long ago; returns how many."""
    old = KnowledgeDocument.objects.filter(
        status=DocumentStatus.FAILED, updated_at__lt=timezone.now() - older_than
    )
    dropped = list(old.exclude(stored="").values_list("pk", "stored")[:MOST_RESCUED])
    for _key, stored in dropped:
        default_storage.delete(stored)
    KnowledgeDocument.objects.filter(pk__in=[key for key, _stored in dropped]).update(stored="")
    return len(dropped)


def _live(document_ids: Sequence[str]) -> set[str]:
    """Those of the documents whose task waits or runs."""
    keys = {storing.task_key(key): key for key in document_ids}
    held = TaskQueue.objects.filter(unique_key__in=list(keys)).values_list("unique_key", flat=True)
    return {keys[key] for key in held}
