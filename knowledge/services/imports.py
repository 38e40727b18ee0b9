"""Several documents brought in at once, and how far that is."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.files.base import File
from django.db.models import Count, Sum
from django.utils.translation import gettext as _

from agi_site.lib.plain_json import repaired
from agi_site.lib.problems import Conflict, Invalid, Problem, TooLarge

from .. import options
from ..importing.reasons import REASONS
from ..models import BUSY, DocumentKind, DocumentStatus, KnowledgeDocument, KnowledgeImport
from .documents import add_file, add_url, check_may_add, file_name, retry_document, source_key
from .knowledge import clean_tags


def add_all(
    *, by: Any, files: "Sequence[tuple[str, File[Any]]]", urls: Sequence[str], tags: Iterable[str] = ()
) -> KnowledgeImport:
    """Take files and addresses at once; one that cannot be taken is in the import as failed, with the reason.

    Raises Forbidden, or Invalid where there are none or too many.
    """
    check_may_add(by)
    urls = list(dict.fromkeys(url for url in (url.strip() for url in urls) if url))
    if not files and not urls:
        raise Invalid(_("Choose at least one file, or write at least one address."))
    if len(files) > options.MOST_FILES or len(urls) > options.MOST_URLS:
        most = {"files": options.MOST_FILES, "urls": options.MOST_URLS}
        raise Invalid(_("At most %(files)s files or %(urls)s addresses at once.") % most)
    cleaned = clean_tags(tags)
    batch: KnowledgeImport = KnowledgeImport.objects.create(
        created_by=by, tags=cleaned, total=len(files) + len(urls)
    )
    for name, file in files:
        try:
            add_file(by=by, name=name, file=file, tags=cleaned, batch=batch)
        except Problem as problem:
            _refused(by, batch, DocumentKind.FILE, file_name(name), problem)
    for url in urls:
        try:
            add_url(by=by, url=url, tags=cleaned, batch=batch)
        except Problem as problem:
            _refused(by, batch, DocumentKind.URL, url[: options.LONGEST_URL], problem)
    return batch


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an import is. `share` is the done part, from 0 to 1; `states` counts documents by state."""

    total: int
    ended: int
    failed: int
    share: float
    passages: int
    states: dict[str, int]

    @property
    def is_busy(self) -> bool:
        """Whether something is still to be done."""
        return self.ended < self.total

    @property
    def percent(self) -> int:
        """The done part in percent; 100 only at the end."""
        return 100 if not self.is_busy else min(99, int(self.share * 100))


def progress_of(batches: Sequence[KnowledgeImport]) -> dict[str, Progress]:
    """Count the documents of imports by their states, by import; one at work counts by its passages."""
    rows = KnowledgeDocument.objects.filter(batch__in=[batch.pk for batch in batches])
    counted = rows.values("batch_id", "status").annotate(
        rows=Count("pk"), done=Sum("done_count"), passages=Sum("passage_count")
    )
    found: dict[str, dict[str, Any]] = {batch.pk: {} for batch in batches}
    for row in counted:
        found[row["batch_id"]][row["status"]] = row
    return {key: _progress(states) for key, states in found.items()}


def _progress(found: Mapping[str, Any]) -> Progress:
    states = {status: row["rows"] for status, row in found.items()}
    total = sum(states.values())
    busy = sum(states.get(status, 0) for status in BUSY)
    at_work = found.get(DocumentStatus.INDEXING)
    part = at_work["rows"] * at_work["done"] / max(at_work["passages"], 1) if at_work else 0.0
    return Progress(
        total=total,
        ended=total - busy,
        failed=states.get(DocumentStatus.FAILED, 0),
        share=(total - busy + part) / max(total, 1),
        passages=sum(row["done"] or 0 for row in found.values()),
        states=states,
    )


def _refused(by: Any, batch: KnowledgeImport, kind: str, source: str, problem: Problem) -> None:
    """An item that was not even taken stands in the list, too, and says why."""
    values: dict[str, Any] = {}
    code = "busy" if isinstance(problem, Conflict) else problem.code
    if isinstance(problem, TooLarge):
        code, values = "too_large", {"most": options.file_bytes() // 1_000_000}
    elif problem.errors:
        code = "empty" if "file" in problem.errors else "bad_address"
    elif code not in REASONS:
        code = "bad_address"
    source = repaired(source)
    KnowledgeDocument.objects.create(
        batch=batch,
        kind=kind,
        title=source[:255] or "?",
        source=source,
        source_key=source_key(by, kind, source),
        status=DocumentStatus.FAILED,
        reason_code=code,
        reason_values=values,
        tags=batch.tags,
        created_by=by,
    )


def retry_import(*, batch: KnowledgeImport, by: Any) -> int:
    """Try again what failed of an import; returns how many documents that are."""
    failed = batch.documents.filter(status=DocumentStatus.FAILED).order_by("pk")
    again = [row for row in failed if row.can_be_read_again and row.may_be_changed_by(by)]
    for row in again:
        retry_document(document=row, by=by)
    return len(again)
