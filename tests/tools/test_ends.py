"""How runs end that their caller does not end: from elsewhere, stopped, in one transaction, left behind."""

import threading
import time
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from agi_site.lib.problems import Conflict
from system import queue
from system.models import Log, LogLevel, TaskQueue
from tools import services
from tools.models import Tool, ToolExecution
from tools.registry import Later, Parameter, ToolContext, ToolFailure

NUMBER = (Parameter("number", "integer", "A number.", default=1),)


# --- Ends from elsewhere ------------------------------------------------------------------------------------
def test_an_end_may_come_later_and_from_elsewhere(alice: Any, make_tool: Any, ended_events: Any) -> None:
    make_tool(lambda call: Later("plan_execution", "p1"))
    row = services.run_tool(user=alice, name="probe", arguments={})
    assert (row.status, row.awaits_type, row.awaits_id, row.deadline_at) == (
        "running",
        "plan_execution",
        "p1",
        None,
    )
    ToolExecution.objects.filter(pk=row.pk).update(created_at=timezone.now() - timedelta(days=3))
    assert services.close_abandoned() == 0
    assert services.finish_execution(execution_id=row.pk, result={"answer": 42})
    row.refresh_from_db()
    assert (row.status, row.result, row.waits) == ("completed", {"answer": 42}, False)
    assert [one["execution_id"] for one in ended_events()] == [row.pk]
    assert not services.finish_execution(execution_id=row.pk, error="Too late.")


def test_an_end_that_comes_before_the_tool_has_said_what_it_waits_for_counts(
    alice: Any, make_tool: Any
) -> None:
    def probe(call: ToolContext) -> Later:
        services.finish_execution(execution_id=call.execution_id, result="quick")
        return Later("plan_execution", "p1")

    make_tool(probe)
    row = services.run_tool(user=alice, name="probe", arguments={})
    assert (row.status, row.result) == ("completed", "quick")


def test_what_was_waited_for_may_fail(alice: Any, make_tool: Any) -> None:
    make_tool(lambda call: Later("plan_execution", "p1"))
    row = services.run_tool(user=alice, name="probe", arguments={})
    assert services.finish_execution(execution_id=row.pk, error="Step two failed.", error_code="plan")
    row.refresh_from_db()
    assert (row.status, row.error_code, row.error_message) == ("failed", "plan", "Step two failed.")


# --- Stopping -----------------------------------------------------------------------------------------------
def test_what_waits_for_a_worker_is_stopped_at_once(alice: Any, make_tool: Any) -> None:
    ran: list[int] = []
    make_tool(lambda call: ran.append(1) or "x")
    row = services.start_tool(user=alice, name="probe", arguments={})
    services.cancel_execution(execution=row, by=alice)
    assert (row.status, row.error_code) == ("failed", "canceled")
    queue.run_pending()
    assert ran == []
    with pytest.raises(Conflict):
        services.cancel_execution(execution=row, by=alice)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("from_elsewhere", [False, True])
