"""What a site has on an engine beside its containers: the runner's volume, helper, disks, network."""

import json
import logging
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import PurePosixPath
from typing import Any

from django.conf import settings

from sandbox.images.make import make_image
from sandbox.policy.mounts import Mount, read_mounts
from sandbox.policy.network import NetworkPolicy, to_nft

from .client import Client, status_of
from .containers import HOME, Parts, needs_network
from .errors import EngineError, EngineUnavailable, NoSuchInstance
from .helper import IMAGE as HELPER_IMAGE
from .helper import Helper, helper_config
from .isolation import isolation_of
from .runner_volume import fill, python_command, runner_digest
from .spec import DISK, InstanceSpec

logger = logging.getLogger(__name__)

TERMINALS = 64  # pseudo-terminals in one sandbox
SITE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")


class Ground:
    """The ground that the containers of one site stand on, on one engine."""

    def __init__(self, name: str, url: str, site: str) -> None:
        if not SITE.fullmatch(site):
            raise ValueError("A site's name (SANDBOX_SITE) is made of at most 40 letters, digits, _ and -.")
        self.name, self.url, self.site = name, url, site
        self.client = Client(url)
        self.helper = Helper(self.client, self._name("helper"), self.ensure_ready)
        self._lock = threading.RLock()
        self._ready = False
        self._processors = 0
        self._network_stands = False
        self._hosts_files: dict[str, str] = {}  # by the runner's volume

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

    # --- Parts of a container -------------------------------------------------------------------------
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
        # another kernel in the sandbox has its own ideas of a network that the engine did not make
        shared_kernel = isolation_of(spec.runtime or "runc").level == 1
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
            hosts_file=self._hosts_file() if shared_kernel else "",
            mounts=mounts,
            image_volumes=sorted((image["Config"] or {}).get("Volumes") or ()),
            processors=self._cpus(),
        )

    def _hosts_file(self) -> str:
        """Where the host has the file of the runner's volume that names this machine alone."""
        volume = self._runner_volume
        if volume not in self._hosts_files:
            place = self.client.call("GET", f"/volumes/{volume}").get("Mountpoint")
            self._hosts_files[volume] = f"{place}/hosts" if place else ""
        return self._hosts_files[volume]

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
            {"Name": name, "Driver": "local",
             "Labels": {**self._labels("workspace"), "agi.instance": instance_id},
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
        """The site's bridge: its containers do not see each other, and rules keep them from the host."""
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

    def _check_apart(self, container: Mapping[str, Any]) -> None:
        """A container whose network is this machine's is nobody's sandbox; its pseudo-terminals are limited.

        A kernel of the sandbox's own has both to itself. Raises EngineError where the engine, told to make no
        network, left it in the host's, and EngineUnavailable where nobody can tell.
        """
        if isolation_of(container["HostConfig"]["Runtime"] or "runc").level != 1:
            return
        pid, key = container["State"]["Pid"], container["Id"]
        try:
            answer = self.helper.ask("terminals", pid=pid, container=key, most=TERMINALS)
        except EngineError as error:
            found = self._inspect(key)
            if found is None or not found["State"]["Running"]:
                return  # it ended at once: nothing of it is in any network, and whoever attaches is told
            raise EngineUnavailable(
                f"Whether the container has a network of its own could not be checked: {error}"
            ) from error
        if answer.get("apart") is not True:
            raise EngineError("The engine gave the container no network of its own.")
        if answer.get("fault"):
            logger.warning("on %s, a container's terminals have no limit: %s", self.name, answer["fault"])

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

    # --- What instances share -------------------------------------------------------------------------
    @property
    def _runner_volume(self) -> str:
        return f"agi-{self.site}-runner-{runner_digest()}"

    def _runner_stands(self) -> bool:
        return bool(self._inspect(f"{self._runner_volume}-filled"))

    def _mark_runner(self) -> None:
        """A container that never runs says that the volume is whole, and keeps it from being pruned."""
        body = {"Image": "agi-sandbox-empty:latest", "Cmd": ["none"], "Labels": self._labels("runner"),
                "HostConfig": {"NetworkMode": "none",
                               "Binds": [f"{self._runner_volume}:{HOME}:ro"]}}  # fmt: skip
        with suppress(EngineError):
            self.client.call("POST", "/containers/create", body, name=f"{self._runner_volume}-filled")

    @staticmethod
    def _content() -> str:
        """What the helper is made of: when it changes, the helper is made anew."""
        made_of = [runner_digest(), settings.SANDBOX_MOUNT_ROOTS, settings.SANDBOX_RAISE_HOST_LIMITS]
        return sha256(json.dumps(made_of).encode()).hexdigest()[:16]

    def _is_current(self, helper: Mapping[str, Any]) -> bool:
        return bool(helper["Config"]["Labels"].get("agi.content") == self._content())

    def _start_helper(self, helper: Mapping[str, Any] | None) -> None:
        """Make the helper anew where it is old or gone; without its image, make that of this machine's
        files.
        """
        name = self._name("helper")
        if helper and not self._is_current(helper):
            self.client.remove_container(name)
            helper = None
        if helper is None:
            image = self.client.image(HELPER_IMAGE)
            # one with a further name was made of a machine's files, and may be older than what is needed now
            if image is None or len(image["RepoTags"]) > 1:
                make_image(self.client, HELPER_IMAGE.partition(":")[0])
            disks = {"Name": self._name("disks"), "Labels": self._labels("disks")}
            self.client.call("POST", "/volumes/create", disks)
            self._create_helper(settings.SANDBOX_MOUNT_ROOTS)
        self.client.call("POST", f"/containers/{name}/start")
        for changed, (before, after) in self.helper.ask("about")["raised"].items():
            logger.warning("on the host %s, %s was raised from %d to %d", self.name, changed, before, after)

    def _create_helper(self, roots: Sequence[str]) -> None:
        docker_root = self.client.call("GET", "/info")["DockerRootDir"]
        labels = {**self._labels("helper"), "agi.content": self._content()}
        body = helper_config(
            HELPER_IMAGE,
            self._runner_volume,
            self._name("disks"),
            docker_root,
            roots,
            labels,
            raise_limits=settings.SANDBOX_RAISE_HOST_LIMITS,
        )
        try:
            self.client.call("POST", "/containers/create", body, name=self._name("helper"))
        except EngineError as error:
            if status_of(error) == 400 and roots:  # one of the folders is not on this host
                self._create_helper([])
            elif status_of(error) != 409:  # another process was faster
                raise

    # --- Small things ---------------------------------------------------------------------------------
    def _name(self, what: str) -> str:
        return f"agi-{self.site}-{what}"

    def _labels(self, kind: str) -> dict[str, str]:
        return {"agi.site": self.site, "agi.kind": kind}

    def _filters(self, *, kind: str = "") -> str:
        return json.dumps({"label": [f"agi.site={self.site}", *([f"agi.kind={kind}"] if kind else [])]})

    def _forget(self) -> None:
        self._ready = self._network_stands = False
        self._hosts_files.clear()

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
