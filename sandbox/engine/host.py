"""One Docker engine: containers of instances, their disks, their network, images."""

import json
import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import PurePosixPath
from threading import Event
from typing import IO, Any

from django.conf import settings

from sandbox.policy.limits import Limits
from sandbox.policy.mounts import Mount, read_mounts
from sandbox.policy.network import NetworkPolicy, to_nft

from . import images as image_calls
from . import listing
from .about import about_engine
from .client import Client, status_of
from .containers import Parts, container_config, live_limits, needs_network
from .errors import EngineError, EngineUnavailable, ImageMissing, NoSuchInstance
from .helper import IMAGE as HELPER_IMAGE
from .helper import Helper, helper_config
from .isolation import isolation_of
from .runner_volume import fill, python_command, runner_digest
from .spec import DISK, Build, EngineEvent, Found, InstanceSpec, Leftover

GONE = (404,)


class DockerHost:
    """The engine at `url` ("" is the environment's DOCKER_HOST, or the usual socket), for one site."""

    def __init__(self, name: str, url: str, site: str) -> None:
        self.name, self.url, self.site = name, url, site
        self.client = Client(url)
        self.helper = Helper(self.client, self._name("helper"), self.ensure_ready)
        self._lock = threading.RLock()
        self._ready = False
        self._processors = 0
        self._network_stands = False

    # --- The host -----------------------------------------------------------------------------------------------
    def info(self) -> dict[str, Any]:
        """What the engine is and can do.

        {"cpus", "memory", "version", "cgroup", "storage", "runtimes": {name: {"level", "text"}}, "default_runtime",
        "can": {"disk", "network", "rate", "mounts"}, "missing": [sentences]}. Raises EngineUnavailable.
        """
        return about_engine(self)

    def ensure_ready(self) -> None:
        """Make what all instances share: the runner's volume, the helper. Quick when all stands."""
        with self._lock:
            helper = self._inspect(self._name("helper"))
            if helper and helper["State"]["Running"] and self._is_current(helper):
                self._ready = True
                return
            if not self._runner_stands():
                fill(self.client, self._runner_volume, self._labels("runner"))
                self._mark_runner()
            self._start_helper(helper)
            self._ready = True

    def close(self) -> None:
        """Give up this process's connections; what stands on the host stays."""
        self.helper.close()
        self.client.close()

    # --- Life of a container ------------------------------------------------------------------------------------
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
        """Start the container. With a network its rules stand before this returns; without a script nothing passes.

        A container whose rules could not be set is stopped again.
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
        if container["HostConfig"]["NetworkMode"] == "none":
            return
        try:
            self._set_network(container, nft_script, rate, hosts)
        except BaseException:
            self.stop(instance_id)
            raise

    def attach(self, container_id: str) -> socket.socket:
        """The container's stdin, stdout and stderr, framed as Docker does; may be asked for before the start."""
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
        """End every process; a disk stays, a workspace in memory is gone. `kill=False` gives them two seconds."""
        if kill:
            self._verb(instance_id, "kill", lambda state: not state["Running"], signal="KILL")
            self.client.call("POST", f"/containers/{self._name(instance_id)}/wait")
        else:
            self._verb(instance_id, "stop", lambda state: not state["Running"], t=2)

    def remove(self, instance_id: str, *, keep_disk: bool = False) -> None:
        """Remove container, disk and volume of an instance; nothing is left. Running is no hindrance."""
        self.client.remove_container(self._name(instance_id))
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

    # --- What there is ------------------------------------------------------------------------------------------
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
        """What happens to this site's instances from now on, until `stop` is set; raises EngineUnavailable."""
        return listing.events(self.client, [f"agi.site={self.site}", "agi.kind=sandbox"], stop)

    def leftovers(self, known: Iterable[str] = ()) -> list[Leftover]:
        """Disks and volumes of this site without a container, but for those of the instances in `known`."""
        kept = {self._name(instance_id) for instance_id in known}
        listed = self.client.call("GET", "/containers/json", all="1", filters=self._filters())
        kept |= {name.lstrip("/") for container in listed for name in container["Names"]}
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
                for leftover in self.leftovers():
                    self.remove_leftover(leftover)
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

    # --- Images -------------------------------------------------------------------------------------------------
    def images(self) -> dict[str, str]:
        """{name:tag: image id} of the images on this host."""
        return image_calls.image_names(self.client)

    def has_image(self, name: str) -> bool:
        """Whether an image is on this host, by name and tag or by digest."""
        return self.client.image(name) is not None

    def tag_image(self, name: str, tag: str) -> None:
        """Give an image a further name."""
        repository, _colon, version = tag.rpartition(":")
        self.client.call("POST", f"/images/{name}/tag", repo=repository, tag=version)

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

    # --- Parts of a container -----------------------------------------------------------------------------------
    def _parts(
        self, instance_id: str, spec: InstanceSpec, image: Mapping[str, Any], volume: str | None
    ) -> Parts:
        if needs_network(spec) and isolation_of(spec.runtime or "runc").level != 1:
            raise EngineError(
                f"With the runtime {spec.runtime} no network rules can be set, so it has no network."
            )
        mounts = self._checked_mounts(read_mounts(spec.mount_policy, roots=settings.SANDBOX_MOUNT_ROOTS))
        if volume is None:
            volume = self._make_disk(instance_id, spec) if spec.workspace == DISK else ""
        return Parts(
            labels={
                **spec.labels,
                **self._labels("sandbox"),
                "agi.instance": instance_id,
                "agi.profile": spec.profile,
            },
            command=python_command("runner.py"),
            runner_volume=self._runner_volume,
            workspace_volume=volume,
            network=self._make_network() if needs_network(spec) else "none",
            mounts=mounts,
            image_volumes=sorted((image["Config"] or {}).get("Volumes") or ()),
            processors=self._cpus(),
        )

    def _checked_mounts(self, mounts: Sequence[Mount]) -> Sequence[Mount]:
        """The mounts, whose folders must lie below the site's roots with links followed too."""
        if mounts:
            self.ensure_ready()  # the roots may be others now
        for mount in mounts:
            real = self.helper.ask("real_path", path=mount.source)["path"]
            roots = [self.helper.ask("real_path", path=root)["path"] for root in settings.SANDBOX_MOUNT_ROOTS]
            if not any(root and PurePosixPath(real).is_relative_to(root) for root in roots):
                raise EngineError(f"The folder {mount.source} leads out of what sandboxes may see.")
        return mounts

    def _make_disk(self, instance_id: str, spec: InstanceSpec) -> str:
        name = self._name(instance_id)
        device = self.helper.ask("disk_make", name=name, size=spec.limits.disk_limit)["device"]
        self.client.call(
            "POST", "/volumes/create",
            {"Name": name, "Driver": "local", "Labels": {**self._labels("workspace"), "agi.instance": instance_id},
             "DriverOpts": {"type": "ext4", "device": device, "o": "nosuid,nodev,noatime"}},
        )  # fmt: skip
        return name

    def _remove_volume(self, name: str) -> bool:
        """Remove a workspace's volume; whether there was one.

        An engine that was restarted under a running container counts its mounts wrong, and keeps the empty
        volume until the next restart: it is a leftover, whose disk is gone.
        """
        try:
            self.client.call("DELETE", f"/volumes/{name}")
        except NoSuchInstance:
            return False
        except EngineError as error:
            if "active mounts" not in str(error):
                raise
            self.helper.ask("disk_unmount", name=name)
        return True

    def _make_network(self) -> str:
        """The site's bridge: its containers do not see each other, and their rules keep them from the host."""
        name = self._name("net")
        if self._network_stands:
            return name
        with self._lock:
            if not self.client.call("GET", "/networks", filters=self._filters(kind="network")):
                options = {"com.docker.network.bridge.enable_icc": "false"}
                body = {"Name": name, "CheckDuplicate": True, "Driver": "bridge", "Options": options,
                        "Labels": self._labels("network")}  # fmt: skip
                try:
                    self.client.call("POST", "/networks/create", body)
                except EngineError as error:
                    if status_of(error) != 409:
                        raise
            self._network_stands = True
        return name

    def _set_network(
        self,
        container: Mapping[str, Any],
        script: str | None,
        rate: int | None,
        hosts: Mapping[str, Sequence[str]] | None,
    ) -> None:
        bound = container["HostConfig"]["PortBindings"] or {}
        ports = [[int(port.split("/")[0]), port.split("/")[1]] for port in bound]
        if hosts is not None:
            lines = [f"{address} {name}" for name, found in hosts.items() for address in found]
            self.helper.ask("names", container=container["Id"], lines=lines)
        self.helper.ask(
            "network",
            pid=container["State"]["Pid"],
            container=container["Id"],
            script=to_nft(NetworkPolicy()) if script is None else script,
            rate=rate,
            ports=ports,
        )

    # --- What instances share -----------------------------------------------------------------------------------
    @property
    def _runner_volume(self) -> str:
        return f"agi-{self.site}-runner-{runner_digest()}"

    def _runner_stands(self) -> bool:
        return bool(self._inspect(f"{self._runner_volume}-filled"))

    def _mark_runner(self) -> None:
        """A container that never runs says that the volume is whole, and keeps it from being pruned."""
        body = {"Image": "agi-sandbox-empty:latest", "Cmd": ["none"], "Labels": self._labels("runner"),
                "HostConfig": {"NetworkMode": "none", "Binds": [f"{self._runner_volume}:/.agi:ro"]}}  # fmt: skip
        with suppress(EngineError):
            self.client.call("POST", "/containers/create", body, name=f"{self._runner_volume}-filled")

    @staticmethod
    def _content() -> str:
        """What the helper is made of: when it changes, the helper is made anew."""
        return sha256(json.dumps([runner_digest(), settings.SANDBOX_MOUNT_ROOTS]).encode()).hexdigest()[:16]

    def _is_current(self, helper: Mapping[str, Any]) -> bool:
        return bool(helper["Config"]["Labels"].get("agi.content") == self._content())

    def _start_helper(self, helper: Mapping[str, Any] | None) -> None:
        """Make the helper anew where it is old or gone; without its image, make that of this machine's files."""
        from sandbox.images.make import make_image

        name = self._name("helper")
        if helper and not self._is_current(helper):
            self.client.remove_container(name)
            helper = None
        if helper is None:
            if not self.has_image(HELPER_IMAGE):
                make_image(self, HELPER_IMAGE.partition(":")[0])
            disks = {"Name": self._name("disks"), "Labels": self._labels("disks")}
            self.client.call("POST", "/volumes/create", disks)
            self._create_helper(settings.SANDBOX_MOUNT_ROOTS)
        self.client.call("POST", f"/containers/{name}/start")

    def _create_helper(self, roots: Sequence[str]) -> None:
        docker_root = self.client.call("GET", "/info")["DockerRootDir"]
        labels = {**self._labels("helper"), "agi.content": self._content()}
        body = helper_config(
            HELPER_IMAGE, self._runner_volume, self._name("disks"), docker_root, roots, labels
        )
        try:
            self.client.call("POST", "/containers/create", body, name=self._name("helper"))
        except EngineError as error:
            if status_of(error) == 400 and roots:  # one of the folders is not on this host
                self._create_helper([])
            elif status_of(error) != 409:  # another process was faster
                raise

    # --- Small things -------------------------------------------------------------------------------------------
    def _name(self, what: str) -> str:
        return f"agi-{self.site}-{what}"

    def _labels(self, kind: str) -> dict[str, str]:
        return {"agi.site": self.site, "agi.kind": kind}

    def _filters(self, *, kind: str = "") -> str:
        return json.dumps({"label": [f"agi.site={self.site}", *([f"agi.kind={kind}"] if kind else [])]})

    def _forget(self) -> None:
        self._ready = self._network_stands = False

    def _cpus(self) -> int:
        if not self._processors:
            self._processors = int(self.client.call("GET", "/info")["NCPU"])
        return self._processors

    def _inspect(self, name: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = self.client.call("GET", f"/containers/{name}/json")
        except NoSuchInstance:
            return None
        return found

    def _needed(self, instance_id: str) -> dict[str, Any]:
        found = self._inspect(self._name(instance_id))
        if found is None:
            raise NoSuchInstance(f"There is no container of {instance_id} on this host.")
        return found

    def _has_disk(self, instance_id: str) -> bool:
        return self._name(instance_id) in self.helper.ask("disk_list")["disks"]

    def _verb(
        self, instance_id: str, verb: str, is_done: Callable[[Mapping[str, Any]], bool], **query: Any
    ) -> None:
        """Do what Docker calls `verb`; that it is so already is fine."""
        try:
            self.client.call("POST", f"/containers/{self._name(instance_id)}/{verb}", **query)
        except NoSuchInstance:
            raise
        except EngineUnavailable:
            raise
        except EngineError:
            if not is_done(self._needed(instance_id)["State"]):
                raise
