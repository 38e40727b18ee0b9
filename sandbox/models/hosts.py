"""Docker hosts, the machines under the sandboxes."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from agi_site.lib.fields import CreatedAtField, EnumField, ExactCharField, UUIDKey, enum_check
from agi_site.lib.owned import SharedModel


class HostStatus(models.TextChoices):
    ACTIVE = "active", _("active")
    DRAINING = "draining", _("draining")
    LOST = "lost", _("lost")


class SandboxHost(SharedModel):
    """A Docker engine that sandboxes run on; its workers take the queue `sandbox.<name>`."""

    shared_because = "hosts are the team's machines"

    id = UUIDKey()
    name = ExactCharField(_("name"), max_length=40, unique=True)
    status = EnumField(
        _("status"), choices=HostStatus, db_index=True, default=HostStatus.LOST, db_default=HostStatus.LOST
    )
    detail = models.TextField(_("detail"), null=True, blank=True)
    cpu_count = models.IntegerField(_("processors"), default=0, db_default=0)
    memory_bytes = models.BigIntegerField(_("memory in bytes"), default=0, db_default=0)
    info = models.JSONField(_("info"), null=True, blank=True)
    gateway = models.CharField(_("gateway"), max_length=255, null=True, blank=True)
    # the one process that holds this host's attached streams, and until when nobody else may
    agent = models.CharField(_("agent"), max_length=100, null=True, blank=True, editable=False)
    agent_until = models.DateTimeField(_("agent until"), null=True, blank=True, editable=False)
    last_seen = models.DateTimeField(_("last seen"), null=True, blank=True)
    created_at = CreatedAtField(_("created at"))
    waiting: int  # instances of a profile that wait here, where a query asked for them

    class Meta:
        db_table = "sandbox_host"
        verbose_name = _("sandbox host")
        verbose_name_plural = _("sandbox hosts")
        constraints = [enum_check("sandbox_host_status_enum", "status", HostStatus)]

    def __str__(self) -> str:
        return str(self.name)

    @property
    def queue(self) -> str:
        """The queue whose workers hold this host's engine."""
        return f"sandbox.{self.name}"
