"""The fixtures of these tests: probes of tools, and real sandboxes as the app below has them."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from system import queue
from system.models import TaskQueue
from tests.sandbox.conftest import *  # noqa: F403
from tools import registry, services
from tools.models import Tool, ToolExecution
from tools.registry import Parameter


@pytest.fixture
def make_tool(db: None) -> Iterator[Callable[..., Tool]]:
    """`make_tool(fn, parameters, **options)` registers a tool called `probe` and stores its rows."""
    made: list[str] = []

    def make(
        run: Callable[..., Any],
        parameters: tuple[Parameter, ...] = (),
        timeout: float = 5,
        name: str = "probe",
        category: str = "test",
        **options: Any,
    ) -> Tool:
        registry.tool(
            name, category=category, description="Probes.", parameters=parameters, timeout=timeout, **options
        )(run)
        made.append(name)
        services.sync_registry()
        return Tool.objects.get(name=name)

    yield make
    for name in made:
        registry.unregister(name)


@pytest.fixture
def run() -> Callable[..., ToolExecution]:
    """`run(alice, text="a")` runs the probe with these arguments."""

    def make(user: Any, name: str = "probe", **arguments: Any) -> ToolExecution:
        return services.run_tool(user=user, name=name, arguments=arguments)

    return make


def hear(task: Any, **payload: Any) -> None:
    """Nothing to do: announcing leaves a task that says it."""


@pytest.fixture
def ended_events() -> Callable[[], list[Any]]:
    """What somebody who wants to hear of the ends of runs has been told by now."""
    queue.on_event("tool_execution.ended", name="test.ended")(hear)

    def told() -> list[Any]:
        rows = TaskQueue.objects.filter(task_type__startswith="test.ended")
        return [row.payload for row in rows.order_by("pk")]

    return told
