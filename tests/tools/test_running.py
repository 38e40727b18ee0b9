"""Runs of tools: limits, retries, keys, workers, ends that come from elsewhere, and being stopped."""

import threading
import time
from datetime import timedelta
from typing import Any

import pytest
from django.db import InterfaceError, connection, transaction
from django.utils import timezone

from agi_site.lib import events
from agi_site.lib.problems import Conflict, Forbidden, Invalid, TooMany
from system import queue
from system.models import Log, LogLevel, TaskQueue
from tools import services, starter
from tools.channels import execution_channel
from tools.models import Tool, ToolExecution, ToolPolicy
from tools.registry import Later, Parameter, ToolContext, ToolFailure

NUMBER = (Parameter("number", "integer", "A number.", default=1),)


def ended_events() -> list[Any]:
    rows = TaskQueue.objects.filter(task_type__startswith="test.ended")
    return [row.payload for row in rows.order_by("pk")]


@pytest.fixture(autouse=True)
def _listener() -> None:
    """Somebody who hears of ends, so that announcing leaves a task."""
    queue.on_event("tool_execution.ended", name="test.ended")(hear)


def hear(task: Any, **payload: Any) -> None:
    """Nothing to do."""


# --- What the ledger says -----------------------------------------------------------------------------------
def test_the_ledger_tells_who_asked_through_which_door_and_what_the_policy_said(
    alice: Any, make_tool: Any
) -> None:
    tool = make_tool(lambda call: "x")
    rule = ToolPolicy.objects.create(tool=tool, effect="allow", reason="Harmless.")
    row = services.run_tool(
        user=alice, name="probe", arguments={}, attended_by="page", trigger=("plan_step_execution", "s1")
    )
    row = ToolExecution.objects.get(pk=row.pk)
    assert (row.asked_through, row.trigger_type, row.trigger_id) == ("page", "plan_step_execution", "s1")
    assert (row.policy_effect, row.policy, row.ran_in, row.attempt) == ("allow", rule, "host", 1)
    assert row.deadline_at > row.started_at


def test_a_denied_call_stands_in_the_ledger_and_never_runs(alice: Any, make_tool: Any) -> None:
    ran: list[int] = []
    tool = make_tool(lambda call: ran.append(1) or "x")
    ToolPolicy.objects.create(tool=tool, effect="deny", reason="Not here.")
    row = services.run_tool(user=alice, name="probe", arguments={})
    assert (row.status, row.error_code, row.policy_effect, ran) == ("failed", "denied", "deny", [])
    assert "The policy does not allow the tool “probe” here." in row.error_message
    assert "(Not here.)" in row.error_message


def test_a_denied_tool_is_not_offered(alice: Any, operator: Any, make_tool: Any) -> None:
    tool = make_tool(lambda call: "x")
    role = alice.roles.get()
    ToolPolicy.objects.create(tool=tool, role=role, effect="deny")
    assert "probe" not in [spec.name for spec in services.specs_for(alice)]
    assert "probe" in [spec.name for spec in services.specs_for(operator)]


def test_unattended_what_needs_consent_is_denied_and_says_what_to_do(alice: Any, make_tool: Any) -> None:
    make_tool(lambda call: "x", default_effect="ask")
    row = services.run_tool(user=alice, name="probe", arguments={}, unattended=True)
    assert (row.status, row.error_code) == ("failed", "denied")
    assert "nobody is there to give it" in row.error_message


def test_no_tool_runs_for_a_closed_account(alice: Any, make_tool: Any) -> None:
    make_tool(lambda call: "x")
    alice.is_active = False
    with pytest.raises(Forbidden):
        services.run_tool(user=alice, name="probe", arguments={})


@pytest.mark.django_db(transaction=True)
def test_a_tool_is_never_run_inside_a_transaction(alice: Any, make_tool: Any) -> None:
    ran: list[int] = []
    make_tool(lambda call: ran.append(1) or "x")
    with pytest.raises(RuntimeError), transaction.atomic():
        services.run_tool(user=alice, name="probe", arguments={})
    assert ran == []


def test_a_call_takes_few_queries(alice: Any, make_tool: Any, django_assert_max_num_queries: Any) -> None:
    make_tool(lambda call, **given: given, NUMBER)
    # Four of them are savepoints, which there are in tests only; one looks for webhooks, once in a while.
    with django_assert_max_num_queries(10):
        services.run_tool(user=alice, name="probe", arguments={})


