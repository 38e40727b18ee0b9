"""One Docker engine: containers of instances, their disks, their network, images."""

import socket
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from threading import Event
from typing import Any

from sandbox.policy.limits import Limits

from .spec import Build, EngineEvent, Found, InstanceSpec, Leftover


class DockerHost:
    """The engine at `url` ("" is the environment's DOCKER_HOST, or the usual socket), for one site."""

    def __init__(self, name: str, url: str, site: str) -> None:
        self.name, self.url, self.site = name, url, site

    def info(self) -> dict[str, Any]:
        """What the engine is and can: {"cpus", "memory", "version", "cgroup", "runtimes": {name: sentence}, "can":
        {"disk", "network", "rate", "memory"}, "missing": [sentences]}. Raises EngineUnavailable."""
        raise NotImplementedError

    def ensure_ready(self) -> None:
        """Make what all instances share: the runner's volume, the helper. Quick when all stands."""
        raise NotImplementedError

    def create(self, instance_id: str, spec: InstanceSpec, *, volume: str | None = None) -> str:
        """Make the container of an instance with its disk, not started; the container's id.

        An instance that has a container already keeps it; a disk that stands (after `remove(keep_disk=True)`)
        is used again. `volume` names another workspace volume. Raises ImageMissing, Invalid, EngineError.
        """
        raise NotImplementedError

    def start(
        self,
        instance_id: str,
        *,
        nft_script: str | None = None,
        rate: int | None = None,
        hosts: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        """Start the container; with a network, its rules stand before this returns (no script: nothing passes)."""
        raise NotImplementedError

    def attach(self, container_id: str) -> socket.socket:
        """The container's stdin, stdout and stderr, framed as Docker does; may be asked for before the start."""
        raise NotImplementedError

    def pause(self, instance_id: str) -> None:
        """Freeze every process."""
        raise NotImplementedError

    def unpause(self, instance_id: str) -> None:
        """Let a frozen container go on."""
        raise NotImplementedError

    def stop(self, instance_id: str, *, kill: bool = True) -> None:
        """End every process; a disk stays, a workspace in memory is gone."""
        raise NotImplementedError

    def remove(self, instance_id: str, *, keep_disk: bool = False) -> None:
        """Remove container, disk and volume of an instance; nothing is left. Running is no hindrance."""
        raise NotImplementedError

    def update_limits(self, instance_id: str, limits: Limits) -> None:
        """Change processors, memory and number of processes of a container while it runs."""
        raise NotImplementedError

    def apply_network(
        self,
        instance_id: str,
        nft_script: str | None,
        rate: int | None,
        *,
        hosts: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        """Replace the rules of a running container's network: an nft script (None: nothing passes), bytes per
        second each way (None: no limit), and the pinned names with their addresses."""
        raise NotImplementedError

    def published_ports(self, instance_id: str) -> dict[tuple[int, str], int]:
        """{(port inside, protocol): port on the host's loopback} of a running container."""
        raise NotImplementedError

    def list_instances(self) -> list[Found]:
        """All containers of this site's instances, running or not."""
        raise NotImplementedError

    def find(self, instance_id: str) -> Found | None:
        """The container of one instance."""
        raise NotImplementedError

    def events(self, stop: Event) -> Iterator[EngineEvent]:
        """What happens to this site's instances from now on, until `stop` is set; raises EngineUnavailable."""
        raise NotImplementedError

    def images(self) -> dict[str, str]:
        """{name:tag: image id} of the images on this host."""
        raise NotImplementedError

    def build_image(
        self, dockerfile: str, tag: str, on_log: Callable[[str], None], *, timeout: float = 1800
    ) -> Build:
        """Build an image from the text of a Dockerfile; `on_log` gets each line as it comes."""
        raise NotImplementedError

    def leftovers(self, known: Iterable[str] = ()) -> list[Leftover]:
        """What this site has on the host without a container, but for the instances in `known`."""
        raise NotImplementedError

    def remove_leftover(self, leftover: Leftover) -> None:
        """Remove what `leftovers` found."""
        raise NotImplementedError
