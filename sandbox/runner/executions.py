"""Commands, terminals and cells: channels whose output is kept for the next caller until it is taken."""

from __future__ import annotations

import fcntl
import os
import struct
import termios
import time

from sandbox import wire
from sandbox.runner import kernel, messages
from sandbox.runner.channels import KILL_GRACE, Channel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sandbox.runner.main import Child

RING = 256 * 1024  # bytes of a terminal's history


class Execution(Channel):
    """A command, a terminal or a cell."""

    durable = True
    child: Child | None = None
    pid = 0
    cause = ""
    result: dict[str, Any] | None = None
    lost = False

    def begin(self, args: dict[str, Any]) -> None:
        """Note the limits, and when it began."""
        self.began = time.monotonic()
        self.oom_before = kernel.oom_kills()
        self.limit = args.get("output_limit")
        if args.get("timeout"):
            self.runner.loop.later(self, float(args["timeout"]), lambda: self.kill("timeout"))

    def pipes(self, args: dict[str, Any]) -> list[int]:
        """Standard streams; the ends that are the process's."""
        out, out_end = os.pipe2(os.O_CLOEXEC)
        err, err_end = os.pipe2(os.O_CLOEXEC)
        if args.get("stdin") == "open":
            in_end, given = os.pipe2(os.O_CLOEXEC)
            self.set_input(given)
        else:
            in_end = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
        self.add_source(out, wire.OUT)
        self.add_source(err, wire.ERR)
        return [in_end, out_end, err_end]

    def output(self, kind: int, data: bytes) -> None:
        """Output within its limit."""
        over = self.limit is not None and self.sent + len(data) > self.limit
        if over:
            data = data[: max((self.limit or 0) - self.sent, 0)]
        if data:
            super().output(kind, data)
        if over and self.cause != "output_limit":
            self.kill("output_limit")
            self.limit = self.sent  # and nothing more
            for fd in list(self._sources):
                self._drop_source(fd)

    def message(self, message: dict[str, Any]) -> None:
        """From its supervisor."""
        if "started" in message:
            self.pid = message["started"]
            self.runner.link.put(wire.json_frames(wire.STARTED, self.number, {"pid": self.pid}))
        elif "fault" in message:
            self._stop_clock()
            self.conclude(wire.FAULT, {"code": message["fault"], "message": message["message"]})
        elif "exit" in message:
            self.result = message
            self._stop_clock()
            self.finish()

    def gone(self) -> None:
        """Its supervisor ended; without a word before, it was killed."""
        self.child = None
        if self.running():
            self.lost = True
            self.result = {"exit": None, "usage": {}, "left": 0}
            self._stop_clock()
            self.finish()

    def drained(self) -> None:
        """All output is out; with the result it is over."""
        if self.result is not None:
            self.conclude(wire.END, self._ending(self.result))

    def _ending(self, result: dict[str, Any]) -> dict[str, Any]:
        status = result["exit"]
        code = os.waitstatus_to_exitcode(status) if isinstance(status, int) else None
        oom = kernel.oom_kills() > self.oom_before
        detail = str(result.get("detail", ""))
        cause = self.cause
        if self.lost:
            cause = "oom" if oom else cause or "lost"
            detail = detail or "The process that watches over it was killed."
        elif oom and code in {-9, 137} and not cause:
            cause = "oom"
        elif code is not None and code >= 0 and cause not in {"", "output_limit"} and self.op != "cell":
            cause = ""  # it was over before it was killed
        if oom and cause != "oom":
            detail = detail or "A process of the sandbox was killed meanwhile: no memory left."
        elif result.get("left") and not cause:
            detail = detail or f"Processes it left behind were ended: {result['left']}."
        wall = {"wall_seconds": round(time.monotonic() - self.began, 6)}
        return {
            "exit_code": code if code is not None and code >= 0 else None,
            "signal": -code if code is not None and code < 0 else None,
            "cause": cause or "exit",
            "detail": detail,
            "usage": wall | dict(result.get("usage") or {}),
        }

    def _stop_clock(self) -> None:
        self.runner.loop.cancel(self)

    def signal(self, number: int) -> None:
        """To its main process and that one's group."""
        self._tell({"signal": number})

    def kill(self, cause: str) -> None:
        """With everything it started."""
        self.cause = self.cause or cause
        self._tell({"kill": cause})

    def _tell(self, message: dict[str, Any]) -> None:
        if self.child is not None and self.running():
            try:
                self.runner.tell(self.child, message)
            except OSError:
                return  # it is gone: that is noticed soon

    def resume(self, after: int) -> None:
        """Another caller takes over."""
        if self.pid:
            self.runner.link.put(wire.json_frames(wire.STARTED, self.number, {"pid": self.pid}))
        super().resume(after)

    def close(self) -> None:
        """Forgotten: what still runs in it ends."""
        if self.running():
            self.kill("closed")
        self._stop_clock()
        super().close()

    def running(self) -> bool:
        """Whether something of it still runs."""
        return self.result is None and self.end is None

    def describe(self) -> dict[str, Any]:
        """For the greeting of a new caller."""
        return {
            "id": self.number,
            "key": self.key,
            "op": self.op,
            "state": "running" if self.end is None else "ended",
            "acked": self.acked,
            "sent": self.sent,
            "taken": self.taken,
        }


