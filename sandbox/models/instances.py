"""Containers with their disks: warm ones of the pool, and those that are somebody's sandbox."""

from typing import Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from agi_site.lib.fields import CreatedAtField, EnumField, ExactCharField, UUIDKey, enum_check
from agi_site.lib.owned import SharedModel, SharedQuerySet

from .hosts import SandboxHost
from .sandboxes import Sandbox
from .templates import SandboxTemplate


class InstanceStatus(models.TextChoices):
    WARMING = "warming", _("warming")
    WARM = "warm", _("warm")
    CLAIMED = "claimed", _("claimed")
    ENDING = "ending", _("ending")
    GONE = "gone", _("gone")


WAITING = (InstanceStatus.WARM, InstanceStatus.WARMING)


class SandboxInstanceQuerySet(SharedQuerySet):
    """Instances, by where they are in their life."""

    def standing(self) -> Self:
        """Those that have, or may have, something on their host."""
        return self.exclude(status=InstanceStatus.GONE)

    def waiting(self, *, profile: str) -> Self:
        """Those of a profile that wait to be claimed, or will soon."""
        return self.filter(profile=profile, status__in=WAITING)

    def warm(self, *, profile: str) -> Self:
        """Those of a profile that wait to be claimed, the oldest first."""
        return self.filter(status=InstanceStatus.WARM, profile=profile).order_by("pk")


class SandboxInstance(SharedModel):
    """One container with its disk on a host. Its id is their label `agi.instance`.

    A warm one belongs to nobody; a claim binds it to a sandbox for good. `spec` is what it was made of.
    """

    shared_because = "warm instances belong to nobody until they are claimed, and only operators see them"

    id = UUIDKey()
    host = models.ForeignKey(SandboxHost, models.DB_CASCADE, related_name="instances", verbose_name=_("host"))
    template = models.ForeignKey(
        SandboxTemplate,
        models.DB_SET_NULL,
        null=True,
        blank=True,
        related_name="instances",
        verbose_name=_("template"),
    )
    sandbox = models.OneToOneField(
        Sandbox, models.DB_SET_NULL, null=True, blank=True, related_name="instance", verbose_name=_("sandbox")
    )
    profile = ExactCharField(_("profile"), max_length=64)
    status = EnumField(
        _("status"),
        choices=InstanceStatus,
        default=InstanceStatus.WARMING,
        db_default=InstanceStatus.WARMING,
    )
    container_id = models.CharField(_("container id"), max_length=64, null=True, blank=True)
    boot_id = models.CharField(_("boot id"), max_length=36, null=True, blank=True)
    cause = models.CharField(_("cause"), max_length=50, null=True, blank=True)
    spec = models.JSONField(_("spec"), null=True, blank=True)
    created_at = CreatedAtField(_("created at"))
    warm_at = models.DateTimeField(_("warm at"), null=True, blank=True)
    claimed_at = models.DateTimeField(_("claimed at"), null=True, blank=True)
    gone_at = models.DateTimeField(_("gone at"), null=True, blank=True)

    objects = SandboxInstanceQuerySet.as_manager()

    class Meta:
        db_table = "sandbox_instance"
        verbose_name = _("sandbox instance")
        verbose_name_plural = _("sandbox instances")
        indexes = [
            models.Index(fields=["profile", "status"], name="idx_sandbox_instance_pool"),
            models.Index(fields=["status", "host"], name="idx_sandbox_instance_host"),
        ]
        constraints = [enum_check("sandbox_instance_status_enum", "status", InstanceStatus)]

    def __str__(self) -> str:
        return str(self.pk)
