"""Our tools for other programs' assistants: an MCP server at /mcp/ (streamable HTTP), by the official SDK.

Whoever asks shows a bearer token, as over REST; they see and run what that person may, through the same
policy and ledger. Nothing is kept between two requests, so any number of processes may answer. The SDK takes
seconds to import, so that is done at the first request.
"""

import asyncio
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, suppress
from types import SimpleNamespace
from typing import Any
from weakref import WeakKeyDictionary

from django.db import connections
from django.utils.translation import gettext as _
from django.utils.translation import override

from accounts.services import authenticate_token
from agi_site.lib.api.throttles import PersonThrottle
from agi_site.lib.problems import Problem
from tools import results, services
from tools.models import ToolExecution, ToolExecutionStatus

PATH = "/mcp"
LARGEST_REQUEST = 4 << 20
# A call that waits for consent (given on a page, or over REST) is waited for so long.
CONSENT_SECONDS = 120.0
LOOK_SECONDS = 0.5
PERSON, LANGUAGE = "agi.person", "agi.language"

_managers: "WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Future[Any]]" = WeakKeyDictionary()
_kept: set[asyncio.Task[None]] = set()
_threads = ThreadPoolExecutor(64, thread_name_prefix="mcp")


def is_for_mcp(scope: Any) -> bool:
    """Whether a request is for the MCP server."""
    return scope["type"] == "http" and scope["path"].rstrip("/") == PATH


async def mcp_server(scope: Any, receive: Any, send: Any) -> None:
    """Answer one request: 401 for strangers, 429 for who asks too often, else the SDK answers."""
    headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
    person, wait = await _in_thread(lambda: _who_asks(headers.get(b"authorization", "")))
    if person is None:
        challenge = [(b"www-authenticate", b"Bearer")]
        await _refuse(send, 401, _("Show a token: Authorization: Bearer …"), challenge)
        return
    if wait:
        await _refuse(send, 429, _("Too many requests."), [(b"retry-after", str(wait).encode())])
        return
    language = "ko" if headers.get(b"accept-language", "").lower().startswith("ko") else "en"
    manager = await _manager()
    await manager.handle_request({**scope, PERSON: person, LANGUAGE: language}, receive, send)


def _who_asks(authorization: str) -> tuple[Any, int]:
    """The token's person (None for strangers), and how many seconds they have to wait."""
    scheme, _space, token = authorization.partition(" ")
    session = authenticate_token(token.strip()) if scheme.lower() == "bearer" else None
    if session is None:
        return None, 0
    throttle = PersonThrottle()
    request: Any = SimpleNamespace(user=session.user)
    return session.user, 0 if throttle.allow_request(request, None) else int(throttle.wait()) + 1


async def _refuse(send: Any, status: int, text: str, headers: list[tuple[bytes, bytes]]) -> None:
    problem = {"type": "about:blank", "status": status, "code": "mcp_refused", "title": text}
    headers = [(b"content-type", b"application/problem+json"), *headers]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(problem, ensure_ascii=False).encode()})


# --- The SDK's server, one for each event loop --------------------------------------------------------------
async def _manager() -> Any:
    loop = asyncio.get_running_loop()
    if loop not in _managers:
        _managers[loop] = loop.create_future()
        task = loop.create_task(_keep_running(_managers[loop]))
        _kept.add(task)
        task.add_done_callback(_kept.discard)
    return await asyncio.shield(_managers[loop])


async def _keep_running(ready: "asyncio.Future[Any]") -> None:
    """Hold the SDK's task group open for as long as the loop lives; uvicorn's lifespan is not used."""
    try:
        manager = await _in_thread(_make)
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(manager.run())
            ready.set_result(manager)
            await asyncio.Event().wait()
    except Exception as error:
        if not ready.done():
            ready.set_exception(error)
            _managers.pop(asyncio.get_running_loop(), None)
        raise


