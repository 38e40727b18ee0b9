"""Filling a sandbox that was just made with a snapshot: for clones, once both are ready."""

import time
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from agi_site.lib.problems import Problem
from system import queue
from system.queue import TaskRun

from ..lifecycle.trail import note
from ..models import Sandbox, SandboxSnapshot, SandboxStatus, SnapshotKind, SnapshotStatus
from . import restoring
from .service import begin_restore, delete_snapshot

AT_ONCE = 20.0  # seconds that a worker waits here before it does something else meanwhile
LATER = timedelta(seconds=5)
GIVE_UP = timedelta(minutes=30)


def fill(task: TaskRun, *, snapshot_id: str, sandbox_id: str, since: str = "") -> dict[str, Any]:
    """The work of `sandbox.snapshots.fill`: wait for both, restore, and delete the snapshot made for it."""
    deadline = time.monotonic() + AT_ONCE
    while True:
        sandbox = Sandbox.objects.filter(pk=sandbox_id).first()
        snapshot = SandboxSnapshot.objects.filter(pk=snapshot_id).first()
        if sandbox is None or sandbox.status in {SandboxStatus.DELETED, SandboxStatus.FAILED}:
            _forget(snapshot)
            return {"skipped": "the sandbox is gone"}
        if snapshot is None or snapshot.status == SnapshotStatus.FAILED:
            note(sandbox, "restore_failed", detail=_why(snapshot), snapshot=snapshot_id)
            _forget(snapshot)
            return {"failed": "no snapshot"}
        ready = snapshot.status == SnapshotStatus.READY and sandbox.status == SandboxStatus.RUNNING
        # An attempt that died after it began goes on with the verb it set.
        if ready and (sandbox.verb == restoring.VERB or begin_restore(sandbox)):
            done = restoring.restore(task, snapshot_id=snapshot_id, sandbox_id=sandbox_id)
            _forget(snapshot)
            return done
        if time.monotonic() > deadline:
            return _again(sandbox, snapshot, since)
        task.check()
        time.sleep(0.2)


def _again(sandbox: Sandbox, snapshot: SandboxSnapshot, since: str) -> dict[str, Any]:
    since = since or timezone.now().isoformat()
    if timezone.now() - datetime.fromisoformat(since) > GIVE_UP:
        note(
            sandbox,
            "restore_failed",
            snapshot=snapshot.pk,
            detail=_("It took too long until both were ready."),
        )
        _forget(snapshot)
        return {"failed": "too late"}
    queue.enqueue(
        task_type="sandbox.snapshots.fill",
        payload={"snapshot_id": snapshot.pk, "sandbox_id": sandbox.pk, "since": since},
        queue=sandbox.host.queue if sandbox.host else None,
        run_at=timezone.now() + LATER,
    )
    return {"later": True}


def _forget(snapshot: SandboxSnapshot | None) -> None:
    if snapshot is not None and snapshot.kind == SnapshotKind.CLONE:
        try:
            delete_snapshot(snapshot=snapshot, by=None)
        except Problem:
            return


def _why(snapshot: SandboxSnapshot | None) -> str:
    return (snapshot.detail if snapshot else "") or _("The snapshot was deleted.")
