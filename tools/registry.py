"""What a tool can do: Python callables, registered by name by the app that owns the work.

Any app that stands above `tools` registers its own from `AppConfig.ready()`; the rows of table `tool` say
which of them are switched on (`services.sync_registry`).
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

type Env = Literal["host", "sandbox"]
type ParameterType = Literal["string", "integer", "number", "boolean", "array", "object", "enum"]

DEFAULT_TIMEOUT = 20.0


class ToolFailure(Exception):
    """What a tool raises when it cannot give a result; the text tells its reader what to do.

    `passing`: the same call may well succeed in a moment, so a tool that is safe to run again is.
    """

    def __init__(self, *args: Any, passing: bool = False) -> None:
        super().__init__(*args)
        self.passing = passing


@dataclass(frozen=True, slots=True)
class Later:
    """What a tool returns whose end comes from elsewhere: its execution stays `running` and holds nobody.

    `awaits_type` and `awaits_id` name what it waits for ("plan_execution", its id); whoever ends that calls
    `services.finish_execution`. Who wants to stop it is told by the event `tool_execution.stop_requested`.
    """

    awaits_type: str
    awaits_id: str


type Result = dict[str, Any] | str
type Answer = Result | Later


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
    """Who runs the tool, for what, and how long it may take (`deadline`: `time.monotonic()` seconds).

    `idempotency_key` stays the same over all attempts at the same asked-for call, `attempt` counts them from
    1. `exec_env` is where a tool that can run in both is to run. `told` hears the tool's live output.
    """

    user: Any
    execution_id: str
    conversation_id: str | None = None
    language: str = "en"
    deadline: float = float("inf")
    stopped: Callable[[], bool] = lambda: False
    idempotency_key: str = ""
    attempt: int = 1
    exec_env: Env = "host"
    trigger: tuple[str, str] | None = None
    unattended: bool = False
    told: Callable[[str], None] = lambda text: None
    facts: dict[str, Any] = field(default_factory=dict)

    def cancelled(self) -> bool:
        """Whether to give up: the person stopped it, or its time is over. Long tools ask between steps."""
        return time.monotonic() >= self.deadline or self.stopped()

    def remaining(self) -> float:
        """The seconds left; give this as time-out to whatever the tool waits for."""
        return max(0.0, self.deadline - time.monotonic())

    def progress(self, text: str) -> None:
        """Show output while the tool still runs, to whoever follows its execution."""
        if text:
            self.told(text)

    def ran_in(self, sandbox_id: str) -> None:
        """Say in which sandbox the work is done; the ledger keeps it."""
        self.facts["sandbox_id"] = sandbox_id


@dataclass(frozen=True, slots=True)
class Implementation:
    """A registered tool: what its row says, and the callable that does the work.

    `retry_safe`: running it twice does no harm, so it is run again (at most `max_retries` times) when it
    breaks or its process dies. `transactional`: it writes our database and nothing else, and runs in one
    transaction with the end of its ledger row: exactly once. `default_effect` counts where no rule of the
    policy fits. `ui` names the card that shows it in chat.
    """

    name: str
    run: Callable[..., Answer]
    description: Any
    category: str
    parameters: tuple[Parameter, ...] = ()
    exec_env: Literal["host", "sandbox", "both"] = "host"
    version: str = "1"
    timeout: float = DEFAULT_TIMEOUT
    retry_safe: bool = False
    max_retries: int = 0
    default_effect: Literal["allow", "ask", "deny"] = "allow"
    transactional: bool = False
    ui: str = ""


_implementations: dict[str, Implementation] = {}
_resolvers: dict[str, Callable[[Any], Implementation | None]] = {}


def tool(
    name: str,
    *,
    category: str,
    description: Any,
    parameters: Sequence[Parameter] = (),
    exec_env: Literal["host", "sandbox", "both"] = "host",
    version: str = "1",
    timeout: float = DEFAULT_TIMEOUT,
    retry_safe: bool = False,
    max_retries: int = 0,
    default_effect: Literal["allow", "ask", "deny"] = "allow",
    transactional: bool = False,
    ui: str = "",
) -> Callable[[Callable[..., Answer]], Callable[..., Answer]]:
    """Register `fn(call: ToolContext, **arguments)`.

    It returns a JSON object or text, or `Later`, or raises ToolFailure. It may run in a thread of its own,
    with its own database connection, and should look at `call.cancelled()` between steps.
    """

    def register(run: Callable[..., Answer]) -> Callable[..., Answer]:
        _implementations[name] = Implementation(
            name=name,
            run=run,
            description=description,
            category=category,
            parameters=tuple(parameters),
            exec_env=exec_env,
            version=version,
            timeout=timeout,
            retry_safe=retry_safe,
            max_retries=max_retries,
            default_effect=default_effect,
            transactional=transactional,
            ui=ui,
        )
        return run

    return register


def resolver(
    kind: str,
) -> Callable[
    [Callable[[Any], Implementation | None]],
    Callable[[Any], Implementation | None],
]:
    """Register `fn(tool_row) -> Implementation | None` for rows of a kind (`script`, `mcp`, `openapi`).

    It is asked at every call and every listing, so it must not ask the database or the network.
    """

    def register(
        resolve: Callable[[Any], Implementation | None],
    ) -> Callable[[Any], Implementation | None]:
        _resolvers[kind] = resolve
        return resolve

    return register


def of_row(row: Any) -> Implementation | None:
    """What runs when the tool of this row is called: the program's own, or what its kind makes of it."""
    found = _implementations.get(row.name)
    if found is not None or row.kind == "program":
        return found
    resolve = _resolvers.get(row.kind)
    return resolve(row) if resolve else None


def implementations() -> list[Implementation]:
    """All registered tools, by name."""
    return [_implementations[name] for name in sorted(_implementations)]


def unregister(name: str) -> None:
    """Forget a tool; its row stays and shows as unavailable."""
    _implementations.pop(name, None)
