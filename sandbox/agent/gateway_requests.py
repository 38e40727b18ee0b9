"""What can be asked of the gateway: each request of one connection, checked, carried out, answered."""

import contextlib
import json
import logging
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from django.core import signing

from .. import gateway
from .containers import NotAttached
from .stream import Channel, Event, Faulted, Output, RunnerFault, Started, StreamLost
from .terminals import View

if TYPE_CHECKING:
    from .agent import Agent
    from .executions import Following

logger = logging.getLogger(__name__)

LIST_SECONDS = 115.0  # between two lines of a list: the peer waits a little longer
SILENCE_SECONDS = 120.0  # of a peer in the middle of a stream
DRAIN_SECONDS = 5.0
START_SECONDS = 5.0  # for an execution that is just being started
VIEW_SECONDS = 15.0
LONGEST_REQUEST = 8 << 20  # more than the runner takes in one message
INPUT_SECONDS = 10.0
POKES_SECONDS = 60.0  # between two pokes on one connection; the client gives it up sooner
LOOK_SECONDS = 1.0  # between two looks whether a stream still stands


class Refused(Exception):
    """The request is not carried out; `code` for programs."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


class Nonces:
    """Requests that were used already; each is good once within its age."""

    def __init__(self) -> None:
        self._seen: dict[str, float] = {}
        self._lock = threading.Lock()

    def use(self, nonce: str) -> bool:
        """Whether this is its first use."""
        now = time.monotonic()
        with self._lock:
            if len(self._seen) > 1000:
                oldest = now - gateway.MAX_AGE_SECONDS - 5
                self._seen = {known: at for known, at in self._seen.items() if at > oldest}
            if not nonce or nonce in self._seen:
                return False
            self._seen[nonce] = now
            return True


class Request:
    """One connection with its request."""

    def __init__(self, agent: "Agent", connection: socket.socket, reader: Any, nonces: Nonces) -> None:
        self.agent, self.connection, self.reader, self.nonces = agent, connection, reader, nonces
        self.asked: dict[str, Any] = {}

    def serve(self) -> None:
        """Check it, do it, answer."""
        try:
            self.asked = self._checked(self.reader.readline(LONGEST_REQUEST))
            self._do(str(self.asked.get("op")))
            while self.asked.get("op") == "poke":
                self.connection.settimeout(POKES_SECONDS)
                if not (line := self.reader.readline(LONGEST_REQUEST)):
                    return
                self.asked = self._checked(line)
                self._do(str(self.asked.get("op")))
        except Refused as error:
            self.refuse(error.code, error.message)
        except RunnerFault as error:
            self.refuse(error.code, error.message)
        except NotAttached as error:
            self.refuse("unavailable", str(error))
        except StreamLost as error:
            self.refuse("stream_lost", str(error))
        except TimeoutError as error:
            self.refuse("timeout", str(error))

    def _checked(self, line: bytes) -> dict[str, Any]:
        try:
            asked: Any = signing.loads(
                line.decode("ascii").strip(), salt=gateway.SALT, max_age=gateway.MAX_AGE_SECONDS
            )
        except (signing.BadSignature, UnicodeDecodeError, ValueError):
            logger.warning("the gateway refused a request that was not signed, or too old")
            raise Refused("forbidden", "This request is not signed, or too old.") from None
        if not isinstance(asked, dict) or not self.nonces.use(str(asked.get("nonce", ""))):
            raise Refused("forbidden", "This request was used already.")
        return asked

    def _do(self, op: str) -> None:
        known: dict[str, Callable[[], None]] = {
            "poke": self.poke,
            "attach": self.attach,
            "detach": self.detach,
            "call": self.call,
            "read": self.download,
            "archive": self.download,
            "lines": self.lines,
            "watch": self.watch,
            "write": self.upload,
            "extract": self.upload,
            "input": self.input,
            "resize": self.resize,
            "tunnel": self.tunnel,
            "terminal": self.terminal,
        }
        if op not in known:
            raise Refused("invalid", "There is no such operation.")
        if not self.agent.leading.is_set():
            raise Refused("unavailable", "This worker is not the host's agent.")
        known[op]()

    # --- What it is about ---
    def _instance(self) -> str:
        return str(self.asked.get("instance", ""))

    def _args(self) -> dict[str, Any]:
        args: dict[str, Any] = dict(self.asked.get("args") or {})
        return args

    def _seconds(self, default: float) -> float:
        return min(max(float(self.asked.get("timeout") or default), 0.1), 600.0)

    def _stream(self) -> Any:
        return self.agent.container(self._instance()).stream()

    def _following(self) -> tuple["Following", Channel]:
        following = self.agent.following(str(self.asked.get("execution", "")), START_SECONDS)
        if following is None or not following.begun.wait(START_SECONDS) or following.channel is None:
            raise Refused("ended", "This execution does not run now.")
        return following, following.channel

    # --- Short ones ---
    def poke(self) -> None:
        """Look at an execution, an instance, or everything, soon; nobody waits for the answer."""
        agent = self.agent
        execution, instance = str(self.asked.get("execution") or ""), self._instance()
        if execution:
            brief = str(self.asked.get("brief") or "")
            agent.pool.submit(lambda: agent.take_up(execution, brief))
        if instance:
            agent.pool.submit(lambda: agent.look_at_queued(instance))

    def attach(self) -> None:
        """Attach to a container that was just started."""
        container = self.agent.container(self._instance())
        deadline = time.monotonic() + self._seconds(15)
        while True:
            left = deadline - time.monotonic()
            try:
                boot = container.attach(timeout=max(left, 0.5))
                break
            except NotAttached:
                if left < 1:
                    raise
                time.sleep(0.2)
        self.answer({"boot": boot})

    def detach(self) -> None:
        """Leave a container."""
        self.agent.container(self._instance()).detach()
        self.answer({})

    def call(self) -> None:
        """One request of the runner."""
        answer = self._stream().request(
            str(self.asked.get("call")), timeout=self._seconds(gateway.CALL_SECONDS), **self._args()
        )
        self.answer({"answer": answer})

    def resize(self) -> None:
        """A terminal's size."""
        _following, channel = self._following()
        channel.resize(int(self.asked["cols"]), int(self.asked["rows"]))
        self.answer({})

    # --- Streams of bytes ---
    def download(self) -> None:
        """Bytes of a file, or a tar."""
        self._send_chunks(self._stream().download(str(self.asked["op"]), timeout=60, **self._args()))

    def lines(self) -> None:
        """What the runner lists, as lines of JSON, after what the peer tells it."""
        op, told = str(self.asked.get("call")), self._chunks()
        self._send_chunks(self._stream().download(op, timeout=LIST_SECONDS, chunks=told, **self._args()))

    def watch(self) -> None:
        """Changes of files, one JSON object a chunk; an empty one now and then shows if the peer lives."""
        args = self._args()
        download = self._stream().download("watch", timeout=24 * 3600, **args)
        done = threading.Event()
        sending = threading.Lock()

        def beat() -> None:
            while not done.wait(VIEW_SECONDS):
                try:
                    with sending:
                        self._chunk(b"{}")
                except OSError:
                    download.close()
                    return

        threading.Thread(target=beat, name="sandbox-gateway-beat", daemon=True).start()
        try:
            self._send_chunks(download, sending=sending, lines=True)
        finally:
            done.set()

    def _send_chunks(self, download: Any, *, sending: Any = None, lines: bool = False) -> None:
        self.connection.settimeout(SILENCE_SECONDS)
        sending = sending or threading.Lock()
        began, rest = False, b""
        for data in download:
            with sending:
                if not began:
                    self.answer({})
                    began = True
                pieces = [data]
                if lines:
                    *pieces, rest = (rest + data).split(b"\n")
                for piece in pieces:
                    self._chunk(piece)
        with sending:
            if not began:
                self.answer({})
            self.connection.sendall(bytes(4))
            self.answer({"answer": download.answer})

    def _chunk(self, data: bytes) -> None:
        if data:
            self.connection.sendall(len(data).to_bytes(4) + data)

    def upload(self) -> None:
        """A file or a tar into the sandbox."""
        stream, args = self._stream(), self._args()
        self.connection.settimeout(SILENCE_SECONDS)
        self.answer({})
        try:
            answer = stream.upload(str(self.asked["op"]), self._chunks(), **args)
        except (RunnerFault, StreamLost) as error:
            self.refuse(getattr(error, "code", "stream_lost"), str(error))
            self._drain()
            return
        self.answer({"answer": answer})

    def input(self) -> None:
        """Bytes for the standard input of an execution."""
        following, channel = self._following()
        if channel.ended.is_set():
            raise Refused("ended", "This execution does not run now.")
        self.connection.settimeout(SILENCE_SECONDS)
        self.answer({})
        try:
            for chunk in self._chunks():
                channel.send(chunk, self._seconds(10))
            if self.asked.get("eof"):
                channel.eof()
        except (TimeoutError, StreamLost) as error:
            self.refuse("timeout" if isinstance(error, TimeoutError) else "stream_lost", str(error))
            self._drain()
            return
        following.was_active()
        self.answer({"answer": {}})

    def _chunks(self) -> Iterator[bytes]:
        while True:
            size = int.from_bytes(self._exactly(4))
            if size == 0:
                return
            if size > gateway.CHUNK:
                raise ValueError("a chunk is too long")
            yield self._exactly(size)

    def _exactly(self, size: int) -> bytes:
        data: bytes = self.reader.read(size)
        if len(data) < size:
            raise ConnectionError("the peer has gone")
        return data

    def _drain(self) -> None:
        """Take what the peer still sends, so that it gets to read why it was refused."""
        deadline = time.monotonic() + DRAIN_SECONDS
        self.connection.settimeout(DRAIN_SECONDS)
        with contextlib.suppress(OSError):
            while time.monotonic() < deadline and self.connection.recv(gateway.CHUNK):
                pass

    # --- Both ways ---
    def tunnel(self) -> None:
        """Bytes to and from a port inside."""
        arrived: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        channel = self._stream().open("tunnel", on_event=arrived.put, port=int(self.asked["port"]))
        try:
            first = _next(arrived, channel, self._seconds(10))
            if isinstance(first, Faulted):
                raise Refused(first.code, first.message)
            if not isinstance(first, Started):
                raise Refused("timeout", "The port did not answer in time.")
            self._endure()
            self.answer({})
            _thread("sandbox-tunnel", lambda: self._into_tunnel(channel, arrived))
            self._out_of_tunnel(channel, arrived)
        finally:
            channel.close()

    def _into_tunnel(self, channel: Channel, arrived: "queue.SimpleQueue[Event | None]") -> None:
        try:
            while data := self.reader.read1(gateway.CHUNK):
                channel.send(data)
            channel.eof()
        except (OSError, ValueError, StreamLost):
            arrived.put(None)  # the peer has gone for good

    def _out_of_tunnel(self, channel: Channel, arrived: "queue.SimpleQueue[Event | None]") -> None:
        while isinstance(event := _next(arrived, channel, None), Output):
            self.connection.sendall(event.data)
            channel.ack(event.offset + len(event.data))
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def terminal(self) -> None:
        """Show a terminal from a place on, and pass on what is typed."""
        following, channel = self._following()
        ring, after = following.ring, int(self.asked.get("after") or 0)
        if ring is None:
            raise Refused("invalid", "This execution is no terminal.")
        self._endure()
        self.answer({})
        _thread("sandbox-terminal", lambda: self._typed(following, channel))
        with contextlib.suppress(EOFError):  # another agent follows it from now on: the viewer comes back
            while True:
                found = ring.wait(after, VIEW_SECONDS)
                if isinstance(found, dict):
                    self._frame(b"e", json.dumps(found, default=str).encode())
                    break
                found = found or View(b"", after)  # a sign of life, which shows whether the viewer has gone
                after = found.at
                self._frame(b"g" if found.gap else b"d", found.at.to_bytes(8) + found.data)
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def _typed(self, following: "Following", channel: Channel) -> None:
        frame = gateway.TERMINAL_FRAME
        try:
            while True:
                kind, length = frame.unpack(self._exactly(frame.size))
                if length > gateway.CHUNK:
                    raise ValueError("a frame is too long")
                payload = self._exactly(length)
                if kind == b"d":
                    channel.send(payload, INPUT_SECONDS)
                    following.was_active()
                elif kind == b"r":
                    cols, rows = json.loads(payload)
                    channel.resize(int(cols), int(rows))
        except (OSError, ValueError, TypeError, StreamLost) as error:
            logger.debug("a viewer of a terminal has gone: %s", error)
            with contextlib.suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)

    def _endure(self) -> None:
        """From now on the connection may be silent for as long as it likes; a peer that died is noticed."""
        self.connection.settimeout(None)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

    def _frame(self, kind: bytes, payload: bytes) -> None:
        self.connection.sendall(gateway.TERMINAL_FRAME.pack(kind, len(payload)) + payload)

    # --- Answers ---
    def answer(self, answer: dict[str, Any]) -> None:
        """A line that says yes."""
        self._line({"ok": True, **answer})

    def refuse(self, code: str, message: str) -> None:
        """A line that says why not."""
        self._line({"ok": False, "code": code, "message": message})

    def _line(self, answer: dict[str, Any]) -> None:
        self.connection.sendall(json.dumps(answer).encode() + b"\n")


def _next(
    arrived: "queue.SimpleQueue[Event | None]", channel: Channel, seconds: float | None
) -> Event | None:
    """The next event of a channel; None when the time is over or the stream is lost."""
    deadline = None if seconds is None else time.monotonic() + seconds
    while deadline is None or time.monotonic() < deadline:
        try:
            return arrived.get(timeout=LOOK_SECONDS)
        except queue.Empty:
            if channel.ended.is_set() and arrived.empty():
                return None
    return None


def _thread(name: str, target: Callable[[], None]) -> None:
    threading.Thread(target=target, name=name, daemon=True).start()
