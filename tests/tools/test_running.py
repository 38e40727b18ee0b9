"""Runs of tools: what the ledger says of them, keys, and workers."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from agi_site.lib import events
from agi_site.lib.problems import Conflict, Forbidden
from system import queue
from tools import services
from tools.channels import execution_channel
from tools.models import ToolExecution, ToolPolicy
from tools.registry import Parameter, ToolContext, ToolFailure

NUMBER = (Parameter("number", "integer", "A number.", default=1),)


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
def test_a_started_tool_is_run_by_a_worker_and_its_end_is_announced(
    alice: Any, make_tool: Any, ended_events: Any
) -> None:
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


def test_the_run_of_an_inline_call_is_not_announced(alice: Any, make_tool: Any, ended_events: Any) -> None:
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
