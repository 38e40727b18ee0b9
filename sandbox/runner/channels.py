"""The channels of the runner, bounded in both directions; tunnels and file operations."""

from __future__ import annotations

import errno
import os
import select

from sandbox import wire
from sandbox.runner import kernel, messages
from sandbox.runner.small import signal, socket, suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sandbox.runner.main import Child, Runner

KILL_GRACE = 1.5  # seconds that what is asked to end has before it is killed


class Channel:
    """Output from descriptors as frames within a window; input to one, acknowledged when it is written."""

    durable = False  # kept for the next caller
    ring = 0  # bytes kept although they were acknowledged

    def __init__(self, runner: Runner, number: int, op: str, key: str) -> None:
        self.runner, self.number, self.op, self.key = runner, number, op, key
        self.sent = self.acked = 0
        self.taken = self.written = 0
        self.paused = False
        self.finishing = False
        self.end: bytes | None = None
        self._kept: list[tuple[int, int, bytes]] = []
        self._kept_bytes = 0
        self._sources: dict[int, int] = {}
        self._watched: set[int] = set()
        self._input: int | None = None
        self._pending = bytearray()
        self._input_ends = False

    # --- output

    def add_source(self, fd: int, kind: int) -> None:
        """Read a descriptor to its end; the channel owns it."""
        os.set_blocking(fd, False)
        self._sources[fd] = kind
        self.update()

    def update(self) -> None:
        """Read on, or hold: the caller's window, the stream, or a caller who has not resumed yet."""
        if self.finishing and self._sources and self.may_read():
            self._sweep()
        may_read = self.may_read()
        for fd in self._sources:
            if may_read and fd not in self._watched:
                self._watched.add(fd)
                self.runner.loop.watch(fd, select.EPOLLIN, lambda _events, fd=fd: self._read(fd))  # type: ignore[misc]
            elif not may_read and fd in self._watched:
                self._watched.discard(fd)
                self.runner.loop.forget(fd)

    def may_read(self) -> bool:
        """Whether there is room for more output."""
        return not self.paused and not self.runner.link.congested and self.sent - self.acked < wire.WINDOW

    def finish(self) -> None:
        """Who wrote to the sources is gone: take what is still in them, and no more."""
        self.finishing = True
        self.update()
        if not self._sources:
            self.drained()

    def drained(self) -> None:
        """All sources have ended."""

    def _sweep(self) -> None:
        for fd in list(self._sources):
            while fd in self._sources and self.may_read():
                self._read(fd)

    def _read(self, fd: int) -> None:
        kind = self._sources[fd]
        try:
            data = os.read(fd, wire.MAX_DATA)
        except BlockingIOError:
            if self.finishing:
                self._drop_source(fd)
            return
        except OSError:  # a terminal without processes
            data = b""
        if data:
            self.output(kind, data)
            if not self.may_read():
                self.update()
        else:
            self._drop_source(fd)

    def _drop_source(self, fd: int) -> None:
        self._sources.pop(fd, None)
        self._watched.discard(fd)
        self.runner.loop.forget(fd)
        os.close(fd)
        if not self._sources:
            self.drained()

    def output(self, kind: int, data: bytes) -> None:
        """Send bytes, and keep them if another caller may want them."""
        offset = self.sent
        self.sent += len(data)
        if self.durable:
            self._kept.append((kind, offset, data))
            self._kept_bytes += len(data)
            self._trim()
        self.runner.link.put(wire.frame(kind, self.number, wire.OFFSET.pack(offset) + data))

    def ack(self, taken: int) -> None:
        """The caller keeps the first `taken` bytes."""
        self.acked = min(max(self.acked, taken), self.sent)
        self._trim()
        self.update()

    def _trim(self) -> None:
        count = 0
        for _kind, offset, data in self._kept:
            if offset + len(data) > self.acked or self._kept_bytes - len(data) < self.ring:
                break
            count += 1
            self._kept_bytes -= len(data)
        del self._kept[:count]

    def resume(self, after: int) -> None:
        """A new caller has everything before `after`: send the rest again."""
        self.paused = False
        for kind, offset, data in self._kept:
            skip = max(after - offset, 0)
            if skip < len(data):
                payload = wire.OFFSET.pack(offset + skip) + data[skip:]
                self.runner.link.put(wire.frame(kind, self.number, payload))
        if self.end is not None:
            self.runner.link.put(self.end)
        self.update()

    def conclude(self, kind: int, value: dict[str, Any]) -> None:
        """The last frame of this channel."""
        if self.end is None:
            self.end = wire.json_frames(kind, self.number, value)
            if not self.paused:
                self.runner.link.put(self.end)
            self.release()
            if not self.durable:
                self.runner.channels.pop(self.number, None)

    # --- input

    def set_input(self, fd: int | None) -> None:
        """Where DATA goes; the channel owns it. None: nowhere."""
        if fd is not None:
            os.set_blocking(fd, False)
        self._input = fd

    def data(self, data: bytes) -> None:
        """Input from the caller."""
        self.taken += len(data)
        if self._input is None or self.taken - self.written > 4 * wire.WINDOW:
            self._accept(len(data))
            return
        self._pending += data
        self._write(0)

    def eof(self) -> None:
        """The input ends after what is still to be written."""
        self._input_ends = True
        if not self._pending:
            self._end_input()

    def _write(self, _events: int) -> None:
        if self._pending and self._input is not None:
            try:
                written = os.write(self._input, self._pending)
            except BlockingIOError:
                written = 0
            except OSError:  # nobody reads it
                self._close_input()
                return
            del self._pending[:written]
            self._accept(written)
            if self._pending:
                self.runner.loop.watch(self._input, select.EPOLLOUT, self._write)
                return
        if self._input is not None:
            self.runner.loop.forget(self._input)
        if self._input_ends:
            self._end_input()

    def _accept(self, count: int) -> None:
        self.written += count
        self.runner.link.put(wire.ack(self.number, self.written))

    def _end_input(self) -> None:
        self._close_input()

    def _close_input(self) -> None:
        if self._input is not None:
            self.runner.loop.forget(self._input)
            os.close(self._input)
            self._input = None
        self._pending.clear()
        if self.written < self.taken:
            self._accept(self.taken - self.written)

    # --- the rest

    def signal(self, number: int) -> None:
        """A signal from the caller."""

    def resize(self, cols: int, rows: int) -> None:
        """A terminal's size."""

    def kill(self, cause: str) -> None:
        """End it."""
        self.close()

    def close(self) -> None:
        """The caller forgets it."""
        self.release()
        self.runner.channels.pop(self.number, None)

    def release(self) -> None:
        """Close what is open."""
        for fd in self._sources:
            self.runner.loop.forget(fd)
            os.close(fd)
        self._sources.clear()
        self._watched.clear()
        self._close_input()

    def message(self, message: dict[str, Any]) -> None:
        """From the process that does it."""

    def gone(self) -> None:
        """That process ended."""


