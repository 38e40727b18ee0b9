"""One HTTP request through the gateway: from ASGI to HTTP/1.1 (h11) and back, streamed."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

import h11
from django.utils.translation import gettext as _

from agi_site.lib.problems import Unavailable

from . import gateway
from .doors import Headers, Receive, Scope, Send

logger = logging.getLogger(__name__)

type Check = Callable[[], Awaitable[None]]

CHUNK = 64 << 10
# Whoever signs out, and whose port or sandbox goes, loses what is open after so long.
CHECK_SECONDS = 60.0
LONGEST_HEAD = 256 << 10
# Of one connection, not of what it carries (RFC 9110, 7.6.1).
HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
# With these a program inside could speak for more than its own origin.
NOT_OUTWARDS = frozenset({b"strict-transport-security", b"alt-svc", b"clear-site-data", b"public-key-pins"})


async def pass_request(
    scope: Scope, receive: Receive, send: Send, instance: str, port: int, headers: Headers, *, check: Check
) -> None:
    """Carry a request in and its answer out; raises a Problem as long as nothing was answered.

    What `check` raises from time to time ends it: as an answer where none was begun, else by breaking off.
    """
    reader, writer = await gateway.open_tunnel(instance, port)
    connection = h11.Connection(our_role=h11.CLIENT, max_incomplete_event_size=LONGEST_HEAD)
    begun, tasks = asyncio.Event(), list[asyncio.Task[None]]()
    try:
        writer.write(_encoded(connection, _request(scope, headers)))
        await writer.drain()
        sender = asyncio.create_task(_send_body(connection, writer, receive))
        answer = asyncio.create_task(_answer(connection, reader, send, sender, begun))
        refused = asyncio.create_task(until_refused(check))
        tasks = [answer, sender, refused]
        await asyncio.wait({answer, refused}, return_when=asyncio.FIRST_COMPLETED)
        if answer.done():
            answer.result()
        elif not begun.is_set():
            refused.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def until_refused(check: Check) -> None:
    """Ends by what `check` raises, once it does."""
    while True:
        await asyncio.sleep(CHECK_SECONDS)
        await check()


# --- In -------------------------------------------------------------------------
def _request(scope: Scope, headers: Headers) -> h11.Request:
    target = scope.get("raw_path") or scope["path"].encode()
    if query := scope.get("query_string"):
        target += b"?" + query
    given = [(name, value) for name, value in end_to_end(headers) if name != b"expect"]
    names = {name for name, _value in given}
    if b"content-length" not in names and any(name == b"transfer-encoding" for name, _value in headers):
        given.append((b"transfer-encoding", b"chunked"))
    given.append((b"connection", b"close"))
    return h11.Request(method=scope["method"], target=target, headers=given)


async def _send_body(connection: h11.Connection, writer: asyncio.StreamWriter, receive: Receive) -> None:
    """The body as it comes. Raises Left when the reader goes away, which ends the request inside too."""
    sending = True
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Left
        if not sending:
            continue
        if body := message.get("body"):
            writer.write(_encoded(connection, h11.Data(data=body)))
        if not message.get("more_body"):
            writer.write(_encoded(connection, h11.EndOfMessage()))
            sending = False  # from now on only for the disconnect
        try:
            await writer.drain()
        except OSError:  # the program inside answered without reading all: its answer counts
            sending = False


class Left(Exception):
    """The browser has gone."""


def _encoded(connection: h11.Connection, event: h11.Event) -> bytes:
    try:
        return connection.send(event) or b""
    except h11.LocalProtocolError as error:  # a request that HTTP/1.1 cannot say
        logger.info("a request for a sandbox's port was not possible: %s", error)
        raise Unavailable(
            _("The program in the sandbox cannot be asked this way."), code="bad_request"
        ) from error


# --- Out ------------------------------------------------------------------------
async def _answer(
    connection: h11.Connection,
    reader: asyncio.StreamReader,
    send: Send,
    sender: asyncio.Task[None],
    begun: asyncio.Event,
) -> None:
    while True:
        event = await _next_event(connection, reader, sender)
        if isinstance(event, h11.Response):
            begun.set()
            await send(
                {
                    "type": "http.response.start",
                    "status": event.status_code,
                    "headers": headers_outwards(list(event.headers.raw_items())),
                }
            )
        elif isinstance(event, h11.Data):
            await send({"type": "http.response.body", "body": bytes(event.data), "more_body": True})
        elif isinstance(event, h11.EndOfMessage):
            await send({"type": "http.response.body", "body": b""})
            return
        elif isinstance(event, h11.InformationalResponse):
            continue
        elif event is None:  # cut off, or the browser left
            if begun.is_set() or sender.done():
                return  # unfinished: the server drops the connection, so that it does not look whole
            raise Unavailable(_("The program in the sandbox did not answer in HTTP."), code="bad_answer")


async def _next_event(
    connection: h11.Connection, reader: asyncio.StreamReader, sender: asyncio.Task[None]
) -> h11.Event | None:
    """The next event from inside; None when there will be no more."""
    while True:
        try:
            event = connection.next_event()
        except h11.RemoteProtocolError as error:
            logger.info("a program in a sandbox does not speak HTTP: %s", error)
            return None
        if event is h11.PAUSED or isinstance(event, h11.ConnectionClosed):
            return None
        if event is not h11.NEED_DATA:
            return event  # type: ignore[return-value]
        data = await _read_or_left(reader, sender)
        if data is None:
            return None
        connection.receive_data(data)


async def _read_or_left(reader: asyncio.StreamReader, sender: asyncio.Task[None]) -> bytes | None:
    """Bytes from inside, b"" at their end; None when the browser went away first."""
    read = asyncio.ensure_future(reader.read(CHUNK))
    try:
        await asyncio.wait({read, sender}, return_when=asyncio.FIRST_COMPLETED)
        # the one who left is looked at first: a program that never stops would win for ever
        if not sender.done():
            try:
                return read.result()
            except OSError:
                return b""
    finally:
        read.cancel()
        await asyncio.gather(read, return_exceptions=True)
    error = sender.exception()
    if error is not None and not isinstance(error, Left):
        raise error
    return None


def headers_outwards(headers: Headers) -> Headers:
    """An answer's headers as the browser gets them: cookies and the rest for this very host only."""
    kept: Headers = []
    for name, value in end_to_end(headers):
        lower = name.lower()
        if lower in NOT_OUTWARDS:
            continue
        told = _host_only(value) if lower == b"set-cookie" else value
        if told or lower != b"set-cookie":
            kept.append((lower, told))
    return kept


def end_to_end(headers: Headers) -> Headers:
    """Headers without those of one connection, and without those that its Connection header names."""
    named = {
        part.strip().lower()
        for name, value in headers
        if name.lower() == b"connection"
        for part in value.split(b",")
    }
    return [(name, value) for name, value in headers if name.lower() not in HOP_BY_HOP | named]


def _host_only(cookie: bytes) -> bytes:
    """A Set-Cookie without a domain; b"" for one that would take the place of the proxy's own."""
    first, *rest = cookie.split(b";")
    if first.partition(b"=")[0].strip().lower() in (b"agi_port", b"__host-agi_port"):
        return b""
    kept = [part for part in rest if not part.strip().lower().startswith(b"domain")]
    return b";".join([first, *kept])
