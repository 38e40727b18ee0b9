"""The nest: the supervisor of all Python cells. It holds a warmed interpreter, whose forks become its own.

Every cell is the subreaper of what it starts; what is left when one ends falls to the nest, and is ended at
once. So a cell can be ended with all its processes although all come from one interpreter.
"""

# ruff: noqa: S606 -- this is what starts processes
from __future__ import annotations

import os
import select
import struct
import time

from sandbox.runner import kernel, messages, supervise
from sandbox.runner.small import signal, socket, suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

PATHS = ("/usr/local/bin", "/usr/bin", "/bin", "/opt/venv/bin")
PYTHON = ("python3", "python")
SCRIPT = __file__.rpartition("/")[0] + "/cell.py"
BOOT = "import os as o;exec(compile(o.fdopen(3).read(),'<runner>','exec'));main(4,{imports!r})"
CREDENTIALS = struct.Struct("3i")
# Seconds for a fork of the warmed interpreter, and for the interpreter itself to load what it is to have.
PATIENCE, LOADING = 5, 20
HANGING = 200  # milliseconds for an end to come, where a fork gave nothing
LOOK = 50  # milliseconds between looks at whether it was stopped, or killed
TAKING = 5  # seconds for a session to take its next code
MAX_SESSIONS = 32


class Stalled(Exception):
    """The warmed interpreter does not fork: what runs here may have stopped it, or killed it."""


class CellProcess:
    """A fork of the warmed interpreter: a fresh cell, or a session."""

    def __init__(self, pid: int, sock: socket.socket, session: str) -> None:
        self.pid, self.sock, self.session = pid, sock, session
        self.inbox, self.outbox = messages.Inbox(sock, trusted=False), messages.Outbox(sock)
        self.until = 0.0  # when it must have taken what it was sent; 0: it has
        self.number: int | None = None  # the channel whose code runs
        self.began = 0.0


