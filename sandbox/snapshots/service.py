"""Snapshots as people ask for them; workers do the work (making.py, restoring.py)."""

from typing import Any

from ..files import Download
from ..models import Sandbox, SandboxSnapshot, SnapshotKind


def create_snapshot(
    *, sandbox: Sandbox, by: Any, name: str = "", kind: SnapshotKind = SnapshotKind.MANUAL
) -> SandboxSnapshot:
    """Queue a snapshot of a running sandbox's workspace; its status tells when it is ready, or why not.

    Raises NotFound, Conflict (the sandbox does not run, or the person has too many snapshots).
    """
    raise NotImplementedError


def restore_snapshot(
    *, snapshot: SandboxSnapshot, sandbox: Sandbox, by: Any, end_executions: bool = False
) -> Sandbox:
    """Queue the replacement of a running sandbox's workspace; `sandbox.verb` is "restore" until it is done.

    Everything is verified first; a mismatch leaves the workspace as it was and is told as an event. Raises
    Conflict (not ready, not running, executions run: `end_executions` ends them) or NotFound.
    """
    raise NotImplementedError


def fill_sandbox(*, sandbox: Sandbox, snapshot: SandboxSnapshot, by: Any) -> None:
    """Restore a snapshot into a sandbox that was just made, as soon as both are ready. For clones.

    A snapshot of kind `clone` is deleted afterwards.
    """
    raise NotImplementedError


def clone_workspace(*, source: Sandbox, target: Sandbox, by: Any) -> None:
    """Copy the workspace of a running sandbox into one that was just made, as soon as that runs."""
    raise NotImplementedError


def rename_snapshot(*, snapshot: SandboxSnapshot, by: Any, name: str) -> SandboxSnapshot:
    """Give it another name; raises Invalid."""
    raise NotImplementedError


def delete_snapshot(*, snapshot: SandboxSnapshot, by: Any) -> None:
    """Delete a snapshot and what is stored of it."""
    raise NotImplementedError


def download_snapshot(*, snapshot: SandboxSnapshot, by: Any) -> Download:
    """The archive (tar, packed by zstd), verified and scanned before the first byte; raises Conflict."""
    raise NotImplementedError
