"""Whether there is a Docker engine under the sandboxes, and what is missing where there is none."""

from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone
from django.utils.translation import gettext as _

from ..models import HostStatus, SandboxHost

# An agent looks at its host every few seconds; one that was silent for this long is not there.
SILENT = timedelta(seconds=90)


@dataclass(frozen=True, slots=True)
class Missing:
    """What stands between a person and a running sandbox: what it is, what to do, the engine's words."""

    what: str
    remedy: str
    commands: tuple[str, ...] = ()
    detail: str = ""


def what_is_missing() -> Missing | None:
    """None when some host may take sandboxes; one query."""
    hosts = list(SandboxHost.objects.all())
    if any(_answers(host) for host in hosts):
        return None
    if any(host.status == HostStatus.DRAINING for host in hosts):
        return Missing(
            _("All Docker hosts are being drained, so no new sandbox can start."),
            _("An operator can activate a host again in the administration."),
        )
    seen = [host for host in hosts if host.detail]
    if not hosts or (not seen and all(_is_silent(host) for host in hosts)):
        return Missing(
            _("No worker for sandboxes has reported yet."),
            _("It starts with the site: wait a moment, or start the service worker-sandbox with Docker."),
            INSTALL,
        )
    return Missing(
        _("No Docker engine answers, so sandboxes cannot run."),
        _("Install Docker on this machine, or set DOCKER_HOST to one that answers; it is found by itself:"),
        INSTALL,
        detail=str(seen[0].detail) if seen else "",
    )


INSTALL = ("sudo apt-get install docker.io", "sudo systemctl start docker")


def _answers(host: SandboxHost) -> bool:
    return host.status == HostStatus.ACTIVE and not _is_silent(host)


def _is_silent(host: SandboxHost) -> bool:
    return host.last_seen is None or timezone.now() - host.last_seen > SILENT
