"""Ports of sandboxes that may be reached from outside."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from agi_site.lib.problems import Conflict, Invalid
from system.services import audit

from ..lifecycle import trail
from ..models import Protocol, Sandbox, SandboxPort, SandboxStatus

MOST_PORTS = 32


@dataclass(frozen=True, slots=True)
class Opened:
    """A port as it was asked for."""

    container_port: int
    protocol: str = Protocol.TCP
    published: bool = False
    description: str = ""


def add_port(
    *, sandbox: Sandbox, by: Any, container_port: int, protocol: str = "tcp", description: str = ""
) -> SandboxPort:
    """Let a port be reached through the site's proxy, from now on; raises Invalid or Conflict.

    Ports published on loopback are named when the sandbox is made, and only then.
    """
    (port,) = check_ports(
        [{"container_port": container_port, "protocol": protocol, "description": description}]
    )
    if sandbox.status == SandboxStatus.DELETED:
        raise Conflict(_("This sandbox was deleted."), code="deleted")
    if sandbox.ports.count() >= MOST_PORTS:
        raise Conflict(
            _("A sandbox has at most %(most)d ports.") % {"most": MOST_PORTS}, code="too_many_ports"
        )
    try:
        with transaction.atomic():
            (row,) = store_ports(sandbox, [port])
            trail.note(sandbox, "port_opened", by=str(by), port=container_port, protocol=protocol)
            audit(
                component="sandbox",
                message=f"port {container_port} of sandbox {sandbox.pk} was opened",
                by=by,
            )
    except IntegrityError:
        raise Conflict(_("This port is open already."), code="port_open") from None
    return row


def remove_port(*, port: SandboxPort, by: Any) -> None:
    """Close the way to a port; raises Conflict for a published one, which is the container's own."""
    sandbox = port.sandbox
    if port.published:
        raise Conflict(
            _("A published port belongs to the container and closes with it."), code="port_published"
        )
    with transaction.atomic():
        port.delete()
        trail.note(sandbox, "port_closed", by=str(by), port=port.container_port, protocol=str(port.protocol))
        audit(
            component="sandbox",
            message=f"port {port.container_port} of sandbox {sandbox.pk} was closed",
            by=by,
        )


def check_ports(given: Iterable[Mapping[str, Any]]) -> list[Opened]:
    """Ports as they are asked for, read; raises Invalid."""
    found, faults = [], []
    for number, entry in enumerate(given, 1):
        try:
            found.append(_opened(entry))
        except ValueError as error:
            faults.append(_("Port %(number)d: %(fault)s") % {"number": number, "fault": error})
    if len(found) > MOST_PORTS:
        faults.append(_("A sandbox has at most %(most)d ports.") % {"most": MOST_PORTS})
    if len({(port.container_port, port.protocol) for port in found}) < len(found):
        faults.append(_("A port is named twice."))
    if faults:
        raise Invalid(_("Some ports are not possible."), code="bad_ports", errors={"ports": faults})
    return found


def store_ports(sandbox: Sandbox, ports: Sequence[Opened]) -> list[SandboxPort]:
    """Store ports of a sandbox; the host's ports of published ones are known when it runs."""
    return list(
        SandboxPort.objects.bulk_create(
            SandboxPort(
                sandbox=sandbox,
                container_port=port.container_port,
                host_port=0,
                protocol=port.protocol,
                published=port.published,
                description=port.description or None,
            )
            for port in ports
        )
    )


def _opened(entry: Mapping[str, Any]) -> Opened:
    """One port; raises ValueError with a sentence."""
    if set(entry) - {"container_port", "protocol", "published", "description"}:
        raise ValueError(_("There are only “container_port”, “protocol”, “published” and “description”."))
    number, protocol = entry.get("container_port"), entry.get("protocol") or Protocol.TCP
    published, description = entry.get("published") or False, entry.get("description") or ""
    if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= 65535:
        raise ValueError(_("A port is a number from 1 to 65535."))
    if protocol not in Protocol.values:
        raise ValueError(_("The protocol is “tcp” or “udp”."))
    if not isinstance(published, bool):
        raise ValueError(_("“published” is true or false."))
    if protocol == Protocol.UDP and not published:
        raise ValueError(_("The site's proxy carries TCP only; a UDP port has to be published."))
    if not isinstance(description, str) or len(description) > 255 or "\0" in description:
        raise ValueError(_("A description has at most 255 characters."))
    return Opened(number, str(protocol), published, description)
