"""Making a snapshot: the workspace as one tar, with the hash of every file, into the storage."""

from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from agi_site.lib.problems import Problem
from system.queue import TaskRun

from ..files import inside, storing
from ..files.access import instance_of
from ..files.archives import Chunks, Member, tar_members
from ..files.limits import bounds
from ..files.repacking import Packed, repack
from ..lifecycle.trail import note
from ..models import SandboxInstance, SandboxSnapshot, SnapshotStatus
from . import content


def make(task: TaskRun, *, snapshot_id: str) -> dict[str, Any]:
    """The work of `sandbox.snapshots.make`; may run again: a snapshot that is ready or gone is left alone."""
    snapshot = SandboxSnapshot.objects.select_related("sandbox").filter(pk=snapshot_id).first()
    if snapshot is None or snapshot.status != SnapshotStatus.CREATING:
        return {"skipped": "gone" if snapshot is None else str(snapshot.status)}
    try:
        if snapshot.sandbox is None:
            raise Problem(_("The sandbox was deleted before the snapshot was made."))
        return _make(snapshot, instance_of(snapshot.sandbox, None))
    except Problem as error:
        fail(snapshot, str(error.message))
        return {"failed": str(error.code)}
    except Exception:
        if task.last_attempt:
            fail(snapshot, _("An unexpected error, see the log."))
        raise


def fail(snapshot: SandboxSnapshot, reason: str) -> None:
    """Say on the row, and in the sandbox's history, that and why there is no snapshot."""
    with transaction.atomic():
        changed = SandboxSnapshot.objects.filter(pk=snapshot.pk, status=SnapshotStatus.CREATING).update(
            status=SnapshotStatus.FAILED, detail=reason
        )
        if changed and snapshot.sandbox is not None:
            note(snapshot.sandbox, "snapshot_failed", snapshot=snapshot.pk, detail=reason)


def _make(snapshot: SandboxSnapshot, instance: SandboxInstance) -> dict[str, Any]:
    most = bounds()
    with inside.archive(instance, "") as stream:
        members = filter(_is_theirs, tar_members(Chunks(stream)))
        packed = repack(members, bounds=most, most=most.unpacked, strict=False)
        packed.skipped_count += int((stream.answer or {}).get("skipped", 0))
    with packed:
        sealed = content.seal(packed)
        with sealed.spool:
            stored = storing.store(f"{storing.SNAPSHOTS}/{snapshot.pk}.tar.zst", sealed.spool)
            return _keep(snapshot, packed, sealed, stored)


def _keep(snapshot: SandboxSnapshot, packed: Packed, sealed: content.Sealed, stored: str) -> dict[str, Any]:
    """Write down what is stored, unless the snapshot was deleted, or made by another worker, meanwhile."""
    left_out = _left_out(packed)
    values = {
        "status": SnapshotStatus.READY,
        "detail": left_out or None,
        "storage_path": stored,
        "content_hash": sealed.spool.sha256,
        "manifest_hash": sealed.manifest_hash,
        "size_bytes": packed.size,
        "stored_bytes": sealed.spool.size,
        "file_count": packed.files,
    }
    with transaction.atomic():
        kept = SandboxSnapshot.objects.filter(pk=snapshot.pk, status=SnapshotStatus.CREATING).update(**values)
        if kept and snapshot.sandbox is not None:
            said = {
                "snapshot": snapshot.pk,
                "files": packed.files,
                "bytes": packed.size,
                "kind": snapshot.kind,
            }
            note(snapshot.sandbox, "snapshot_made", **said)
    if not kept:
        storing.discard(stored)
    return (
        {"files": packed.files, "bytes": packed.size, "stored": sealed.spool.size}
        if kept
        else {"skipped": "late"}
    )


def _left_out(packed: Packed) -> str:
    if not packed.skipped_count:
        return ""
    return _("%(count)s things could not be packed and are not in it.") % {"count": packed.skipped_count}


def _is_theirs(member: Member) -> bool:
    """Whether a member is the person's, and not what an interrupted restore left."""
    return not inside.is_staging(member.path.removeprefix("./"))
