"""The browser terminal: `/ws/sandboxes/<id>/terminals/<execution id>/`, plain ASGI over the host's gateway.

Binary messages are the terminal's bytes, both ways. Text messages are JSON: `{"cols", "rows"}` from the page;
`{"at": n}` (the place after what was shown, to come back with as `?after=`), `{"gap": true}` (clear the
screen) and `{"ended": {…}}` to it. A page proves itself by the session's cookie and its Origin, a program by
a bearer token.

Closed with 4401 (nobody), 4403 (another origin), 4404 (not yours), 4409 (it has ended), 4503 (no agent).
"""

import asyncio
import json
import logging
import re
from typing import Any
from urllib.parse import parse_qs

from asgiref.sync import sync_to_async
from django.conf import settings

from agi_site.lib.problems import Problem, Unavailable

from . import gateway
from .doors import Receive, Scope, Send, is_same_origin, person_behind
from .models import ExecutionKind, ExecutionStatus, SandboxExecution

logger = logging.getLogger(__name__)

PATH = re.compile(r"/ws/sandboxes/(?P<sandbox>[0-9a-f-]{36})/terminals/(?P<execution>[0-9a-f-]{36})/?")
NOBODY, OTHER_ORIGIN, NOT_YOURS, ENDED, NO_AGENT = 4401, 4403, 4404, 4409, 4503
# A terminal that was asked for a moment ago waits for its host's agent this long.
START_SECONDS, LOOK_SECONDS = 20.0, 0.1
# Then who is behind the cookie or the token is looked at again: a revoked session loses its terminals.
CHECK_SECONDS = 60.0
LONGEST_MESSAGE = 1 << 20
MOST_COLUMNS = 1000


class Refused(Exception):
    """Close with a code of the list above."""

    def __init__(self, code: int, reason: str = "") -> None:
        self.code, self.reason = code, reason
        super().__init__(reason)


async def terminal_socket(scope: Scope, receive: Receive, send: Send) -> None:
    """The ASGI application of the terminals."""
    if (await receive())["type"] != "websocket.connect":
        return
    # accepted before it is refused, or the page could not see why
    await send({"type": "websocket.accept"})
    try:
        execution = await _allowed(scope)
        after = _after(scope)
        terminal = await _opened(execution, after)
        # says that it is there, even while the terminal has nothing new to show
        await send({"type": "websocket.send", "text": json.dumps({"at": after})})
        await _talk(scope, receive, send, terminal)
    except Refused as refused:
        await _close(send, refused.code, refused.reason)


async def _allowed(scope: Scope) -> SandboxExecution:
    """The terminal's execution, if whoever asks may have it."""
    found = PATH.fullmatch(scope["path"])
    if found is None:
        raise Refused(NOT_YOURS)
    user = await _who(scope)
    rows = SandboxExecution.objects.for_user(user).filter(
        pk=found["execution"], sandbox=found["sandbox"], kind=ExecutionKind.TERMINAL
    )
    row = await rows.without_output().select_related("sandbox").afirst()
    if row is None:
        raise Refused(NOT_YOURS)
    return row


async def _who(scope: Scope) -> Any:
    user, by_cookie = await sync_to_async(person_behind)(scope)
    if user is None:
        raise Refused(NOBODY)
    if by_cookie and not is_same_origin(scope, _hosts()):
        raise Refused(OTHER_ORIGIN)
    return user


def _hosts() -> list[str]:
    return settings.ALLOWED_HOSTS or [".localhost", "127.0.0.1", "[::1]"]


def _after(scope: Scope) -> int:
    given = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("after", ["0"])[0]
    return int(given) if given.isascii() and given.isdigit() and len(given) < 19 else 0


async def _opened(execution: SandboxExecution, after: int) -> gateway.Terminal:
    """The terminal, once it runs."""
    deadline = asyncio.get_running_loop().time() + START_SECONDS
    while True:
        await execution.arefresh_from_db(fields=["status"])
        if execution.status == ExecutionStatus.ENDED:
            raise Refused(ENDED)
        if execution.status == ExecutionStatus.RUNNING:
            try:
                return await gateway.open_terminal(execution, after)
            except Unavailable as problem:
                raise Refused(NO_AGENT, str(problem.message)) from problem
            except Problem as problem:
                if problem.code == "ended":
                    raise Refused(ENDED) from problem
                logger.info("a terminal is not there yet: %s", problem.code)
        if asyncio.get_running_loop().time() > deadline:
            raise Refused(NO_AGENT)
        await asyncio.sleep(LOOK_SECONDS)


async def _talk(scope: Scope, receive: Receive, send: Send, terminal: gateway.Terminal) -> None:
    """Both ways until one side ends; whichever ends first ends the others."""
    tasks = [
        asyncio.create_task(_to_terminal(receive, terminal)),
        asyncio.create_task(_to_page(send, terminal)),
        asyncio.create_task(_still_allowed(scope)),
    ]
    try:
        done, _rest = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await terminal.close()


async def _to_terminal(receive: Receive, terminal: gateway.Terminal) -> None:
    """What the page sends: bytes typed, or a size."""
    while True:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            return
        if data := message.get("bytes"):
            await terminal.send(data[:LONGEST_MESSAGE])
        elif (text := message.get("text")) and (size := _size(text)):
            await terminal.resize(*size)


def _size(text: str) -> tuple[int, int] | None:
    try:
        given = json.loads(text)
        cols, rows = int(given["cols"]), int(given["rows"])
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None
    return (cols, rows) if 1 <= cols <= MOST_COLUMNS and 1 <= rows <= MOST_COLUMNS else None


async def _to_page(send: Send, terminal: gateway.Terminal) -> None:
    """What the terminal shows, each piece followed by the place after it."""
    while True:
        frame = await terminal.receive()
        if frame is None:
            raise Refused(NO_AGENT)
        if frame.kind == "end":
            await send({"type": "websocket.send", "text": json.dumps({"ended": frame.ended or {}})})
            raise Refused(1000)
        if frame.kind == "gap":
            await send({"type": "websocket.send", "text": '{"gap": true}'})
        if frame.data:
            await send({"type": "websocket.send", "bytes": frame.data})
        await send({"type": "websocket.send", "text": json.dumps({"at": frame.at})})


async def _still_allowed(scope: Scope) -> None:
    while True:
        await asyncio.sleep(CHECK_SECONDS)
        await _allowed(scope)


async def _close(send: Send, code: int, reason: str = "") -> None:
    try:
        # a reason has at most 123 bytes
        await send(
            {"type": "websocket.close", "code": code, "reason": reason.encode()[:120].decode(errors="ignore")}
        )
    except Exception:  # the page has left
        logger.debug("a terminal's page had left already", exc_info=True)
