"""What the tests of plans share: steps in a line, tools to be called, runs brought to their end."""

from types import SimpleNamespace

import pytest

from planning import services
from planning.models import PlanStepExecution
from planning.services import StepDraft


def step(key, *after, **more):
    """`step("b", "a", kind="tool", tool_name="echo")` waits for a."""
    if "tool" in more:
        more |= {"kind": "tool", "tool_name": more.pop("tool")}
    return StepDraft(key=key, depends_on=after, **more)


@pytest.fixture
def make_tool(db):
    """`make_tool("echo", fn, retry_safe=True)` registers a tool for the test; its one argument is `value`."""
    from tools import registry
    from tools.services import sync_registry

    made = []

    def make(name, run, *, parameters=None, **options):
        found = parameters if parameters is not None else [registry.Parameter("value", "object", "anything")]
        registry.tool(name, category="test", description="a tool of the tests", parameters=found, **options)(
            run
        )
        sync_registry()
        made.append(name)

    yield make
    for name in made:
        registry.unregister(name)


@pytest.fixture
def tools(make_tool):
    """Tools that say what they were given, fail so many times, or ask first; `calls` is what they saw."""
    from tools.registry import Parameter, ToolFailure

    seen = SimpleNamespace(calls=[], failures=0)

    def echo(call, **arguments):
        seen.calls.append(arguments.get("value"))
        return {"value": arguments.get("value")}

    def shaky(call, **arguments):
        seen.calls.append(arguments.get("value"))
        if seen.failures:
            seen.failures -= 1
            raise ToolFailure("not today")
        return {"value": arguments.get("value")}

    anything = [Parameter("value", "string", "a text")]
    make_tool("echo", echo, parameters=anything, retry_safe=True)
    make_tool("shaky", shaky, parameters=anything)
    make_tool("asks", echo, parameters=anything, default_effect="ask")
    make_tool("numbers", lambda call, **_given: {"list": [1, 2, 3]}, parameters=[])
    return seen


@pytest.fixture
def run(alice, run_tasks):
    """`run(step("a"), step("b", "a"))` runs these steps as far as they go and returns the run."""

    def start(*steps, inputs=None, owner=alice, **more):
        plan = services.create_plan(owner=owner, title="plan", steps=steps)
        execution = services.start_plan(plan=plan, by=owner, inputs=inputs, **more)
        run_tasks()
        execution.refresh_from_db()
        return execution

    return start


@pytest.fixture
def again(run_tasks):
    """Run what is queued by now, and look at a run anew."""

    def look(execution):
        run_tasks()
        execution.refresh_from_db()
        return execution

    return look


def states(execution):
    """The states of a run's steps by key."""
    rows = PlanStepExecution.objects.filter(execution=execution, parent=None).order_by("order_index")
    return dict(rows.values_list("key", "status"))


def outputs(execution):
    """The outputs of a run's steps by key."""
    rows = PlanStepExecution.objects.filter(execution=execution, parent=None)
    return dict(rows.values_list("key", "output"))


def row_of(execution, key):
    """A step of a run."""
    return PlanStepExecution.objects.get(execution=execution, key=key, parent=None)
