"""WebSockets of ports of sandboxes: messages both ways, closes passed on, and who is refused."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from asgiref.testing import ApplicationCommunicator
from websockets.asyncio.server import ServerConnection, serve

from agi_site.asgi import application
from sandbox import gateway, proxy_http
from sandbox.models import SandboxPort

from .fixtures_proxy import LOST, answering, host_of, scope_of


async def _echo(connection: ServerConnection) -> None:
    async for message in connection:
        await connection.send(message)
        if message == "bye":
            await connection.close(4001, "as you wish")
            return


def _socket_scope(port: SandboxPort, cookie: str, origin: str = "") -> Any:
    scope = scope_of(
        host_of(port),
        "/chat?room=1",
        kind="websocket",
        cookie=cookie,
        origin=origin or f"http://{host_of(port)}",
    )
    return scope | {"subprotocols": ["chat.v2", "chat.v1"]}


@contextlib.asynccontextmanager
async def _connected(
    program: Any, port: SandboxPort, cookie: str, monkeypatch: pytest.MonkeyPatch, **options: Any
) -> AsyncIterator[ApplicationCommunicator]:
    """Somebody who has asked for a WebSocket of a port, behind which a program speaks."""
    async with serve(program, "127.0.0.1", 0, **options) as server:
        place = next(iter(server.sockets)).getsockname()

        async def open_tunnel(_instance: Any, _port: int, **_options: Any) -> Any:
            return await asyncio.open_connection(*place[:2])

        monkeypatch.setattr(gateway, "open_tunnel", open_tunnel)
        one = ApplicationCommunicator(application, _socket_scope(port, cookie))
        await one.send_input({"type": "websocket.connect"})
        yield one


def test_messages_go_both_ways_and_the_close_is_passed_on(
    port: SandboxPort, cookie: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []

    async def program(connection: ServerConnection) -> None:
        seen.append(connection.request)
        await _echo(connection)

    async def go() -> None:
        async with _connected(
            program, port, cookie, monkeypatch, subprotocols=["chat.v1"], max_size=None
        ) as one:
            assert await one.receive_output(5) == {"type": "websocket.accept", "subprotocol": "chat.v1"}
            large = "가" * 300_000
            for said in ("hello", large):
                await one.send_input({"type": "websocket.receive", "text": said})
                assert (await one.receive_output(10))["text"] == said
            await one.send_input({"type": "websocket.receive", "bytes": b"\x00\xff"})
            assert (await one.receive_output(5))["bytes"] == b"\x00\xff"
            await one.send_input({"type": "websocket.receive", "text": "bye"})
            assert (await one.receive_output(5))["text"] == "bye"
            closed = await one.receive_output(5)
            assert (closed["type"], closed["code"], closed["reason"]) == (
                "websocket.close", 4001, "as you wish",
            )  # fmt: skip
            await one.wait(5)

    async_to_sync(go)()
    (request,) = seen
    assert request.path == "/chat?room=1"
    assert request.headers["Host"] == host_of(port)
    assert "agi_port" not in str(request.headers)


def test_a_program_that_dies_is_not_told_as_a_close_in_good_order(
    port: SandboxPort, cookie: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def program(connection: ServerConnection) -> None:
        connection.transport.abort()

    async def go() -> int:
        async with _connected(program, port, cookie, monkeypatch) as one:
            assert (await one.receive_output(5))["type"] == "websocket.accept"
            closed = await one.receive_output(5)
            await one.wait(5)
            return int(closed["code"])

    assert async_to_sync(go)() == 1011


@pytest.mark.parametrize("what", ["signed out", "port closed", "paused"])
def test_a_socket_ends_with_the_right_to_it(
    port: SandboxPort, cookie: str, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.setattr(proxy_http, "CHECK_SECONDS", 0.2)

    async def go() -> Any:
        async with _connected(_echo, port, cookie, monkeypatch) as one:
            assert (await one.receive_output(5))["type"] == "websocket.accept"
            await asyncio.sleep(0.5)
            await one.send_input({"type": "websocket.receive", "text": "still"})
            assert (await one.receive_output(5))["text"] == "still"
            await sync_to_async(LOST[what])()
            await asyncio.sleep(0.5)
            if what == "paused":
                await one.send_input({"type": "websocket.receive", "text": "bye"})
            told = await one.receive_output(5)
            await one.wait(5)
            return told.get("code", told.get("text"))

    assert async_to_sync(go)() == ("bye" if what == "paused" else 1008)


def test_a_page_that_leaves_closes_the_socket_inside(
    port: SandboxPort, cookie: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def go() -> None:
        ended = asyncio.Event()

        async def program(connection: ServerConnection) -> None:
            await connection.wait_closed()
            ended.set()

        async with _connected(program, port, cookie, monkeypatch) as one:
            assert (await one.receive_output(5))["type"] == "websocket.accept"
            await one.send_input({"type": "websocket.disconnect", "code": 1001})
            await one.wait(5)
            await asyncio.wait_for(ended.wait(), 5)

    async_to_sync(go)()


@pytest.mark.parametrize(
    ("origin", "with_cookie"), [("http://localhost:8000", True), ("http://evil.example", True), ("", False)]
)
def test_sockets_of_others_are_refused_before_they_are_accepted(
    port: SandboxPort, cookie: str, origin: str, with_cookie: bool
) -> None:
    async def go() -> Any:
        scope = _socket_scope(port, cookie if with_cookie else "a=b", origin)
        one = ApplicationCommunicator(application, scope)
        await one.send_input({"type": "websocket.connect"})
        told = await one.receive_output(5)
        await one.wait(5)
        return told

    assert async_to_sync(go)()["type"] == "websocket.close"


def test_a_program_that_takes_no_socket_refuses_it(port: SandboxPort, cookie: str, inside: Any) -> None:
    async def go() -> Any:
        async with inside(answering(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", [])):
            one = ApplicationCommunicator(application, _socket_scope(port, cookie))
            await one.send_input({"type": "websocket.connect"})
            told = await one.receive_output(5)
            await one.wait(5)
            return told

    assert async_to_sync(go)()["type"] == "websocket.close"
