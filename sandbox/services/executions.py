"""Commands, code cells and terminals in sandboxes: rows that the agent of the host takes up."""

from collections.abc import Mapping
from typing import Any

from ..models import Sandbox, SandboxExecution


def run_command(
    *,
    sandbox: Sandbox,
    by: Any,
    command: str,
    working_dir: str = "",
    env: Mapping[str, str] | None = None,
    stdin: str = "",
    stdin_open: bool = False,
    timeout: int | None = None,
    output_limit: int | None = None,
) -> SandboxExecution:
    """Queue a shell command; events come on `channels.execution_channel(id)`.

    `stdin` is given at once; `stdin_open` leaves it open for `send_input`. A paused or stopped sandbox is a
    Conflict; one that is still being created, started or restarted takes it and runs it then.
    """
    raise NotImplementedError


def run_cell(
    *,
    sandbox: Sandbox,
    by: Any,
    code: str,
    session: str = "",
    working_dir: str = "",
    env: Mapping[str, str] | None = None,
    timeout: int | None = None,
    output_limit: int | None = None,
) -> SandboxExecution:
    """Queue Python code; cells of one `session` share their variables, "" is a fresh state each time."""
    raise NotImplementedError


def open_terminal(
    *,
    sandbox: Sandbox,
    by: Any,
    command: str = "",
    working_dir: str = "",
    env: Mapping[str, str] | None = None,
) -> SandboxExecution:
    """Queue an interactive terminal (kind `terminal`); talk to it by `gateway.open_terminal`."""
    raise NotImplementedError


def cancel_execution(*, execution: SandboxExecution, by: Any) -> SandboxExecution:
    """Ask for its end, with all its children; one that has ended is left alone."""
    raise NotImplementedError


def send_input(*, execution: SandboxExecution, by: Any, data: bytes = b"", eof: bool = False) -> None:
    """Write to the open stdin of a running execution; raises Conflict or Unavailable."""
    raise NotImplementedError


def wait_for(*, execution: SandboxExecution, timeout: float) -> SandboxExecution:
    """Wait until it has ended, for `timeout` seconds at most; returns the row as it is then."""
    raise NotImplementedError
