"""The engines of the hosts, one object per process and host. Only workers come here."""

from functools import lru_cache

from django.conf import settings

from ..engine import DockerHost, EngineUnavailable
from ..models import SandboxHost


def engine_of(host: SandboxHost | str) -> DockerHost:
    """The engine of a host; raises EngineUnavailable for one that the settings do not name."""
    name = host if isinstance(host, str) else str(host.name)
    if name not in settings.SANDBOX_HOSTS:
        raise EngineUnavailable(f"SANDBOX_HOSTS names no host {name!r}")
    return _engine(name, settings.SANDBOX_HOSTS[name], settings.SANDBOX_SITE)


@lru_cache(maxsize=32)
def _engine(name: str, url: str, site: str) -> DockerHost:
    return DockerHost(name, url, site)
