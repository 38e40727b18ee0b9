"""The supervisor of one execution: a root process between the runner and the command.

It is the subreaper of all that the command leaves behind, so nothing leaves its subtree, and it ends the
whole subtree, however it was made. Messages to it: {"kill": cause}, {"signal": n}. From it: {"started": pid}
or {"fault": code, "message": text}, and at last {"exit": wait status, "usage": {…}, "left": n}.
"""

# ruff: noqa: S606 -- this is what starts processes
from __future__ import annotations

import errno
import fcntl
import os
import resource
import select
import termios
import time

from sandbox.runner import kernel, messages
from sandbox.runner.small import signal, socket, suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/workspace",
    "USER": "sandbox",
    "LANG": "C.UTF-8",
}
# Within the container's own share of the processor: what is run yields to the runner, which must answer and
# kill while a bomb goes off.
NICE = 10
OOM_SCORE = "500"
NO_CORE = (1, 1)  # with 0, a core_pattern that is a program would be run all the same
FAULTS = {
    errno.ENOENT: "not_found",
    errno.EACCES: "not_allowed",
    errno.ENOEXEC: "not_executable",
    errno.EAGAIN: "no_processes",
}


class Reaper:
    """The children of this process, and those it inherits: what they used, and how the main ones ended."""

    def __init__(self) -> None:
        self.mains: set[int] = set()
        self.ended: dict[int, tuple[int, dict[str, float]]] = {}
        self.usage: dict[str, float] = dict.fromkeys(USAGE, 0)
        self._wake, write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        signal.set_wakeup_fd(write, warn_on_full_buffer=False)

    def fileno(self) -> int:
        """Readable when a child ended."""
        return self._wake

    def drain(self) -> None:
        """Forget that a child ended; to be followed by `reap`."""
        with suppress(BlockingIOError):
            os.read(self._wake, 4096)

    def reap(self) -> None:
        """Take the children that ended; `ended` has the wait status and usage of the main ones."""
        while True:
            try:
                process, status, used = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not process:
                return
            found = usage_of(used)
            for name, value in found.items():
                self.usage[name] = (
                    max(self.usage[name], value) if name == "peak_memory" else self.usage[name] + value
                )
            if process in self.mains:
                self.mains.discard(process)
                self.ended[process] = (status, found)


USAGE = ("cpu_seconds", "peak_memory", "read_bytes", "write_bytes")


def usage_of(used: resource.struct_rusage) -> dict[str, float]:
    """wait4's figures under our names: seconds and bytes."""
    return {
        "cpu_seconds": round(used.ru_utime + used.ru_stime, 6),
        "peak_memory": used.ru_maxrss * 1024,
        "read_bytes": used.ru_inblock * 512,
        "write_bytes": used.ru_oublock * 512,
    }


type Hand = tuple[int, int]  # its process, and where it says why it could not become a command


def supervise(
    sock: socket.socket,
    inbox: messages.Inbox,
    request: dict[str, Any],
    hand: Hand | None,
    privileged: bool,
) -> None:
    """Run one command, whose standard streams came along, to its end and to that of all its processes."""
    files = request["files"]
    kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
    reaper = Reaper()
    began = time.monotonic()
    try:
        if request.get("by_hand") and hand is not None:
            main = _heard(*hand)
        else:
            main = start(request, files, privileged)
    except OSError as error:
        fault = FAULTS.get(error.errno or 0, "not_started")
        messages.send(sock, {"fault": fault, "message": f"{error.filename or 'fork'}: {error.strerror}"})
        return
    reaper.mains.add(main)
    messages.close_all(files)
    messages.send(sock, {"started": main})
    _follow(inbox, reaper, main)
    left = len(kernel.descendants({os.getpid()}))
    gone = end_children(reaper)
    usage = reaper.usage | {"wall_seconds": round(time.monotonic() - began, 6)}
    messages.send(sock, {"exit": reaper.ended[main][0], "usage": usage, "left": left, "gone": gone})


def _follow(inbox: messages.Inbox, reaper: Reaper, main: int) -> None:
    """Obey until the main process ended."""
    poll = select.poll()
    poll.register(inbox.sock, select.POLLIN)
    poll.register(reaper, select.POLLIN)
    reaper.reap()  # one forked ahead may have ended before this process looked
    while main in reaper.mains:
        while (message := inbox.next()) is not None:
            if "kill" in message:
                end_children(reaper)
            elif "signal" in message and main in reaper.mains:
                send_to_group(main, int(message["signal"]))
        if main not in reaper.mains:
            return
        for fd, _events in poll.poll():
            if fd == reaper.fileno():
                reaper.drain()
            elif not inbox.receive():
                os._exit(1)
        reaper.reap()


