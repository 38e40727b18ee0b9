"""The agent's side of one container's stream: channels over the frames of sandbox/wire.py (threads).

    attachment = Attachment(sock, first=True)
    sync = attachment.hello()
    channel = attachment.open("exec", key=execution_id, on_event=print, argv=["echo", "hi"])
    channel.wait(10)
    attachment.request("stat", path="a.txt")

Events come one after another from the attachment's own thread, so `on_event` must be quick; it may call
`ack` and `send`. Whoever takes output must `ack` it: 256 KiB unacked, and the runner stops reading the pipe.
"""

import contextlib
import json
import logging
import queue
import secrets
import struct
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

from sandbox import wire

from .channel import (
    Answered,
    Channel,
    Ended,
    Event,
    Faulted,
    Known,
    Output,
    RunnerFault,
    Started,
    StreamLost,
    Sync,
)

__all__ = [
    "Answered",
    "Attachment",
    "Channel",
    "Download",
    "Ended",
    "Event",
    "Faulted",
    "Known",
    "Output",
    "RunnerFault",
    "Started",
    "StreamLost",
    "Sync",
]

logger = logging.getLogger(__name__)

RECEIVE = 256 * 1024
NUMBERS_APART = 1000
DOCKER_HEADER = struct.Struct("!BxxxI")
STDERR = 2
READY = "ready"  # the runner's first word


class Socket(Protocol):
    """What an attached stream must be able to do."""

    def sendall(self, data: bytes, /) -> Any: ...
    def recv(self, size: int, /) -> bytes: ...
    def close(self) -> Any: ...


class Download:
    """The bytes of a request that answers with many: iterate; then `answer` is there; `close` cancels."""

    def __init__(self, timeout: float) -> None:
        self.answer: dict[str, Any] = {}
        self.channel: Channel | None = None
        self._timeout = timeout
        self._events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()

    def put(self, event: Event | None) -> None:
        """An event of its channel; None is the stream's end."""
        self._events.put(event)

    def __iter__(self) -> Iterator[bytes]:
        channel = self.channel
        assert channel is not None
        try:
            while True:
                try:
                    event = self._events.get(timeout=self._timeout)
                except queue.Empty:
                    raise RunnerFault("timeout", "The sandbox did not answer in time.") from None
                if event is None:
                    raise StreamLost("The stream ended first.")
                if isinstance(event, Output):
                    channel.ack(event.offset + len(event.data))
                    yield event.data
                elif isinstance(event, Faulted):
                    raise RunnerFault(event.code, event.message)
                elif isinstance(event, Answered):
                    self.answer = event.answer
                    return
        finally:
            channel.close()

    def close(self) -> None:
        """Stop, from any thread."""
        if self.channel is not None:
            self.channel.close()
        self.put(Faulted("closed", "The download was closed."))


def _feed(channel: Channel, chunks: Iterable[bytes], timeout: float) -> None:
    """Send a request's input; what fails is told by its answer."""
    with contextlib.suppress(StreamLost, TimeoutError):
        for chunk in chunks:
            channel.send(chunk, timeout)
        channel.eof()


