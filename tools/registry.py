"""What a tool can do: Python callables, registered by name by the app that owns the work.

Any app that stands above `tools` registers its own from `AppConfig.ready()`; the rows of table `tool` say
which of them are switched on (`services.sync_registry`).
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

type Result = dict[str, Any] | str
type ParameterType = Literal["string", "integer", "number", "boolean", "array", "object", "enum"]

DEFAULT_TIMEOUT = 20.0


class ToolFailure(Exception):
    """What a tool raises when it cannot give a result; the text tells its reader what to do."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """An argument of a tool. `schema` holds further JSON Schema keywords, such as minimum or items."""

    name: str
    type: ParameterType
    description: Any
    required: bool = False
    default: Any = None
    enum: Sequence[str] = ()
    schema: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ToolContext:
    """Who runs the tool, for what, and how long it may take (`deadline`: `time.monotonic()` seconds)."""

    user: Any
    execution_id: str
    conversation_id: str | None = None
    language: str = "en"
    deadline: float = float("inf")
    stopped: Callable[[], bool] = lambda: False

    def cancelled(self) -> bool:
        """Whether to give up: the person stopped it, or its time is over. Long tools ask between steps."""
        return time.monotonic() >= self.deadline or self.stopped()

    def remaining(self) -> float:
        """The seconds left; give this as time-out to whatever the tool waits for."""
        return max(0.0, self.deadline - time.monotonic())


@dataclass(frozen=True, slots=True)
class Implementation:
    """A registered tool: what its row says, and the callable that does the work."""

    name: str
    run: Callable[..., Result]
    description: Any
    category: str
    parameters: tuple[Parameter, ...]
    exec_env: Literal["host", "sandbox", "both"]
    version: str
    timeout: float


_implementations: dict[str, Implementation] = {}


def tool(
    name: str,
    *,
    category: str,
    description: Any,
    parameters: Sequence[Parameter] = (),
    exec_env: Literal["host", "sandbox", "both"] = "host",
    version: str = "1",
    timeout: float = DEFAULT_TIMEOUT,
) -> Callable[[Callable[..., Result]], Callable[..., Result]]:
    """Register `fn(call: ToolContext, **arguments)`; it returns a JSON object or text, or raises ToolFailure.

    It may run in a thread of its own, with its own database connection, and should look at
    `call.cancelled()` between steps.
    """

    def register(run: Callable[..., Result]) -> Callable[..., Result]:
        _implementations[name] = Implementation(
            name, run, description, category, tuple(parameters), exec_env, version, timeout
        )
        return run

    return register


def deadline_in(seconds: float) -> float:
    """The clock time, for `ToolContext.deadline`, at which `seconds` from now are over."""
    return time.monotonic() + seconds


def get(name: str) -> Implementation | None:
    """The implementation of a name, if an app has registered one."""
    return _implementations.get(name)


def implementations() -> list[Implementation]:
    """All registered tools, by name."""
    return [_implementations[name] for name in sorted(_implementations)]


def unregister(name: str) -> None:
    """Forget a tool; its row stays and shows as unavailable."""
    _implementations.pop(name, None)
