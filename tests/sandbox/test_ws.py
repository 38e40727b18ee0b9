"""The terminal's WebSocket: who may open it, what goes both ways, how it comes back and ends."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from asgiref.testing import ApplicationCommunicator

from accounts import services as accounts
from agi_site.asgi import application
from agi_site.lib.problems import Conflict, Unavailable
from sandbox import gateway, ws
from sandbox.gateway import TerminalFrame
from sandbox.models import ExecutionKind, ExecutionStatus, Sandbox, SandboxExecution

HOST = b"localhost:8000"


class FakeTerminal:
    """As gateway.Terminal: frames to be received, and what was sent to it."""

    def __init__(self) -> None:
        self.frames: asyncio.Queue[TerminalFrame | None] = asyncio.Queue()
        self.heard: list[Any] = []
        self.closed = False

    async def receive(self) -> TerminalFrame | None:
        return await self.frames.get()

    async def send(self, data: bytes) -> None:
        self.heard.append(data)

    async def resize(self, cols: int, rows: int) -> None:
        self.heard.append((cols, rows))

    async def close(self) -> None:
        self.closed = True


@pytest.fixture
def terminal(a_sandbox: Sandbox, alice: Any) -> SandboxExecution:
    return SandboxExecution.objects.create(
        sandbox=a_sandbox, user=alice, kind=ExecutionKind.TERMINAL, status=ExecutionStatus.RUNNING
    )


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the gateway was asked to open, and the terminals it gave."""
    asked: list[Any] = []

    async def open_terminal(execution: SandboxExecution, after: int = 0, **_options: Any) -> FakeTerminal:
        found = FakeTerminal()
        asked.append((execution.pk, after, found))
        return found

    monkeypatch.setattr(gateway, "open_terminal", open_terminal)
    return asked


@pytest.fixture
def socket_of(client_of: Any, api_of: Any) -> Callable[..., ApplicationCommunicator]:
    """`socket_of(execution, alice)` is a socket as a page of hers opens it."""

    def make(
        execution: SandboxExecution,
        user: Any,
        *,
        origin: str = "http://localhost:8000",
        query: str = "",
        **more: Any,
    ) -> ApplicationCommunicator:
        headers = [(b"host", HOST)]
        if origin:
            headers.append((b"origin", origin.encode()))
        if token := more.get("token"):
            headers.append((b"authorization", f"Bearer {token}".encode()))
        elif user is not None:
            cookies = client_of(user).cookies
            headers.append((b"cookie", "; ".join(f"{k}={v.value}" for k, v in cookies.items()).encode()))
        path = more.get("path") or f"/ws/sandboxes/{execution.sandbox_id}/terminals/{execution.pk}/"
        scope = {
            "type": "websocket",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": headers,
            "scheme": "ws",
            "client": ("127.0.0.1", 1),
            "subprotocols": [],
        }
        return ApplicationCommunicator(application, scope)

    return make


async def connected(socket: ApplicationCommunicator) -> None:
    await socket.send_input({"type": "websocket.connect"})
    assert (await socket.receive_output(5))["type"] == "websocket.accept"


async def closing_code(socket: ApplicationCommunicator) -> int:
    await connected(socket)
    while (message := await socket.receive_output(5))["type"] != "websocket.close":
        pass
    await socket.wait(5)
    return int(message["code"])


def run(work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    async def wait() -> Any:
        return await work()

    return async_to_sync(wait)()


# --- Who may ------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("who", "origin", "code"),
    [
        ("alice", "http://evil.example", 4403),
        ("alice", "http://localhost:9999", 4403),
        ("alice", "http://8000-x.localhost:8000", 4403),
        ("alice", "null", 4403),
        ("alice", "", 4403),
        ("bob", "http://localhost:8000", 4404),
        ("", "http://localhost:8000", 4401),
    ],
)
def test_strangers_others_and_other_origins_are_refused(
    who: str,
    origin: str,
    code: int,
    terminal: SandboxExecution,
    request: Any,
    socket_of: Any,
    opened: list[Any],
) -> None:
    user = request.getfixturevalue(who) if who else None
    socket = socket_of(terminal, user, origin=origin)
    assert run(lambda: closing_code(socket)) == code
    assert opened == []


