"""From the row of an execution to what the runner is asked for."""

from dataclasses import dataclass
from typing import Any

from sandbox.policy.limits import Limits

from ..models import ExecutionKind, SandboxExecution
from .masking import secret_values
from .output import STREAMS, Output

DEFAULT_SIZE = {"cols": 80, "rows": 24}


@dataclass(frozen=True, slots=True)
class Opening:
    """An operation of the runner with its arguments, and what is written to its standard input first."""

    op: str
    args: dict[str, Any]
    stdin: bytes = b""
    close_stdin: bool = False


def environment(row: SandboxExecution) -> dict[str, str]:
    """The variables of the sandbox and of the execution, which win."""
    security = getattr(row.sandbox, "security", None)
    shared = (security.env_variables if security else None) or {}
    return {str(name): str(value) for name, value in {**shared, **(row.environment or {})}.items()}


def secrets(row: SandboxExecution) -> list[bytes]:
    """What its output does not show: its variables, but for those as the template gives them to everybody."""
    config = row.sandbox.template.config if row.sandbox.template else None
    plain = config.get("env") if isinstance(config, dict) else None
    known = set(plain.items()) if isinstance(plain, dict) else set()
    return secret_values(dict(environment(row).items() - known))


def opening(row: SandboxExecution) -> Opening:
    """What the runner is asked for."""
    resource = getattr(row.sandbox, "resource", None)
    limits = Limits()
    args: dict[str, Any] = {
        "cwd": row.working_dir or "",
        "env": environment(row),
        "open_files": (resource and resource.open_files) or limits.open_files,
    }
    if row.kind == ExecutionKind.TERMINAL:
        argv = ["/bin/sh", "-c", row.command] if row.command else []
        return Opening("terminal", {**args, **DEFAULT_SIZE, "argv": argv, "timeout": row.timeout})
    args["timeout"] = row.timeout or (resource and resource.execution_timeout) or limits.execution_timeout
    args["output_limit"] = row.output_limit or (resource and resource.output_limit) or limits.output_limit
    if row.kind == ExecutionKind.CELL:
        return Opening("cell", {**args, "code": row.command, "session": row.python_session})
    stdin = (row.stdin or "").encode()
    args |= {"shell": row.command, "stdin": "open" if stdin or row.stdin_open else "closed"}
    return Opening("exec", args, stdin, close_stdin=bool(stdin) and not row.stdin_open)


def new_output(row: SandboxExecution) -> Output:
    """The output of an execution that begins."""
    return Output(secrets(row), show_all=row.kind == ExecutionKind.TERMINAL)


def known_output(row: SandboxExecution, *, acked: int) -> Output:
    """The output of an execution that another agent followed, from where its row is.

    Output that is only counted may have been acknowledged without having been written; that is made up for.
    """
    positions = {"stdout": row.stdout_bytes, "stderr": row.stderr_bytes}
    kept = {name: len((getattr(row, name) or "").encode()) for name in STREAMS}
    missed = max(acked - sum(positions.values()), 0)
    if missed:
        positions[max(kept, key=lambda name: kept[name])] += missed
    output = Output(
        secrets(row),
        positions=positions,
        kept=kept,
        show_all=row.kind == ExecutionKind.TERMINAL,
    )
    output.written({"stdout": row.stdout_bytes, "stderr": row.stderr_bytes})
    return output
