"""The runner's end of the attached stream, and its event loop."""

from __future__ import annotations

import errno
import os
import select
import sys
import time

from sandbox import wire
from sandbox.runner.small import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

HIGH, LOW = 256 * 1024, 64 * 1024


class Loop:
    """epoll with callbacks and timers; nothing in it blocks."""

    def __init__(self) -> None:
        self._poll = select.epoll()
        self._callbacks: dict[int, Callable[[int], object]] = {}
        self._timers: dict[object, tuple[float, Callable[[], object]]] = {}

    def watch(self, fd: int, events: int, callback: Callable[[int], object]) -> None:
        """Call `callback(events)` while the descriptor is ready; replaces an earlier watch."""
        known = fd in self._callbacks
        self._callbacks[fd] = callback
        (self._poll.modify if known else self._poll.register)(fd, events)

    def forget(self, fd: int) -> None:
        """No longer."""
        if self._callbacks.pop(fd, None) is not None:
            with suppress(OSError):
                self._poll.unregister(fd)

    def later(self, name: object, seconds: float, callback: Callable[[], object]) -> None:
        """Call once after `seconds`; replaces the earlier timer of this name."""
        self._timers[name] = (time.monotonic() + seconds, callback)

    def cancel(self, name: object) -> None:
        """Not any more."""
        self._timers.pop(name, None)

    def turn(self) -> None:
        """Wait for what comes next, and do it."""
        wait = -1.0
        if self._timers:
            wait = max(min(at for at, _call in self._timers.values()) - time.monotonic(), 0)
        for fd, events in self._poll.poll(wait):
            callback = self._callbacks.get(fd)
            if callback is not None:
                callback(events)
        if self._timers:
            now = time.monotonic()
            for name in [name for name, (at, _call) in self._timers.items() if at <= now]:
                found = self._timers.pop(name, None)
                if found is not None:
                    found[1]()

    def close(self) -> None:
        """In a forked child: let go of it."""
        self._poll.close()


class Link:
    """Frames to and from whoever is attached to our standard streams."""

    def __init__(self, loop: Loop, receive: int = 0, send: int = 1) -> None:
        self.loop = loop
        self.parser = wire.Parser(strict=False)
        self.on_frame: Callable[[wire.Frame], object] = lambda _frame: None
        self.on_room: Callable[[], object] = lambda: None
        self.congested = False
        self._receive, self._send = receive, send
        self._queue: list[bytes] = []
        self._queued = 0
        self._waiting = False
        os.set_blocking(receive, False)
        os.set_blocking(send, False)
        loop.watch(receive, select.EPOLLIN, self._readable)

    def put(self, data: bytes) -> None:
        """Send bytes as soon as the stream takes them."""
        self._queue.append(data)
        self._queued += len(data)
        self.congested = self.congested or self._queued > HIGH

    def restart(self) -> None:
        """A new caller: what the last one did not get is dropped, even within a frame."""
        self._queue.clear()
        self._queued = 0
        self._relax()

    def flush(self) -> None:
        """Write what the stream takes; to be called after each turn of the loop."""
        while self._queue:
            data = self._queue[0] if len(self._queue) == 1 else b"".join(self._queue)
            try:
                written = os.write(self._send, data)
            except BlockingIOError:
                written = 0
            except OSError as error:
                if error.errno != errno.EPIPE:
                    raise
                written = len(data)  # nobody will ever read it
            self._queue.clear()
            self._queued -= written
            if written < len(data):
                self._queue.append(data[written:])
                self._wait()
                break
        if self.congested and self._queued < LOW:
            self._relax()

    def _relax(self) -> None:
        if self.congested:
            self.congested = False
            self.on_room()

    def _wait(self) -> None:
        if not self._waiting:
            self._waiting = True
            self.loop.watch(self._send, select.EPOLLOUT, self._writable)

    def _writable(self, _events: int) -> None:
        self._waiting = False
        self.loop.forget(self._send)

    def _readable(self, _events: int) -> None:
        try:
            data = os.read(self._receive, 262144)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.loop.forget(self._receive)
            say("the stream's input ended")
            return
        losses = self.parser.losses
        for found in self.parser.feed(data):
            self.on_frame(found)
        if self.parser.lost and self.parser.losses != losses:
            # whoever is attached and in step learns that the runner is not
            self.put(wire.json_frames(wire.FAULT, 0, {"code": "lost", "message": "The frames were lost."}))


def say(text: str) -> None:
    """A line for the operator: Docker hands it to the agent's log."""
    with suppress(OSError):
        os.write(2, f"{text}\n".encode())


def say_error() -> None:
    """The exception at hand, in a few lines."""
    import traceback

    say(traceback.format_exc(limit=6)) if sys.exc_info()[0] else None
