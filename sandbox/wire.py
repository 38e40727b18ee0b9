"""The frames between the runner inside a container and the agent outside: used by both, so little is loaded.

A frame is magic (2 bytes), kind (u8), channel (u32), length (u32), crc32 of what stands before it and of the
payload (u32), payload (at most 64 KiB). Channels are numbered by the agent; channel 0 is the stream itself.

| frame | direction | payload |
|---|---|---|
| HELLO | to the runner | JSON {"nonce": 32 hex digits} |
| SYNC | from the runner | JSON, after the 16 raw bytes of the nonce (`Sync` in agent/stream.py) |
| PART | both | a piece of a JSON payload too long for one frame; the last piece is the frame itself |
| OPEN | to the runner | JSON {"op", "key", …arguments} |
| DATA, EOF | to the runner | bytes for the channel's standard input; its end |
| RESUME | to the runner | u64: send output again from that offset; after a SYNC nothing comes before it |
| ACK | both | u64: how many bytes of the channel were taken, since its beginning |
| SIGNAL, KILL, RESIZE | to the runner | JSON {"signal"}; JSON {"cause"}; JSON {"cols", "rows"} |
| CLOSE | to the runner | nothing: the channel may be forgotten; what still runs in it is killed |
| STARTED | from the runner | JSON {"pid"} |
| OUT, ERR | from the runner | u64 offset (bytes of this channel before, both streams together), bytes |
| ANSWER, FAULT | from the runner | JSON; JSON {"code", "message"}: the end of a request |
| END | from the runner | JSON {"exit_code", "signal", "cause", "detail", "usage"}: the end of an execution |

In whichever state the last caller left the stream, ZEROS and a HELLO begin it anew: zeros fill a frame that
was cut short, whose checksum then fails, and a HELLO counts only after more zeros than any payload holds, so
that nothing within a payload is ever taken for a frame.
"""

from __future__ import annotations

import struct
import zlib

TYPE_CHECKING = False  # of `typing`, which is not loaded
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

try:
    # the working part of the package `json`; the rest of it would take a fifth of a runner's start
    from _json import encode_basestring_ascii, make_encoder, make_scanner
except ImportError:
    make_scanner = None  # type: ignore[assignment,misc]

MAGIC = b"\xa6\x91"
HEADER = struct.Struct("!2sBIII")
_CHECKED = HEADER.size - 4
OFFSET = struct.Struct("!Q")
MAX_PAYLOAD = 64 * 1024
MAX_DATA = MAX_PAYLOAD - OFFSET.size
MAX_JSON = 4 * 1024 * 1024
WINDOW = 256 * 1024
# One frame's rest at most, and then a run of zeros longer than a payload.
QUIET = MAX_PAYLOAD + HEADER.size
ZEROS = bytes(2 * QUIET + 1024)

HELLO, SYNC, PART, OPEN, DATA, EOF, ACK, SIGNAL, KILL, RESIZE, CLOSE, RESUME = range(1, 13)
STARTED, OUT, ERR, ANSWER, FAULT, END = range(32, 38)

type Frame = tuple[int, int, bytes]


class BadFrame(Exception):
    """The bytes are no frame: the stream must begin anew."""


class _Plain:
    """How JSON's values become Python's, as the scanner is told."""

    strict = True
    object_hook = object_pairs_hook = array_hook = None
    parse_int, parse_float, parse_constant = int, float, float


def _refuse(value: object) -> object:
    raise TypeError(f"{type(value).__name__} is no value of JSON")


def to_json(value: Any) -> bytes:
    """A value as JSON in ASCII, so that names that are no UTF-8 (lone surrogates) arrive as they are."""
    if make_scanner is None:
        import json

        return json.dumps(value, separators=(",", ":")).encode()
    return "".join(_encode(value, 0)).encode()