def _make() -> Any:
    from mcp.server.lowlevel import Server
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

    server: Any = Server(
        "agi-site",
        version="1",
        instructions="Tools, knowledge and memory of the person whose token is shown.",
        on_list_tools=_list_tools,
        on_call_tool=_call_tool,
    )
    return StreamableHTTPSessionManager(server, stateless=True, max_request_body_size=LARGEST_REQUEST)


# --- Answers ------------------------------------------------------------------------------------------------
async def _list_tools(context: Any, params: Any) -> Any:
    from mcp_types import ListToolsResult, Tool

    scope = context.request.scope
    specs = await _in_thread(lambda: services.specs_for(scope[PERSON]))
    return ListToolsResult(
        tools=[Tool(name=one.name, description=one.description, input_schema=one.parameters) for one in specs]
    )


async def _call_tool(context: Any, params: Any) -> Any:
    from mcp_types import CallToolResult, TextContent

    scope, stop, loop = context.request.scope, threading.Event(), asyncio.get_running_loop()
    heard: asyncio.Queue[str | None] = asyncio.Queue(1000)

    def hear(text: str) -> None:
        def put() -> None:
            if not heard.full():
                heard.put_nowait(text)

        loop.call_soon_threadsafe(put)

    teller = loop.create_task(_tell(context, heard))
    _kept.add(teller)
    teller.add_done_callback(_kept.discard)
    try:
        text, structured, failed = await _in_thread(
            lambda: _run(scope[PERSON], scope[LANGUAGE], params, stop, hear)
        )
    finally:
        stop.set()  # whoever asked has gone, or it has ended
        if heard.full():
            heard.get_nowait()
        heard.put_nowait(None)
    await teller
    return CallToolResult(
        content=[TextContent(type="text", text=text)], structured_content=structured, is_error=failed
    )


async def _tell(context: Any, heard: "asyncio.Queue[str | None]") -> None:
    """Live output as progress, to those who asked for it."""
    count = 0
    with suppress(Exception):  # who asked may be gone; the answer does not depend on this
        while (text := await heard.get()) is not None:
            count += 1
            await context.session.report_progress(count, message=text[:2000])


async def _in_thread(work: Callable[[], Any]) -> Any:
    """Run in a thread of our own (some wait for minutes); its database connection does not outlast it."""

    def run() -> Any:
        try:
            return work()
        finally:
            connections.close_all()

    return await asyncio.get_running_loop().run_in_executor(_threads, run)


def _run(
    person: Any, language: str, params: Any, stop: threading.Event, hear: Any
) -> tuple[str, dict[str, Any] | None, bool]:
    """The text of the answer, the answer as an object where it is one, and whether it failed."""
    with override(language):
        try:
            execution = services.run_tool(
                user=person,
                name=params.name,
                arguments=params.arguments or {},
                language=language,
                attended_by="mcp",
                stopped=stop.is_set,
                heard=lambda _execution, name, data: hear(data.get("text", "")) if name == "output" else None,
            )
            return _told(_ended(execution, stop))
        except Problem as problem:
            faults = [f"{name}: {fault}" for name, some in problem.errors.items() for fault in some]
            return "\n".join([str(problem.message), *faults]), None, True


def _ended(execution: ToolExecution, stop: threading.Event) -> ToolExecution:
    """The row once it has ended; what waits for consent or for something else is waited for."""
    waited = 0.0
    while not execution.ended and waited < CONSENT_SECONDS and not stop.wait(LOOK_SECONDS):
        waited += LOOK_SECONDS
        execution.refresh_from_db()
    return execution


def _told(execution: ToolExecution) -> tuple[str, dict[str, Any] | None, bool]:
    if execution.status == ToolExecutionStatus.COMPLETED:
        result = results.shortened(results.outline(execution.result), results.HEAD_CHARACTERS)
        text = result if isinstance(result, str) else json.dumps(result, ensure_ascii=False)
        return text, result if isinstance(result, dict) else None, False
    if execution.ended:
        return execution.error_message or execution.error_code, None, True
    message = _("It still waits (execution %(id)s), perhaps for consent: see Approvals.")
    return message % {"id": execution.pk}, None, True
