"""The container of an instance, as the engine is asked to make it: everything that may be locked is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zlib import crc32

from sandbox.policy.limits import MB, Limits
from sandbox.policy.mounts import Mount
from sandbox.policy.network import read_network_policy
from sandbox.policy.syscalls import seccomp_json

from .isolation import isolation_of
from .spec import MEMORY, InstanceSpec

HOME = "/.agi"  # where the runner lies in every container
WORKSPACE = "/workspace"
TMP = "/tmp"  # noqa: S108 - the sandbox's own
SHM = "/dev/shm"  # noqa: S108 - the sandbox's own, too
USER = 1000
# The runner needs its own processes and files beside those of the sandbox.
RUNNER_PIDS = 8
RUNNER_FILES = 1024
CAPABILITIES = ["KILL", "SETGID", "SETPCAP", "SETUID"]
# Of the disk's time, where the kernel shares it by weights (few do): what else runs on the host has more.
DISK_WEIGHT = 50
INODE_BYTES = 8192  # one file in memory for each of these
PAGE = 4096
# Bytes of a core dump: too few for a file, and the one number with which the kernel does not start the host's
# program for dumps (`core_pattern` with "|") either, as it does with 0 (fs/coredump.c).
CORE = 1
# Names come from the pinned ones alone: a resolver would be a way out. That there is none is soon seen.
NOWHERE = {"Dns": ["127.0.0.1"], "DnsSearch": ["."], "DnsOptions": ["timeout:1", "attempts:1"]}


@dataclass(frozen=True, slots=True)
class Parts:
    """What a container is put together from, beside its spec."""

    labels: Mapping[str, str]
    command: Sequence[str]
    runner_volume: str
    workspace_volume: str  # "" is memory
    network: str  # "none", or a network's name
    hosts_file: str  # on the host: what /etc/hosts is without a network; "" leaves that to the engine
    mounts: Sequence[Mount]
    image_volumes: Sequence[str]  # folders that the image declares as volumes: they would have no limit
    processors: int


def needs_network(spec: InstanceSpec) -> bool:
    """Whether the container has a network at all."""
    return bool(spec.published) or read_network_policy(spec.network_policy).needs_network


def container_config(instance_id: str, spec: InstanceSpec, parts: Parts) -> dict[str, Any]:
    """The body of Docker's call `POST /containers/create`."""
    ports = [f"{port}/{protocol}" for port, protocol in spec.published]
    return {
        "Image": spec.image,
        "Hostname": "sandbox",
        # its own network namespace with nothing but loopback, made by the runtime alone: the engine's part in
        # nobody's network (it starts itself anew three times) is more than half of a container's start
        "NetworkDisabled": _is_alone(parts),
        "User": "0:0",
        "WorkingDir": "/",
        "Entrypoint": list(parts.command),
        "Cmd": [],
        "Tty": False,
        "OpenStdin": True,
        "StdinOnce": False,
        "Healthcheck": {"Test": ["NONE"]},
        "StopSignal": "SIGKILL",
        "Labels": dict(parts.labels),
        "ExposedPorts": {port: {} for port in ports},
        "HostConfig": {
            **_locked(spec),
            **live_limits(instance_id, spec.limits, parts.processors),
            **_network(spec, parts.network, ports),
            **_files(spec, parts),
            "Ulimits": _ulimits(spec.limits),
            "Sysctls": _sysctls(spec),
            **({"Runtime": spec.runtime} if spec.runtime else {}),
        },
    }


def live_limits(instance_id: str, limits: Limits, processors: int) -> dict[str, Any]:
    """The limits that `POST /containers/…/update` changes too."""
    return {
        "CpuPeriod": 100_000,
        "CpuQuota": limits.cpu_limit * 1000,
        "CpusetCpus": cpuset(instance_id, limits.processors, processors),
        "Memory": limits.memory_limit,
        "MemorySwap": limits.memory_limit,
        "PidsLimit": limits.pids_limit + RUNNER_PIDS,
    }


def cpuset(instance_id: str, wanted: int, processors: int) -> str:
    """Which processors a container sees: neighbours, so that instances spread over the machine."""
    if wanted >= processors:
        return f"0-{processors - 1}"
    first = crc32(instance_id.encode()) % processors
    return ",".join(str(number) for number in sorted((first + n) % processors for n in range(wanted)))


