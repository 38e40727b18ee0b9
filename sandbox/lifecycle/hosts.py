"""Hosts: looked at by their own workers, and given up for lost by any other when those fall silent."""

import logging
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from .. import reasons
from ..engine import EngineError
from ..models import ExecutionCause, HostStatus, Sandbox, SandboxHost, SandboxStatus
from . import ending, starter_images, trail
from .engines import engine_of

logger = logging.getLogger(__name__)

# Longer than a worker takes to be started again.
LOST_AFTER = timedelta(seconds=60)
LOST = "host_lost"


def look(host: SandboxHost, *, ready: bool = False) -> bool:
    """Ask the engine of a host how it is and write that down; False when it does not answer.

    With `ready`, also make what all instances share, and the starter images that are missing.
    """
    engine = engine_of(host)
    try:
        info = engine.info()
        if ready:
            engine.ensure_ready()
            starter_images.make_missing(engine)
        images = engine.images()
    except EngineError as error:
        _not_there(host, str(error))
        return False
    now = timezone.now()
    with transaction.atomic():
        row = SandboxHost.objects.select_for_update().get(pk=host.pk)
        kept = {"draining": True} if (row.info or {}).get("draining") else {}
        was = row.status
        row.info = info | {"images": images} | kept
        row.cpu_count, row.memory_bytes = int(info.get("cpus") or 0), int(info.get("memory") or 0)
        row.status = HostStatus.DRAINING if kept else HostStatus.ACTIVE
        row.detail, row.last_seen = None, now
        row.save(update_fields=["info", "cpu_count", "memory_bytes", "status", "detail", "last_seen"])
    if was == HostStatus.LOST:
        logger.info("the sandbox host %s answers", host.name)
    for name in ("info", "cpu_count", "memory_bytes", "status", "detail", "last_seen"):
        setattr(host, name, getattr(row, name))
    return True


def watch() -> int:
    """Give up hosts that nobody has seen for LOST_AFTER; returns how many. Any process may do so."""
    limit = timezone.now() - LOST_AFTER
    silent = SandboxHost.objects.exclude(status=HostStatus.LOST).filter(last_seen__lt=limit)
    count = 0
    for host in silent:
        text = _("Nothing was heard of this host for %(seconds)d seconds.") % {
            "seconds": LOST_AFTER.total_seconds()
        }
        count += lose(host, text)
    for host in SandboxHost.objects.filter(status=HostStatus.LOST):
        _fail_sandboxes(host)  # whoever gave it up may have died before all of them were marked
        finish_deletes(host)
    return count


def lose(host: SandboxHost, detail: str) -> bool:
    """Say that a host is lost, and each sandbox there; what runs on is adopted when the host returns."""
    changed = (
        SandboxHost.objects.filter(pk=host.pk)
        .exclude(status=HostStatus.LOST)
        .update(status=HostStatus.LOST, detail=detail)
    )
    if not changed:
        return False
    logger.error("the sandbox host %s is lost: %s", host.name, detail)
    _fail_sandboxes(host)
    return True


def _fail_sandboxes(host: SandboxHost) -> None:
    """Say of each sandbox of a lost host that is not marked yet why it failed."""
    alive = [SandboxStatus.CREATING, SandboxStatus.RUNNING, SandboxStatus.PAUSED]
    for sandbox in Sandbox.objects.filter(host=host, status__in=alive).with_parts():
        mark_failed(sandbox, cause=LOST, detail=_("The host %(host)s is lost.") % {"host": host.name})


def mark_failed(sandbox: Sandbox, *, cause: str, detail: str, **said: Any) -> bool:
    """Write down that a sandbox came to an end by itself, and why; False if somebody changed it meanwhile."""
    with transaction.atomic():
        seconds = ending.ran(sandbox, timezone.now())
        changed = Sandbox.objects.filter(pk=sandbox.pk, status=sandbox.status, verb=sandbox.verb).update(
            status=SandboxStatus.FAILED,
            cause=cause,
            detail=detail or None,
            running_seconds=(sandbox.running_seconds or 0) + seconds,
        )
        if not changed:
            transaction.set_rollback(True)
            return False
        trail.end_executions(
            sandbox, cause=ExecutionCause.OOM if cause == "oom" else ExecutionCause.LOST, detail=detail
        )
        if cause != LOST:  # what runs on, on a host that is lost, keeps its ports
            ending.close_published(sandbox)
        sandbox.refresh_from_db()
        trail.note_and_tell(sandbox, "failed", cause=cause, detail=detail, **said)
    return True


def finish_deletes(host: SandboxHost) -> None:
    """Delete the rows of sandboxes on a lost host that somebody wants deleted."""
    for sandbox in Sandbox.objects.filter(host=host, verb="delete").with_parts():
        ending.delete_without_host(sandbox, cause=reasons.cause_of("delete", sandbox.cause))


def _not_there(host: SandboxHost, detail: str) -> None:
    """The engine does not answer: one that never did stays lost and says why; others get a little time."""
    if host.detail != detail[:2000]:  # said once, not every few seconds
        logger.warning("the engine of host %s does not answer: %s", host.name, detail)
    seen = (host.info or {}).get("engine_silent_since")
    now = timezone.now()
    if host.status == HostStatus.LOST:
        SandboxHost.objects.filter(pk=host.pk).update(detail=detail[:2000])
    elif seen is None:
        host.info = (host.info or {}) | {"engine_silent_since": now.isoformat()}
        SandboxHost.objects.filter(pk=host.pk).update(info=host.info, detail=detail[:2000])
    elif now - datetime.fromisoformat(seen) > LOST_AFTER / 2:
        lose(host, detail[:2000])