def from_json(data: bytes) -> Any:
    """The value that JSON stands for; ValueError."""
    text = data.decode("utf-8", "surrogatepass")
    if make_scanner is None:
        import json

        return json.loads(text)
    try:
        value, end = _scan(text, 0)
    except StopIteration:
        end = -1
    if end != len(text):
        raise ValueError("This is no JSON.")
    return value


if make_scanner is not None:
    _encode = make_encoder(None, _refuse, encode_basestring_ascii, None, ":", ",", False, False, True)
    _scan = make_scanner(_Plain)  # type: ignore[arg-type]


def frame(kind: int, channel: int, payload: bytes = b"") -> bytes:
    """One frame as bytes."""
    if len(payload) > MAX_PAYLOAD:
        raise ValueError("This payload is too long for a frame.")
    head = HEADER.pack(MAGIC, kind, channel, len(payload), 0)[:_CHECKED]
    return head + zlib.crc32(payload, zlib.crc32(head)).to_bytes(4, "big") + payload


def json_frames(kind: int, channel: int, value: Any) -> bytes:
    """A JSON payload as one frame, or as PARTs and one frame; raises ValueError beyond MAX_JSON."""
    data = to_json(value)
    if len(data) <= MAX_PAYLOAD:
        return frame(kind, channel, data)
    if len(data) > MAX_JSON:
        raise ValueError("This message is too long.")
    pieces = [data[start : start + MAX_PAYLOAD] for start in range(0, len(data), MAX_PAYLOAD)]
    return b"".join(frame(PART, channel, piece) for piece in pieces[:-1]) + frame(kind, channel, pieces[-1])


def ack(channel: int, taken: int) -> bytes:
    """An ACK frame."""
    return frame(ACK, channel, OFFSET.pack(taken))


class Parser:
    """Frames out of bytes in pieces of any size.

    `strict` raises BadFrame on anything that is no frame; otherwise (the runner's side) everything is skipped
    until a long run of zeros and a frame after it, and `lost` says that it is so.
    """

    def __init__(self, *, strict: bool = True) -> None:
        self.strict = strict
        self.lost = False
        self.losses = 0  # how often it was lost
        self._zeros = 0
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Take bytes; yield the frames that are complete."""
        self._buffer += data
        while True:
            if self.lost and not self._recovered():
                return
            found = self._next()
            if found is None:
                return
            if isinstance(found, tuple):
                yield found

    def _next(self) -> Frame | bool | None:
        """A frame; None for more bytes; False if there is none here and `lost` was set."""
        buffer = self._buffer
        if buffer and buffer[0] != MAGIC[0]:
            return self._fail()
        if len(buffer) < HEADER.size:
            return None
        magic, kind, channel, length, crc = HEADER.unpack_from(buffer)
        if magic != MAGIC or length > MAX_PAYLOAD:
            return self._fail()
        end = HEADER.size + length
        if len(buffer) < end:
            return None
        payload = bytes(buffer[HEADER.size : end])
        if zlib.crc32(payload, zlib.crc32(buffer[:_CHECKED])) != crc:
            return self._fail()
        del buffer[:end]
        return kind, channel, payload

    def _fail(self) -> bool:
        if self.strict:
            raise BadFrame("A frame was expected.")
        self.lost, self._zeros = True, 0
        self.losses += 1
        return False

    def _recovered(self) -> bool:
        """Skip to the first byte after a long run of zeros."""
        buffer = self._buffer
        start = 0
        while start < len(buffer):
            rest = buffer[start:].lstrip(b"\0") if start else buffer.lstrip(b"\0")
            run = len(buffer) - start - len(rest)
            self._zeros += run
            start += run
            if start == len(buffer):
                break
            if self._zeros >= QUIET:
                del buffer[:start]
                self.lost = False
                return True
            self._zeros = 0
            next_zero = buffer.find(b"\0", start)
            start = len(buffer) if next_zero < 0 else next_zero
        buffer.clear()
        return False