def _locked(spec: InstanceSpec) -> dict[str, Any]:
    return {
        "CapDrop": ["ALL"],
        "CapAdd": CAPABILITIES,
        "SecurityOpt": ["no-new-privileges", f"seccomp={seccomp_json(spec.syscall_policy)}"],
        "ReadonlyRootfs": True,
        "IpcMode": "private",
        "BlkioWeight": DISK_WEIGHT,
        "CgroupnsMode": "private",
        "Init": False,
        "LogConfig": {"Type": "none", "Config": {}},
        "RestartPolicy": {"Name": "no"},
    }


def _network(spec: InstanceSpec, network: str, ports: Sequence[str]) -> dict[str, Any]:
    if network == "none":
        return {"NetworkMode": "none"}
    resolver = {} if read_network_policy(spec.network_policy).open else NOWHERE
    bindings = {port: [{"HostIp": "127.0.0.1", "HostPort": ""}] for port in ports}
    return {"NetworkMode": network, "PortBindings": bindings, **resolver}


def _is_alone(parts: Parts) -> bool:
    """Whether the engine does nothing for its network: it writes no /etc/hosts then, so there is ours."""
    return parts.network == "none" and bool(parts.hosts_file)


def _files(spec: InstanceSpec, parts: Parts) -> dict[str, Any]:
    limits = spec.limits
    tmpfs = {place: _tmpfs(min(limits.tmp_limit, MB * 16), "1777") for place in parts.image_volumes} | {
        TMP: _tmpfs(limits.tmp_limit, "1777"),
        SHM: _tmpfs(limits.shm_limit, "1777", exec_=False),
    }
    mounts: list[dict[str, Any]] = [
        {"Type": "volume", "Source": parts.runner_volume, "Target": HOME, "ReadOnly": True,
         "VolumeOptions": {"NoCopy": True}},
    ]  # fmt: skip
    if _is_alone(parts):
        # how it follows the host's mounts is the engine's to say, for it lies in the engine's own folder
        mounts.append({"Type": "bind", "Source": parts.hosts_file, "Target": "/etc/hosts", "ReadOnly": True})
    if spec.workspace == MEMORY and not parts.workspace_volume:
        tmpfs[WORKSPACE] = _tmpfs(limits.disk_limit, "0755", USER)
    else:
        mounts.append(
            {"Type": "volume", "Source": parts.workspace_volume, "Target": WORKSPACE,
             "VolumeOptions": {"NoCopy": True}}
        )  # fmt: skip
    mounts += [
        {"Type": "bind", "Source": mount.source, "Target": mount.target, "ReadOnly": mount.read_only,
         "BindOptions": {"Propagation": "rprivate"}}
        for mount in parts.mounts
    ]  # fmt: skip
    return {"Tmpfs": tmpfs, "ShmSize": limits.shm_limit, "Mounts": mounts}


def _tmpfs(size: int, mode: str, owner: int = 0, *, exec_: bool = True) -> str:
    inodes = max(256, size // INODE_BYTES)
    programs = "exec" if exec_ else "noexec"
    return f"rw,{programs},nosuid,nodev,size={size},nr_inodes={inodes},mode={mode},uid={owner},gid={owner}"


def _sysctls(spec: InstanceSpec) -> dict[str, str]:
    """Shared memory of the old kind (System V) within the same limit, and gone with its last process.

    Else it would stay when its execution is long over, and take the sandbox's memory from all that follow.
    """
    if isolation_of(spec.runtime or "runc").level != 1:
        return {}
    pages = max(spec.limits.shm_limit // PAGE, 1)
    return {
        "kernel.shm_rmid_forced": "1",
        "kernel.shmall": str(pages),
        "kernel.shmmax": str(pages * PAGE),
    }


def _ulimits(limits: Limits) -> list[dict[str, Any]]:
    files = max(limits.open_files, RUNNER_FILES)
    return [
        {"Name": "nofile", "Soft": files, "Hard": files},
        {"Name": "core", "Soft": CORE, "Hard": CORE},
    ]
