"""For tests of the ports' origins: a port, the cookie that lets in, requests, and what listens inside."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from asgiref.sync import async_to_sync
from asgiref.testing import ApplicationCommunicator
from django.urls import reverse

from accounts.models import Session
from sandbox.models import InstanceStatus, Sandbox, SandboxHost, SandboxInstance, SandboxPort

DOMAIN = "boxes.test:8000"


@pytest.fixture
def port(a_sandbox: Sandbox, settings: Any) -> SandboxPort:
    """Port 8000 of Alice's running sandbox."""
    settings.SANDBOX_DOMAIN = DOMAIN
    host = SandboxHost.objects.create(name="local", status="active")
    SandboxInstance.objects.create(host=host, sandbox=a_sandbox, profile="x", status=InstanceStatus.CLAIMED)
    return SandboxPort.objects.create(sandbox=a_sandbox, container_port=8000, host_port=0)


def host_of(port: SandboxPort, number: int = 0) -> str:
    return f"{number or port.container_port}-{port.sandbox_id}.{DOMAIN}"


def scope_of(host: str, path: str = "/", *, kind: str = "http", method: str = "GET", **headers: str) -> Any:
    target = urlsplit(path)
    named = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]
    return {
        "type": kind,
        "scheme": "http" if kind == "http" else "ws",
        "http_version": "1.1",
        "method": method,
        "path": target.path,
        "raw_path": target.path.encode(),
        "query_string": target.query.encode(),
        "headers": [(b"host", host.encode()), *named],
        "client": ("203.0.113.9", 5000),
        "subprotocols": [],
    }


async def answer_of(scope: Any, *pieces: bytes) -> tuple[int, dict[str, str], bytes]:
    """The whole answer to a request whose body comes in these pieces."""
    from agi_site.asgi import application

    one = ApplicationCommunicator(application, scope)
    for piece in pieces:
        await one.send_input({"type": "http.request", "body": piece, "more_body": True})
    await one.send_input({"type": "http.request", "body": b"", "more_body": False})
    start = await one.receive_output(10)
    body = b""
    while True:
        part = await one.receive_output(10)
        body += part.get("body", b"")
        if not part.get("more_body"):
            break
    await one.wait(10)
    headers = {name.decode(): value.decode("latin-1") for name, value in start["headers"]}
    return start["status"], headers, body


def ask(scope: Any, *pieces: bytes) -> tuple[int, dict[str, str], bytes]:
    return async_to_sync(answer_of)(scope, *pieces)


@pytest.fixture
def cookie(port: SandboxPort, alice: Any, client_of: Any) -> str:
    """The cookie of the port's origin, come by as a browser does."""
    address = client_of(alice).get(reverse("sandbox:port_open", args=[port.sandbox_id, port.pk])).url
    at = urlsplit(address)
    status, headers, _body = ask(scope_of(at.netloc, f"{at.path}?{at.query}"))
    assert status == 303
    assert headers["location"] == "/"
    return headers["set-cookie"].split(";")[0]


Program = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]


@pytest.fixture
def inside(monkeypatch: pytest.MonkeyPatch) -> Callable[[Program], Any]:
    """`async with inside(program)`: what listens on the port in the sandbox."""

    from sandbox import gateway

    @contextlib.asynccontextmanager
    async def listen(program: Program) -> AsyncIterator[None]:
        async with await asyncio.start_server(program, "127.0.0.1", 0) as server:
            place = server.sockets[0].getsockname()

            async def open_tunnel(_instance: Any, _port: int, **_options: Any) -> Any:
                return await asyncio.open_connection(*place)

            monkeypatch.setattr(gateway, "open_tunnel", open_tunnel)
            yield

    return listen


async def head_of(reader: asyncio.StreamReader) -> str:
    return (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")


def answering(answer: bytes, heard: list[str]) -> Program:
    async def program(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await head_of(reader))
        writer.write(answer)
        await writer.drain()
        writer.close()

    return program


# How whoever is connected to a port may lose it; a paused sandbox they keep.
LOST: dict[str, Callable[[], Any]] = {
    "signed out": lambda: Session.objects.all().delete(),
    "port closed": lambda: SandboxPort.objects.all().delete(),
    "sandbox deleted": lambda: Sandbox.objects.all().update(status="deleted"),
    "paused": lambda: Sandbox.objects.all().update(status="paused"),
}
