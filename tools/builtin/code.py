"""Code and files in the sandbox of a conversation, or of the person where there is none."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from agi_site.lib import targets
from agi_site.lib.problems import Problem
from sandbox import files
from sandbox import services as sandboxes
from sandbox.models import ExecutionStatus, Sandbox, SandboxExecution
from sandbox.reasons import told
from tools.registry import Parameter, ToolContext, ToolFailure, tool

LONGEST_READ = 8000
LONGEST_NAME = 100
TIMEOUT_SECONDS = 120
LONGEST_CODE = 100_000
# A sandbox that was stopped meanwhile is started again; it gets this long to stand.
LOOK_SECONDS = 0.5

_path = Parameter(
    "path",
    "string",
    gettext_lazy("The path of the file below the workspace."),
    required=True,
    schema={"minLength": 1, "maxLength": 255},
)


@tool(
    "python",
    category="sandbox",
    description=gettext_lazy(
        "Run Python code in the conversation's locked-down sandbox; variables and files stay for later calls."
    ),
    parameters=[
        Parameter(
            "code",
            "string",
            gettext_lazy("The Python code; the value of its last expression is shown too."),
            required=True,
            schema={"minLength": 1, "maxLength": LONGEST_CODE},
        )
    ],
    exec_env="sandbox",
    timeout=TIMEOUT_SECONDS,
)
def python(call: ToolContext, *, code: str) -> dict[str, Any]:
    """`{"stdout", "stderr", "exit_code", "cause", "detail", "sandbox", "execution"}`."""
    return run_in_sandbox(call, lambda sandbox: sandboxes.run_cell(
        sandbox=sandbox, by=call.user, code=code, session="chat", timeout=seconds_left(call)
    ))  # fmt: skip


@tool(
    "shell",
    category="sandbox",
    description=gettext_lazy("Run a shell command in the conversation's locked-down sandbox."),
    parameters=[
        Parameter(
            "command",
            "string",
            gettext_lazy("The command, as bash takes it."),
            required=True,
            schema={"minLength": 1, "maxLength": LONGEST_CODE},
        )
    ],
    exec_env="sandbox",
    timeout=TIMEOUT_SECONDS,
)
def shell(call: ToolContext, *, command: str) -> dict[str, Any]:
    """`{"stdout", "stderr", "exit_code", "cause", "detail", "sandbox", "execution"}`."""
    return run_in_sandbox(call, lambda sandbox: sandboxes.run_command(
        sandbox=sandbox, by=call.user, command=command, timeout=seconds_left(call)
    ))  # fmt: skip


@tool(
    "read_file",
    category="sandbox",
    description=gettext_lazy("Read a text file in the conversation's sandbox."),
    parameters=[_path],
    exec_env="sandbox",
)
def read_file(call: ToolContext, *, path: str) -> dict[str, Any]:
    """`{"path", "content", "complete"}`: the first bytes, and whether that is all."""
    with as_failure():
        found = files.read_file(sandbox=own_sandbox(call), by=call.user, path=path, limit=LONGEST_READ)
    if found.text is None:
        raise ToolFailure(_("“%(path)s” is not a text file.") % {"path": path})
    return {"path": path, "content": found.text, "complete": found.complete}


@tool(
    "write_file",
    category="sandbox",
    description=gettext_lazy("Write a text file in the conversation's sandbox; an existing one is replaced."),
    parameters=[
        _path,
        Parameter(
            "content",
            "string",
            gettext_lazy("The whole text."),
            required=True,
            schema={"maxLength": LONGEST_CODE},
        ),
    ],
    exec_env="sandbox",
)
def write_file(call: ToolContext, *, path: str, content: str) -> dict[str, Any]:
    """`{"path", "size_bytes"}`."""
    with as_failure():
        written = files.write_file(sandbox=own_sandbox(call), by=call.user, path=path, content=content)
    return {"path": path, "size_bytes": written.size_bytes}


def own_sandbox(call: ToolContext) -> Sandbox:
    """The sandbox of the conversation; without one, the person's own for tools."""
    origin, name = ("user", str(call.user.pk)), _("Tools")
    if call.conversation_id:
        origin, name = ("conversation", call.conversation_id), _title(call)
    sandbox = sandboxes.sandbox_of(owner=call.user, origin=origin, name=name)
    call.ran_in(sandbox.pk)
    return sandbox


def _title(call: ToolContext) -> str:
    """What the conversation is called, as far as a sandbox's name holds it."""
    try:
        row = targets.resolve(
            target_type="conversation", target_id=call.conversation_id or "", user=call.user
        )
    except Problem:  # it is gone
        return _("Conversation")
    return str(row)[:LONGEST_NAME]


def run_in_sandbox(call: ToolContext, start: Callable[[Sandbox], SandboxExecution]) -> dict[str, Any]:
    """What an execution in the caller's sandbox gave, with its output shown while it runs."""
    with as_failure():
        execution, shown = start(own_sandbox(call)), 0
        while execution.status != ExecutionStatus.ENDED:
            if call.cancelled():
                sandboxes.cancel_execution(execution=execution, by=call.user)
                raise ToolFailure(_("It was stopped before it ended."))
            execution = sandboxes.wait_for(execution=execution, timeout=min(LOOK_SECONDS, call.remaining()))
            call.progress((execution.stdout or "")[shown:])
            shown = len(execution.stdout or "")
    return {
        "stdout": execution.stdout or "",
        "stderr": execution.stderr or "",
        "exit_code": execution.exit_code,
        "cause": execution.cause,
        "detail": told(execution.detail)
        or (execution.get_cause_display() if execution.cause != "exit" else ""),
        "sandbox": execution.sandbox_id,
        "execution": execution.pk,
    }


def seconds_left(call: ToolContext) -> int:
    """What is left of the tool's time, for the execution; a second is kept for telling of its end."""
    return max(1, int(min(call.remaining(), TIMEOUT_SECONDS)) - 1)


@contextmanager
def as_failure() -> Iterator[None]:
    """What the sandbox refuses is told to whoever asked the tool, with its fields."""
    try:
        yield
    except Problem as problem:
        said = str(problem.message)
        faults = "; ".join(str(fault) for some in problem.errors.values() for fault in some)
        raise ToolFailure(said if faults in said else f"{said} {faults}") from problem