def test_a_tool_that_can_run_in_both_is_told_where(alice: Any, make_tool: Any) -> None:
    tool = make_tool(lambda call: call.exec_env, exec_env="both")
    assert services.run_tool(user=alice, name="probe", arguments={}).result == "sandbox"
    assert services.run_tool(user=alice, name="probe", arguments={}, exec_env="host").result == "host"
    ToolPolicy.objects.create(tool=tool, effect="allow", exec_env="sandbox")
    row = services.run_tool(user=alice, name="probe", arguments={}, exec_env="host")
    assert (row.result, row.ran_in) == ("sandbox", "sandbox")


# --- Limits -------------------------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_the_rows_own_time_limit_counts_and_a_caller_can_only_shorten_it(alice: Any, make_tool: Any) -> None:
    tool = make_tool(lambda call: time.sleep(call.remaining() + 0.05) or "x", timeout=0.2)
    assert services.run_tool(user=alice, name="probe", arguments={}, timeout=60).error_code == "timeout"
    services.change_limits(tool=tool, by=None, timeout_seconds=30)
    began = time.monotonic()
    row = services.run_tool(user=alice, name="probe", arguments={}, timeout=0.1)
    assert (row.error_code, time.monotonic() - began < 3) == ("timeout", True)
    assert "longer than 0.1 seconds" in row.error_message


def test_a_rate_limit_refuses_before_anything_is_written(alice: Any, bob: Any, make_tool: Any) -> None:
    services.change_limits(tool=make_tool(lambda call: "x"), by=None, rate_limit="2/h")
    for _call in range(2):
        services.run_tool(user=alice, name="probe", arguments={})
    with pytest.raises(TooMany) as refusal:
        services.run_tool(user=alice, name="probe", arguments={})
    assert refusal.value.retry_after > 0
    assert ToolExecution.objects.count() == 2
    assert services.run_tool(user=bob, name="probe", arguments={}).status == "completed"


def test_a_full_tool_refuses_and_forgets_those_whose_time_is_over(alice: Any, make_tool: Any) -> None:
    tool = make_tool(lambda call: "x")
    services.change_limits(tool=tool, by=None, max_concurrent=1)
    other = ToolExecution.objects.create(
        tool=tool, user=alice, status="running", deadline_at=timezone.now() + timedelta(minutes=1)
    )
    with pytest.raises(TooMany) as refusal:
        services.run_tool(user=alice, name="probe", arguments={})
    assert refusal.value.code == "tool_busy"
    ToolExecution.objects.filter(pk=other.pk).update(deadline_at=timezone.now() - timedelta(seconds=1))
    assert services.run_tool(user=alice, name="probe", arguments={}).status == "completed"


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_no_more_run_than_may(alice: Any, make_tool: Any) -> None:
    now, most, lock = [0], [0], threading.Lock()

    def probe(call: ToolContext) -> str:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        time.sleep(0.2)
        with lock:
            now[0] -= 1
        return "x"

    services.change_limits(tool=make_tool(probe), by=None, max_concurrent=2)
    told: list[str] = []

    def call() -> None:
        try:
            told.append(str(services.run_tool(user=alice, name="probe", arguments={}).status))
        except TooMany:
            told.append("busy")
        finally:
            connection.close()

    threads = [threading.Thread(target=call) for _number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most[0] <= 2
    assert len(told) == 5
    assert {"completed", "busy"} == set(told)


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"rate_limit": "often"}, "rate_limit"),
        ({"rate_limit": "0/m"}, "rate_limit"),
        ({"rate_limit": "5/0s"}, "rate_limit"),
        ({"rate_limit": "5/00s"}, "rate_limit"),
        ({"timeout_seconds": 0}, "timeout_seconds"),
        ({"timeout_seconds": 100_000}, "timeout_seconds"),
        ({"max_retries": 11}, "max_retries"),
        ({"max_concurrent": 0}, "max_concurrent"),
    ],
)
def test_limits_that_make_no_sense_are_named(values: dict[str, Any], field: str, make_tool: Any) -> None:
    with pytest.raises(Invalid) as refusal:
        services.change_limits(tool=make_tool(lambda call: "x"), by=None, **values)
    assert set(refusal.value.errors) == {field}


