"""What an instance is made of, and what an engine reports: plain data, without Docker."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any, Self

from sandbox.policy.limits import Limits, read_limits

DISK, MEMORY = "disk", "memory"
# What `DockerHost.update_limits` and `apply_network` change in a running container.
LIVE = ("cpu_limit", "memory_limit", "pids_limit", "network_limit")
# What is fixed when a container is made. The other limits (timeouts, output) are not the container's.
FIXED = ("disk_limit", "open_files", "tmp_limit", "shm_limit")


@dataclass(frozen=True, slots=True)
class InstanceSpec:
    """What a container is made of; the JSON of the column `sandbox_instance.spec`."""

    image: str  # name:tag, or a digest
    limits: Limits = field(default_factory=Limits)
    network_policy: Mapping[str, Any] | None = None
    syscall_policy: Mapping[str, Any] | None = None
    mount_policy: Mapping[str, Any] | None = None
    workspace: str = DISK  # "disk" outlives a stop, "memory" does not
    runtime: str = ""  # "" is the engine's default
    published: tuple[tuple[int, str], ...] = ()  # (port inside, "tcp" | "udp"), bound to the host's loopback
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def profile(self) -> str:
        """A hash (64 hex digits) of what is fixed when the container is made.

        Two specs of one profile differ at most in labels, timeouts, and the limits in LIVE. An instance of
        the same profile whose `live` differs must see `update_limits` (and `apply_network` for the rate) too.
        """
        fixed = self.as_json()
        fixed["limits"] = {name: fixed["limits"][name] for name in FIXED}
        del fixed["labels"]
        return sha256(json.dumps(fixed, sort_keys=True, separators=(",", ":")).encode()).hexdigest()

    @property
    def live(self) -> dict[str, int | None]:
        """The limits that change while the container runs."""
        return {name: getattr(self.limits, name) for name in LIVE}

    def as_json(self) -> dict[str, Any]:
        """Plain values for a JSON column."""
        return {
            "image": self.image,
            "limits": self.limits.as_dict(),
            "network_policy": dict(self.network_policy or {}),
            "syscall_policy": dict(self.syscall_policy or {}),
            "mount_policy": dict(self.mount_policy or {}),
            "workspace": self.workspace,
            "runtime": self.runtime,
            "published": [[port, protocol] for port, protocol in sorted(self.published)],
            "labels": dict(self.labels),
        }

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> Self:
        """The reverse of `as_json`; raises Invalid when the limits are not possible."""
        return cls(
            image=given["image"],
            limits=read_limits(given.get("limits")),
            network_policy=given.get("network_policy") or None,
            syscall_policy=given.get("syscall_policy") or None,
            mount_policy=given.get("mount_policy") or None,
            workspace=given.get("workspace") or DISK,
            runtime=given.get("runtime") or "",
            published=tuple((int(port), str(protocol)) for port, protocol in given.get("published") or ()),
            labels=given.get("labels") or {},
        )


@dataclass(frozen=True, slots=True)
class Found:
    """A container of this site, as the engine has it."""

    instance_id: str
    container_id: str
    state: str  # created, running, paused, restarting, removing, exited, dead
    oom_killed: bool = False
    exit_code: int | None = None
    started_at: datetime | None = None
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class EngineEvent:
    """Something that happened to a container of this site."""

    instance_id: str
    container_id: str
    action: str  # create, start, die, oom, kill, pause, unpause, stop, destroy
    at: datetime
    exit_code: int | None = None


@dataclass(frozen=True, slots=True)
class Leftover:
    """Something of this site that belongs to no container: a volume, a disk."""

    kind: str  # volume, disk
    name: str
    instance_id: str


@dataclass(frozen=True, slots=True)
class Build:
    """How a build ended: `image_id` when it went well, else `fault`."""

    image_id: str = ""
    fault: str = ""

    def __iter__(self) -> Iterator[str]:
        return iter((self.image_id, self.fault))
