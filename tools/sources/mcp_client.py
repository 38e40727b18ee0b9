"""Talking to MCP servers by the official SDK: which tools there are, and calling one.

One connection per question: what a server keeps between two calls (its session) is not relied on. The SDK
takes seconds to import, so that is done when it is needed.
"""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

import anyio
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from agi_site.lib import outbound
from agi_site.lib.plain_json import repaired
from agi_site.lib.problems import Problem, Unavailable
from tools.models import SourceKind, ToolSource

from .drafts import LONGEST_DESCRIPTION, ToolDraft, parameters_of

LIST_SECONDS = 30.0
MOST_PAGES = 20
MOST_TOOLS = 500
LARGEST_ANSWER = 8_000_000
LOOK_SECONDS = 0.2


class RemoteError(Unavailable):
    """The server answers with an error, or not as the protocol says."""

    code, title = "source_failed", gettext_lazy("The tool server does not answer as it should.")


class Halted(Exception):
    """The call was stopped by whoever asked for it."""


def list_tools(source: ToolSource) -> list[ToolDraft]:
    """What the server offers; raises Problem."""

    async def ask(client: Any) -> list[ToolDraft]:
        found: list[ToolDraft] = []
        cursor: str | None = None
        for _page in range(MOST_PAGES):
            answer = await client.list_tools(cursor=cursor) if cursor else await client.list_tools()
            found += [_draft(tool) for tool in answer.tools]
            cursor = answer.next_cursor
            if not cursor or len(found) >= MOST_TOOLS:
                break
        return found[:MOST_TOOLS]

    drafts: list[ToolDraft] = _run(source, ask, seconds=LIST_SECONDS)
    return drafts


def call_tool(
    source: ToolSource,
    name: str,
    arguments: dict[str, Any],
    *,
    seconds: float,
    stopped: Callable[[], bool],
    progress: Callable[[str], None],
) -> tuple[bool, dict[str, Any]]:
    """Whether it worked, and the answer; what the server tells meanwhile goes to `progress`."""

    async def told(done: float, total: float | None, message: str | None) -> None:
        share = f"{done:g}/{total:g}" if total else f"{done:g}"
        progress(f"{share} {repaired(message or '')}".strip() + "\n")

    async def ask(client: Any) -> tuple[bool, dict[str, Any]]:
        answer = await client.call_tool(name, arguments, progress_callback=told)
        return not answer.is_error, _result(answer)

    async def logged(params: Any) -> None:
        text = params.data if isinstance(params.data, str) else json.dumps(params.data, ensure_ascii=False)
        progress(repaired(text)[:2000] + "\n")

    result: tuple[bool, dict[str, Any]] = _run(
        source, ask, seconds=seconds, stopped=stopped, logging_callback=logged
    )
    return result


def _run(
    source: ToolSource,
    ask: Callable[[Any], Any],
    *,
    seconds: float,
    stopped: Callable[[], bool] = lambda: False,
    **options: Any,
) -> Any:
    """What `ask(client)` gives; every failure as a Problem that says what to do."""
    try:
        return anyio.run(partial(_connected, source, ask, seconds, stopped, options))
    except TimeoutError as error:
        raise RemoteError(_("The tool server took too long to answer."), code="timeout") from error
    except Exception as error:
        raise _as_problem(error) from error


async def _connected(
    source: ToolSource,
    ask: Callable[[Any], Any],
    seconds: float,
    stopped: Callable[[], bool],
    options: dict[str, Any],
) -> Any:
    from mcp import Client

    answer: list[Any] = []
    with anyio.fail_after(max(seconds, 0.1)):
        async with anyio.create_task_group() as group:

            async def work() -> None:
                async with _transport(source) as transport, Client(transport, **options) as client:
                    answer.append(await ask(client))
                group.cancel_scope.cancel()

            async def watch() -> None:
                while not stopped():  # noqa: ASYNC110 - who stops it is in no event loop
                    await anyio.sleep(LOOK_SECONDS)
                raise Halted

            group.start_soon(work)
            group.start_soon(watch)
    return answer[0]


@asynccontextmanager
async def _transport(source: ToolSource) -> AsyncIterator[Any]:
    async with AsyncExitStack() as stack:
        if source.kind == SourceKind.MCP_STDIO:
            from .stdio import sandbox_transport

            yield sandbox_transport(source)
            return
        from mcp.client.streamable_http import streamable_http_client

        client = await stack.enter_async_context(
            outbound.async_client(
                headers={str(name): str(value) for name, value in (source.secrets or {}).items()},
                max_bytes=LARGEST_ANSWER,
                read_timeout=3600,  # a call may be silent for as long as its tool may run
            )
        )
        yield streamable_http_client(source.url or "", http_client=client)


def _draft(tool: Any) -> ToolDraft:
    about = repaired(tool.description or tool.title or "")[:LONGEST_DESCRIPTION]
    hints = tool.annotations
    return ToolDraft(
        remote_name=tool.name[:200],
        description=about,
        parameters=parameters_of(tool.input_schema),
        retry_safe=bool(hints and (hints.read_only_hint or hints.idempotent_hint)),
    )


def _result(answer: Any) -> dict[str, Any]:
    """Texts as they are; of pictures and sounds, which are no text to a model, their kind and size."""
    texts, others = [], []
    for block in answer.content:
        if block.type == "text":
            texts.append(repaired(block.text))
        else:
            told = block.model_dump(mode="json", exclude_none=True)
            if "data" in told:
                told["characters"] = len(told.pop("data"))
            others.append(told)
    result: dict[str, Any] = {"text": "\n".join(texts)}
    if answer.structured_content is not None:
        result["structured"] = answer.structured_content
    return result | ({"other": others} if others else {})


def _as_problem(error: BaseException) -> Problem:
    """The one failure that matters among those that came together."""
    from mcp.shared.exceptions import MCPError

    flat = _leaves(error)
    if any(isinstance(one, Halted) for one in flat):
        return RemoteError(_("It was stopped before it ended."), code="stopped")
    for one in flat:
        if isinstance(one, Problem):
            return one
    if any(isinstance(one, TimeoutError) for one in flat):
        return RemoteError(_("The tool server took too long to answer."), code="timeout")
    for one in flat:
        if isinstance(one, MCPError):
            message = _("The tool server answers: %(error)s")
            return RemoteError(message % {"error": repaired(str(one))[:500]})
    message = _("The tool server cannot be reached or does not speak MCP (%(error)s).")
    told = repaired(f"{type(flat[0]).__name__}: {flat[0]}")[:300]
    return RemoteError(message % {"error": told}, code="unreachable")


def _leaves(error: BaseException) -> list[BaseException]:
    """The failures themselves, out of their groups, with those that led to them."""
    found: list[BaseException] = []
    seen: set[int] = set()
    waiting: list[BaseException] = [error]
    while waiting and len(seen) < 50:
        one = waiting.pop(0)
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, BaseExceptionGroup):
            waiting += one.exceptions
        else:
            found.append(one)
        waiting += [linked for linked in (one.__cause__, one.__context__) if linked is not None]
    return found or [error]