class Command(Execution):
    """exec: a program with pipes; terminal: one on a terminal of its own."""

    def start(self, child: Child, args: dict[str, Any]) -> None:
        """Hand it to a supervisor."""
        self.child = child
        child.channel = self
        self.begin(args)
        if self.op == "terminal":
            files = self._terminal(args)
        else:
            files = self.pipes(args)
        request = {
            "exec": args["argv"],
            "argv": args["argv"],
            "cwd": args.get("cwd"),
            "env": args.get("env"),
            "open_files": args.get("open_files"),
            "terminal": self.op == "terminal",
        }
        try:
            if not self._by_hand(child, request, files):
                self.runner.tell(child, request, tuple(files))
        finally:
            messages.close_all(files)
            self.runner.drop_hand(child)

    def _by_hand(self, child: Child, request: dict[str, Any], files: list[int]) -> bool:
        """Let the process that was forked ahead become the command; whether there is one."""
        if child.hand is None:
            return False
        try:
            messages.send(child.hand, request, tuple(files))
        except OSError:
            return False
        self.runner.tell(child, {"exec": True, "by_hand": True})
        return True

    def _terminal(self, args: dict[str, Any]) -> list[int]:
        self.ring = RING
        user = 0 if self.runner.privileged else kernel.UID
        os.seteuid(user)  # so that the terminal is the user's own
        try:
            master, slave = os.openpty()
        finally:
            os.seteuid(0)
            kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
        self._size(master, int(args.get("cols", 80)), int(args.get("rows", 24)))
        self.set_input(os.dup(master))
        self.add_source(master, wire.OUT)
        return [slave, os.dup(slave), os.dup(slave)]

    def eof(self) -> None:
        """A terminal ends with Ctrl-D, typed."""
        if self.op != "terminal":
            super().eof()

    def resize(self, cols: int, rows: int) -> None:
        """The kernel tells the program (SIGWINCH)."""
        if self.op == "terminal" and self._input is not None:
            self._size(self._input, cols, rows)

    def _size(self, fd: int, cols: int, rows: int) -> None:
        size = struct.pack("HHHH", max(1, min(rows, 1000)), max(1, min(cols, 1000)), 0, 0)
        fcntl.ioctl(fd, termios.TIOCSWINSZ, size)


class Cell(Execution):
    """Code in a Python interpreter that was warmed before."""

    killing = False

    def start(self, nest: Child, args: dict[str, Any]) -> None:
        """Hand it to the nest, which forks or finds the session."""
        self.child = nest
        self.begin(args)
        files = self.pipes(args)
        names = ("code", "session", "cwd", "env", "open_files")
        request = {"cell": self.number, **{name: args.get(name) for name in names}}
        try:
            self.runner.tell(nest, request, tuple(files))
        finally:
            messages.close_all(files)

    def kill(self, cause: str) -> None:
        """SIGINT first, so that a session keeps its variables; then for good."""
        self.cause = self.cause or cause
        if cause in {"closed", "output_limit"} or self.killing:
            self._tell({"kill": cause})
            return
        self.killing = True
        self._tell({"signal": 2})
        self.runner.loop.later((self, "kill"), KILL_GRACE, lambda: self._tell({"kill": cause}))

    def _tell(self, message: dict[str, Any]) -> None:
        super()._tell({"cell": self.number, **message})

    def _stop_clock(self) -> None:
        super()._stop_clock()
        self.runner.loop.cancel((self, "kill"))