def test_only_terminals_of_that_very_sandbox_are_terminals(
    terminal: SandboxExecution, alice: Any, socket_of: Any, opened: list[Any]
) -> None:
    other = Sandbox.objects.create(user=alice, image_name="python", status="running")
    command = SandboxExecution.objects.create(sandbox=terminal.sandbox, command="sh", status="running")
    for path in (
        f"/ws/sandboxes/{other.pk}/terminals/{terminal.pk}/",
        f"/ws/sandboxes/{terminal.sandbox_id}/terminals/{command.pk}/",
        "/ws/sandboxes/x/terminals/y/",
        "/ws/anything/",
    ):
        socket = socket_of(terminal, alice, path=path)
        assert run(lambda socket=socket: closing_code(socket)) == 4404, path


def test_a_program_comes_with_its_token_and_without_an_origin(
    terminal: SandboxExecution, alice: Any, bob: Any, socket_of: Any, opened: list[Any]
) -> None:
    def token_of(user: Any) -> str:
        signed_in = accounts.open_session(user=user, address="", user_agent="", seconds=60)
        return str(signed_in.token)

    async def works() -> None:
        socket = socket_of(terminal, None, origin="", token=token)
        await connected(socket)
        while not opened:
            await asyncio.sleep(0.01)
        await socket.send_input({"type": "websocket.disconnect", "code": 1000})
        await socket.wait(5)

    token = token_of(alice)
    run(works)
    foreign = socket_of(terminal, None, origin="", token=token_of(bob))
    assert run(lambda: closing_code(foreign)) == 4404
    false = socket_of(terminal, None, origin="", token="made up")
    assert run(lambda: closing_code(false)) == 4401


