"""Putting a snapshot in the place of a workspace: verified, laid down beside it, then swapped in by renames.

The workspace is the root of a disk and cannot be swapped whole, so its entries are: everything in it moves
to `.agi-restore/old`, then everything in `.agi-restore/new` moves up. A mark on the disk says that the old is
all away, so that a swap can be undone from wherever it was interrupted, and so can its undoing; a restore
that fails, or whose worker dies, leaves what was there.
"""

import logging
import time
from collections.abc import Callable
from typing import Any

from django.utils.translation import gettext as _

from agi_site.lib.problems import Conflict, NotFound, Problem
from system.models import TaskQueue, TaskStatus
from system.queue import TaskRun

from ..files import inside, mirror
from ..files.access import instance_of
from ..files.inside import STAGED, STAGING
from ..files.repacking import Packed
from ..files.spool import Spool
from ..lifecycle.steps import reach
from ..lifecycle.trail import note, tell
from ..models import Sandbox, SandboxExecution, SandboxInstance, SandboxSnapshot
from . import content

logger = logging.getLogger(__name__)

NEW, OLD, MARK = f"{STAGING}/new", f"{STAGING}/old", f"{STAGING}/swapping-in"
VERB = "restore"
RESTORE_KEY, FILL_KEY = (
    "sandbox.snapshots.restore",
    "sandbox.snapshots.fill",
)  # of the tasks, before the sandbox
PATIENCE = 15.0  # seconds for executions to end


def restore(task: TaskRun, *, snapshot_id: str, sandbox_id: str) -> dict[str, Any]:
    """The work of `sandbox.snapshots.restore`; may run again, and begins by undoing what was half done."""
    sandbox = Sandbox.objects.filter(pk=sandbox_id, verb=VERB).first()
    if sandbox is None:
        return {"skipped": "not asked any more"}
    snapshot = SandboxSnapshot.objects.filter(pk=snapshot_id).first()
    try:
        if snapshot is None:
            raise NotFound(_("The snapshot was deleted."))
        _wait_for_quiet(sandbox, task)
        replace_workspace(instance_of(sandbox, None), snapshot)
    except Problem as error:
        finish(sandbox, "restore_failed", snapshot=snapshot_id, detail=str(error.message))
        return {"failed": str(error.code)}
    except Exception:
        if task.last_attempt:
            finish(
                sandbox, "restore_failed", snapshot=snapshot_id, detail=_("An unexpected error, see the log.")
            )
        raise
    finish(sandbox, "restored", snapshot=snapshot_id, name=snapshot.name)
    return {"files": snapshot.file_count}


def finish(sandbox: Sandbox, kind: str, **said: Any) -> None:
    """End the verb, say how it went, and let the mirror follow."""
    Sandbox.objects.filter(pk=sandbox.pk, verb=VERB).update(verb=None)
    sandbox.refresh_from_db()
    note(sandbox, kind, **said)
    tell(sandbox)
    mirror.refresh_soon(sandbox)


def end_lost() -> int:
    """End restores whose task is gone (given up, or canceled by an operator) with the workspace as it was."""
    ended = 0
    for sandbox in Sandbox.objects.filter(verb=VERB):
        keys = [f"{key}:{sandbox.pk}" for key in (RESTORE_KEY, FILL_KEY)]
        waiting = TaskQueue.objects.filter(
            unique_key__in=keys, status__in=[TaskStatus.PENDING, TaskStatus.PROCESSING]
        )
        if waiting.exists():
            continue
        try:
            undo(instance_of(sandbox, None))
        except Problem as error:  # the next restore begins by undoing
            logger.warning("a lost restore of sandbox %s was not undone: %s", sandbox.pk, error)
        finish(sandbox, "restore_failed", detail=_("Its task was given up."))
        ended += 1
    return ended


def replace_workspace(instance: SandboxInstance, snapshot: SandboxSnapshot) -> None:
    """Verify, lay down, verify again, swap; raises Problem with the workspace as it was."""
    undo(instance)
    with content.verified(snapshot) as (_stored, packed):
        try:
            _lay_down(instance, packed)
            reach("restore:laid")
            _swap(instance)
            reach("restore:swapped")
            # From here on it is done: what is left is not looked at again.
            inside.move(instance, STAGING, STAGED, overwrite=False)
            reach("restore:done")
        except BaseException:
            undo(instance)
            raise
    _clear_away(instance)


def undo(instance: SandboxInstance) -> None:
    """Bring back what an interrupted swap moved away, and remove what it brought."""
    _clear_away(instance)
    if not _is_there(instance, STAGING):
        return
    if _is_there(instance, MARK):  # the old is all away: what stands in the workspace is new
        _move_all(instance, "", NEW)
        inside.delete(instance, MARK)
    if _is_there(instance, OLD):
        _move_all(instance, OLD, "")
    inside.move(instance, STAGING, STAGED, overwrite=False)
    _clear_away(instance)


def _clear_away(instance: SandboxInstance) -> None:
    """Delete what a restore that is over left behind; if not now, then before the next."""
    try:
        if _is_there(instance, STAGED):
            inside.delete(instance, STAGED)
    except Problem as error:
        logger.warning("what a restore left in instance %s was not deleted: %s", instance.pk, error)


def _lay_down(instance: SandboxInstance, packed: Packed) -> None:
    for folder in (STAGING, NEW, OLD):
        inside.make_folder(instance, folder)
    try:
        inside.extract(instance, NEW, packed.spool.chunks(), any_links=True)
    except Conflict as error:
        if error.code == "no_space":
            message = _("The disk has no room for the snapshot beside what is there. Delete something first.")
            raise Conflict(message, code="no_space") from error
        raise
    _check_arrived(instance, packed)


def _check_arrived(instance: SandboxInstance, packed: Packed) -> None:
    """Raise Mismatch unless the sandbox has on its disk what was sent."""
    cut = len(NEW) + 1
    there = {entry.path[cut:]: entry for entry in inside.manifest(instance, {}, path=NEW)}
    for path, kind, size, _mode, about in content.describe(packed):
        entry = there.get(path)
        if (
            entry is None
            or entry.kind != kind
            or (kind == "file" and (entry.size, entry.sha256) != (size, about))
        ):
            raise content.mismatch_at(path)


def _swap(instance: SandboxInstance) -> None:
    _move_all(instance, "", OLD)
    reach("restore:away")
    with Spool() as nothing:
        inside.write(instance, MARK, nothing)
    reach("restore:marked")
    _move_all(instance, NEW, "")


def _move_all(instance: SandboxInstance, source: str, target: str) -> None:
    for entry in list(inside.entries(instance, source)):
        name = entry.path.rpartition("/")[2]
        if source or not inside.is_staging(name):
            inside.move(instance, entry.path, f"{target}/{name}" if target else name, overwrite=False)
            reach(f"restore:moved:{source.rpartition('/')[2] or 'top'}")


def _is_there(instance: SandboxInstance, path: str) -> bool:
    try:
        inside.stat(instance, path)
    except NotFound:
        return False
    return True


def _wait_for_quiet(sandbox: Sandbox, task: TaskRun, pause: Callable[[float], Any] = time.sleep) -> None:
    """Wait until the executions that were told to end have ended; raises Conflict when they do not."""
    deadline = time.monotonic() + PATIENCE
    while SandboxExecution.objects.filter(sandbox=sandbox).live().exists():
        if time.monotonic() > deadline:
            raise Conflict(
                _("Something still runs in this sandbox, so its files were left alone."), code="busy"
            )
        task.check()
        pause(0.1)
