"""One WebSocket through the gateway: ASGI on the browser's side, `websockets` as the client inside."""

import asyncio
import contextlib
import logging
from typing import Any

from django.utils.translation import gettext as _
from websockets.client import ClientProtocol
from websockets.exceptions import InvalidURI
from websockets.frames import Close, Frame, Opcode
from websockets.http11 import Request
from websockets.typing import Origin, Subprotocol
from websockets.uri import parse_uri

from agi_site.lib.problems import Unavailable

from . import gateway
from .doors import Headers, Receive, Scope, Send
from .proxy_http import CHUNK, Check, end_to_end, until_refused

logger = logging.getLogger(__name__)

LONGEST_MESSAGE = 16 << 20
HANDSHAKE_SECONDS = 20.0
GOING_AWAY, POLICY_VIOLATION, ABNORMAL = 1001, 1008, 1011
# What the handshake inside says anew.
OURS = (b"host", b"origin", b"content-length")


async def pass_socket(
    scope: Scope,
    receive: Receive,
    send: Send,
    instance: str,
    port: int,
    headers: Headers,
    *,
    check: Check,
) -> None:
    """Open the socket inside first, then accept the browser's, and carry messages until one side closes.

    The browser's wish to connect was received already. What `check` raises from time to time ends it.
    """
    reader, writer = await gateway.open_tunnel(instance, port)
    try:
        protocol, chosen = await asyncio.wait_for(
            _handshake(scope, headers, reader, writer), HANDSHAKE_SECONDS
        )
    except (TimeoutError, Unavailable, OSError, InvalidURI) as error:
        logger.info("no WebSocket on a sandbox's port: %s", error)
        writer.close()
        # before it is accepted: the browser sees a refused handshake
        await send({"type": "websocket.close", "code": ABNORMAL})
        return
    await send({"type": "websocket.accept", "subprotocol": chosen})
    link = _Link(protocol, reader, writer, send)
    refused = asyncio.create_task(until_refused(check))
    tasks = [asyncio.create_task(link.inwards(receive)), asyncio.create_task(link.outwards()), refused]
    try:
        done, _rest = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if refused in done:
            await link.close(POLICY_VIOLATION, "")
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def _handshake(
    scope: Scope, headers: Headers, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> tuple[ClientProtocol, str | None]:
    """Raises Unavailable when the program inside does not take the socket."""
    given = {name: value.decode("latin-1") for name, value in headers if name in (b"host", b"origin")}
    target = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1")
    query = scope.get("query_string", b"").decode("latin-1")
    uri = parse_uri(f"ws://{given[b'host']}{target}" + (f"?{query}" if query else ""))
    wanted = [Subprotocol(name) for name in scope.get("subprotocols") or ()]
    protocol = ClientProtocol(
        uri,
        origin=Origin(given[b"origin"]) if b"origin" in given else None,
        subprotocols=wanted or None,
        max_size=LONGEST_MESSAGE,
    )
    request = protocol.connect()
    _add_headers(request, headers)
    protocol.send_request(request)
    await _flush(protocol, writer)
    while not (answers := protocol.events_received()):
        data = await reader.read(CHUNK)
        if not data:
            raise Unavailable(_("The program in the sandbox takes no WebSocket here."))
        protocol.receive_data(data)
        if protocol.handshake_exc is not None:
            break
    if protocol.handshake_exc is not None:
        raise Unavailable(
            _("The program in the sandbox takes no WebSocket here.")
        ) from protocol.handshake_exc
    protocol.pending = list(answers[1:])  # type: ignore[attr-defined]  # frames that came with the answer
    return protocol, protocol.subprotocol


def _add_headers(request: Request, headers: Headers) -> None:
    for name, value in end_to_end(headers):
        if name not in OURS and not name.startswith(b"sec-websocket-"):
            request.headers[name.decode("latin-1")] = value.decode("latin-1")


async def _flush(protocol: ClientProtocol, writer: asyncio.StreamWriter) -> None:
    for data in protocol.data_to_send():
        if data:
            writer.write(data)
    await writer.drain()


class _Link:
    """Messages both ways; a message in pieces is put together, since ASGI has whole ones."""

    def __init__(
        self, protocol: ClientProtocol, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, send: Send
    ) -> None:
        self.protocol, self.reader, self.writer, self.send = protocol, reader, writer, send
        self._pieces: list[bytes] = []
        self._kind = Opcode.BINARY

    async def inwards(self, receive: Receive) -> None:
        """What the browser sends."""
        while True:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                code = message.get("code")
                self.protocol.send_close(code if code and code not in (1005, 1006) else GOING_AWAY)
            elif (text := message.get("text")) is not None:
                self.protocol.send_text(text.encode())
            else:
                self.protocol.send_binary(message.get("bytes") or b"")
            await _flush(self.protocol, self.writer)
            if message["type"] == "websocket.disconnect":
                return

    async def outwards(self) -> None:
        """What the program inside sends."""
        events: list[Any] = list(getattr(self.protocol, "pending", []))
        while True:
            for event in events:
                if isinstance(event, Frame) and await self._take(event):
                    return
            data = await self.reader.read(CHUNK)
            if data:
                self.protocol.receive_data(data)
            else:
                self.protocol.receive_eof()
            await _flush(self.protocol, self.writer)  # pongs, and the answer to a close
            events = self.protocol.events_received()
            if not data and not events:
                await self.close(self.protocol.close_code or ABNORMAL, self.protocol.close_reason or "")
                return

    async def _take(self, frame: Frame) -> bool:
        """One frame; True after the last."""
        if frame.opcode is Opcode.CLOSE:
            close = Close.parse(bytes(frame.data))
            await self.close(close.code, close.reason)
            return True
        if frame.opcode in (Opcode.PING, Opcode.PONG):
            return False
        if frame.opcode is not Opcode.CONT:
            self._kind = frame.opcode
        self._pieces.append(bytes(frame.data))
        if frame.fin:
            whole, self._pieces = b"".join(self._pieces), []
            if self._kind is Opcode.TEXT:
                await self.send({"type": "websocket.send", "text": whole.decode(errors="replace")})
            else:
                await self.send({"type": "websocket.send", "bytes": whole})
        return False

    async def close(self, code: int, reason: str) -> None:
        """Tell the browser why it ends."""
        # three codes are never sent: no code was given, and that no close came at all
        code = {1005: 1000, 1006: ABNORMAL, 1015: ABNORMAL}.get(code, code)
        with contextlib.suppress(Exception):  # the browser has left already
            await self.send({"type": "websocket.close", "code": code, "reason": reason})
