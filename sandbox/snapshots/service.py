"""Snapshots as people ask for them; workers do the work (making.py, restoring.py)."""

from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from agi_site.lib.problems import Conflict, Invalid, NotFound
from system import queue

from ..files import Download, limits, storing
from ..files.access import check_owner, instance_of
from ..files.inspection import Course, check_members
from ..lifecycle.trail import tell
from ..models import (
    Direction,
    Sandbox,
    SandboxExecution,
    SandboxSnapshot,
    SandboxStatus,
    SnapshotKind,
    SnapshotStatus,
)
from . import content
from .restoring import FILL_KEY, RESTORE_KEY, VERB

MIME_TYPE = "application/zstd"


@transaction.atomic
def create_snapshot(
    *, sandbox: Sandbox, by: Any, name: str = "", kind: SnapshotKind = SnapshotKind.MANUAL
) -> SandboxSnapshot:
    """Queue a snapshot of a running sandbox's workspace; its status tells when it is ready, or why not.

    Raises NotFound, Conflict (the sandbox does not run, or the person has too many snapshots).
    """
    instance = instance_of(sandbox, by, writing=True)
    if kind == SnapshotKind.MANUAL:
        _check_room(sandbox.user_id)
    snapshot: SandboxSnapshot = SandboxSnapshot.objects.create(
        user_id=sandbox.user_id, sandbox=sandbox, name=_checked_name(name), kind=kind
    )
    queue.enqueue(
        task_type="sandbox.snapshots.make",
        payload={"snapshot_id": snapshot.pk},
        queue=instance.host.queue,
        key=f"sandbox.snapshots.make:{snapshot.pk}",
    )
    return snapshot


@transaction.atomic
def restore_snapshot(
    *, snapshot: SandboxSnapshot, sandbox: Sandbox, by: Any, end_executions: bool = False
) -> Sandbox:
    """Queue the replacement of a running sandbox's workspace; `sandbox.verb` is "restore" until it is done.

    Everything is verified first; a mismatch leaves the workspace as it was and is told as an event. Raises
    Conflict (not ready, not running, executions run: `end_executions` ends them) or NotFound.
    """
    _check_owner(snapshot, by)
    instance = instance_of(sandbox, by, writing=True)
    if snapshot.status != SnapshotStatus.READY:
        raise Conflict(_("This snapshot is not ready."), code="not_ready")
    _end_executions(sandbox, by, end_executions)
    if not begin_restore(sandbox):
        raise Conflict(
            _("Something else is being done with this sandbox. Wait until it is done."), code="busy"
        )
    queue.enqueue(
        task_type="sandbox.snapshots.restore",
        payload={"snapshot_id": snapshot.pk, "sandbox_id": sandbox.pk},
        queue=instance.host.queue,
        key=f"{RESTORE_KEY}:{sandbox.pk}",
    )
    return sandbox


def begin_restore(sandbox: Sandbox) -> bool:
    """Let the verb `restore` be under way; False where the sandbox does not run, or another verb is."""
    running = Sandbox.objects.filter(pk=sandbox.pk, status=SandboxStatus.RUNNING, verb__isnull=True)
    begun = bool(running.update(verb=VERB))
    sandbox.refresh_from_db()
    if begun:
        tell(sandbox)
    return begun


@transaction.atomic
def fill_sandbox(*, sandbox: Sandbox, snapshot: SandboxSnapshot, by: Any) -> None:
    """Restore a snapshot into a sandbox that was just made, as soon as both are ready. For clones.

    A snapshot of kind `clone` is deleted afterwards.
    """
    _check_owner(snapshot, by)
    check_owner(sandbox, by)
    if snapshot.status == SnapshotStatus.FAILED:
        raise Conflict(_("This snapshot could not be made, so there is nothing to copy."), code="not_ready")
    queue.enqueue(
        task_type="sandbox.snapshots.fill",
        payload={"snapshot_id": snapshot.pk, "sandbox_id": sandbox.pk},
        queue=sandbox.host.queue if sandbox.host else None,
        key=f"{FILL_KEY}:{sandbox.pk}",
    )


@transaction.atomic
def clone_workspace(*, source: Sandbox, target: Sandbox, by: Any) -> None:
    """Copy the workspace of a running sandbox into one that was just made, as soon as that runs."""
    snapshot = create_snapshot(sandbox=source, by=by, kind=SnapshotKind.CLONE)
    fill_sandbox(sandbox=target, snapshot=snapshot, by=by)


def rename_snapshot(*, snapshot: SandboxSnapshot, by: Any, name: str) -> SandboxSnapshot:
    """Give it another name; raises Invalid."""
    _check_owner(snapshot, by)
    snapshot.name = _checked_name(name)
    snapshot.save(update_fields=["name"])
    return snapshot


@transaction.atomic
def delete_snapshot(*, snapshot: SandboxSnapshot, by: Any) -> None:
    """Delete a snapshot and what is stored of it."""
    _check_owner(snapshot, by)
    row = SandboxSnapshot.objects.select_for_update().filter(pk=snapshot.pk).first()
    if row is None:
        raise NotFound
    stored = row.storage_path
    row.delete()
    transaction.on_commit(lambda: storing.discard(stored), robust=True)


def download_snapshot(*, snapshot: SandboxSnapshot, by: Any) -> Download:
    """The archive (tar, packed by zstd), verified and scanned before the first byte; raises Conflict."""
    _check_owner(snapshot, by)
    if snapshot.status != SnapshotStatus.READY:
        raise Conflict(_("This snapshot is not ready."), code="not_ready")
    with content.verified(snapshot) as (stored, packed):
        check_members(Course(snapshot.user_id, snapshot.sandbox, Direction.OUT), packed)
        copy = stored.kept()
    name = snapshot.name or f"snapshot-{snapshot.created_at:%Y-%m-%d}"
    return Download.of(copy, name=f"{name}.tar.zst", mime_type=MIME_TYPE)


def _check_owner(snapshot: SandboxSnapshot, by: Any) -> None:
    if by is not None and snapshot.user_id != by.pk:
        raise NotFound


def _check_room(user_id: int) -> None:
    """Raise Conflict where a person keeps as many snapshots as one may; backups come and go by themselves."""
    most = limits.value("snapshots_per_person")
    if SandboxSnapshot.objects.filter(user=user_id, kind=SnapshotKind.MANUAL).count() >= most:
        message = _("You have %(most)s snapshots, which is the most one may keep. Delete one first.")
        raise Conflict(message % {"most": most}, code="too_many_snapshots")


def _checked_name(name: str) -> str:
    text = " ".join(name.split())
    if len(text) > 100:
        message = _("A name has at most %(most)s characters.") % {"most": 100}
        raise Invalid(message, errors={"name": [message]})
    return text


def _end_executions(sandbox: Sandbox, by: Any, end_them: bool) -> None:
    """Ask what runs to end, or refuse because it runs."""
    live = list(SandboxExecution.objects.filter(sandbox=sandbox).live())
    if not live:
        return
    if not end_them:
        message = ngettext(
            "%(count)s execution still runs here. End it first, or let the restore end it.",
            "%(count)s executions still run here. End them first, or let the restore end them.",
            len(live),
        )
        raise Conflict(message % {"count": len(live)}, code="executions_run")
    from ..services import cancel_execution

    for execution in live:
        cancel_execution(execution=execution, by=by)
