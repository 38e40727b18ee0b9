"""Hosts, as operators steer them."""

from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from agi_site.lib.problems import Conflict, Forbidden
from system.services import audit

from ..lifecycle import pool
from ..models import HostStatus, SandboxHost


@transaction.atomic
def drain_host(*, host: SandboxHost, by: Any) -> SandboxHost:
    """Place nothing new on a host and give up its warm instances; what people have there stays.

    Raises Forbidden.
    """
    _need(by)
    host.info = (host.info or {}) | {"draining": True}
    if host.status != HostStatus.LOST:
        host.status = HostStatus.DRAINING
    host.save(update_fields=["status", "info"])
    audit(component="sandbox", message=f"host {host.name} is being drained", by=by)
    pool.refill_soon(host)
    return host


@transaction.atomic
def activate_host(*, host: SandboxHost, by: Any) -> SandboxHost:
    """Use a drained host again; raises Forbidden, or Conflict while it does not answer."""
    _need(by)
    if host.status == HostStatus.LOST:
        raise Conflict(_("This host does not answer; it is used again as soon as it does."), code="host_lost")
    host.info = {key: value for key, value in (host.info or {}).items() if key != "draining"}
    host.status = HostStatus.ACTIVE
    host.save(update_fields=["status", "info"])
    audit(component="sandbox", message=f"host {host.name} is used again", by=by)
    pool.refill_soon(host)
    return host


def _need(by: Any) -> None:
    if by is not None and not by.has_perm("sandbox.change_sandboxhost"):
        raise Forbidden
