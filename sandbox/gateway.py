"""The way from the web process (or any task) to a host's agent, which holds the streams into its containers.

One TCP connection per request, but for pokes, which follow each other on one. The client sends one line, a
signed JSON object that is good for a minute and for one use; the agent answers with a JSON line
`{"ok": true, …}` or `{"ok": false, "code", "message"}` (to a poke only if it refuses), and then with what
the operation is about: chunks (4 bytes of length, big-endian, then the bytes; length 0 is the end, followed
by one more JSON line), the raw bytes of a tunnel, or the frames of a terminal. The other end is
`agent/gateway_server.py`.

Every call raises problems: Unavailable while the host has no agent or the container no stream, and what the
runner inside refuses as NotFound, Invalid, Conflict or TooMany with the runner's own `code`.
"""

import asyncio
import contextlib
import json
import logging
import secrets
import select
import socket
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

from asgiref.sync import sync_to_async
from django.core import signing
from django.utils.translation import gettext as _

from agi_site.lib.problems import Conflict, Invalid, NotFound, Problem, TooMany, Unavailable

from . import pokes
from .models import SandboxExecution, SandboxHost, SandboxInstance

logger = logging.getLogger(__name__)

SALT = "sandbox.gateway"
MAX_AGE_SECONDS = 60
LONGEST_LINE = 32 << 20  # manifests of many files are long
CHUNK = 64 << 10
CONNECT_SECONDS = 2.0
CALL_SECONDS = 30.0
STREAM_SECONDS = 120.0  # of silence in a stream of bytes

type AnInstance = SandboxInstance | str
type AnExecution = SandboxExecution | str

# What the runner refuses, by its code; everything else it says is a conflict with how the sandbox is now.
PROBLEMS: dict[str, type[Problem]] = {
    "not_found": NotFound,
    "invalid": Invalid,
    "outside": Invalid,
    "not_a_directory": Invalid,
    "is_a_directory": Invalid,
    "too_many": TooMany,
    "unavailable": Unavailable,
    "stream_lost": Unavailable,
    "timeout": Unavailable,
}


# --- Calls ------------------------------------------------------------------------------------------------
def poke(host: SandboxHost | str, *, execution: str = "", instance: str = "", brief: str = "") -> bool:
    """Tell a host's agent to look at an execution (new, or to be cancelled) or at what waits for an instance.

    `brief` (`briefs.brief_of`) spares it reading a new execution.

    Never raises and hardly waits; call it after the commit. What a lost poke left, the agent's sweep finds
    within a second. Returns whether the poke left.
    """
    target = _Target(host=host)
    line = target.line(op="poke", execution=execution, instance=instance, brief=brief)
    try:
        pokes.send(target.address(fresh=False), line, partial(_connect, target, 0.5))
    except (OSError, Problem) as error:
        logger.info("a poke of a sandbox host's agent did not leave: %s", error)
        return False
    return True


def attach(instance: AnInstance, *, timeout: float = 15) -> dict[str, Any]:
    """Let the agent attach to a started container now; `{"boot": …}` once its runner has answered.

    The row must have its host and container id by then. Attaching twice is harmless.
    """
    return _call(_of_instance(instance), timeout, op="attach", timeout=timeout)


def detach(instance: AnInstance, *, timeout: float = 10) -> dict[str, Any]:
    """Let the agent leave a container that is about to be stopped or removed.

    It does not attach again by itself for a minute; `attach` takes it up again. Executions that still ran are
    ended once the container is seen to have ended.
    """
    return _call(_of_instance(instance), timeout, op="detach")


def call(instance: AnInstance, op: str, *, timeout: float = CALL_SECONDS, **args: Any) -> dict[str, Any]:
    """One request to the runner inside: list, stat, mkdir, delete, move, manifest, usage, kill_all, …"""
    answer = _call(_of_instance(instance), timeout, op="call", call=op, args=args, timeout=timeout)
    found: dict[str, Any] = answer["answer"]
    return found