class Nest:
    """All cells of this container."""

    def __init__(self, sock: socket.socket, inbox: messages.Inbox, imports: list[str], privileged: bool):
        self.sock, self.inbox = sock, inbox
        self.imports, self.privileged = imports, privileged
        self.reaper = supervise.Reaper()
        self.poll = select.poll()
        self.poll.register(sock, select.POLLIN)
        self.poll.register(self.reaper, select.POLLIN)
        self.processes: dict[int, CellProcess] = {}
        self.sessions: dict[str, CellProcess] = {}
        self.zygote: tuple[int, socket.socket] | None = None
        self.later: list[dict[str, Any]] = []  # what came while a cell was forked

    def run(self) -> NoReturn:
        """For as long as the runner is there."""
        with suppress(LookupError):
            self.warm()
        while True:
            # messages first: some may have come together with the one that began all this
            while (message := self.later.pop(0) if self.later else self.inbox.next()) is not None:
                self._obey(message)
            self._look(500 if any(found.until for found in self.processes.values()) else None)
            self._reap()

    def _look(self, wait: int | None, greeting: int = -1) -> bool:
        """Take what comes within `wait` milliseconds; whether it is the greeting that is waited for."""
        greeted = False
        for fd, events in self.poll.poll(wait):
            if fd == greeting:
                greeted = True
            elif fd == self.sock.fileno():
                if not self.inbox.receive():
                    os._exit(0)
            elif fd == self.reaper.fileno():
                self.reaper.drain()
            else:
                if events & select.POLLOUT:
                    self._feed(fd)
                if events & ~select.POLLOUT:
                    self._heard(fd)
        now = time.monotonic()
        for process in list(self.processes.values()):
            if process.until and now > process.until:
                process.until = 0.0
                number, process.number = process.number, None
                self._kill(process)
                text = "The session did not take its code, so it was ended."
                self._tell({"cell": number, "fault": "not_started", "message": text})
        return greeted

    # --- the warmed interpreter

    def warm(self) -> socket.socket:
        """The interpreter's socket; LookupError if the image has none."""
        if self.zygote is not None:
            return self.zygote[1]
        python = next(
            (f"{path}/{name}" for name in PYTHON for path in PATHS if os.access(f"{path}/{name}", os.X_OK)),
            "",
        )
        if not python:
            raise LookupError("This image has no Python.")
        ours, theirs = socket.socketpair()
        pid = os.fork()
        if not pid:
            self._become_zygote(python, theirs)
        theirs.close()
        self.reaper.mains.add(pid)
        self.zygote = pid, ours
        return ours

    def _become_zygote(self, python: str, sock: socket.socket) -> NoReturn:
        try:
            os.setsid()
            script = os.open(SCRIPT, os.O_RDONLY)
            null = os.open("/dev/null", os.O_RDWR)
            files = [null, null, null, script, sock.fileno()]
            keep = supervise.settle(files, null)
            os.close(keep)
            supervise.limit_self({})
            if not self.privileged:
                kernel.become_user()
            os.chdir("/")
            boot = BOOT.format(imports=[str(name) for name in self.imports])
            os.execve(python, [python, "-c", boot], supervise.ENVIRONMENT)
        finally:
            os._exit(127)

    # --- cells

    def _process_of(self, message: dict[str, Any]) -> CellProcess | None:
        """Whom an order is for."""
        if "end_session" in message:
            return self.sessions.get(message["end_session"])
        number = message.get("cell")
        return next((found for found in self.processes.values() if found.number == number), None)

    def _obey(self, message: dict[str, Any]) -> None:
        if "code" in message:
            self._begin(message, message["files"])
            return
        process = self._process_of(message)
        if process is None:
            return
        if "signal" in message:
            supervise.send_to_group(process.pid, int(message["signal"]))
        else:
            self._kill(process)

    def _begin(self, request: dict[str, Any], files: list[int]) -> None:
        number, session = request["cell"], str(request.get("session") or "")
        process = None
        try:
            process = self.sessions.get(session) if session else None
            if process is not None and kernel.is_ending(process.pid):
                self._kill(process)
                self._reap()
                process = None
            if process is not None and process.number is not None:
                raise LookupError("busy", "This session is running another cell.")
            if process is None:
                process = self._fork(session)
            process.number, process.began = number, time.monotonic()
            process.outbox.put(request, files)
            if process.outbox.size:
                process.until = time.monotonic() + TAKING
                self.poll.modify(process.sock, select.POLLIN | select.POLLOUT)
            else:
                self._tell({"cell": number, "started": process.pid})
        except LookupError as error:
            code, text = error.args if len(error.args) == 2 else ("no_python", str(error))
            self._tell({"cell": number, "fault": code, "message": text})
        except OSError as error:
            if process is not None:
                process.number = None
                self._kill(process)  # it may have half a message
            self._tell({"cell": number, "fault": "not_started", "message": str(error)})
        finally:
            messages.close_all(files)

    def _fork(self, session: str) -> CellProcess:
        if len(self.sessions) >= MAX_SESSIONS and session:
            raise LookupError("too_many", "There are too many sessions in this sandbox.")
        try:
            pid, ours = self._newborn()
        except Stalled:
            try:
                pid, ours = self._newborn()  # of another interpreter
            except Stalled:
                pid = 0
        if not pid:
            raise LookupError("no_processes", "The interpreter could not start another cell.")
        process = CellProcess(pid, ours, session)
        self.reaper.mains.add(pid)
        self.processes[ours.fileno()] = process
        self.poll.register(ours, select.POLLIN)
        if session:
            self.sessions[session] = process
        return process

    def _newborn(self) -> tuple[int, socket.socket]:
        """A fork of the warmed interpreter, and the line to it; 0 if there can be none. Raises Stalled."""
        zygote = self.warm()
        ours, theirs = socket.socketpair()
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        pid = 0
        try:
            with suppress(OSError):  # it is gone
                messages.send(zygote, {"fork": 1}, (theirs.fileno(),))
            theirs.close()
            pid = self._greeted(ours, zygote)
        finally:
            theirs.close()
            if not pid:
                ours.close()
        if pid:
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 0)
        return pid, ours

    def _greeted(self, sock: socket.socket, zygote: socket.socket) -> int:
        """The new cell's process, as the kernel names it; 0 if there is none. Raises Stalled.

        Meanwhile what is to be ended is ended. Nothing is reaped: it could be the new cell.
        """
        self.poll.register(sock, select.POLLIN)
        until = time.monotonic() + PATIENCE
        latest = until + LOADING
        try:
            while not self._look(LOOK, sock.fileno()):
                self._obey_meanwhile()
                now = time.monotonic()
                if not self._zygote_runs() or now > (until if _is_readable(zygote) else latest):
                    self._drop_zygote()
                    raise Stalled
        finally:
            self.poll.unregister(sock)
        data, rights, _flags, _address = sock.recvmsg(1, socket.CMSG_SPACE(CREDENTIALS.size))
        for level, kind, value in rights:
            if data and (level, kind) == (socket.SOL_SOCKET, socket.SCM_CREDENTIALS):
                pid = int(CREDENTIALS.unpack(value[: CREDENTIALS.size])[0])
                return pid if _state(pid) else 0  # one that was reaped with others would never end
        if _hangs_up(zygote) or not self._zygote_runs():
            self._drop_zygote()
            raise Stalled
        return 0

    def _obey_meanwhile(self) -> None:
        """While a cell is forked: end what is to be ended; the rest waits."""
        while (message := self.inbox.next()) is not None:
            if "code" in message or self._process_of(message) is None:
                self.later.append(message)
            else:
                self._obey(message)

    def _zygote_runs(self) -> bool:
        """Whether the interpreter was neither stopped nor killed."""
        return self.zygote is not None and _state(self.zygote[0]) in {"R", "S", "D"}

    def _drop_zygote(self) -> None:
        if self.zygote is not None:
            kernel.send_signal(self.zygote[0], signal.SIGKILL)
            self.zygote[1].close()
            self.zygote = None

    def _feed(self, fd: int) -> None:
        """A session takes more of what it was sent."""
        process = self.processes.get(fd)
        if process is not None:
            with suppress(OSError):  # it is gone: its end comes by wait4
                process.outbox.flush()
            if not process.outbox.size:
                process.until = 0.0
                self._tell({"cell": process.number, "started": process.pid})
                with suppress(KeyError):
                    self.poll.modify(process.sock, select.POLLIN)

    def _heard(self, fd: int) -> None:
        """A session says that its cell is done."""
        process = self.processes.get(fd)
        if process is None:
            return
        if not process.inbox.receive():
            with suppress(KeyError):
                self.poll.unregister(fd)  # its end comes by wait4
            return
        try:
            while (message := process.inbox.next()) is not None:
                if not process.session:
                    raise ValueError("A fresh cell says nothing: it is over when its process is.")
                if "done" in message and process.number is not None:
                    self._done(process, (int(message["done"]) & 0xFF) << 8, message.get("usage"))
        except (ValueError, TypeError):
            self._kill(process)  # code that wrote to its own socket

    def _done(self, process: CellProcess, status: int, usage: Any, detail: str = "") -> None:
        number, process.number = process.number, None
        figures = {}
        if isinstance(usage, dict):
            figures = {
                name: round(float(usage[name]), 6)
                for name in supervise.USAGE
                if isinstance(usage.get(name), int | float)
            }
        figures["wall_seconds"] = round(time.monotonic() - process.began, 6)
        self._tell({"cell": number, "exit": status, "usage": figures, "detail": detail})

    def _reap(self) -> None:
        self.reaper.reap()
        if not self.reaper.ended:
            return
        ended, self.reaper.ended = self.reaper.ended, {}
        self._end_orphans()
        if self.zygote is not None and self.zygote[0] in ended:
            self._drop_zygote()
        for fd, process in list(self.processes.items()):
            if process.pid in ended:
                status, usage = ended[process.pid]
                with suppress(KeyError):
                    self.poll.unregister(fd)
                process.outbox.close()
                process.sock.close()
                del self.processes[fd]
                detail = ""
                if process.session:
                    self.sessions.pop(process.session, None)
                    detail = "The session ended; its variables are gone."
                if process.number is not None:
                    self._done(process, status, usage, detail)

    def _kill(self, process: CellProcess) -> None:
        """With all that is below it."""

        def find() -> list[int]:
            own = [process.pid] if process.pid in self.reaper.mains else []
            return own + kernel.descendants({process.pid})

        kernel.kill_tree(find, self.reaper.reap)

    def _end_orphans(self) -> None:
        """What ended cells left behind fell to us."""
        kernel.kill_tree(lambda: kernel.descendants({os.getpid()}, but=self.reaper.mains), self.reaper.reap)

    def _tell(self, message: dict[str, Any]) -> None:
        try:
            messages.send(self.sock, message)
        except OSError:
            os._exit(0)


def _state(process: int) -> str:
    """A process's state in a letter; "" if there is none."""
    return kernel.read_file(f"/proc/{process}/stat").rpartition(")")[2][1:2]


def _hangs_up(sock: socket.socket) -> bool:
    """Whether the other end goes away now: a process that is killed closes its files before it is gone."""
    poll = select.poll()
    poll.register(sock, 0)  # hanging up is told unasked
    return bool(poll.poll(HANGING))


def _is_readable(sock: socket.socket) -> bool:
    """Whether the interpreter said that it has loaded everything (nobody takes its word away)."""
    looking = select.poll()
    looking.register(sock, select.POLLIN)
    return bool(looking.poll(0))


def serve(sock: socket.socket, inbox: messages.Inbox, imports: list[str], privileged: bool) -> None:
    """Look after cells until the runner ends."""
    kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
    Nest(sock, inbox, imports, privileged).run()
