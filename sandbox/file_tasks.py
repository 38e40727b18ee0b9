"""Work on files: the mirror, snapshots and backups, on the queue of the sandbox's host; house-keeping."""

from typing import Any

from system import queue
from system.queue import TaskRun

from .files import mirror, quarantine
from .lifecycle import keeping
from .snapshots import backups, filling, making, restoring

QUEUE = "sandbox"


@queue.task_type("sandbox.files.refresh", queue=QUEUE, time_limit=300, max_retries=1)
def refresh_files(task: TaskRun, *, sandbox_id: str) -> dict[str, Any]:
    """Bring the table of files up to date with a workspace."""
    return mirror.run_refresh(sandbox_id)


@queue.task_type("sandbox.snapshots.make", queue=QUEUE, time_limit=3600, max_retries=2)
def make_snapshot(task: TaskRun, *, snapshot_id: str) -> dict[str, Any]:
    """Make a snapshot."""
    return making.make(task, snapshot_id=snapshot_id)


@queue.task_type("sandbox.snapshots.restore", queue=QUEUE, time_limit=3600, max_retries=2)
def restore_snapshot(task: TaskRun, *, snapshot_id: str, sandbox_id: str) -> dict[str, Any]:
    """Put a snapshot in the place of a workspace."""
    return restoring.restore(task, snapshot_id=snapshot_id, sandbox_id=sandbox_id)


@queue.task_type("sandbox.snapshots.fill", queue=QUEUE, time_limit=3600, max_retries=2)
def fill_sandbox(task: TaskRun, *, snapshot_id: str, sandbox_id: str, since: str = "") -> dict[str, Any]:
    """Restore a snapshot into a new sandbox, once both are ready."""
    return filling.fill(task, snapshot_id=snapshot_id, sandbox_id=sandbox_id, since=since)


@queue.periodic("sandbox.backups", every=900)
def back_up() -> None:
    """Queue the backups that are due, and delete those beyond the kept ones."""
    backups.back_up()
    backups.prune()


@queue.periodic("sandbox.lost_restores", every=60)
def end_lost_restores() -> None:
    """End restores whose task is gone."""
    restoring.end_lost()


@queue.periodic("sandbox.stored_files", every=6 * 3600)
def sweep_stored_files() -> None:
    """Destroy held copies past their retention, and stored files that no row knows."""
    quarantine.prune()
    backups.sweep_storage()
    keeping.sweep()