def test_what_runs_is_stopped_in_its_middle(
    from_elsewhere: bool, alice: Any, make_tool: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    if from_elsewhere:  # the row alone tells it, as in another process
        monkeypatch.setattr("tools.services.stops.stop_here", lambda execution_id: None)
    running = threading.Event()

    def probe(call: ToolContext) -> str:
        running.set()
        while not call.cancelled():
            time.sleep(0.01)
        raise ToolFailure("Stopped.")

    make_tool(probe, timeout=30)
    found: list[ToolExecution] = []

    def call() -> None:
        found.append(services.run_tool(user=alice, name="probe", arguments={}))
        connection.close()

    thread = threading.Thread(target=call)
    thread.start()
    assert running.wait(10)
    began = time.monotonic()
    services.cancel_execution(execution=ToolExecution.objects.get(), by=alice)
    thread.join(10)
    assert time.monotonic() - began < 5
    assert (found[0].status, found[0].error_code) == ("failed", "canceled")
    assert ToolExecution.objects.get().stop_requested_at is not None


def test_stopping_what_waits_for_something_else_tells_that(alice: Any, make_tool: Any) -> None:
    queue.on_event("tool_execution.stop_requested", name="test.stop")(lambda task, **payload: None)
    make_tool(lambda call: Later("plan_execution", "p1"))
    row = services.run_tool(user=alice, name="probe", arguments={})
    services.cancel_execution(execution=row, by=alice)
    assert (row.status, row.error_code) == ("failed", "canceled")
    (told,) = TaskQueue.objects.filter(task_type="test.stop").values_list("payload", flat=True)
    assert (told["awaits_type"], told["awaits_id"]) == ("plan_execution", "p1")


# --- In one transaction -------------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_a_transactional_tool_and_the_end_of_its_row_are_one(alice: Any, make_tool: Any) -> None:
    def probe(call: ToolContext, *, number: int) -> str:
        Log.objects.create(level=LogLevel.INFO, component="probe", message=str(number))
        if number == 2:
            raise ToolFailure("No.")
        return "done"

    make_tool(probe, NUMBER, transactional=True)

    def end_third(row: ToolExecution, name: str, data: Any) -> None:
        if row.parameters == {"number": 3}:
            ToolExecution.objects.filter(pk=row.pk).update(status="failed")

    def call(number: int) -> tuple[str, int]:
        row = services.run_tool(user=alice, name="probe", arguments={"number": number}, heard=end_third)
        stored = ToolExecution.objects.get(pk=row.pk)
        assert (row.status, row.result) == (stored.status, stored.result)
        return row.status, Log.objects.filter(component="probe", message=str(number)).count()

    assert call(1) == ("completed", 1)
    assert call(2) == ("failed", 0)
    assert call(3) == ("failed", 0)  # somebody else has ended the row meanwhile: nothing of it counts


# --- Left behind --------------------------------------------------------------------------------------------
def overdue(alice: Any, tool: Tool, **values: Any) -> ToolExecution:
    past = timezone.now() - timedelta(minutes=5)
    given = {"status": "running", "attempt": 1, "deadline_at": past, "started_at": past, "parameters": {}}
    row: ToolExecution = ToolExecution.objects.create(tool=tool, user=alice, **(given | values))
    return row


def test_what_a_dead_process_left_ends_as_lost_and_that_is_announced(
    alice: Any, make_tool: Any, ended_events: Any
) -> None:
    row = overdue(alice, make_tool(lambda call: "x"))
    alive = overdue(alice, row.tool, deadline_at=timezone.now())
    assert services.close_abandoned() == 1
    row.refresh_from_db()
    alive.refresh_from_db()
    assert (row.status, row.error_code, alive.status) == ("failed", "lost", "running")
    assert [one["execution_id"] for one in ended_events()] == [row.pk]


def test_what_is_safe_to_run_again_is_run_again(alice: Any, make_tool: Any) -> None:
    row = overdue(alice, make_tool(lambda call: f"attempt {call.attempt}", retry_safe=True))
    assert services.close_abandoned() == 1
    queue.run_pending()
    row.refresh_from_db()
    assert (row.status, row.result, row.attempt) == ("completed", "attempt 2", 2)


def test_a_step_of_a_plan_is_left_to_its_plan(alice: Any, make_tool: Any) -> None:
    tool = make_tool(lambda call: "x", retry_safe=True)
    row = overdue(alice, tool, trigger_type="plan_step_execution", trigger_id="s1")
    services.close_abandoned()
    row.refresh_from_db()
    assert (row.status, row.error_code) == ("failed", "lost")


def test_what_costs_one_process_after_another_is_given_up(alice: Any, make_tool: Any) -> None:
    row = overdue(alice, make_tool(lambda call: "x", retry_safe=True), attempt=4)
    services.close_abandoned()
    row.refresh_from_db()
    assert row.error_code == "lost"


def test_a_pending_run_whose_task_is_gone_ends(alice: Any, make_tool: Any) -> None:
    make_tool(lambda call: "x")
    long_ago = timezone.now() - timedelta(hours=1)
    gone, alive = (services.start_tool(user=alice, name="probe", arguments={}) for _number in range(2))
    ToolExecution.objects.update(created_at=long_ago)
    TaskQueue.objects.filter(unique_key=f"tools.run:{gone.pk}").delete()
    assert services.close_abandoned() == 1
    gone.refresh_from_db()
    alive.refresh_from_db()
    assert (gone.error_code, alive.status) == ("lost", "pending")
