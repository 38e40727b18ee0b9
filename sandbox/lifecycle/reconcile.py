"""Rows and containers compared, both ways: what has a row is brought to the truth, what has none is removed.

A row comes before its container and outlives it, so a container without a standing row belongs to nobody.
Nothing here touches what a live verb works on.
"""

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from system.models import TaskQueue, TaskStatus

from .. import reasons
from ..engine import DockerHost, EngineError, Found
from ..models import (
    ExecutionCause,
    InstanceStatus,
    Sandbox,
    SandboxExecution,
    SandboxHost,
    SandboxInstance,
    SandboxStatus,
)
from ..states import FOUND
from . import ending, hosts, leftovers, pool, trail
from .engines import engine_of

logger = logging.getLogger(__name__)

ORPHAN_AFTER = timedelta(seconds=20)
CREATING, RUNNING, PAUSED, STOPPED, FAILED, DELETED = SandboxStatus
_told: set[str] = set()


@dataclass(slots=True)
class Report:
    """What was put right."""

    orphans: int = 0
    instances: int = 0
    sandboxes: int = 0
    leftovers: int = 0
    verbs: int = 0


def reconcile(host: SandboxHost, *, thorough: bool = True) -> Report:
    """Bring a host's rows and containers together; raises EngineUnavailable. Any number may run at once.

    Only a `thorough` one looks for disks without a container.
    """
    report, engine = Report(), engine_of(host)
    # containers first: an instance that is stored later than this look is not taken for an orphan
    found = {item.instance_id: item for item in engine.list_instances()}
    rows = {
        row.pk: row
        for row in SandboxInstance.objects.filter(host=host)
        .standing()
        .select_related("host", "sandbox", "sandbox__host")
    }
    for item in found.values():
        if item.instance_id not in rows:
            report.orphans += _remove_orphan(engine, item)
    for row in rows.values():
        try:
            if row.status == InstanceStatus.CLAIMED and row.sandbox is not None:
                report.sandboxes += _compare(row, row.sandbox, found.get(row.pk))
            else:
                report.instances += _tidy(row, found.get(row.pk))
        except EngineError as error:
            logger.warning("instance %s could not be reconciled: %s", row.pk, error)
    report.sandboxes += _without_instance(host)
    report.verbs += take_up_verbs(host)
    if thorough:
        report.leftovers += _remove_leftovers(engine, host)
    end_stranded(host)
    return report


def is_unexpected(instance_id: str) -> bool:
    """Whether something that happened to a container was not a verb's doing, nor the pool's."""
    row = SandboxInstance.objects.filter(pk=instance_id).select_related("sandbox").defer("spec").first()
    if row is None or row.status == InstanceStatus.WARM:
        return True
    return row.status == InstanceStatus.CLAIMED and (row.sandbox is None or not row.sandbox.verb)


# --- Containers -------------------------------------------------------------------------------------------
def _remove_orphan(engine: DockerHost, item: Found) -> int:
    """Remove a container without a standing row, unless it may be one that is just being removed."""
    now = timezone.now()
    if item.created_at is not None and now - item.created_at < ORPHAN_AFTER:
        return 0
    # it may have been stored since, on this host or (a copied disk) on another
    if SandboxInstance.objects.filter(pk=item.instance_id).standing().exists():
        return 0
    logger.warning("the container of instance %s belongs to nobody and is removed", item.instance_id)
    engine.remove(item.instance_id, container_id=item.container_id)
    return 1


def _remove_leftovers(engine: DockerHost, host: SandboxHost) -> int:
    """Remove disks and volumes whose instance is gone."""
    known = list(SandboxInstance.objects.filter(host=host).standing().values_list("pk", flat=True))
    count = 0
    try:
        found = engine.leftovers(known)
    except OSError as error:  # what it was looking at has just been removed
        logger.info("leftovers are looked for later: %s", error)
        return 0
    for leftover in found:
        # one that was stored since that list was read is not left over
        if SandboxInstance.objects.filter(pk=leftover.instance_id).standing().exists():
            continue
        engine.remove_leftover(leftover)
        if leftover.name in _told:  # an engine may keep a name for a while; see `DockerHost.remove`
            continue
        logger.warning("%s %s belongs to nobody and is removed", leftover.kind, leftover.name)
        _told.add(leftover.name)
        count += 1
    return count


def _tidy(row: SandboxInstance, item: Found | None) -> int:
    """An instance that is nobody's: still good, or removed; returns 1 when it was not good."""
    now = timezone.now()
    if row.status == InstanceStatus.WARMING:
        if now - row.created_at < pool.MAKING:
            return 0
        cause = "abandoned"
    elif row.status == InstanceStatus.WARM:
        if item is None or item.state != "running":
            item = engine_of(row.host).find(row.pk)  # it may have been made since the list was
        if item is not None and item.state == "running":
            return 0
        cause = "oom" if item is not None and item.oom_killed else "died"
    elif row.status == InstanceStatus.CLAIMED:
        cause = "owner_gone"
    elif leftovers.may_wait(row):
        return 0
    else:
        cause = str(row.cause or "ended")
    ours = SandboxInstance.objects.filter(pk=row.pk, status=row.status).update(status=InstanceStatus.ENDING)
    if not ours and row.status != InstanceStatus.ENDING:
        return 0
    pool.remove_instance(row, cause=cause)
    return 1


