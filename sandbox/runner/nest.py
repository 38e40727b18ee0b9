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
PATIENCE = 5  # seconds for a fork of the warmed interpreter
# Seconds for a session to take its next code: one that does not read must not hold up the others.
TAKING = struct.pack("ll", 1, 0)
MAX_SESSIONS = 32


class CellProcess:
    """A fork of the warmed interpreter: a fresh cell, or a session."""

    def __init__(self, pid: int, sock: socket.socket, session: str) -> None:
        self.pid, self.sock, self.session = pid, sock, session
        self.inbox = messages.Inbox(sock, trusted=False)
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

    def run(self) -> NoReturn:
        """For as long as the runner is there."""
        with suppress(LookupError):
            self.warm()
        while True:
            # messages first: some may have come together with the one that began all this
            while (message := self.inbox.next()) is not None:
                self._obey(message)
            for fd, _events in self.poll.poll():
                if fd == self.sock.fileno():
                    if not self.inbox.receive():
                        os._exit(0)
                elif fd == self.reaper.fileno():
                    self.reaper.drain()
                else:
                    self._heard(fd)
            self._reap()

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

    def _obey(self, message: dict[str, Any]) -> None:
        number = message.get("cell")
        if "code" in message:
            self._begin(message, message["files"])
            return
        if "end_session" in message:
            process = self.sessions.get(message["end_session"])
        else:
            process = next((found for found in self.processes.values() if found.number == number), None)
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
            if process is not None and process.number is not None:
                raise LookupError("busy", "This session is running another cell.")
            if process is None:
                process = self._fork(session)
            process.number, process.began = number, time.monotonic()
            messages.send(process.sock, request, tuple(files))
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
        ours, theirs = socket.socketpair()
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        try:
            messages.send(self.warm(), {"fork": 1}, (theirs.fileno(),))
        finally:
            theirs.close()
        pid = self._greeted(ours)
        if not pid:
            ours.close()
            raise LookupError("no_processes", "The interpreter could not start another cell.")
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 0)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, TAKING)
        process = CellProcess(pid, ours, session)
        self.reaper.mains.add(pid)
        self.processes[ours.fileno()] = process
        self.poll.register(ours, select.POLLIN)
        if session:
            self.sessions[session] = process
        return process

    def _greeted(self, sock: socket.socket) -> int:
        """The new cell's process, as the kernel names it; 0 if there was none in time."""
        waiting = select.poll()
        waiting.register(sock, select.POLLIN)
        if not waiting.poll(PATIENCE * 1000):
            self._drop_zygote()
            return 0
        data, rights, _flags, _address = sock.recvmsg(1, socket.CMSG_SPACE(CREDENTIALS.size))
        for level, kind, value in rights:
            if data and (level, kind) == (socket.SOL_SOCKET, socket.SCM_CREDENTIALS):
                return int(CREDENTIALS.unpack(value[: CREDENTIALS.size])[0])
        return 0

    def _drop_zygote(self) -> None:
        if self.zygote is not None:
            kernel.send_signal(self.zygote[0], signal.SIGKILL)
            self.zygote[1].close()
            self.zygote = None

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


def serve(sock: socket.socket, inbox: messages.Inbox, imports: list[str], privileged: bool) -> None:
    """Look after cells until the runner ends."""
    kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
    Nest(sock, inbox, imports, privileged).run()
