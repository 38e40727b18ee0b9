"""One channel of a container's stream: an execution, tunnel, terminal or request; and what comes of it."""

import contextlib
import json
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from sandbox import wire

logger = logging.getLogger(__name__)

STREAMS = {wire.OUT: "stdout", wire.ERR: "stderr"}


class StreamLost(Exception):
    """The container's stream ended or is not to be trusted any more: attach anew."""


class RunnerFault(Exception):
    """The runner refused or failed a request; `code` is a word, `message` a sentence."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Started:
    """The execution runs."""

    pid: int


@dataclass(frozen=True, slots=True)
class Output:
    """Bytes of `stream` ("stdout" or "stderr"); `offset` counts both streams of the channel."""

    stream: str
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Ended:
    """The execution is over, with all its processes.

    `cause`: exit, timeout, oom, cancelled (or what `kill` was given), output_limit, lost. `usage`:
    {"cpu_seconds", "peak_memory", "read_bytes", "write_bytes", "wall_seconds"}.
    """

    exit_code: int | None
    signal: int | None
    cause: str
    detail: str
    usage: dict[str, float]


@dataclass(frozen=True, slots=True)
class Answered:
    """A request's answer."""

    answer: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Faulted:
    """A request, or the start of an execution, failed."""

    code: str
    message: str


type Event = Started | Output | Ended | Answered | Faulted


def ignore(_event: Event) -> None:
    """For those who only wait for the end."""


@dataclass(frozen=True, slots=True)
class Known:
    """A channel the runner had when we attached; `state` is "running" or "ended", offsets in bytes."""

    id: int
    key: str
    op: str
    state: str
    acked: int
    sent: int
    taken: int  # bytes of standard input the runner has


@dataclass(frozen=True, slots=True)
class Sync:
    """The runner's greeting: which boot of it this is, and what it still has."""

    boot: str
    channels: list[Known]
    info: dict[str, Any] = field(default_factory=dict)


class Sender(Protocol):
    """What a channel needs of its attachment."""

    def send(self, data: bytes) -> None: ...
    def forget(self, channel: "Channel") -> None: ...


class Channel:
    """One execution, tunnel, terminal or request."""

    def __init__(
        self, attachment: Sender, number: int, op: str, key: str, on_event: Callable[[Event], object]
    ) -> None:
        self.id, self.op, self.key = number, op, key
        self.received = 0  # bytes of output, both streams
        self.ended = threading.Event()
        self.end: Ended | Answered | Faulted | None = None
        self._attachment = attachment
        self._on_event = on_event
        self._sent = self._taken = 0
        self._window = threading.Condition()

    def goes_on(self, taken: int) -> None:
        """Another agent had sent `taken` bytes before."""
        self._sent = self._taken = taken

    def send(self, data: bytes, timeout: float | None = None) -> None:
        """Write to the standard input; blocks while the process does not read. TimeoutError, StreamLost."""
        view = memoryview(data)
        while view:
            with self._window:
                if not self._window.wait_for(self._may_send, timeout):
                    raise TimeoutError("The process does not read its input.")
                if self.ended.is_set():
                    return
                room = min(len(view), wire.MAX_PAYLOAD, wire.WINDOW - (self._sent - self._taken))
                self._sent += room
            self._attachment.send(wire.frame(wire.DATA, self.id, bytes(view[:room])))
            view = view[room:]

    def eof(self) -> None:
        """Close the standard input."""
        self._attachment.send(wire.frame(wire.EOF, self.id))

    def ack(self, taken: int) -> None:
        """The first `taken` bytes of output are kept and need not be sent again."""
        self._attachment.send(wire.ack(self.id, taken))

    def kill(self, cause: str = "cancelled") -> None:
        """End every process of it (a cell gets SIGINT first); the cause comes back in Ended."""
        self._attachment.send(wire.json_frames(wire.KILL, self.id, {"cause": cause}))

    def signal(self, number: int) -> None:
        """Send a signal to its main process."""
        self._attachment.send(wire.json_frames(wire.SIGNAL, self.id, {"signal": number}))

    def resize(self, cols: int, rows: int) -> None:
        """A terminal's new size."""
        self._attachment.send(wire.json_frames(wire.RESIZE, self.id, {"cols": cols, "rows": rows}))

    def close(self) -> None:
        """Forget it; the runner kills what still runs in it and drops what it kept."""
        self._attachment.forget(self)
        with contextlib.suppress(StreamLost):
            self._attachment.send(wire.frame(wire.CLOSE, self.id))
        self._finish(None)

    def wait(self, timeout: float | None = None) -> Ended | Answered | Faulted:
        """How it ended; TimeoutError, StreamLost."""
        if not self.ended.wait(timeout):
            raise TimeoutError("It has not ended yet.")
        if self.end is None:
            raise StreamLost("The stream ended first.")
        return self.end

    def take(self, kind: int, payload: bytes) -> None:
        """A frame of the runner (called by the attachment's thread)."""
        if kind in STREAMS:
            self._take_output(STREAMS[kind], payload)
        elif kind == wire.ACK:
            with self._window:
                self._taken = max(self._taken, wire.OFFSET.unpack(payload)[0])
                self._window.notify_all()
        else:
            self._take_json(kind, json.loads(payload))

    def _take_output(self, stream: str, payload: bytes) -> None:
        (offset,) = wire.OFFSET.unpack_from(payload)
        data = payload[wire.OFFSET.size :]
        seen = self.received - offset
        if seen >= len(data) > 0:
            return
        data, offset = data[max(seen, 0) :], offset + max(seen, 0)
        self.received = offset + len(data)
        self._emit(Output(stream, offset, data))

    def _take_json(self, kind: int, value: dict[str, Any]) -> None:
        if kind == wire.STARTED:
            self._emit(Started(value["pid"]))
            return
        end: Ended | Answered | Faulted | None = None
        if kind == wire.END:
            end = Ended(value["exit_code"], value["signal"], value["cause"], value["detail"], value["usage"])
        elif kind == wire.ANSWER:
            end = Answered(value)
        elif kind == wire.FAULT:
            end = Faulted(value["code"], value["message"])
        if end is not None:
            self._emit(end)
            self._finish(end)

    def lost(self) -> None:
        """The stream ended (called by the attachment)."""
        self._finish(None)

    def _emit(self, event: Event) -> None:
        try:
            self._on_event(event)
        except StreamLost:
            pass
        except Exception:
            logger.exception("An event of channel %s (%s) was not taken", self.id, self.op)

    def _finish(self, end: Ended | Answered | Faulted | None) -> None:
        with self._window:
            self.end = self.end or end
            self.ended.set()
            self._window.notify_all()

    def _may_send(self) -> bool:
        return self._sent - self._taken < wire.WINDOW or self.ended.is_set()
