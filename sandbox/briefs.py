"""What a start needs of an execution's row and its sandbox: one query's columns, or a poke that brings them.

Whoever stores an execution mostly has its sandbox at hand. What they hand over saves the agent the one query
between a command and its output. A brief is encrypted, for it holds the environment, and travels in a signed
request that is good once and for a minute; the row decides, for the agent takes it by compare-and-set.
"""

import json
from collections import defaultdict
from typing import Any

from agi_site.lib import crypto

from .models import (
    Sandbox,
    SandboxExecution,
    SandboxInstance,
    SandboxResource,
    SandboxSecurity,
    SandboxStatus,
    SandboxTemplate,
)

PARTS: dict[str, type[Any]] = {
    "instance": SandboxInstance,
    "security": SandboxSecurity,
    "resource": SandboxResource,
    "template": SandboxTemplate,
}
COLUMNS = (
    "id",
    "sandbox_id",
    "kind",
    "status",
    "command",
    "working_dir",
    "python_session",
    "environment",
    "stdin",
    "stdin_open",
    "timeout",
    "output_limit",
    "cancel_requested_at",
    "sandbox__id",
    "sandbox__status",
    "sandbox__verb",
    "sandbox__origin_type",
    "sandbox__template_id",
    "sandbox__template__id",
    "sandbox__template__config",
    "sandbox__instance__id",
    "sandbox__instance__host_id",
    "sandbox__instance__sandbox_id",
    "sandbox__security__sandbox_id",
    "sandbox__security__env_variables",
    "sandbox__resource__sandbox_id",
    "sandbox__resource__execution_timeout",
    "sandbox__resource__output_limit",
    "sandbox__resource__open_files",
)
JOINED = [f"sandbox__{part}" for part in PARTS]
# Longer ones the agent reads for itself.
LONGEST = 32 << 10


def startable(sandbox: Sandbox) -> bool:
    """Whether its executions may start now: it runs, and nothing is being done to it."""
    return sandbox.status == SandboxStatus.RUNNING and not sandbox.verb


def rows() -> Any:
    """Executions with what a start needs of them, and nothing else."""
    return SandboxExecution.objects.select_related(*JOINED).only(*COLUMNS)


def brief_of(row: SandboxExecution) -> str:
    """A stored execution as a text for its agent; "" unless it may start now and all of it is at hand."""
    loaded = row.sandbox._state.fields_cache
    at_hand = "template" in loaded and all(loaded.get(part) for part in PARTS if part != "template")
    if not at_hand or not startable(row.sandbox) or len(row.command) + len(row.stdin or "") > LONGEST:
        return ""
    return crypto.encrypt(json.dumps({column: _value(row, column) for column in COLUMNS}))


def row_of(brief: str) -> SandboxExecution:
    """The execution behind a brief, as the query would have given it."""
    values: dict[str, dict[str, Any]] = defaultdict(dict)
    for column, value in json.loads(crypto.decrypt(brief)).items():
        where, _dots, name = column.rpartition("__")
        values[where][name] = value
    sandbox = Sandbox(**values["sandbox"])
    for part, model in PARTS.items():
        columns = values[f"sandbox__{part}"]
        is_there = any(value is not None for value in columns.values())
        setattr(sandbox, part, model(**columns) if is_there else None)
    return SandboxExecution(**values[""], sandbox=sandbox)


def _value(row: Any, column: str) -> Any:
    """The value of a column by its path; None where a part on the way is missing."""
    for name in column.split("__"):
        row = None if row is None else getattr(row, name)
    return row
