"""Whose sandbox it is, and whether its files can be reached now."""

from typing import Any

from django.utils.translation import gettext as _

from agi_site.lib.problems import Conflict, Forbidden, NotFound

from ..models import Sandbox, SandboxInstance, SandboxStatus

# Verbs during which nobody else writes: what they wrote would be lost, or mixed into what is put back.
REPLACING = ("restore",)


def check_owner(sandbox: Sandbox, by: Any) -> None:
    """Raise NotFound for a sandbox that is not `by`'s; None is the system itself."""
    if by is not None and sandbox.user_id != by.pk:
        raise NotFound
    if sandbox.status == SandboxStatus.DELETED:
        raise NotFound


def check_operator(by: Any) -> None:
    """Raise Forbidden for people who may not decide on quarantined files."""
    if not by.has_perm("sandbox.change_sandboxquarantine"):
        raise Forbidden


def instance_of(sandbox: Sandbox, by: Any, *, writing: bool = False) -> SandboxInstance:
    """The container to ask; raises NotFound, or Conflict where the sandbox does not run."""
    check_owner(sandbox, by)
    if writing and sandbox.verb in REPLACING and by is not None:
        raise Conflict(_("A snapshot is being restored here. Wait until that is done."), code="busy")
    instance = SandboxInstance.objects.select_related("host").filter(sandbox=sandbox.pk).defer("spec").first()
    if sandbox.status != SandboxStatus.RUNNING or instance is None:
        message = _("The files of a sandbox can be reached while it runs; this one is %(status)s.")
        status = SandboxStatus(sandbox.status or SandboxStatus.CREATING).label
        raise Conflict(message % {"status": status}, code="not_running")
    found: SandboxInstance = instance
    return found