def send_to_group(process: int, number: int) -> None:
    """As a terminal does: to the process and those it started in its group."""
    try:
        os.killpg(process, number)
    except OSError:
        kernel.send_signal(process, number)


def end_children(reaper: Reaper) -> bool:
    """Kill everything below this process."""
    own = {os.getpid()}
    return kernel.kill_tree(lambda: kernel.descendants(own), reaper.reap)


def start(request: dict[str, Any], files: list[int], privileged: bool) -> int:
    """Fork and exec; the process's id, or the OSError of the exec."""
    said, says = os.pipe2(os.O_CLOEXEC)
    process = os.fork()
    if not process:
        _child(request, files, says, privileged)
    os.close(says)
    return _heard(process, said)


def _heard(process: int, said: int) -> int:
    """Wait for the exec; the process's id, or its OSError."""
    failure = os.read(said, 8192)
    os.close(said)
    if not failure:
        return process
    os.waitpid(process, 0)
    number, _space, where = failure.decode(errors="replace").partition(" ")
    raise OSError(int(number), os.strerror(int(number)), where)


def fork_hand(sock: socket.socket, waiting: socket.socket, privileged: bool) -> Hand | None:
    """Fork what will become a command when one comes; None at the limit of processes."""
    # before anything can run: nothing it leaves behind may fall to another
    kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
    said, says = os.pipe2(os.O_CLOEXEC)
    try:
        process = os.fork()
    except OSError:
        messages.close_all((said, says))
        waiting.close()
        return None
    if process:
        os.close(says)
        waiting.close()
        return process, said
    sock.close()
    os.close(said)
    os.setsid()
    limit_self({})
    inbox = messages.Inbox(waiting)
    while (request := inbox.next()) is None:
        if not inbox.receive():
            os._exit(0)
    return _child(request, request["files"], says, privileged, ahead=True)


def _child(
    request: dict[str, Any], files: list[int], says: int, privileged: bool, *, ahead: bool = False
) -> NoReturn:
    where = ""
    try:
        if not ahead:
            os.setsid()
            limit_self({})
        if request.get("terminal"):
            fcntl.ioctl(files[0], termios.TIOCSCTTY, 0)
        says = settle(files, says)
        limit_files(request)
        if not privileged:
            kernel.become_user()
        where = request.get("cwd") or "/workspace"
        os.chdir(where)
        environment = environment_of(request)
        argv = request["argv"]
        where = argv[0]
        os.execvpe(argv[0], argv, environment)
    except OSError as error:
        os.write(says, f"{error.errno} {where}".encode("utf-8", "surrogateescape"))
    except BaseException as error:
        os.write(says, f"{errno.EINVAL} {where} {error}".encode("utf-8", "surrogateescape"))
    os._exit(127)


def environment_of(request: dict[str, Any]) -> dict[str, str]:
    """What a command finds: our few names, under those that were given."""
    terminal = {}
    if request.get("terminal"):
        prompt = r"\w\$ " if request["argv"][0].endswith("bash") else "$ "  # others do not know \w
        terminal = {"TERM": "xterm-256color", "PS1": prompt}
    return {**ENVIRONMENT, **terminal, **{str(k): str(v) for k, v in (request.get("env") or {}).items()}}


def settle(files: list[int], keep: int) -> int:
    """Make `files` the standard streams and close all else but `keep`, which gets another number."""
    keep = fcntl.fcntl(keep, fcntl.F_DUPFD_CLOEXEC, 64)
    high = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 65) for fd in files]
    for number, fd in enumerate(high):
        os.dup2(fd, number, inheritable=True)
    os.closerange(len(files), keep)
    os.closerange(keep + 1, 65536)
    return keep


def limit_self(request: dict[str, Any]) -> None:
    """What holds for every command: plain signals, open files, no core, killed before the runner."""
    for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGCHLD, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    signal.set_wakeup_fd(-1)
    os.umask(0o022)
    kernel.write_file("/proc/self/oom_score_adj", OOM_SCORE)
    with suppress(OSError):
        os.nice(NICE)
    if resource.getrlimit(resource.RLIMIT_CORE) != NO_CORE:  # as its container has it
        with suppress(OSError, ValueError):  # the filter of system calls refuses any change
            resource.setrlimit(resource.RLIMIT_CORE, NO_CORE)
    limit_files(request)


def limit_files(request: dict[str, Any]) -> None:
    """How many files it may have open."""
    if request.get("open_files"):
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        wanted = int(request["open_files"])
        limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