# --- Bytes ------------------------------------------------------------------------------------------------
class ByteStream:
    """Bytes out of a sandbox: iterate for chunks, close early or use it in `with`.

    `answer` is what the runner said when all bytes were there (None before).
    """

    def __init__(self, connection: socket.socket, reader: Any) -> None:
        self._connection, self._reader = connection, reader
        self.answer: dict[str, Any] | None = None

    def __iter__(self) -> Iterator[bytes]:
        try:
            with _as_unavailable():
                while chunk := _read_chunk(self._reader):
                    yield chunk
                self.answer = _checked(_read_line(self._reader)).get("answer") or {}
        finally:
            self.close()

    def close(self) -> None:
        """End the stream; the runner then stops reading the file."""
        self._reader.close()
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


def read(instance: AnInstance, path: str, **args: Any) -> ByteStream:
    """The bytes of a file; `args` as the runner's `read` takes them (offset, length)."""
    return _stream(_of_instance(instance), op="read", args={"path": path, **args})


def archive(instance: AnInstance, path: str = "", **args: Any) -> ByteStream:
    """A folder (or file) as a tar."""
    return _stream(_of_instance(instance), op="archive", args={"path": path, **args})


def lines(
    instance: AnInstance, op: str, *, told: Iterable[bytes] = (), **args: Any
) -> Iterator[dict[str, Any]]:
    """What the runner lists (list, manifest), one by one with flat memory; `told` is what it hears first."""
    rest = b""
    with _stream(_of_instance(instance), told=told, op="lines", call=op, args=args) as stream:
        for chunk in stream:
            *complete, rest = (rest + chunk).split(b"\n")
            yield from map(json.loads, complete)


def write(instance: AnInstance, path: str, chunks: Iterable[bytes], **args: Any) -> dict[str, Any]:
    """Write a file from chunks of bytes; returns the runner's answer when it is complete."""
    return _send(_of_instance(instance), chunks, op="write", args={"path": path, **args})


def extract(instance: AnInstance, path: str, chunks: Iterable[bytes], **args: Any) -> dict[str, Any]:
    """Unpack a tar, given in chunks of bytes, into a folder; returns the runner's answer."""
    return _send(_of_instance(instance), chunks, op="extract", args={"path": path, **args})


@contextlib.contextmanager
def watch(instance: AnInstance, path: str = "", **args: Any) -> Iterator[Iterator[dict[str, Any] | None]]:
    """Changes of files as the runner reports them, and None about every 15 s of silence.

    Use as `with watch(instance) as changes: for change in changes: …`.
    """
    with _stream(_of_instance(instance), op="watch", args={"path": path, **args}) as stream:
        yield (json.loads(chunk) or None for chunk in stream)


def send_input(execution: AnExecution, data: bytes = b"", *, eof: bool = False, timeout: float = 10) -> None:
    """Send bytes to the standard input of an execution (or to a terminal), and close it with `eof`.

    Raises Conflict when it has ended, Unavailable when it does not read for `timeout` seconds.
    """
    chunks = [data[at : at + CHUNK] for at in range(0, len(data), CHUNK)]
    _send(_of_execution(execution), chunks, op="input", eof=eof, timeout=timeout)


def resize(execution: AnExecution, *, cols: int, rows: int) -> None:
    """Tell a terminal its size."""
    _call(_of_execution(execution), CALL_SECONDS, op="resize", cols=cols, rows=rows)


