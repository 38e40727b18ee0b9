"""What the runner asks of the kernel: rights, processes, memory and its figures. Linux only."""

# ruff: noqa: PTH110, PTH208 -- PID 1 stays small: pathlib is not loaded

from __future__ import annotations

import ctypes
import os
import time

from sandbox.runner.small import signal, suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Container

UID = GID = 1000
_libc = ctypes.CDLL(None, use_errno=True)

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_CAPBSET_DROP = 1, 4, 24
PR_SET_SECUREBITS, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 28, 36, 38
LAST_CAPABILITY = 63
FLAGS, PF_EXITING = 5, 0x4  # a process's flags in /proc/PID/stat, counted from behind its state
OPENAT2 = 437
RESOLVE_NO_MAGICLINKS, RESOLVE_BENEATH = 0x02, 0x08


def prctl(option: int, value: int = 0) -> bool:
    """Whether prctl(2) did it."""
    return bool(_libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0) == 0)


def protect_self() -> None:
    """Nobody reads this process's memory or files through /proc; what it starts can never gain rights."""
    prctl(PR_SET_DUMPABLE, 0)
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    for capability in range(LAST_CAPABILITY + 1):
        prctl(PR_CAPBSET_DROP, capability)


def become_user() -> None:
    """From root to the sandbox's user for good: no group, no capability is left."""
    os.setgroups([])
    os.setresgid(GID, GID, GID)
    os.setresuid(UID, UID, UID)


class _OpenHow(ctypes.Structure):
    _fields_ = [("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64)]


def open_beneath(folder: int, path: str, flags: int, mode: int = 0) -> int:
    """Open a path below a folder; a path that leads out raises OSError (EXDEV)."""
    how = _OpenHow(flags | os.O_CLOEXEC, mode, RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS)
    while True:
        fd = _libc.syscall(
            OPENAT2, folder, os.fsencode(path), ctypes.byref(how), ctypes.c_size_t(ctypes.sizeof(how))
        )
        if fd >= 0:
            return int(fd)
        number = ctypes.get_errno()
        if number not in {4, 11}:  # EINTR; EAGAIN: something was renamed meanwhile
            raise OSError(number, os.strerror(number), path)


def parents() -> dict[int, int]:
    """Process -> its parent, of all processes here."""
    found = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            with suppress(OSError, ValueError, IndexError):
                found[int(name)] = _parent(name)
    return found


def _parent(name: str) -> int:
    fd = os.open(f"/proc/{name}/stat", os.O_RDONLY | os.O_CLOEXEC)
    try:
        return int(os.read(fd, 512).rpartition(b")")[2].split(None, 2)[1])
    finally:
        os.close(fd)


def descendants(roots: Container[int], *, but: Container[int] = ()) -> list[int]:
    """All processes below `roots`; neither those in `but` nor what is below them."""
    tree: dict[int, list[int]] = {}
    for process, parent in parents().items():
        tree.setdefault(parent, []).append(process)
    found: list[int] = []
    waiting = [child for root in tree if root in roots for child in tree[root]]
    while waiting:
        process = waiting.pop()
        if process not in but:
            found.append(process)
            waiting += tree.get(process, ())
    return found


def is_ending(process: int) -> bool:
    """Whether it is gone, was killed, or is on its way out: it will do nothing any more."""
    state, *fields = read_file(f"/proc/{process}/stat").rpartition(")")[2].split() or [""]
    if state in {"", "Z", "X"} or int(fields[FLAGS]) & PF_EXITING:
        return True
    waiting = (line.split() for line in read_file(f"/proc/{process}/status").splitlines())
    killed = 1 << signal.SIGKILL - 1
    return any(int(line[1], 16) & killed for line in waiting if line[0] in {"SigPnd:", "ShdPnd:"})


def kill_tree(find: Callable[[], list[int]], reap: Callable[[], object], *, seconds: float = 10) -> bool:
    """Kill what `find` finds until it finds nothing; whether that came to be in time.

    Stopped first, so that nothing forks while the others are found: then no bomb outruns it. No fork needed.
    """
    until = time.monotonic() + seconds
    while True:
        stopped: set[int] = set()
        while new := [process for process in find() if process not in stopped]:
            for process in new:
                send_signal(process, signal.SIGSTOP)
            stopped.update(new)
            if time.monotonic() > until:
                break
        for process in stopped:
            send_signal(process, signal.SIGKILL)
        reap()
        if not stopped:
            return True
        if time.monotonic() > until:
            return False
        time.sleep(0.001)


def send_signal(process: int, number: int) -> bool:
    """Whether there was such a process."""
    try:
        os.kill(process, number)
    except OSError:
        return False
    return True


def write_file(path: str, text: str) -> bool:
    """Whether it could be written."""
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        os.write(fd, text.encode())
    except OSError:
        return False
    finally:
        os.close(fd)
    return True


def read_file(path: str) -> str:
    """Its text, or "" if there is none."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        return os.read(fd, 65536).decode(errors="replace")
    except OSError:
        return ""
    finally:
        os.close(fd)


def _number(path: str) -> int:
    text = read_file(path).strip()
    return int(text) if text.isdigit() else 0


def _fields(path: str) -> dict[str, int]:
    lines = (line.split() for line in read_file(path).splitlines())
    return {line[0]: int(line[1]) for line in lines if len(line) == 2 and line[1].isdigit()}


CGROUP = "/sys/fs/cgroup"
V2 = os.path.exists(f"{CGROUP}/cgroup.controllers")


def oom_kills() -> int:
    """How often this container's memory limit killed a process since it was started."""
    if V2:
        return _fields(f"{CGROUP}/memory.events").get("oom_kill", 0)
    return _fields(f"{CGROUP}/memory/memory.oom_control").get("oom_kill", 0)


def usage(workspace: str) -> dict[str, float]:
    """What the container uses: seconds, bytes and counts, since it was started or now."""
    if V2:
        found: dict[str, float] = {
            "cpu_seconds": _fields(f"{CGROUP}/cpu.stat").get("usage_usec", 0) / 1e6,
            "memory": _number(f"{CGROUP}/memory.current"),
            "memory_peak": _number(f"{CGROUP}/memory.peak"),
            "pids": _number(f"{CGROUP}/pids.current"),
        }
        cache = _fields(f"{CGROUP}/memory.stat").get("inactive_file", 0)
    else:
        found = {
            "cpu_seconds": _number(f"{CGROUP}/cpuacct/cpuacct.usage") / 1e9,
            "memory": _number(f"{CGROUP}/memory/memory.usage_in_bytes"),
            "memory_peak": _number(f"{CGROUP}/memory/memory.max_usage_in_bytes"),
            "pids": _number(f"{CGROUP}/pids/pids.current"),
        }
        cache = _fields(f"{CGROUP}/memory/memory.stat").get("total_inactive_file", 0)
    found["memory"] = max(found["memory"] - cache, 0)  # as `docker stats` counts
    with suppress(OSError):
        disk = os.statvfs(workspace)
        found["disk_total"] = disk.f_blocks * disk.f_frsize
        found["disk_used"] = (disk.f_blocks - disk.f_bfree) * disk.f_frsize
        found["files_used"] = disk.f_files - disk.f_ffree
    received = sent = 0
    for line in read_file("/proc/net/dev").splitlines()[2:]:
        name, _colon, rest = line.partition(":")
        if name.strip() != "lo":
            columns = rest.split()
            received, sent = received + int(columns[0]), sent + int(columns[8])
    return found | {"rx_bytes": received, "tx_bytes": sent, "oom_kills": oom_kills()}
