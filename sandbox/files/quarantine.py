"""What the scanner held back: kept sealed, shown to its owner, decided on by operators."""

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from agi_site.lib.problems import Conflict, Invalid, NotFound
from system.services import audit

from ..lifecycle.trail import note
from ..models import Direction, QuarantineStatus, Sandbox, SandboxQuarantine
from . import limits, sealed, storing
from .access import check_operator
from .repacking import shown
from .scan import Finding
from .spool import CHUNK, Spool, TooLarge

if TYPE_CHECKING:
    from .transfer import Download

COMPONENT = "sandbox"
BATCH = 200


class Quarantined(Invalid):
    """The scanner held a file back; `row` is its quarantine row."""

    code = "quarantined"
    title = gettext_lazy("The scanner held this file back.")
    row: SandboxQuarantine


def is_released(content_hash: str) -> bool:
    """Whether an operator declared this very content harmless."""
    return SandboxQuarantine.objects.filter(
        content_hash=content_hash, status=QuarantineStatus.RELEASED
    ).exists()


def hold(
    *,
    owner_id: int,
    sandbox: Sandbox | None,
    path: str,
    direction: Direction,
    finding: Finding,
    content: Spool,
) -> SandboxQuarantine:
    """Keep a sealed copy of what was found, with its row and an event of the sandbox (where there is one).

    What is held already, of the same file on the same way, is not kept again: asking again fills no storage.
    """
    row = SandboxQuarantine(
        user_id=owner_id,
        sandbox=sandbox,
        path=shown(path)[:255],
        direction=direction,
        scanner=finding.scanner[:20],
        rule=finding.rule[:200],
        content_hash=content.sha256,
        size_bytes=content.size,
    )
    if (held := _held_already(row)) is not None:
        return held
    with Spool() as closed:
        for chunk in sealed.seal(content.chunks()):
            closed.write(chunk)
        row.storage_path = storing.store(f"{storing.QUARANTINE}/{row.pk}", closed)
    try:
        with transaction.atomic():
            row.save(force_insert=True)
            if sandbox is not None:
                said = {"path": row.path, "direction": str(direction), "rule": row.rule, "id": row.pk}
                note(sandbox, "quarantined", **said)
    except BaseException:
        storing.discard(row.storage_path)
        raise
    return row


def _held_already(row: SandboxQuarantine) -> SandboxQuarantine | None:
    same = {
        name: getattr(row, name)
        for name in ("user_id", "sandbox_id", "path", "direction", "rule", "content_hash")
    }
    rows = SandboxQuarantine.objects.filter(**same, status=QuarantineStatus.HELD, storage_path__isnull=False)
    return rows.order_by("pk").first()


def refusal(row: SandboxQuarantine) -> Quarantined:
    """The held file as an error that says what to do."""
    message = _(
        "The scanner held “%(path)s” back (%(rule)s). If that is wrong, an operator can release it: %(id)s"
    )
    problem = Quarantined(message % {"path": row.path, "rule": row.rule, "id": row.pk})
    problem.row = row
    return problem


@transaction.atomic
def release_quarantined(*, quarantined: SandboxQuarantine, by: Any) -> SandboxQuarantine:
    """Declare content harmless: it passes from now on, for everybody; raises Forbidden or Conflict."""
    return _decide(quarantined, by, QuarantineStatus.RELEASED)


@transaction.atomic
def remove_quarantined(*, quarantined: SandboxQuarantine, by: Any) -> SandboxQuarantine:
    """Destroy the held copy; the row stays as a record. Raises Forbidden or Conflict.

    Content that was released is held again from then on.
    """
    return _decide(quarantined, by, QuarantineStatus.REMOVED)


def _decide(quarantined: SandboxQuarantine, by: Any, status: QuarantineStatus) -> SandboxQuarantine:
    check_operator(by)
    row = SandboxQuarantine.objects.select_for_update().filter(pk=quarantined.pk).first()
    if row is None:
        raise NotFound
    possible = {QuarantineStatus.HELD} | ({QuarantineStatus.RELEASED} - {status})
    if row.status not in possible:
        status_now = QuarantineStatus(row.status).label
        raise Conflict(_("This was decided already: it is %(status)s.") % {"status": status_now})
    row.status, row.decided_at = status, timezone.now()
    stored = row.storage_path
    if status == QuarantineStatus.REMOVED:
        row.storage_path = None
        transaction.on_commit(lambda: storing.discard(stored), robust=True)
    row.save(update_fields=["status", "decided_at", "storage_path"])
    audit(component=COMPONENT, message=f"quarantined file {row.pk} ({row.rule}) was {status}", by=by)
    if row.sandbox is not None:
        note(row.sandbox, f"quarantine_{status}", path=row.path, rule=row.rule, id=row.pk)
    return row


def open_quarantined(*, quarantined: SandboxQuarantine, by: Any) -> "Download":
    """The held bytes for an operator who looks into it; audited. Raises Forbidden, NotFound or Conflict."""
    from .transfer import Download

    check_operator(by)
    row = SandboxQuarantine.objects.filter(pk=quarantined.pk).first()
    if row is None or not row.storage_path:
        raise NotFound(_("The copy of this file is no longer kept."))
    spool = _unsealed(row)
    if spool is None:
        raise Conflict(_("The copy of this file is damaged or missing in the storage."), code="damaged")
    audit(component=COMPONENT, message=f"quarantined file {row.pk} was opened", by=by)
    # A name that nothing opens by itself.
    return Download.of(spool, name=f"{row.pk}.quarantined", mime_type="application/octet-stream")


def _unsealed(row: SandboxQuarantine) -> Spool | None:
    """The held bytes as they were, None where they no longer are."""
    try:
        with closing(storing.open_stored(str(row.storage_path))) as file:
            spool = Spool.filled(sealed.unseal(file), most=row.size_bytes)
    except (OSError, sealed.Damaged, TooLarge):
        return None
    if spool.sha256 == row.content_hash:
        return spool
    spool.close()
    return None


def prune() -> int:
    """Destroy held copies past their retention, in batches; returns how many. The rows stay."""
    limit = timezone.now() - timedelta(days=limits.value("quarantine_days"))
    old = SandboxQuarantine.objects.filter(
        status=QuarantineStatus.HELD, created_at__lt=limit, storage_path__isnull=False
    ).order_by("pk")
    removed = 0
    for row in old[:BATCH]:
        row.status, stored = QuarantineStatus.REMOVED, row.storage_path
        SandboxQuarantine.objects.filter(pk=row.pk).update(
            status=row.status, decided_at=timezone.now(), storage_path=None
        )
        storing.discard(stored)
        removed += 1
    return removed


def pieces(read: Any) -> Iterator[bytes]:
    """What a `read(size)` gives, in chunks."""
    while chunk := read(CHUNK):
        yield chunk
