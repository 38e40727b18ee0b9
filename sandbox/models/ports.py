"""Ports of sandboxes made reachable (the seed, 5.9.7)."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from agi_site.lib.fields import CreatedAtField, EnumField, UUIDKey, enum_check
from agi_site.lib.owned import OwnedModel

from .sandboxes import Sandbox


class Protocol(models.TextChoices):
    TCP = "tcp", _("tcp")
    UDP = "udp", _("udp")


class SandboxPort(OwnedModel):
    """A port of a sandbox made reachable (table `sandbox_port`, 5.9.7)."""

    owner_path = "sandbox__user"

    id = UUIDKey()
    sandbox = models.ForeignKey(Sandbox, models.DB_CASCADE, related_name="ports", verbose_name=_("sandbox"))
    container_port = models.IntegerField(_("container port"))
    host_port = models.IntegerField(_("host port"))
    protocol = EnumField(
        _("protocol"), choices=Protocol, null=True, blank=True, default=Protocol.TCP, db_default=Protocol.TCP
    )
    description = models.CharField(_("description"), max_length=255, null=True, blank=True)
    created_at = CreatedAtField(_("created at"), null=True)
    # Beyond the seed: published ones are bound to loopback of the host at `host_port`; the others are reached
    # through the site's proxy alone, and their `host_port` is 0.
    published = models.BooleanField(_("published"), default=False, db_default=False)

    class Meta:
        db_table = "sandbox_port"
        verbose_name = _("sandbox port")
        verbose_name_plural = _("sandbox ports")
        constraints = [
            models.UniqueConstraint(
                fields=["sandbox", "container_port", "protocol"],
                name="sandbox_port_sandbox_container_port_protocol_unique",
            ),
            enum_check("sandbox_port_protocol_enum", "protocol", Protocol),
        ]

    def __str__(self) -> str:
        return str(self.container_port)
