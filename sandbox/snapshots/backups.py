"""Scheduled backups, their retention, and the sweep of what no row knows any more."""

import logging
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import Exists, F, Max, OuterRef, Q, QuerySet
from django.utils import timezone

from agi_site.lib.problems import Problem

from ..files import limits, storing
from ..models import (
    Sandbox,
    SandboxFile,
    SandboxQuarantine,
    SandboxSnapshot,
    SandboxStatus,
    SnapshotKind,
    SnapshotStatus,
)
from .service import create_snapshot, delete_snapshot

logger = logging.getLogger(__name__)

BATCH = 50
GRACE = timedelta(days=1)  # a file that is being stored has no row yet
FAILED_KEPT = timedelta(days=7)


def back_up() -> int:
    """Queue a backup of every running sandbox that is due; returns how many.

    Due is one that is older than SANDBOX_BACKUP_HOURS and has files, whose last backup (if any) is as old,
    and which did something since. 0 hours turns backups off.
    """
    made = 0
    for sandbox in due()[:BATCH] if settings.SANDBOX_BACKUP_HOURS > 0 else ():
        try:
            create_snapshot(sandbox=sandbox, by=None, kind=SnapshotKind.BACKUP)
            made += 1
        except Problem as error:  # it stopped meanwhile
            logger.info("no backup of sandbox %s: %s", sandbox.pk, error)
    return made


def due() -> QuerySet[Any, Any]:
    """The sandboxes whose backup is due, the longest waiting first."""
    limit = timezone.now() - timedelta(hours=settings.SANDBOX_BACKUP_HOURS)
    backups = Q(snapshots__kind=SnapshotKind.BACKUP) & ~Q(snapshots__status=SnapshotStatus.FAILED)
    return (
        Sandbox.objects.filter(status=SandboxStatus.RUNNING, verb__isnull=True, created_at__lt=limit)
        .filter(Exists(SandboxFile.objects.filter(sandbox=OuterRef("pk"))))
        .annotate(last_backup=Max("snapshots__created_at", filter=backups))
        .filter(Q(last_backup__isnull=True) | Q(last_backup__lt=limit, last_active__gt=F("last_backup")))
        .order_by("last_backup", "pk")
    )


def prune() -> int:
    """Delete backups beyond the newest few of each sandbox, and old failures; returns how many."""
    kept, removed = limits.value("backups_kept"), 0
    ready = SandboxSnapshot.objects.filter(kind=SnapshotKind.BACKUP, status=SnapshotStatus.READY)
    for sandbox_id in ready.order_by().values_list("sandbox", flat=True).distinct():
        for snapshot in ready.filter(sandbox=sandbox_id).order_by("-created_at", "-pk")[kept:]:
            delete_snapshot(snapshot=snapshot, by=None)
            removed += 1
    failed = SandboxSnapshot.objects.filter(
        status=SnapshotStatus.FAILED, created_at__lt=timezone.now() - FAILED_KEPT
    )
    for snapshot in failed[:BATCH]:
        delete_snapshot(snapshot=snapshot, by=None)
        removed += 1
    return removed


def sweep_storage() -> int:
    """Delete stored files that no row knows (their rows went with their person, or a worker died)."""
    removed = 0
    for folder, model in ((storing.SNAPSHOTS, SandboxSnapshot), (storing.QUARANTINE, SandboxQuarantine)):
        for name in storing.names_in(folder):
            if not model.objects.filter(storage_path=name).exists() and _is_old(name):
                storing.discard(name)
                removed += 1
    return removed


def _is_old(name: str) -> bool:
    try:
        return storing.storage().get_modified_time(name) < timezone.now() - GRACE
    except (FileNotFoundError, NotImplementedError):
        return False
