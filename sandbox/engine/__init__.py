"""Docker, as sandboxes need it: the only package that imports `docker`.

`DockerHost` is one engine; everything it makes carries the site's label, and nothing without it is touched.
Every method may be called twice: what already stands, or is already gone, is fine.
"""

from typing import TYPE_CHECKING, Any

from .errors import EngineError, EngineUnavailable, ImageMissing, NoSuchInstance
from .isolation import Isolation, isolation_of
from .spec import Build, EngineEvent, Found, InstanceSpec, Leftover

if TYPE_CHECKING:
    from .host import DockerHost

__all__ = [
    "Build",
    "DockerHost",
    "EngineError",
    "EngineEvent",
    "EngineUnavailable",
    "Found",
    "ImageMissing",
    "InstanceSpec",
    "Isolation",
    "Leftover",
    "NoSuchInstance",
    "isolation_of",
]


def __getattr__(name: str) -> Any:
    """The web process reads specs and never speaks to an engine, so the SDK is loaded only where one is
    used.
    """
    if name == "DockerHost":
        from .host import DockerHost

        return DockerHost
    raise AttributeError(name)
