"""On which host a new container is made: one in use, with the image and the runtime, and the most room."""

from collections.abc import Sequence
from typing import Any

from django.db.models import CharField, Count, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from agi_site.lib.prepared import prepared
from agi_site.lib.problems import Conflict, Unavailable

from ..engine.spec import InstanceSpec
from ..models import HostStatus, InstanceStatus, SandboxHost, SandboxInstance
from ..policy.limits import MB

# A limit is seldom used up, so what is promised may be more than there is.
MEMORY_PROMISED = 4.0
WARM_BYTES = 64 * MB


def hosts_in_use(profile: str) -> list[SandboxHost]:
    """The hosts on which something new may stand; raises Unavailable, which says what is missing.

    Each has `waiting`: how many instances of the profile wait there, or will soon.
    """
    found: list[SandboxHost] = _active(profile=profile)
    if found:
        return found
    if SandboxHost.objects.filter(status=HostStatus.DRAINING).exists():
        raise Unavailable(
            _("Every Docker host is being drained. An operator can use one again."), code="drained"
        )
    raise Unavailable(
        _("No Docker engine answers, so sandboxes cannot run. Their page says what is missing."),
        code="no_host",
    )


@prepared(profile=CharField())
def _active(profile: Any) -> QuerySet[Any, Any]:
    # what a host has is much text, and a claim does not ask for it
    active = SandboxHost.objects.filter(status=HostStatus.ACTIVE).order_by("pk").defer("info")
    waiting = (
        SandboxInstance.objects.waiting(profile=profile)
        .filter(host=OuterRef("pk"))
        .values("host")
        .annotate(number=Count("pk"))
        .values("number")
    )
    return active.annotate(waiting=Coalesce(Subquery(waiting), 0))


def fitting(hosts: Sequence[SandboxHost], spec: InstanceSpec) -> list[SandboxHost]:
    """Those of `hosts` that have the image and the runtime of a spec; raises Conflict when none has."""
    found = [host for host in hosts if has_image(host, spec.image)]
    if not found:
        raise Conflict(
            _("The image “%(image)s” is on no Docker host. An operator can build or pull it.")
            % {"image": spec.image},
            code="image_missing",
        )
    found = [host for host in found if has_runtime(host, spec.runtime)]
    if not found:
        raise _no_runtime(spec.runtime)
    return found


def check_runtime(host: SandboxHost, runtime: str) -> None:
    """Raise Conflict unless the host has the runtime: a sandbox keeps its host, and would not start there."""
    if not has_runtime(host, runtime):
        raise _no_runtime(runtime)


def _no_runtime(runtime: str) -> Conflict:
    return Conflict(
        _("No Docker host has the runtime “%(runtime)s”.") % {"runtime": runtime}, code="runtime_missing"
    )


def choose(hosts: Sequence[SandboxHost], spec: InstanceSpec) -> SandboxHost:
    """The fitting host with the most memory that is not promised yet; raises Conflict or Unavailable."""
    candidates = fitting(hosts, spec)
    promised = promised_memory(candidates)
    room = {
        host.pk: host.memory_bytes * MEMORY_PROMISED - promised.get(host.pk, 0) - spec.limits.memory_limit
        for host in candidates
    }
    best = max(candidates, key=lambda host: room[host.pk])
    if room[best.pk] < 0 and best.memory_bytes:
        raise Unavailable(
            _("Every Docker host is full. Stop or delete a sandbox, or try again later."), code="full"
        )
    return best


def promised_memory(hosts: Sequence[SandboxHost]) -> dict[str, int]:
    """Bytes of memory that the instances of each host may use."""
    rows = (
        SandboxInstance.objects.filter(host__in=[host.pk for host in hosts])
        .exclude(status__in=[InstanceStatus.GONE, InstanceStatus.ENDING])
        .values_list("host")
        .annotate(bytes=Sum("sandbox__resource__memory_limit"), all=Count("pk"), owned=Count("sandbox"))
    )
    return {host: int(given or 0) + (every - owned) * WARM_BYTES for host, given, every, owned in rows}


def has_image(host: SandboxHost, image: str) -> bool:
    """Whether the image is on the host, as far as it was looked at; not known counts as yes."""
    images = (host.info or {}).get("images")
    return not isinstance(images, dict) or image in images or image in images.values()


def has_runtime(host: SandboxHost, runtime: str) -> bool:
    """Whether the host's engine has a runtime; "" is its default."""
    runtimes = (host.info or {}).get("runtimes")
    return not runtime or not isinstance(runtimes, dict) or runtime in runtimes