def test_a_session_that_was_revoked_loses_its_terminal(
    terminal: SandboxExecution, alice: Any, socket_of: Any, opened: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from accounts.models import Session

    monkeypatch.setattr(ws, "CHECK_SECONDS", 0.05)
    socket = socket_of(terminal, alice)

    async def revoke() -> int:
        await connected(socket)
        while not opened:
            await asyncio.sleep(0.01)
        await socket.receive_output(5)
        await Session.objects.all().adelete()
        code = int((await socket.receive_output(5))["code"])
        await socket.wait(5)
        return code

    assert run(revoke) == 4401
    assert opened[0][2].closed


# --- Both ways -------------------------------------------------------------------------
@pytest.mark.parametrize("after", ["%C2%B2", "-1", "9" * 19, "x"])
def test_a_place_that_is_none_is_the_beginning(
    after: str, terminal: SandboxExecution, alice: Any, socket_of: Any, opened: list[Any]
) -> None:
    socket = socket_of(terminal, alice, query=f"after={after}")

    async def talk() -> None:
        await connected(socket)
        async with asyncio.timeout(5):
            while not opened:
                await asyncio.sleep(0.01)
        assert opened[0][1] == 0

    run(talk)


def test_bytes_and_sizes_go_both_ways(
    terminal: SandboxExecution, alice: Any, socket_of: Any, opened: list[Any]
) -> None:
    socket = socket_of(terminal, alice, query="after=7")

    async def talk() -> None:
        await connected(socket)
        while not opened:
            await asyncio.sleep(0.01)
        key, after, inside = opened[0]
        assert (key, after) == (terminal.pk, 7)
        assert json.loads((await socket.receive_output(5))["text"]) == {"at": 7}
        await socket.send_input({"type": "websocket.receive", "text": '{"cols": 100, "rows": 30}'})
        for nonsense in (
            "",
            "{",
            "[]",
            '{"cols": 0, "rows": 5}',
            '{"cols": 1e9, "rows": 5}',
            '{"cols": Infinity, "rows": 5}',
            "[" * 100_000,
            '{"cols": "x"}',
        ):
            await socket.send_input({"type": "websocket.receive", "text": nonsense})
        await socket.send_input({"type": "websocket.receive", "bytes": b"ls\n"})
        await inside.frames.put(TerminalFrame("data", b"a.txt\r\n", 14))
        assert await socket.receive_output(5) == {"type": "websocket.send", "bytes": b"a.txt\r\n"}
        assert json.loads((await socket.receive_output(5))["text"]) == {"at": 14}
        await inside.frames.put(TerminalFrame("gap", b"later", 99))
        assert json.loads((await socket.receive_output(5))["text"]) == {"gap": True}
        assert (await socket.receive_output(5))["bytes"] == b"later"
        assert json.loads((await socket.receive_output(5))["text"]) == {"at": 99}
        await socket.send_input({"type": "websocket.disconnect", "code": 1001})
        await socket.wait(5)
        assert inside.heard == [(100, 30), b"ls\n"]
        assert inside.closed

    run(talk)


def test_the_end_is_told_and_then_closed(
    terminal: SandboxExecution, alice: Any, socket_of: Any, opened: list[Any]
) -> None:
    socket = socket_of(terminal, alice)

    async def end() -> list[Any]:
        await connected(socket)
        while not opened:
            await asyncio.sleep(0.01)
        await socket.receive_output(5)
        await opened[0][2].frames.put(TerminalFrame("end", ended={"exit_code": 3}))
        told = [await socket.receive_output(5), await socket.receive_output(5)]
        await socket.wait(5)
        return told

    told, closed = run(end)
    assert json.loads(told["text"]) == {"ended": {"exit_code": 3}}
    assert closed["code"] == 1000


def test_an_agent_that_goes_away_makes_the_page_come_back(
    terminal: SandboxExecution, alice: Any, socket_of: Any, opened: list[Any]
) -> None:
    socket = socket_of(terminal, alice)

    async def lose() -> int:
        await connected(socket)
        while not opened:
            await asyncio.sleep(0.01)
        await socket.receive_output(5)
        await opened[0][2].frames.put(None)
        code = int((await socket.receive_output(5))["code"])
        await socket.wait(5)
        return code

    assert run(lose) == 4503


# --- Before it runs, and after ------------------------------------------------------------
def test_a_terminal_that_was_just_asked_for_is_waited_for(
    terminal: SandboxExecution, alice: Any, socket_of: Any, opened: list[Any]
) -> None:
    SandboxExecution.objects.update(status=ExecutionStatus.QUEUED)
    socket = socket_of(terminal, alice)

    async def wait() -> None:
        await connected(socket)
        await asyncio.sleep(0.2)
        assert opened == []
        await SandboxExecution.objects.aupdate(status=ExecutionStatus.RUNNING)
        async with asyncio.timeout(5):
            while not opened:
                await asyncio.sleep(0.01)
        await socket.send_input({"type": "websocket.disconnect", "code": 1001})
        await socket.wait(5)

    run(wait)


def test_one_that_has_ended_says_so(terminal: SandboxExecution, alice: Any, socket_of: Any) -> None:
    SandboxExecution.objects.update(status=ExecutionStatus.ENDED)
    socket = socket_of(terminal, alice)
    assert run(lambda: closing_code(socket)) == 4409


@pytest.mark.parametrize(
    ("problem", "code"),
    [(Unavailable(), 4503), (Conflict(code="ended"), 4409), (Conflict(code="starting"), 4503)],
)
def test_what_the_gateway_refuses_is_told_by_a_code(
    problem: Exception,
    code: int,
    terminal: SandboxExecution,
    alice: Any,
    socket_of: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def refuse(*_args: Any, **_options: Any) -> Any:
        raise problem

    monkeypatch.setattr(gateway, "open_terminal", refuse)
    monkeypatch.setattr(ws, "START_SECONDS", 0.2)
    socket = socket_of(terminal, alice)
    assert run(lambda: closing_code(socket)) == code