class Attachment:
    """A container's attached stream. `first`: nobody was attached to this boot of the container before.

    `framed`: the engine puts its own 8-byte header before each piece, as Docker does without a tty.
    `on_lost` is called once, by the attachment's thread, when the stream ends.
    """

    def __init__(
        self,
        sock: Socket,
        first: bool = False,
        *,
        framed: bool = True,
        on_lost: Callable[["Attachment"], object] | None = None,
        name: str = "",
    ) -> None:
        self.sock, self.first, self.framed = sock, first, framed
        self.name = name
        self.closed = threading.Event()
        self.reason = ""
        self._on_lost = on_lost
        self._nonce = secrets.token_bytes(16)
        self._greeted = threading.Event()
        self._sync: Sync | None = None
        self._lock = threading.Lock()
        self._sending, self._opening = threading.Lock(), threading.Lock()
        self._channels: dict[int, Channel] = {}
        self._downloads: dict[int, Download] = {}
        self._parts: dict[int, list[bytes]] = {}
        self._number = 0
        self._thread = threading.Thread(target=self._read, name=f"attachment-{name}", daemon=True)
        self._thread.start()

    def hello(self, timeout: float = 10) -> Sync:
        """Greet the runner; to be called once, first. StreamLost if it does not answer in time."""
        greeting = wire.json_frames(wire.HELLO, 0, {"nonce": self._nonce.hex()})
        self.send(greeting if self.first else wire.ZEROS + greeting)
        if not self._greeted.wait(timeout) or self._sync is None:
            self.close()
            raise StreamLost(self.reason or "The runner did not answer.")
        return self._sync

    def open(
        self,
        op: str,
        *,
        key: str = "",
        on_event: Callable[[Event], object] = lambda _event: None,
        **args: Any,
    ) -> Channel:
        """Begin an execution, terminal, tunnel or request; what becomes of it arrives as events."""
        with self._opening:  # the runner takes growing numbers only, so they leave in their order
            with self._lock:
                self._number += 1
                channel = Channel(self, self._number, op, key, on_event)
                self._channels[channel.id] = channel
            try:
                self.send(wire.json_frames(wire.OPEN, channel.id, {"op": op, "key": key, **args}))
            except (StreamLost, ValueError):
                self.forget(channel)
                raise
        return channel

    def adopt(
        self, known: Known, on_event: Callable[[Event], object], *, after: int | None = None
    ) -> Channel:
        """Follow a channel that `hello` told of, from offset `after` (default: what was acked)."""
        channel = Channel(self, known.id, known.op, known.key, on_event)
        channel.received = known.acked if after is None else after
        channel.goes_on(known.taken)
        with self._lock:
            self._channels[known.id] = channel
        self.send(wire.frame(wire.RESUME, known.id, wire.OFFSET.pack(channel.received)))
        return channel

    def request(
        self, op: str, *, timeout: float = 30, chunks: Iterable[bytes] | None = None, **args: Any
    ) -> dict[str, Any]:
        """A request's answer; what it lists stands in "entries". RunnerFault, StreamLost."""
        download = self.download(op, timeout=timeout, chunks=chunks, **args)
        data = b"".join(download)
        if data:
            download.answer["entries"] = [json.loads(line) for line in data.splitlines()]
        elif op in {"list", "manifest"}:
            download.answer["entries"] = []
        return download.answer

    def download(
        self, op: str, *, timeout: float = 60, chunks: Iterable[bytes] | None = None, **args: Any
    ) -> Download:
        """Bytes (read, archive) as an iterator; `timeout` is the longest wait between two pieces.

        `chunks` are sent meanwhile, by a thread (a manifest's known files).
        """
        download = Download(timeout)
        download.channel = self.open(op, on_event=download.put, **args)
        with self._lock:
            self._downloads[download.channel.id] = download
        if self.closed.is_set():
            download.put(None)
        if chunks is not None:
            threading.Thread(target=_feed, args=(download.channel, chunks, timeout), daemon=True).start()
        return download

    def lines(
        self, op: str, *, timeout: float = 60, chunks: Iterable[bytes] | None = None, **args: Any
    ) -> Iterator[dict[str, Any]]:
        """JSON lines (list, manifest, watch) one by one; close the generator to stop."""
        rest = b""
        for piece in self.download(op, timeout=timeout, chunks=chunks, **args):
            *complete, rest = (rest + piece).split(b"\n")
            yield from map(json.loads, complete)

    def upload(self, op: str, chunks: Iterable[bytes], *, timeout: float = 60, **args: Any) -> dict[str, Any]:
        """Send bytes (write, extract) and give the answer. RunnerFault, StreamLost."""
        channel = self.open(op, **args)
        try:
            for chunk in chunks:
                channel.send(chunk, timeout)
                if channel.ended.is_set():
                    break
            else:
                channel.eof()
            end = channel.wait(timeout)
        except TimeoutError:
            raise RunnerFault("timeout", "The sandbox did not answer in time.") from None
        finally:
            channel.close()
        if isinstance(end, Faulted):
            raise RunnerFault(end.code, end.message)
        return end.answer if isinstance(end, Answered) else {}

    def send(self, data: bytes) -> None:
        """Write frames; StreamLost."""
        if self.closed.is_set():
            raise StreamLost(self.reason)
        try:
            with self._sending:
                self.sock.sendall(data)
        except (OSError, ValueError) as error:
            self._lose(f"The stream cannot be written to: {error}")
            raise StreamLost(self.reason) from error

    def forget(self, channel: Channel) -> None:
        """No more events of this channel."""
        with self._lock:
            self._channels.pop(channel.id, None)
            self._downloads.pop(channel.id, None)
            self._parts.pop(channel.id, None)

    def close(self) -> None:
        """Detach; what runs goes on."""
        self._lose("It was closed.")

    def _read(self) -> None:
        greeting = b""
        parser: wire.Parser | None = None
        try:
            for data in self._pieces():
                if parser is None:
                    greeting += data
                    found = greeting.find(self._nonce)
                    if found < 0:
                        greeting = greeting[-(len(self._nonce) - 1) :]
                        continue
                    parser = wire.Parser()
                    frames = parser.feed(greeting[found + len(self._nonce) :])
                else:
                    frames = parser.feed(data)
                for kind, number, payload in frames:
                    self._take(kind, number, payload)
            self._lose("The container's stream ended.")
        except (OSError, ValueError, StreamLost, wire.BadFrame) as error:
            self._lose(str(error) or type(error).__name__)
        except Exception as error:
            logger.exception("Attachment %s failed", self.name)
            self._lose(str(error))

    def _pieces(self) -> Iterator[bytes]:
        """The runner's output, without Docker's headers; its diagnostics go to the log."""
        if not self.framed:
            while data := self.sock.recv(RECEIVE):
                yield data
            return
        buffer, left, stream = b"", 0, 0
        while data := self.sock.recv(RECEIVE):
            buffer += data
            while buffer:
                if not left:
                    if len(buffer) < DOCKER_HEADER.size:
                        break
                    stream, left = DOCKER_HEADER.unpack_from(buffer)
                    buffer = buffer[DOCKER_HEADER.size :]
                piece, buffer = buffer[:left], buffer[left:]
                left -= len(piece)
                if stream == STDERR:
                    self._note(piece.decode(errors="replace").rstrip())
                elif piece:
                    yield piece

    def _note(self, text: str) -> None:
        """What the runner says to the operator; that it is ready is no reason to look."""
        logger.log(logging.INFO if text == READY else logging.WARNING, "Runner %s: %s", self.name, text)

    def _take(self, kind: int, number: int, payload: bytes) -> None:
        if kind == wire.PART:
            self._parts.setdefault(number, []).append(payload)
            return
        if number in self._parts and kind not in {wire.OUT, wire.ERR, wire.ACK}:
            payload = b"".join((*self._parts.pop(number), payload))
        if number == 0:
            self._take_own(kind, payload)
            return
        with self._lock:
            channel = self._channels.get(number)
        if channel is not None:
            channel.take(kind, payload)

    def _take_own(self, kind: int, payload: bytes) -> None:
        value = json.loads(payload)
        if kind == wire.SYNC:
            if value["nonce"] != self._nonce.hex():
                raise StreamLost("Another agent has taken over.")
            known = [Known(**channel) for channel in value["channels"]]
            with self._lock:
                # numbers are never used twice in one boot, so that no late frame meets a new channel
                # and a caller that does not know yet that it was replaced takes none of ours
                self._number = max(self._number, value["last_channel"] + NUMBERS_APART)
            self._sync = Sync(value["boot"], known, value.get("info", {}))
            self._greeted.set()
        elif kind == wire.FAULT:
            raise StreamLost(value["message"])

    def _lose(self, reason: str) -> None:
        with self._lock:
            if self.closed.is_set():
                return
            self.reason = reason
            self.closed.set()
            channels, downloads = list(self._channels.values()), list(self._downloads.values())
        self._greeted.set()
        with contextlib.suppress(OSError, ValueError):
            self.sock.close()
        for channel in channels:
            channel.lost()
        for download in downloads:
            download.put(None)
        if self._on_lost is not None:
            try:
                self._on_lost(self)
            except Exception:
                logger.exception("What follows the loss of %s failed", self.name)
