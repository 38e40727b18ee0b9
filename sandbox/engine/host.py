"""One Docker engine: containers of instances, their disks, their network, images."""

import socket
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from threading import Event
from typing import IO, Any

from sandbox.policy.limits import Limits

from . import images as image_calls
from . import listing
from .about import about_engine
from .client import status_of
from .containers import container_config, live_limits
from .errors import EngineError, ImageMissing, NoSuchInstance
from .ground import Ground
from .spec import Build, EngineEvent, Found, InstanceSpec, Leftover

GONE = (404,)


class DockerHost(Ground):
    """The engine at `url` ("" is the environment's DOCKER_HOST, or the usual socket), for one site."""

    # --- The host -------------------------------------------------------------------------------------
    def info(self) -> dict[str, Any]:
        """What the engine is and can do.

        {"cpus", "memory", "version", "cgroup", "storage", "runtimes": {name: {"level", "text"}},
        "default_runtime",
        "can": {"disk", "network", "rate", "mounts"}, "missing": [sentences]}. Raises EngineUnavailable.
        """
        return about_engine(self)

    def close(self) -> None:
        """Give up this process's connections; what stands on the host stays."""
        self.helper.close()
        self.client.close()

    # --- Life of a container --------------------------------------------------------------------------
    def create(self, instance_id: str, spec: InstanceSpec, *, volume: str | None = None) -> str:
        """Make the container of an instance with its disk, not started; the container's id.

        An instance that has a container already keeps it; a disk that stands (after `remove(keep_disk=True)`)
        is used again. `volume` names another workspace volume. Raises ImageMissing, Invalid, EngineError.
        """
        if not self._ready:
            self.ensure_ready()
        image = self.client.image(spec.image)
        if image is None:
            raise ImageMissing(f"The image {spec.image} is not on this host.")
        body = container_config(instance_id, spec, self._parts(instance_id, spec, image, volume))
        for _attempt in range(2):
            try:
                made = self.client.call("POST", "/containers/create", body, name=self._name(instance_id))
                return str(made["Id"])
            except EngineError as error:
                if status_of(error) == 409 and (found := self._inspect(self._name(instance_id))):
                    return str(found["Id"])
                if status_of(error) not in (404, 409):
                    raise
                self._forget()  # somebody removed the network or the runner's volume
                self.ensure_ready()
        raise EngineError(f"The container of {instance_id} could not be made.")

    def start(
        self,
        instance_id: str,
        *,
        nft_script: str | None = None,
        rate: int | None = None,
        hosts: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        """Start the container. With a network its rules stand before this returns; without a script nothing
        passes.

        A container is stopped again whose rules could not be set, or of which the helper did not say that its
        network is not the host's. One that runs is looked at, and given its rules, in the same way.
        """
        try:
            self.client.call("POST", f"/containers/{self._name(instance_id)}/start")
        except NoSuchInstance:
            raise
        except EngineError:
            # the machine was started anew, and the disk is not on its loop device
            if not self._has_disk(instance_id):
                raise
            self.helper.ask("disk_attach", name=self._name(instance_id))
            self.client.call("POST", f"/containers/{self._name(instance_id)}/start")
        container = self._needed(instance_id)
        try:
            self._check_apart(container)
            if container["HostConfig"]["NetworkMode"] != "none":
                self._set_network(container, nft_script, rate, hosts)
        except BaseException:
            self.stop(instance_id)
            raise

    def attach(self, container_id: str) -> socket.socket:
        """The container's stdin, stdout and stderr, framed as Docker does; may be asked for before the
        start.
        """
        return self.client.stream(
            f"/containers/{container_id}/attach", {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
        )

    def pause(self, instance_id: str) -> None:
        """Freeze every process."""
        self._verb(instance_id, "pause", lambda state: state["Paused"])

    def unpause(self, instance_id: str) -> None:
        """Let a frozen container go on."""
        self._verb(instance_id, "unpause", lambda state: state["Running"] and not state["Paused"])

    def stop(self, instance_id: str, *, kill: bool = True) -> None:
        """End every process; a disk stays, a workspace in memory is gone. `kill=False` gives them two
        seconds.
        """
        if kill:
            self._verb(instance_id, "kill", lambda state: not state["Running"], signal="KILL")
            self.client.call("POST", f"/containers/{self._name(instance_id)}/wait")
        else:
            self._verb(instance_id, "stop", lambda state: not state["Running"], t=2)

    def remove(self, instance_id: str, *, keep_disk: bool = False, container_id: str = "") -> None:
        """Remove container, disk and volume of an instance; nothing is left. Running is no hindrance.

        `container_id` is that of a container found by its labels, which may have been given another name.
        """
        for name in filter(None, (container_id, self._name(instance_id))):
            self.client.remove_container(name)
        if keep_disk:
            return
        if self._remove_volume(self._name(instance_id)):
            self.helper.ask("disk_drop", name=self._name(instance_id))

    def update_limits(self, instance_id: str, limits: Limits) -> None:
        """Change processors, memory and number of processes of a container while it runs."""
        body = live_limits(instance_id, limits, self._cpus())
        self.client.call("POST", f"/containers/{self._name(instance_id)}/update", body)

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
        self._set_network(self._needed(instance_id), nft_script, rate, hosts)

    # --- What there is --------------------------------------------------------------------------------
    def published_ports(self, instance_id: str) -> dict[tuple[int, str], int]:
        """{(port inside, protocol): port on the host's loopback} of a running container."""
        found = self._needed(instance_id)["NetworkSettings"]["Ports"] or {}
        return {
            (int(inside.split("/")[0]), inside.split("/")[1]): int(bindings[0]["HostPort"])
            for inside, bindings in found.items()
            if bindings
        }

    def list_instances(self) -> list[Found]:
        """All containers of this site's instances, running or not."""
        listed = self.client.call("GET", "/containers/json", all="1", filters=self._filters(kind="sandbox"))
        found = (self._inspect(container["Id"]) for container in listed)
        return [listing.as_found(container) for container in found if container]

    def find(self, instance_id: str) -> Found | None:
        """The container of one instance."""
        container = self._inspect(self._name(instance_id))
        return listing.as_found(container) if container else None

    def events(self, stop: Event) -> Iterator[EngineEvent]:
        """What happens to this site's instances, until `stop` is set. Raises EngineUnavailable."""
        return listing.events(self.client, [f"agi.site={self.site}", "agi.kind=sandbox"], stop)

    def leftovers(self, known: Iterable[str] = ()) -> list[Leftover]:
        """Disks and volumes of this site without a container, but for those of the instances in `known`."""
        kept = {self._name(instance_id) for instance_id in known}
        listed = self.client.call("GET", "/containers/json", all="1", filters=self._filters())
        kept |= {name.lstrip("/") for container in listed for name in container["Names"]}
        # labels say whose a container is, whatever it has been called since
        labelled = (container["Labels"].get("agi.instance") for container in listed)
        kept |= {self._name(instance_id) for instance_id in labelled if instance_id}
        volumes = (
            self.client.call("GET", "/volumes", filters=self._filters(kind="workspace"))["Volumes"] or ()
        )
        found = {volume["Name"]: "volume" for volume in volumes}
        if self._inspect(self._name("helper")):
            found |= dict.fromkeys(self.helper.ask("disk_list")["disks"], "disk")
        return [
            Leftover(kind, name, name.removeprefix(self._name("")))
            for name, kind in sorted(found.items())
            if name not in kept
        ]

    def remove_leftover(self, leftover: Leftover) -> None:
        """Remove what `leftovers` found."""
        self._remove_volume(leftover.name)
        self.helper.ask("disk_drop", name=leftover.name)

    def remove_everything(self) -> None:
        """Remove all that this site has on the host, its helper too; images stay."""
        for container in self.client.call(
            "GET", "/containers/json", all="1", filters=self._filters(kind="sandbox")
        ):
            self.client.remove_container(container["Id"])
        with suppress(EngineError):
            helper = self._inspect(self._name("helper"))
            if helper and helper["State"]["Running"]:
                for name in self.helper.ask("disk_list")["disks"]:
                    self._remove_volume(name)
                    self.helper.ask("disk_drop", name=name)
        for container in self.client.call("GET", "/containers/json", all="1", filters=self._filters()):
            self.client.remove_container(container["Id"])
        for volume in self.client.call("GET", "/volumes", filters=self._filters())["Volumes"] or ():
            with suppress(EngineError):
                self.client.remove_volume(volume["Name"])
        for network in self.client.call("GET", "/networks", filters=self._filters()):
            with suppress(NoSuchInstance):
                self.client.call("DELETE", f"/networks/{network['Id']}")
        self._forget()
        self.close()

    # --- Images ---------------------------------------------------------------------------------------
    def images(self) -> dict[str, str]:
        """{name:tag: image id} of the images on this host."""
        return image_calls.image_names(self.client)

    def has_image(self, name: str) -> bool:
        """Whether an image is on this host, by name and tag or by digest."""
        return self.client.image(name) is not None

    def image(self, name: str) -> dict[str, Any] | None:
        """What the engine knows of an image, or None."""
        return self.client.image(name)

    def tag_image(self, name: str, tag: str) -> None:
        """Give an image a further name."""
        self.client.tag_image(name, tag)

    def import_image(self, archive: IO[bytes], tag: str, changes: Sequence[str]) -> None:
        """Make an image of a tar archive of its files; `changes` are lines as in a Dockerfile."""
        self.client.import_image(archive, tag, changes)

    def remove_image(self, name: str) -> None:
        """Remove an image; one that is gone is fine, one in use raises EngineError."""
        with suppress(ImageMissing, NoSuchInstance):
            self.client.call("DELETE", f"/images/{name}")

    def build_image(
        self, dockerfile: str, tag: str, on_log: Callable[[str], None], *, timeout: float = 1800
    ) -> Build:
        """Build an image from the text of a Dockerfile; `on_log` gets each line as it comes."""
        return image_calls.build(self.client, dockerfile, tag, on_log, timeout)
