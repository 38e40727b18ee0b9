"""What ends by the clock: the idle and those out of time stop, expired ones go, old rows are cleaned up."""

import logging
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Exists, OuterRef
from django.utils import timezone

from agi_site.lib.problems import Conflict
from system.services import audit

from ..models import (
    ExecutionKind,
    InstanceStatus,
    Sandbox,
    SandboxExecution,
    SandboxInstance,
    SandboxStatus,
)
from .ending import RUNS

logger = logging.getLogger(__name__)

BATCH = 200
# Rows of instances say nothing that the events of their sandbox do not say.
INSTANCES_KEPT = timedelta(days=2)


def expire() -> dict[str, int]:
    """Ask for the end of what is due; returns how many of each kind. Workers do it."""
    now = timezone.now()
    return {
        "expired": sum(_ask(row, "delete", "expired") for row in expired(now)),
        "timeout": sum(_ask(row, "stop", "timeout") for row in out_of_time(now)),
        "idle": sum(_ask(row, "stop", "idle") for row in idle(now)),
    }


def clean_up() -> dict[str, int]:
    """Remove rows that are past their time, and record what went; returns how many of each kind."""
    limit = timezone.now() - timedelta(days=settings.SANDBOX_KEPT_DAYS)
    old = list(
        Sandbox.objects.filter(status=SandboxStatus.DELETED, ended_at__lt=limit)
        .order_by("ended_at")
        .values_list("pk", flat=True)[:BATCH]
    )
    gone = list(
        SandboxInstance.objects.filter(
            status=InstanceStatus.GONE, gone_at__lt=timezone.now() - INSTANCES_KEPT
        ).values_list("pk", flat=True)[:BATCH]
    )
    SandboxInstance.objects.filter(pk__in=gone).delete()
    if old:
        Sandbox.objects.filter(pk__in=old).delete()
        audit(
            component="sandbox",
            message=f"{len(old)} sandboxes deleted before {limit:%Y-%m-%d %H:%M} were cleaned up: "
            + ", ".join(old),
            by=None,
        )
    return {"sandboxes": len(old), "instances": len(gone)}


def expired(now: datetime) -> Any:
    """Sandboxes whose `expires_at` has come."""
    stands = [status for status in SandboxStatus if status != SandboxStatus.DELETED]
    return _free().filter(status__in=stands, expires_at__lte=now).select_related("host")[:BATCH]


def out_of_time(now: datetime) -> list[Sandbox]:
    """Sandboxes that run for longer than their limit `timeout` says."""
    rows = _free().filter(status__in=RUNS, resource__timeout__isnull=False)
    return [row for row in rows.with_parts() if _older(row.started_at, row.resource.timeout, now)]


def idle(now: datetime) -> list[Sandbox]:
    """Running sandboxes in which nothing happens for `idle_timeout`; a silent terminal is nothing."""
    works = (
        SandboxExecution.objects.filter(sandbox=OuterRef("pk")).live().exclude(kind=ExecutionKind.TERMINAL)
    )
    rows = (
        _free()
        .filter(status=SandboxStatus.RUNNING, resource__idle_timeout__isnull=False)
        .filter(~Exists(works))
        .with_parts()
    )
    return [row for row in rows if _older(row.last_active or row.started_at, row.resource.idle_timeout, now)]


def _free() -> Any:
    return Sandbox.objects.filter(verb__isnull=True).order_by("pk")


def _older(since: datetime | None, seconds: int, now: datetime) -> bool:
    return since is not None and (now - since).total_seconds() > seconds


def _ask(sandbox: Sandbox, verb: str, cause: str) -> int:
    from ..services.sandboxes import do_verb

    try:
        do_verb(sandbox=sandbox, verb=verb, by=None, cause=cause)
    except Conflict as problem:  # somebody was faster, or its host is lost
        logger.info("sandbox %s is not ended (%s): %s", sandbox.pk, cause, problem)
        return 0
    return 1