# --- Again --------------------------------------------------------------------------------------------------
def test_only_what_is_safe_is_tried_again(alice: Any, make_tool: Any) -> None:
    seen: list[tuple[int, str]] = []

    def probe(call: ToolContext) -> str:
        seen.append((call.attempt, call.idempotency_key))
        raise ConnectionError

    make_tool(probe, max_retries=2)
    assert services.run_tool(user=alice, name="probe", arguments={}).status == "failed"
    assert len(seen) == 1
    seen.clear()
    make_tool(probe, name="safe", retry_safe=True, max_retries=2)
    row = services.run_tool(user=alice, name="safe", arguments={})
    assert [attempt for attempt, _key in seen] == [1, 2, 3]
    assert {key for _attempt, key in seen} == {row.pk}
    assert (row.status, row.attempt) == ("failed", 3)
    assert ToolExecution.objects.get(pk=row.pk).attempt == 3


def test_a_refusal_is_not_tried_again_unless_it_passes(alice: Any, make_tool: Any) -> None:
    seen: list[int] = []

    def probe(call: ToolContext, *, number: int) -> str:
        seen.append(call.attempt)
        if call.attempt < 3:
            raise ToolFailure("Busy.", passing=bool(number))
        return "done"

    make_tool(probe, NUMBER, retry_safe=True, max_retries=5)
    assert services.run_tool(user=alice, name="probe", arguments={"number": 0}).status == "failed"
    assert seen == [1]
    seen.clear()
    assert services.run_tool(user=alice, name="probe", arguments={"number": 1}).status == "completed"
    assert seen == [1, 2, 3]


@pytest.mark.parametrize(
    ("options", "status", "attempts"),
    [
        ({"transactional": True}, "completed", 3),
        ({"retry_safe": True, "max_retries": 1}, "completed", 3),
        ({}, "failed", 1),
    ],
)
def test_a_database_that_goes_away_uses_up_no_attempt_of_what_may_be_done_again(
    alice: Any, make_tool: Any, options: dict[str, Any], status: str, attempts: int
) -> None:
    def probe(call: ToolContext) -> str:
        if call.attempt < 3:
            raise InterfaceError("the connection is closed")
        return "done"

    make_tool(probe, **options)
    row = services.run_tool(user=alice, name="probe", arguments={})
    assert (row.status, row.attempt) == (status, attempts)


# --- Keys ---------------------------------------------------------------------------------------------------
def test_the_same_key_is_the_same_call(alice: Any, bob: Any, make_tool: Any) -> None:
    ran: list[str] = []
    make_tool(lambda call: ran.append(call.idempotency_key) or "x")
    asked: dict[str, Any] = {"name": "probe", "arguments": {}, "idempotency_key": "order-7"}
    first = services.run_tool(user=alice, **asked)
    assert services.run_tool(user=alice, **asked).pk == first.pk
    assert services.start_tool(user=alice, **asked).pk == first.pk
    assert services.run_tool(user=bob, **asked).pk != first.pk
    assert ran == ["order-7", "order-7"]


def test_a_failed_call_gives_its_key_back(alice: Any, make_tool: Any) -> None:
    def probe(call: ToolContext) -> str:
        if not ToolExecution.objects.filter(status="failed").exists():
            raise ToolFailure("Not yet.")
        return "x"

    make_tool(probe)
    asked: dict[str, Any] = {"user": alice, "name": "probe", "arguments": {}, "idempotency_key": "k"}
    first, second = services.run_tool(**asked), services.run_tool(**asked)
    assert (first.status, second.status) == ("failed", "completed")


# --- By a worker --------------------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_a_started_tool_is_run_by_a_worker_and_its_end_is_announced(alice: Any, make_tool: Any) -> None:
    def probe(call: ToolContext) -> str:
        call.progress("half ")
        call.progress("done")
        return "x"

    make_tool(probe)
    row = services.start_tool(user=alice, name="probe", arguments={}, trigger=("message", "m1"))
    assert (row.status, row.started_at) == ("pending", None)
    queue.run_pending()
    row.refresh_from_db()
    assert (row.status, row.result, row.attempt) == ("completed", "x", 1)
    assert ended_events() == [
        {"execution_id": row.pk, "status": "completed", "trigger_type": "message", "trigger_id": "m1"}
    ]
    told = [(event.name, event.data) for event in events.read(execution_channel(row.pk))]
    assert told == [
        ("started", {"attempt": 1}),
        ("output", {"text": "half "}),
        ("output", {"text": "done"}),
        ("ended", {"status": "completed", "error_code": ""}),
    ]


