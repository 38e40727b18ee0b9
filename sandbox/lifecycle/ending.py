"""Rows of what ends: a run that is over, and a sandbox that is deleted, with or without its host."""

from datetime import datetime
from functools import partial
from typing import Any

from django.db import transaction
from django.utils import timezone

from .. import reasons
from ..models import (
    ExecutionCause,
    InstanceStatus,
    Sandbox,
    SandboxFile,
    SandboxInstance,
    SandboxPort,
    SandboxRun,
    SandboxSecurity,
    SandboxStatus,
)
from . import keeping, trail

RUNS = (SandboxStatus.RUNNING, SandboxStatus.PAUSED)


def task_key(verb: str, sandbox_id: str) -> str:
    """How the keys of a verb's tasks in the queue begin."""
    return f"sandbox.{verb}:{sandbox_id}:"


def ran(sandbox: Sandbox, now: datetime) -> int:
    """Seconds of the run that ends `now`, 0 if none does; writes the run down, for the quotas.

    In the transaction that moves the sandbox out of running, with what the row says before that.
    """
    if sandbox.status not in RUNS or sandbox.started_at is None:
        return 0
    seconds = max(0.0, (now - sandbox.started_at).total_seconds())
    SandboxRun.objects.create(
        user_id=sandbox.user_id,
        sandbox=sandbox,
        started_at=sandbox.started_at,
        ended_at=now,
        seconds=seconds,
    )
    return round(seconds)


def close_published(sandbox: Sandbox) -> None:
    """Forget which ports of the host lead into it: the next to ask there may be given them."""
    SandboxPort.objects.filter(sandbox=sandbox, published=True).exclude(host_port=0).update(host_port=0)


def delete_without_host(sandbox: Sandbox, *, cause: str = "") -> None:
    """Delete a sandbox whose host is lost or gone: the rows now, its container when the host comes back.

    What was kept of its workspace is not on the host, and goes once the rows say so.
    """
    SandboxInstance.objects.filter(sandbox=sandbox).exclude(status=InstanceStatus.GONE).update(
        status=InstanceStatus.ENDING, cause="deleted"
    )
    delete_rows(sandbox, cause=cause, host_lost=True)
    transaction.on_commit(partial(keeping.forget, sandbox), robust=True)


def delete_rows(sandbox: Sandbox, *, cause: str = "", **said: Any) -> bool:
    """Write down that a sandbox is deleted: no files, ports or secrets; False if that was done already."""
    with transaction.atomic():
        now = timezone.now()
        seconds = ran(sandbox, now)
        changed = (
            Sandbox.objects.filter(pk=sandbox.pk)
            .exclude(status=SandboxStatus.DELETED)
            .update(
                status=SandboxStatus.DELETED,
                verb=None,
                cause=cause or None,
                detail=None,
                container_id=None,
                ended_at=now,
                running_seconds=(sandbox.running_seconds or 0) + seconds,
            )
        )
        if not changed:
            transaction.set_rollback(True)
            return False
        trail.end_executions(sandbox, cause=ExecutionCause.CANCELLED, detail=reasons.why("delete", cause))
        SandboxFile.objects.filter(sandbox=sandbox).delete()
        SandboxPort.objects.filter(sandbox=sandbox).delete()
        SandboxSecurity.objects.filter(sandbox=sandbox).update(env_variables=None)
        sandbox.refresh_from_db()
        trail.note_and_tell(sandbox, "deleted", **({"cause": cause} if cause else {}), **said)
    return True