# --- Both ways, for event loops ---------------------------------------------------------------------------
async def open_tunnel(
    instance: AnInstance, port: int, *, seconds: float = 10
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A TCP connection to a port inside (its 127.0.0.1 or ::1); close the writer at the end.

    Raises Conflict (`refused`) when nothing listens there.
    """
    target = await sync_to_async(_of_instance)(instance)
    reader, writer, _head = await _open(target, seconds, op="tunnel", port=port, timeout=seconds)
    return reader, writer


@dataclass(frozen=True, slots=True)
class TerminalFrame:
    """From a terminal: `data` (bytes, `at` is the place after them) or `end` (how it ended, in `ended`).

    A `gap` says that what was asked for is no longer kept in full: clear the screen, then show the data.
    """

    kind: str
    data: bytes = b""
    at: int = 0
    ended: dict[str, Any] | None = None


class Terminal:
    """A terminal from the side of its viewer; many may look at the same one."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def receive(self) -> TerminalFrame | None:
        """The next frame; None when the agent has gone: come back with the last `at`."""
        try:
            kind, length = TERMINAL_FRAME.unpack(await self._reader.readexactly(TERMINAL_FRAME.size))
            payload = await self._reader.readexactly(length)
        except (asyncio.IncompleteReadError, OSError):
            return None
        if kind == b"e":
            return TerminalFrame("end", ended=json.loads(payload))
        return TerminalFrame("gap" if kind == b"g" else "data", payload[8:], int.from_bytes(payload[:8]))

    async def send(self, data: bytes) -> None:
        """What was typed."""
        await self._frame(b"d", data)

    async def resize(self, cols: int, rows: int) -> None:
        """The viewer's size."""
        await self._frame(b"r", json.dumps([cols, rows]).encode())

    async def _frame(self, kind: bytes, payload: bytes) -> None:
        with contextlib.suppress(OSError):  # `receive` tells the end
            self._writer.write(TERMINAL_FRAME.pack(kind, len(payload)) + payload)
            await self._writer.drain()

    async def close(self) -> None:
        """Leave; the terminal goes on without a viewer."""
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()


TERMINAL_FRAME = struct.Struct(">cI")


async def open_terminal(execution: AnExecution, after: int = 0, *, seconds: float = 10) -> Terminal:
    """Look at a running terminal from the byte `after` on; raises Conflict (`ended`) when it has ended."""
    target = await sync_to_async(_of_execution)(execution)
    reader, writer, _head = await _open(target, seconds, op="terminal", after=after)
    return Terminal(reader, writer)


# --- The line, and the ways to an agent -------------------------------------------------------------------
def signed(**request: Any) -> bytes:
    """A request as it goes over the line: signed, dated, good once."""
    return signing.dumps({**request, "nonce": secrets.token_hex(8)}, salt=SALT).encode() + b"\n"


@dataclass(frozen=True, slots=True)
class _Target:
    """Which agent, and what every request to it says."""

    host: SandboxHost | str
    about: tuple[tuple[str, str], ...] = ()

    def address(self, *, fresh: bool) -> str:
        if isinstance(self.host, SandboxHost) and self.host.gateway and not fresh:
            return str(self.host.gateway)
        known = self.host if isinstance(self.host, str) else self.host.pk
        address = SandboxHost.objects.filter(pk=known).values_list("gateway", flat=True).first()
        if not address:
            raise _no_agent()
        return str(address)

    def line(self, **request: Any) -> bytes:
        return signed(**dict(self.about), **request)


def _of_instance(instance: AnInstance) -> _Target:
    if isinstance(instance, str):
        found = SandboxInstance.objects.select_related("host").filter(pk=instance).first()
        if found is None:
            raise NotFound
        return _Target(host=found.host, about=(("instance", str(found.pk)),))
    return _Target(host=instance.host, about=(("instance", str(instance.pk)),))


def _of_execution(execution: AnExecution) -> _Target:
    key = execution if isinstance(execution, str) else str(execution.pk)
    instance = (
        SandboxInstance.objects.select_related("host").filter(sandbox__executions=key).defer("spec").first()
    )
    if instance is None:
        raise Conflict(_("This sandbox has no container now."), code="no_container")
    return _Target(host=instance.host, about=(("instance", str(instance.pk)), ("execution", key)))


def _no_agent() -> Unavailable:
    return Unavailable(
        _("The worker of this sandbox's host does not answer. Try again shortly."), code="no_agent"
    )


def _split(address: str) -> tuple[str, int]:
    host, _colon, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def _connect(target: _Target, seconds: float) -> socket.socket:
    """A connection to the agent; when it does not answer at the known address, the table is asked again."""
    for fresh in (False, True):
        address = target.address(fresh=fresh)
        try:
            connection = socket.create_connection(_split(address), timeout=seconds)
        except (OSError, ValueError) as error:
            logger.info("the agent at %s does not answer: %s", address, error)
            continue
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection
    raise _no_agent()


@contextlib.contextmanager
def _as_unavailable() -> Iterator[None]:
    """A connection that breaks or stays silent is a part of the system that does not answer."""
    try:
        yield
    except (OSError, EOFError, ValueError) as error:
        raise _no_agent() from error


def _read_line(reader: Any) -> bytes:
    line: bytes = reader.readline(LONGEST_LINE)
    if not line.endswith(b"\n"):
        raise EOFError("the agent has gone")
    return line


def _read_chunk(reader: Any) -> bytes:
    size = reader.read(4)
    if len(size) < 4:
        raise EOFError("the agent has gone")
    chunk: bytes = reader.read(int.from_bytes(size))
    if len(chunk) < int.from_bytes(size):
        raise EOFError("the agent has gone")
    return chunk


def _checked(line: bytes) -> dict[str, Any]:
    """The agent's answer; raises the problem that it is."""
    answer: dict[str, Any] = json.loads(line)
    if answer.get("ok"):
        return answer
    code, message = str(answer.get("code", "")), str(answer.get("message", ""))
    raise PROBLEMS.get(code, Conflict)(message, code=code)


def _call(target: _Target, seconds: float, **request: Any) -> dict[str, Any]:
    with _as_unavailable(), _connect(target, CONNECT_SECONDS) as connection:
        connection.settimeout(seconds + 2)  # the agent itself gives up first, and says why
        connection.sendall(target.line(**request))
        with connection.makefile("rb") as reader:
            return _checked(_read_line(reader))


def _stream(target: _Target, told: Iterable[bytes] | None = None, **request: Any) -> ByteStream:
    with _as_unavailable():
        connection = _connect(target, CONNECT_SECONDS)
        reader = connection.makefile("rb")
        try:
            connection.settimeout(STREAM_SECONDS)
            connection.sendall(target.line(**request))
            if told is not None:
                _send_chunks(connection, told)
            _checked(_read_line(reader))
            return ByteStream(connection, reader)
        except BaseException:
            reader.close()
            connection.close()
            raise


def _send(target: _Target, chunks: Iterable[bytes], **request: Any) -> dict[str, Any]:
    with (
        _as_unavailable(),
        _connect(target, CONNECT_SECONDS) as connection,
        connection.makefile("rb") as reader,
    ):
        connection.settimeout(STREAM_SECONDS)
        connection.sendall(target.line(**request))
        _checked(_read_line(reader))
        _send_chunks(connection, chunks)
        answer: dict[str, Any] = _checked(_read_line(reader)).get("answer") or {}
        return answer


def _send_chunks(connection: socket.socket, chunks: Iterable[bytes]) -> None:
    for chunk in chunks:
        for at in range(0, len(chunk), CHUNK):
            piece = chunk[at : at + CHUNK]
            connection.sendall(len(piece).to_bytes(4) + piece)
        if select.select([connection], [], [], 0)[0]:  # it was refused: the rest need not be sent
            return
    connection.sendall(bytes(4))


async def _open(
    target: _Target, seconds: float, **request: Any
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, dict[str, Any]]:
    """A connection for both ways, opened in this event loop."""
    for fresh in (False, True):
        address = await sync_to_async(target.address)(fresh=fresh)
        try:
            reader, writer = await asyncio.wait_for(
                asyncio.open_connection(*_split(address), limit=1 << 20), CONNECT_SECONDS
            )
            break
        except (OSError, ValueError) as error:
            logger.info("the agent at %s does not answer: %s", address, error)
    else:
        raise _no_agent()
    try:
        writer.write(target.line(**request))
        line = await asyncio.wait_for(reader.readline(), seconds + 2)
        with _as_unavailable():
            return reader, writer, _checked(line)
    except BaseException as error:
        writer.close()
        if isinstance(error, OSError):
            raise _no_agent() from error
        raise
