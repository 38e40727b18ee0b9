"""Docker, as sandboxes need it: the only package that imports `docker`.

`DockerHost` is one engine; everything it makes carries the site's label, and nothing without it is touched.
Every method may be called twice: what already stands, or is already gone, is fine.
"""

from .errors import EngineError, EngineUnavailable, ImageMissing, NoSuchInstance
from .host import DockerHost
from .isolation import Isolation, isolation_of
from .spec import Build, EngineEvent, Found, InstanceSpec, Leftover

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