def test_what_is_denied_meanwhile_does_not_run(alice: Any, make_tool: Any) -> None:
    ran: list[int] = []
    tool = make_tool(lambda call: ran.append(1) or "x")
    row = services.start_tool(user=alice, name="probe", arguments={})
    ToolPolicy.objects.create(tool=tool, effect="deny")
    queue.run_pending()
    row.refresh_from_db()
    assert (row.status, row.error_code, ran) == ("failed", "denied", [])


def test_what_is_switched_off_meanwhile_does_not_run(alice: Any, make_tool: Any) -> None:
    tool = make_tool(lambda call: "x")
    row = services.start_tool(user=alice, name="probe", arguments={})
    services.set_enabled(tool=tool, enabled=False)
    queue.run_pending()
    row.refresh_from_db()
    assert (row.status, row.error_code) == ("failed", "tool_disabled")


def test_running_a_row_twice_runs_its_tool_once(alice: Any, make_tool: Any) -> None:
    ran: list[int] = []
    make_tool(lambda call: ran.append(1) or "x")
    row = services.start_tool(user=alice, name="probe", arguments={})
    services.run_execution(execution_id=row.pk)
    services.run_execution(execution_id=row.pk)
    assert ran == [1]


def test_the_run_of_an_inline_call_is_not_announced(alice: Any, make_tool: Any) -> None:
    make_tool(lambda call: "x")
    services.run_tool(user=alice, name="probe", arguments={})
    assert ended_events() == []


def test_the_caller_hears_of_start_and_output(alice: Any, make_tool: Any) -> None:
    heard: list[tuple[str, dict[str, Any]]] = []
    make_tool(lambda call: call.progress("line") or "x")
    services.run_tool(
        user=alice,
        name="probe",
        arguments={},
        heard=lambda execution, name, data: heard.append((name, data)),
    )
    assert heard == [("started", {"attempt": 1}), ("output", {"text": "line"})]


def test_a_failed_run_is_repeated_as_a_new_one(alice: Any, operator: Any, make_tool: Any) -> None:
    def probe(call: ToolContext) -> str:
        raise ToolFailure("No.")

    make_tool(probe)
    first = services.run_tool(user=alice, name="probe", arguments={})
    again = services.repeat_execution(execution=first, by=operator)
    assert (again.user, again.status, again.trigger_id) == (alice, "pending", first.pk)
    with pytest.raises(Conflict):
        services.repeat_execution(execution=again, by=operator)


def test_a_busy_tool_is_run_by_the_worker_later(alice: Any, make_tool: Any) -> None:
    tool = make_tool(lambda call: "x")
    services.change_limits(tool=tool, by=None, max_concurrent=1)
    soon = timezone.now() + timedelta(minutes=1)
    other = ToolExecution.objects.create(tool=tool, user=alice, status="running", deadline_at=soon)
    row = services.start_tool(user=alice, name="probe", arguments={})
    queue.run_pending()
    row.refresh_from_db()
    assert row.status == "pending"
    ToolExecution.objects.filter(pk=other.pk).update(status="completed")
    queue.run_pending(until=timezone.now() + timedelta(hours=1))
    row.refresh_from_db()
    assert row.status == "completed"


# --- Ends from elsewhere ------------------------------------------------------------------------------------
def test_an_end_may_come_later_and_from_elsewhere(alice: Any, make_tool: Any) -> None:
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
    queue.on_event("tool_execution.stop_requested", name="test.stop")(hear)
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


def test_what_a_dead_process_left_ends_as_lost_and_that_is_announced(alice: Any, make_tool: Any) -> None:
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


# --- Starter rules ------------------------------------------------------------------------------------------
def test_a_new_installation_has_rules_to_see_and_change(db: None) -> None:
    starter.load()
    rules = ToolPolicy.objects.order_by("tool__name").values_list("tool__name", "effect")
    assert list(rules) == [
        ("python", "allow"),
        ("read_file", "allow"),
        ("shell", "allow"),
        ("write_file", "allow"),
    ]


@pytest.mark.parametrize("removed", [["shell"], ["python", "read_file", "shell", "write_file"]])
def test_rules_that_were_removed_stay_away(removed: list[str], db: None) -> None:
    starter.load()
    ToolPolicy.objects.filter(tool__name__in=removed).delete()
    starter.load()
    assert not ToolPolicy.objects.filter(tool__name__in=removed).exists()