class Tunnel(Channel):
    """A TCP connection to a port of the container's own loopback."""

    def begin(self, port: int) -> None:
        """Connect; FAULT if nothing listens."""
        self._port = port
        self._families = [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]
        self._next()

    def _next(self) -> None:
        if not self._families:
            text = f"Nothing listens on port {self._port}."
            self.conclude(wire.FAULT, {"code": "refused", "message": text})
            return
        family, address = self._families.pop(0)
        try:
            sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        except OSError:
            self._next()
            return
        found = sock.connect_ex((address, self._port))
        fd = sock.detach()
        if found not in {0, errno.EINPROGRESS}:
            os.close(fd)
            self._next()
            return
        self._input = fd  # closed with the channel
        self.runner.loop.watch(fd, select.EPOLLOUT, lambda _events: self._connected(fd))

    def _connected(self, fd: int) -> None:
        self.runner.loop.forget(fd)
        sock = socket.socket(fileno=os.dup(fd))
        failed = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        sock.close()
        if failed:
            self._input = None
            os.close(fd)
            self._next()
            return
        self.runner.link.put(wire.json_frames(wire.STARTED, self.number, {"pid": 0}))
        self.add_source(os.dup(fd), wire.OUT)
        if self._pending or self._input_ends:
            self._write(0)

    def data(self, data: bytes) -> None:
        """Input, which waits until the connection stands."""
        if not self._sources and self.end is None and self._input is not None:
            self.taken += len(data)
            self._pending += data
        else:
            super().data(data)

    def eof(self) -> None:
        """Half-close, once the connection stands."""
        self._input_ends = True
        if self._sources and not self._pending:
            self._end_input()

    def _end_input(self) -> None:
        if self._input is not None:
            sock = socket.socket(fileno=os.dup(self._input))
            with suppress(OSError):
                sock.shutdown(socket.SHUT_WR)
            sock.close()
        self._close_input()

    def drained(self) -> None:
        """The other side closed."""
        self.conclude(wire.ANSWER, {})


class FileOp(Channel):
    """A request that a process of its own does: it answers with bytes on a pipe, and a message at the end."""

    child: Child | None = None
    answer: tuple[int, dict[str, Any]] | None = None

    def begin(self, child: Child, args: dict[str, Any]) -> None:
        """Let the process do it."""
        self.child = child
        child.channel = self
        self.runner.drop_hand(child)
        read, write = os.pipe2(os.O_CLOEXEC)
        take, give = os.pipe2(os.O_CLOEXEC)
        self.runner.tell(child, {"file": self.op, "args": args}, (take, write))
        messages.close_all((take, write))
        self.set_input(give)
        self.add_source(read, wire.OUT)

    def _end_input(self) -> None:
        if self.child is not None:  # else an upload that is given up would look like one that is whole
            with suppress(OSError):
                self.runner.tell(self.child, {"whole": True})
        self._close_input()

    def message(self, message: dict[str, Any]) -> None:
        """Its answer."""
        if "fault" in message:
            self.answer = wire.FAULT, {"code": message["fault"], "message": message["message"]}
        else:
            self.answer = wire.ANSWER, message["answer"]
        self.finish()

    def gone(self) -> None:
        """It ended, perhaps without an answer."""
        self.child = None
        if self.answer is None:
            text = "The process that did it was ended; perhaps there was no memory left."
            self.answer = wire.FAULT, {"code": "lost", "message": text}
        self.finish()

    def drained(self) -> None:
        """Its output is over: so is the request, if it answered."""
        if self.answer is not None:
            self.conclude(*self.answer)

    def release(self) -> None:
        """End the process too."""
        super().release()
        if self.child is not None and self.answer is None:
            pid = self.child.pid
            kernel.send_signal(pid, signal.SIGTERM)  # it removes what it had half written
            self.runner.loop.later((self, "kill"), KILL_GRACE, lambda: self.runner.end_child(pid))
        self.child = None
