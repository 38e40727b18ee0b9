"""Files of sandboxes, snapshots of workspaces, and what the scanner held back (the seed, 5.9.6)."""

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from agi_site.lib.fields import CreatedAtField, EnumField, ExactCharField, UUIDKey, enum_check
from agi_site.lib.owned import OwnedModel, OwnedQuerySet

from .sandboxes import Sandbox, SandboxStatus


class SandboxFile(OwnedModel):
    """A file in a sandbox (table `sandbox_file`, 5.9.6)."""

    owner_path = "sandbox__user"

    id = UUIDKey()
    sandbox = models.ForeignKey(Sandbox, models.DB_CASCADE, related_name="files", verbose_name=_("sandbox"))
    path = ExactCharField(_("path"), max_length=255)
    content_hash = ExactCharField(_("content hash"), max_length=64, null=True, blank=True, db_index=True)
    size_bytes = models.BigIntegerField(_("size bytes"), null=True, blank=True, default=0, db_default=0)
    mime_type = models.CharField(_("mime type"), max_length=100, null=True, blank=True)
    is_directory = models.BooleanField(
        _("is directory"), null=True, blank=True, default=False, db_default=False
    )
    created_at = CreatedAtField(_("created at"), null=True)
    # that of the file in the workspace, which no save may move
    last_modified = models.DateTimeField(
        _("last modified"), null=True, blank=True, default=timezone.now, db_default=Now()
    )
    # beyond the seed: the same to the nanosecond, so that an unchanged file need not be hashed again
    modified_ns = models.BigIntegerField(_("modified (ns)"), null=True, blank=True)

    class Meta:
        db_table = "sandbox_file"
        verbose_name = _("sandbox file")
        verbose_name_plural = _("sandbox files")
        constraints = [
            models.UniqueConstraint(fields=["sandbox", "path"], name="sandbox_file_sandbox_path_unique"),
        ]

    def __str__(self) -> str:
        return str(self.path)


class SnapshotKind(models.TextChoices):
    MANUAL = "manual", _("made by hand")
    BACKUP = "backup", _("scheduled backup")
    CLONE = "clone", _("for a clone")


class SnapshotStatus(models.TextChoices):
    CREATING = "creating", _("creating")
    READY = "ready", _("ready")
    FAILED = "failed", _("failed")


class SandboxSnapshotQuerySet(OwnedQuerySet):
    """Snapshots, by what became of their sandbox."""

    def outlived(self) -> Self:
        """Those whose sandbox was deleted."""
        gone = models.Q(sandbox=None) | models.Q(sandbox__status=SandboxStatus.DELETED)
        return self.filter(gone)


class SandboxSnapshot(OwnedModel):
    """A workspace as it was at one moment: an archive (tar, zstd) with a manifest of hashes, in a storage."""

    owner_path = "user"

    id = UUIDKey()
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.DB_CASCADE, related_name="sandbox_snapshots", verbose_name=_("user")
    )
    sandbox = models.ForeignKey(
        Sandbox,
        models.DB_SET_NULL,
        null=True,
        blank=True,
        related_name="snapshots",
        verbose_name=_("sandbox"),
    )
    name = models.CharField(_("name"), max_length=100, default="", db_default="", blank=True)
    kind = EnumField(
        _("kind"), choices=SnapshotKind, default=SnapshotKind.MANUAL, db_default=SnapshotKind.MANUAL
    )
    status = EnumField(
        _("status"),
        choices=SnapshotStatus,
        default=SnapshotStatus.CREATING,
        db_default=SnapshotStatus.CREATING,
    )
    detail = models.TextField(_("detail"), null=True, blank=True)
    storage_path = ExactCharField(_("storage path"), max_length=255, null=True, blank=True)
    content_hash = ExactCharField(_("content hash"), max_length=64, null=True, blank=True)
    manifest_hash = ExactCharField(_("manifest hash"), max_length=64, null=True, blank=True)
    size_bytes = models.BigIntegerField(_("size bytes"), default=0, db_default=0)
    stored_bytes = models.BigIntegerField(_("stored bytes"), default=0, db_default=0)
    file_count = models.IntegerField(_("file count"), default=0, db_default=0)
    created_at = CreatedAtField(_("created at"), db_index=True)

    objects = SandboxSnapshotQuerySet.as_manager()

    class Meta:
        db_table = "sandbox_snapshot"
        verbose_name = _("sandbox snapshot")
        verbose_name_plural = _("sandbox snapshots")
        constraints = [
            enum_check("sandbox_snapshot_kind_enum", "kind", SnapshotKind),
            enum_check("sandbox_snapshot_status_enum", "status", SnapshotStatus),
        ]

    def __str__(self) -> str:
        return self.name or str(self.pk)


class Direction(models.TextChoices):
    IN = "in", _("into the sandbox")
    OUT = "out", _("out of the sandbox")


class QuarantineStatus(models.TextChoices):
    HELD = "held", _("held")
    RELEASED = "released", _("released")
    REMOVED = "removed", _("removed")


class SandboxQuarantine(OwnedModel):
    """A file that the scanner held back on its way into or out of a sandbox."""

    owner_path = "user"

    id = UUIDKey()
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.DB_CASCADE, related_name="quarantined_files", verbose_name=_("user")
    )
    sandbox = models.ForeignKey(
        Sandbox,
        models.DB_SET_NULL,
        null=True,
        blank=True,
        related_name="quarantine",
        verbose_name=_("sandbox"),
    )
    path = ExactCharField(_("path"), max_length=255)
    direction = EnumField(_("direction"), choices=Direction)
    scanner = models.CharField(_("scanner"), max_length=20)
    rule = models.CharField(_("rule"), max_length=200)
    content_hash = ExactCharField(_("content hash"), max_length=64)
    size_bytes = models.BigIntegerField(_("size bytes"), default=0, db_default=0)
    storage_path = ExactCharField(_("storage path"), max_length=255, null=True, blank=True)
    status = EnumField(
        _("status"),
        choices=QuarantineStatus,
        db_index=True,
        default=QuarantineStatus.HELD,
        db_default=QuarantineStatus.HELD,
    )
    created_at = CreatedAtField(_("created at"), db_index=True)
    decided_at = models.DateTimeField(_("decided at"), null=True, blank=True)

    class Meta:
        db_table = "sandbox_quarantine"
        verbose_name = _("quarantined file")
        verbose_name_plural = _("quarantined files")
        constraints = [
            enum_check("sandbox_quarantine_direction_enum", "direction", Direction),
            enum_check("sandbox_quarantine_status_enum", "status", QuarantineStatus),
        ]

    def __str__(self) -> str:
        return str(self.path)