# --- Sandboxes --------------------------------------------------------------------------------------------
def _compare(row: SandboxInstance, sandbox: Sandbox, item: Found | None) -> int:
    """A sandbox against its container; returns 1 when the row had to be changed."""
    if sandbox.verb:
        return 0  # whoever does the verb will say
    if sandbox.status == DELETED:
        pool.remove_instance(row, cause="deleted")
        return 1
    if _agree(sandbox, item):
        return 0
    # the list is older than the row: what was made or started since is not in it
    item = engine_of(row.host).find(row.pk)
    if _agree(sandbox, item) or not _stands_as_read(sandbox):
        return 0
    state = item.state if item is not None else "missing"
    refused = sandbox.status == FAILED and sandbox.cause != hosts.LOST
    if state == "running" and (sandbox.status == STOPPED or refused):
        # somebody started it past us, or it could not be stopped when its start failed: it has no rules
        engine_of(row.host).stop(row.pk)
        return 0
    if state in {"running", "paused"}:
        return _adopt(sandbox, RUNNING if state == "running" else PAUSED)
    return int(hosts.mark_failed(sandbox, **_why(item)))


def _agree(sandbox: Sandbox, item: Found | None) -> bool:
    """Whether a sandbox is what its container is; what is missing of one that does not run, a start makes."""
    state = item.state if item is not None else "missing"
    if state in {"running", "paused"}:
        return (sandbox.status, state) in {(RUNNING, "running"), (PAUSED, "paused"), (STOPPED, "paused")}
    return sandbox.status in {STOPPED, FAILED}


def _stands_as_read(sandbox: Sandbox) -> bool:
    """Whether no verb has come, or gone, since the row was read."""
    return Sandbox.objects.filter(
        pk=sandbox.pk, status=sandbox.status, verb__isnull=True, started_at=sandbox.started_at
    ).exists()


def _why(item: Found | None) -> dict[str, str]:
    """The cause of a container's end, as far as the engine knows it."""
    if item is None:
        return {"cause": "container_lost", "detail": _("Its container is gone from the host.")}
    if item.oom_killed:
        return {"cause": "oom", "detail": _("It ran out of memory.")}
    detail = _("Its container ended with exit code %(code)s.") % {"code": item.exit_code}
    return {"cause": "killed" if item.exit_code in {137, 143} else "died", "detail": detail}


def _adopt(sandbox: Sandbox, status: SandboxStatus) -> int:
    """Say what the engine says of a sandbox that runs, or is paused, although its row says otherwise."""
    now = timezone.now()
    if status not in FOUND[sandbox.status] or (sandbox.status == FAILED and sandbox.cause != hosts.LOST):
        return 0  # it failed for a reason; a start or a delete follows
    with transaction.atomic():
        since = sandbox.started_at if sandbox.status in ending.RUNS else now
        changed = Sandbox.objects.filter(pk=sandbox.pk, status=sandbox.status, verb__isnull=True).update(
            status=status, cause=None, detail=None, started_at=since or now
        )
        if changed:
            sandbox.refresh_from_db()
            trail.note_and_tell(sandbox, "adopted", status=str(status))
    return changed


def _without_instance(host: SandboxHost) -> int:
    """Sandboxes that should have a container and have not even a row of one."""
    count = 0
    for sandbox in Sandbox.objects.filter(
        host=host, status__in=[CREATING, RUNNING, PAUSED], verb__isnull=True, instance__isnull=True
    ).with_parts():
        text = _("Its container is gone from the host.")
        count += hosts.mark_failed(sandbox, cause="container_lost", detail=text)
    return count


# --- Verbs ------------------------------------------------------------------------------------------------
def take_up_verbs(host: SandboxHost) -> int:
    """Verbs under way whose task has ended without ending them: done once more. Returns how many."""
    from ..services.sandboxes import queue_verb

    count = 0
    under_way = Sandbox.objects.filter(host=host, verb__isnull=False).exclude(status=DELETED)
    for sandbox in under_way.select_related("host"):
        key = ending.task_key(str(sandbox.verb), str(sandbox.pk))
        live = TaskQueue.objects.filter(
            unique_key__startswith=key, status__in=[TaskStatus.PENDING, TaskStatus.PROCESSING]
        )
        if live.exists() or sandbox.verb == "restore":
            continue
        if not Sandbox.objects.filter(pk=sandbox.pk, verb=sandbox.verb).exists():
            continue  # it has ended in this very moment
        logger.warning("%s of sandbox %s had no task any more", sandbox.verb, sandbox.pk)
        cause = reasons.cause_of(str(sandbox.verb), sandbox.cause)
        options: dict[str, Any] = {"cause": cause} if cause else {}
        queue_verb(sandbox, str(sandbox.verb), **options)
        count += 1
    return count


def end_stranded(host: SandboxHost) -> int:
    """End what still waits in sandboxes that do not run and are not about to; returns how many."""
    count = 0
    stranded = Sandbox.objects.filter(
        host=host, verb__isnull=True, status__in=[STOPPED, FAILED, DELETED]
    ).filter(pk__in=SandboxExecution.objects.live().values("sandbox"))
    for sandbox in stranded:
        with transaction.atomic():
            count += trail.end_executions(
                sandbox, cause=ExecutionCause.LOST, detail=_("The sandbox does not run.")
            )
    return count
