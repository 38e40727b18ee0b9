"""What was forgotten leaves the records of runs."""

import json

import pytest
from django.utils import timezone

from knowledge.services import forget_memory, remember, without_memories_in
from planning import tasks
from planning.models import PlanExecution, PlanStepExecution
from system.models import TaskQueue
from tools.models import Tool, ToolExecution
from tools.services import sync_registry

from .conftest import outputs, step

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def known_tools(db):
    sync_registry()


def searching(key, **more):
    return step(key, tool="memory_search", arguments={"query": "green tea"}, **more)


def everything_kept():
    rows = [*PlanStepExecution.objects.values("input", "output"), *PlanExecution.objects.values("result")]
    return json.dumps(rows, ensure_ascii=False)


def test_a_forgotten_memory_leaves_steps_lists_of_them_and_the_run_s_result(run, run_tasks, alice):
    gone = remember(owner=alice, type="preference", content="Prefers green tea in the morning")
    stays = remember(owner=alice, type="semantic", content="The green tea lies in the drawer")
    execution = run(searching("once"), searching("each", for_each="`[1, 2]`"))
    assert execution.status == "completed", execution.error_details
    assert everything_kept().count("in the morning") >= 4

    forget_memory(memory=gone, by=alice)
    run_tasks()
    assert "in the morning" not in everything_kept()
    found = outputs(execution)["once"]
    assert [one["id"] for one in found["results"]] == [stays.pk]
    assert found["forgotten"] is True


def test_what_a_driver_writes_after_the_forgetting_is_taken_out_a_little_later(
    run, run_tasks, alice, make_tool
):
    memory = remember(owner=alice, type="preference", content="Prefers green tea in the morning")
    make_tool("echo", lambda value: value)
    execution = run(step("ask", kind="approval"), step("told", "ask", tool="echo", arguments={"value": {}}))
    assert execution.status == "running"
    forget_memory(memory=memory, by=alice)
    run_tasks()

    late = {"arguments": {"value": {"said": "Prefers green tea in the morning"}}}
    PlanStepExecution.objects.filter(execution=execution, key="told").update(input=late)
    call = ToolExecution.objects.create(
        tool=Tool.objects.get(name="echo"), user=alice, parameters=late["arguments"], status="running"
    )
    PlanExecution.objects.filter(pk=execution.pk).update(status="completed")
    assert due_later() == 1
    run_tasks()
    assert "green tea" not in everything_kept()
    call.refresh_from_db()
    assert "green tea" not in json.dumps(call.parameters)
    assert due_later() == 0  # the run has ended, so that nobody writes any more


def test_nothing_is_looked_at_again_where_no_run_goes_on(run, run_tasks, alice):
    memory = remember(owner=alice, type="preference", content="Prefers green tea in the morning")
    assert run(searching("once")).status == "completed"
    forget_memory(memory=memory, by=alice)
    run_tasks()
    assert due_later() == 0


def due_later():
    """Makes the looks that wait for their time due; how many there are."""
    waiting = TaskQueue.objects.filter(task_type=tasks.TAKE_OUT_AGAIN, status="pending")
    return waiting.update(available_at=timezone.now())


def test_another_person_s_runs_stay_as_they_are(run, run_tasks, alice, bob):
    remember(owner=bob, type="preference", content="Prefers green tea in the morning")
    run(searching("a"), owner=bob)
    mine = remember(owner=alice, type="preference", content="Prefers green tea at noon")
    before = everything_kept()
    forget_memory(memory=mine, by=alice)
    run_tasks()
    assert everything_kept() == before


DEEP = {"a": [{"results": [{"id": "x"}, {"id": "y"}]}]}
IN_RESULTS = {"results": {"results": [{"id": "x"}]}}


@pytest.mark.parametrize(
    ("told", "left"),
    [
        (DEEP, {"a": [{"results": [{"id": "y"}], "forgotten": True}]}),
        (IN_RESULTS, {"results": {"results": [], "forgotten": True}}),
        ([{"results": [{"id": "y", "of": IN_RESULTS}]}], None),
        ({"results": "x"}, {"results": "x"}),
        ("x", "x"),
    ],
)
def test_a_memory_is_found_however_deep_it_lies(told, left):
    kept, changed = without_memories_in(told, ["x"])
    assert changed == (kept != told)
    assert '"id": "x"' not in json.dumps(kept)
    if left is not None:
        assert kept == left
