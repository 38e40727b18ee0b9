"""MCP servers that are programs: run in a sandbox of their own, spoken to over their input and output.

The sandbox belongs to the operator who added the source, so that nobody else can look at its secrets. Each
call is a process of its own. A program's files come with the source and are laid into an empty folder first,
so that nothing of one call is left to the next but what the program itself keeps elsewhere.
"""

import base64
import shlex
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import Any

import anyio
from django.db import connections
from django.utils.translation import gettext as _

from agi_site.lib import events
from agi_site.lib.problems import Conflict, Problem, Unavailable
from sandbox import services as sandboxes
from sandbox.channels import execution_channel
from sandbox.models import SandboxExecution
from tools.models import ToolSource

START_SECONDS = 60
LONGEST_LINE = 8_000_000


def command_line(source: ToolSource) -> str:
    """The shell command that lays the program's files and becomes the program."""
    given = source.command or {}
    lines = ['d=$(mktemp -d) && cd "$d" || exit 97']
    for name, text in (given.get("files") or {}).items():
        packed = base64.b64encode(str(text).encode()).decode()
        lines.append(f"printf %s {packed} | base64 -d > {shlex.quote(name)} || exit 97")
    lines.append(f"exec {shlex.join(map(str, given.get('argv') or []))}")
    return "\n".join(lines)


@asynccontextmanager
async def sandbox_transport(source: ToolSource) -> AsyncGenerator[tuple[Any, Any]]:
    """The pair of streams the SDK's client wants, over a program in the source's sandbox."""
    from mcp.shared.message import SessionMessage

    execution: SandboxExecution = await _in_thread(_start, source)
    incoming, read = anyio.create_memory_object_stream[Any](0)
    write, outgoing = anyio.create_memory_object_stream[SessionMessage](0)
    started = anyio.Event()
    try:
        async with anyio.create_task_group() as group:
            group.start_soon(_read, execution, incoming, started)
            group.start_soon(_write, execution, outgoing, started)
            try:
                yield read, write
            finally:
                group.cancel_scope.cancel()
    finally:
        with anyio.CancelScope(shield=True):
            await _in_thread(_end, execution)
            for stream in (incoming, read, write, outgoing):
                await stream.aclose()


async def _read(execution: SandboxExecution, incoming: Any, started: anyio.Event) -> None:
    """Lines of the program's output, as messages; raises when the program ends."""
    rest, errors = "", ""
    async for batch in events.follow(execution_channel(str(execution.pk)), events.START):
        for event in batch:
            if event.name == "started":
                started.set()
            elif event.name == "output" and event.data.get("stream") == "stderr":
                errors = (errors + event.data["text"])[-500:]
            elif event.name == "output":
                started.set()
                if event.data.get("omitted"):
                    raise Unavailable(_("The program wrote more than its sandbox takes."), code="too_large")
                lines = (rest + event.data["text"]).split("\n")
                rest = lines.pop()
                for line in filter(str.strip, lines):
                    await incoming.send(_message(line))
                if len(rest) > LONGEST_LINE:
                    raise Unavailable(_("The program wrote a line without an end."), code="too_large")
            elif event.name == "ended":
                message = _("The program of the tool server has ended. %(errors)s")
                raise Unavailable(message % {"errors": errors.strip()}, code="program_ended")


async def _write(execution: SandboxExecution, outgoing: Any, started: anyio.Event) -> None:
    with anyio.fail_after(START_SECONDS):
        await started.wait()
    async for message in outgoing:
        line = message.message.model_dump_json(by_alias=True, exclude_unset=True) + "\n"
        await _in_thread(_send, execution, line.encode())


def _message(line: str) -> Any:
    from mcp.shared.message import SessionMessage
    from mcp_types import jsonrpc_message_adapter

    try:
        return SessionMessage(jsonrpc_message_adapter.validate_json(line))
    except ValueError as error:  # the SDK is told, and goes on
        return error


def _start(source: ToolSource) -> SandboxExecution:
    owner = source.created_by
    if owner is None:
        raise Conflict(_("Whoever added this tool server is gone. Add it anew."), code="no_owner")
    sandbox = sandboxes.sandbox_of(
        owner=owner,
        origin=("tool_source", source.pk),
        name=source.name,
        template=(source.command or {}).get("template") or "",
    )
    return sandboxes.run_command(
        sandbox=sandbox,
        by=owner,
        command=command_line(source),
        env={str(name): str(value) for name, value in (source.secrets or {}).items()},
        stdin_open=True,
    )


def _send(execution: SandboxExecution, data: bytes) -> None:
    sandboxes.send_input(execution=execution, by=None, data=data)


def _end(execution: SandboxExecution) -> None:
    with suppress(Problem):
        sandboxes.cancel_execution(execution=execution, by=None)


async def _in_thread(work: Any, *args: Any) -> Any:
    """Run a service beside the loop; its thread gives its database connection back."""

    def run() -> Any:
        try:
            return work(*args)
        finally:
            connections.close_all()

    return await anyio.to_thread.run_sync(run)
