"""Pseudo-terminals: the machine has some thousands of them, and one sandbox could open all."""

import ctypes
import os
from pathlib import Path

from .doing import Answer, Fault, own_namespace

LIBC = ctypes.CDLL(None)
FSCONFIG, FSPICK = 431, 433  # the same numbers on every machine
FSPICK_CLOEXEC, FSPICK_EMPTY_PATH = 1, 8
FSCONFIG_SET_STRING, FSCONFIG_CMD_RECONFIGURE = 1, 7
REMOUNTED = 32 | 2 | 8 | 1 << 21  # MS_REMOUNT, MS_NOSUID, MS_NOEXEC, MS_RELATIME


def terminals(pid: int, container: str, most: int) -> Answer:
    """Let a container open so many pseudo-terminals; `apart`: it has a network namespace of its own.

    Where the number cannot be limited, `fault` says why: whether it is apart is told all the same.
    """
    apart = is_apart(pid, container)
    try:
        limit_terminals(pid, container, most)
    except (Fault, OSError) as error:
        return {"apart": apart, "fault": str(error)}
    return {"apart": apart, "fault": ""}


def is_apart(pid: int, container: str) -> bool:
    """Whether the container has a network namespace of its own; a Fault when it has ended."""
    try:
        namespace = Path(f"/proc/{int(pid)}/ns/net").stat().st_ino
        groups = Path(f"/proc/{int(pid)}/cgroup").read_text()
    except OSError:
        groups = ""
    if not container or container not in groups:  # the process is another by now
        raise Fault("the container has ended")
    return namespace != Path("/proc/self/ns/net").stat().st_ino


def limit_terminals(pid: int, container: str, most: int) -> None:
    options = {"gid": 5, "mode": 620, "ptmxmode": 666, "max": int(most)}
    namespace = own_namespace(pid, container, "mnt")
    try:
        place = os.open(f"/proc/{pid}/root/dev/pts", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            # the process is still that of the container, so the folder is the container's too
            os.close(own_namespace(pid, container, "mnt"))
            changed = reconfigure(place, options)
        finally:
            os.close(place)
        if not changed:
            remount(namespace, ",".join(f"{name}={value}" for name, value in options.items()))
    finally:
        os.close(namespace)


def reconfigure(place: int, options: dict[str, int]) -> bool:
    """Change a file system from outside of its mount namespace; False where the kernel is older than 5.2."""
    context = LIBC.syscall(FSPICK, place, b"", FSPICK_CLOEXEC | FSPICK_EMPTY_PATH)
    if context < 0:
        return False
    try:
        for name, value in options.items():
            if LIBC.syscall(FSCONFIG, context, FSCONFIG_SET_STRING, name.encode(), str(value).encode(), 0):
                return False
        return not LIBC.syscall(FSCONFIG, context, FSCONFIG_CMD_RECONFIGURE, None, None, 0)
    finally:
        os.close(context)


def remount(namespace: int, options: str) -> None:
    """The same from inside: threads share their mounts, so only a process of its own may change to others."""
    child = os.fork()
    if not child:
        failed = 1
        try:
            os.setns(namespace, os.CLONE_NEWNS)
            failed = LIBC.mount(b"devpts", b"/dev/pts", b"devpts", REMOUNTED, options.encode())
        finally:
            os._exit(1 if failed else 0)
    if os.waitpid(child, 0)[1]:
        raise Fault("the number of terminals cannot be limited")
