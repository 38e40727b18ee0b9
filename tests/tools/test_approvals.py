"""Consent: asked for, given with other arguments, refused, handed on, too late; decided exactly once."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from agi_site.lib.problems import Conflict, Forbidden, Invalid
from system import queue
from system.models import TaskQueue
from tools import services
from tools.models import Approval, ToolExecution, ToolPolicy
from tools.registry import Parameter

NUMBER = (Parameter("number", "integer", "A number.", required=True, schema={"maximum": 9}),)


@pytest.fixture
def asking(make_tool: Any) -> Any:
    """A tool that asks first, and what it has been run with."""
    ran: list[int] = []
    make_tool(lambda call, *, number: ran.append(number) or number, NUMBER, default_effect="ask")
    return ran


def waiting(user: Any, number: int = 3) -> ToolExecution:
    return services.run_tool(user=user, name="probe", arguments={"number": number}, language="en")


def approval_of(row: ToolExecution) -> Approval:
    return Approval.objects.get(target_type="tool_execution", target_id=row.pk)


def hear(task: Any, **payload: Any) -> None:
    """Nothing to do."""


def test_a_tool_that_asks_waits_and_runs_after_consent(alice: Any, asking: Any) -> None:
    queue.on_event("tool_execution.ended", name="test.ended")(hear)
    queue.on_event("approval.decided", name="test.decided")(hear)
    row = waiting(alice)
    approval = row.approval
    assert (row.status, row.policy_effect, row.waits, asking) == ("pending", "ask", True, [])
    assert (approval.title, approval.arguments, approval.user) == ("probe", {"number": 3}, alice)
    services.approve(approval=approval, by=alice, note="Go on.")
    assert (approval.status, approval.decided_by, approval.note) == ("approved", alice, "Go on.")
    queue.run_pending()
    row = ToolExecution.objects.get(pk=row.pk)
    assert (row.status, row.result, asking) == ("completed", 3, [3])
    told = TaskQueue.objects.filter(task_type__in=["test.ended", "test.decided"])
    assert {one.task_type: one.payload for one in told} == {
        "test.decided": {
            "approval_id": approval.pk,
            "status": "approved",
            "target_type": "tool_execution",
            "target_id": row.pk,
        },
        "test.ended": {
            "execution_id": row.pk,
            "status": "completed",
            "trigger_type": None,
            "trigger_id": None,
        },
    }


def test_the_arguments_can_be_edited_and_are_checked_by_name(alice: Any, asking: Any) -> None:
    row = waiting(alice)
    with pytest.raises(Invalid) as refusal:
        services.approve(approval=approval_of(row), by=alice, arguments={"number": 10})
    assert set(refusal.value.errors) == {"number"}
    with pytest.raises(Invalid):
        services.approve(approval=approval_of(row), by=alice, arguments=[1])
    services.approve(approval=approval_of(row), by=alice, arguments={"number": 5})
    queue.run_pending()
    row = ToolExecution.objects.get(pk=row.pk)
    assert (row.parameters, row.result, asking) == ({"number": 5}, 5, [5])
    assert approval_of(row).arguments == {"number": 3}
    assert approval_of(row).agreed_arguments == {"number": 5}


def test_a_rejected_run_ends_with_the_reason(alice: Any, asking: Any) -> None:
    row = waiting(alice)
    services.reject(approval=approval_of(row), by=alice, note="Too dear.")
    row = ToolExecution.objects.get(pk=row.pk)
    assert (row.status, row.error_code) == ("failed", "rejected")
    assert row.error_message == "It was not allowed to run. (Too dear.)"
    queue.run_pending()
    assert asking == []


def test_what_nobody_allows_in_time_expires(alice: Any, make_tool: Any) -> None:
    tool = make_tool(lambda call: "x")
    ToolPolicy.objects.create(tool=tool, effect="ask", expires_seconds=60, reason="It costs money.")
    row = services.run_tool(user=alice, name="probe", arguments={})
    approval = approval_of(row)
    assert approval.reason == "It costs money."
    assert approval.expires_at - approval.created_at < timedelta(seconds=61)
    assert services.expire_approvals() == 0
    Approval.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    with pytest.raises(Conflict) as refusal:
        services.approve(approval=approval, by=alice)
    assert refusal.value.code == "approval_expired"
    assert services.expire_approvals() == 1
    row = ToolExecution.objects.get(pk=row.pk)
    assert (row.status, row.error_code, approval_of(row).status) == ("failed", "expired", "expired")
    assert services.expire_approvals() == 0


def test_only_who_is_asked_decides(alice: Any, bob: Any, operator: Any, asking: Any) -> None:
    approval = approval_of(waiting(alice))
    for stranger in (bob, operator):
        for verb in (services.approve, services.reject):
            with pytest.raises(Forbidden):
                verb(approval=approval, by=stranger)
    assert approval.status == "pending"


def test_where_an_operator_has_to_agree_the_person_cannot(
    alice: Any, bob: Any, operator: Any, make_tool: Any
) -> None:
    tool = make_tool(lambda call: "x")
    ToolPolicy.objects.create(tool=tool, effect="ask", approver="operator")
    row = services.run_tool(user=alice, name="probe", arguments={})
    approval = approval_of(row)
    for person in (alice, bob):
        with pytest.raises(Forbidden):
            services.approve(approval=approval, by=person)
    assert list(Approval.objects.for_user(alice)) == [approval]
    assert list(Approval.objects.for_user(bob)) == []
    assert list(Approval.objects.decidable_by(operator)) == [approval]
    services.approve(approval=approval, by=operator)
    queue.run_pending()
    assert ToolExecution.objects.get(pk=row.pk).status == "completed"


def test_it_can_be_handed_to_somebody_else_who_alone_decides(alice: Any, bob: Any, asking: Any) -> None:
    row = waiting(alice)
    approval = approval_of(row)
    services.delegate_to(approval=approval, by=alice, delegate=bob)
    with pytest.raises(Forbidden):
        services.approve(approval=approval, by=alice)
    assert list(Approval.objects.decidable_by(bob)) == [approval]
    with pytest.raises(Invalid):
        services.delegate_to(approval=approval, by=bob, delegate=bob)
    services.approve(approval=approval, by=bob)
    queue.run_pending()
    row = ToolExecution.objects.get(pk=row.pk)
    assert (row.status, row.user, approval_of(row).decided_by) == ("completed", alice, bob)


def test_it_is_decided_once(alice: Any, asking: Any) -> None:
    approval = approval_of(waiting(alice))
    stale = Approval.objects.get(pk=approval.pk)
    services.approve(approval=approval, by=alice)
    for verb in (services.approve, services.reject):
        with pytest.raises(Conflict) as refusal:
            verb(approval=stale, by=alice)
        assert refusal.value.code == "approval_decided"
    queue.run_pending()
    assert asking == [3]


def test_what_another_decides_meanwhile_is_refused_as_decided_not_as_somebody_elses(
    alice: Any, asking: Any, monkeypatch: Any
) -> None:
    approval = approval_of(waiting(alice))
    decidable_by = Approval.objects.decidable_by

    def decided_meanwhile(by: Any) -> Any:
        Approval.objects.filter(pk=approval.pk).update(status="approved")
        return decidable_by(by)

    monkeypatch.setattr(Approval.objects, "decidable_by", decided_meanwhile)
    with pytest.raises(Conflict) as refusal:
        services.reject(approval=approval, by=alice)
    assert refusal.value.code == "approval_decided"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("verbs", [("approve", "approve"), ("approve", "reject")])
def test_when_two_decide_at_once_one_of_them_does(verbs: tuple[str, str], alice: Any, asking: Any) -> None:
    for _round in range(5):
        asking.clear()
        row = waiting(alice)
        approval, told, together = approval_of(row), [], threading.Barrier(2)

        def decide(verb: str, pk: str, told: list[str], together: threading.Barrier) -> None:
            mine = Approval.objects.get(pk=pk)
            together.wait(10)
            try:
                getattr(services, verb)(approval=mine, by=alice)
                told.append(verb)
            except Conflict as refusal:
                told.append(refusal.code)
            finally:
                connection.close()

        threads = [
            threading.Thread(target=decide, args=(verb, approval.pk, told, together)) for verb in verbs
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        won = next(one for one in told if one != "approval_decided")
        assert len(told) == 2
        queue.run_pending()
        row = ToolExecution.objects.get(pk=row.pk)
        assert asking == ([3] if won == "approve" else [])
        assert row.status == ("completed" if won == "approve" else "failed")


def test_stopping_what_waits_ends_its_question(alice: Any, asking: Any) -> None:
    row = waiting(alice)
    services.cancel_execution(execution=row, by=alice)
    assert (row.error_code, approval_of(row).status) == ("canceled", "canceled")
    with pytest.raises(Conflict):
        services.approve(approval=approval_of(row), by=alice)


def test_what_is_denied_after_consent_does_not_run(alice: Any, asking: Any) -> None:
    row = waiting(alice)
    services.approve(approval=approval_of(row), by=alice)
    ToolPolicy.objects.create(effect="deny")
    queue.run_pending()
    row = ToolExecution.objects.get(pk=row.pk)
    assert (row.error_code, asking) == ("denied", [])


def test_a_rule_that_asks_by_now_holds_up_what_waits_to_be_run(alice: Any, make_tool: Any) -> None:
    ran: list[int] = []
    tool = make_tool(lambda call: ran.append(1) or "x")
    row = services.start_tool(user=alice, name="probe", arguments={})
    rule = ToolPolicy.objects.create(tool=tool, effect="ask", reason="It costs money.")
    queue.run_pending()
    services.run_execution(execution_id=row.pk)
    row = ToolExecution.objects.get(pk=row.pk)
    assert (row.status, row.policy_effect, row.policy, ran) == ("pending", "ask", rule, [])
    approval = approval_of(row)
    assert (approval.user, approval.title, approval.reason) == (alice, "probe", "It costs money.")
    services.approve(approval=approval, by=alice)
    queue.run_pending()
    assert (ToolExecution.objects.get(pk=row.pk).status, ran) == ("completed", [1])


def test_a_rule_that_asks_by_now_denies_what_nobody_attends_and_a_second_attempt(
    alice: Any, make_tool: Any
) -> None:
    ran: list[int] = []
    tool = make_tool(lambda call: ran.append(1) or "x", retry_safe=True)
    alone = services.start_tool(user=alice, name="probe", arguments={}, unattended=True)
    begun = services.start_tool(user=alice, name="probe", arguments={})
    ToolExecution.objects.filter(pk=begun.pk).update(status="running", attempt=1)
    ToolPolicy.objects.create(tool=tool, effect="ask")
    queue.run_pending()
    codes = ToolExecution.objects.filter(pk__in=[alone.pk, begun.pk]).values_list("status", "error_code")
    assert (list(codes), ran) == ([("failed", "denied")] * 2, [])
    assert not Approval.objects.exists()


def test_unattended_what_the_rule_lets_run_then_runs(alice: Any, make_tool: Any) -> None:
    tool = make_tool(lambda call: "x")
    ToolPolicy.objects.create(tool=tool, effect="ask", unattended="allow")
    row = services.start_tool(user=alice, name="probe", arguments={}, unattended=True)
    queue.run_pending()
    assert ToolExecution.objects.get(pk=row.pk).status == "completed"


@pytest.mark.parametrize("gone", [False, True])
def test_what_waits_does_not_run_for_an_account_that_was_closed(
    gone: bool, alice: Any, bob: Any, make_tool: Any
) -> None:
    ran: list[int] = []
    tool = make_tool(lambda call: ran.append(1) or "x")
    queued = services.start_tool(user=alice, name="probe", arguments={})
    rule = ToolPolicy.objects.create(tool=tool, effect="ask")
    asked = services.start_tool(user=alice, name="probe", arguments={})
    services.delegate_to(approval=approval_of(asked), by=alice, delegate=bob)
    rule.delete()
    alice.is_active = False
    alice.save(update_fields=["is_active"])
    services.approve(approval=approval_of(asked), by=bob)
    if gone:
        ToolExecution.objects.update(user=None)
    queue.run_pending()
    codes = ToolExecution.objects.filter(pk__in=[queued.pk, asked.pk]).values_list("status", "error_code")
    assert (list(codes), ran) == ([("failed", "account_closed")] * 2, [])


def test_a_run_that_waits_for_consent_is_not_taken_for_abandoned(alice: Any, asking: Any) -> None:
    row = waiting(alice)
    ToolExecution.objects.filter(pk=row.pk).update(created_at=timezone.now() - timedelta(hours=9))
    assert services.close_abandoned() == 0
    assert services.run_execution(execution_id=row.pk).status == "pending"
    assert asking == []


def test_other_apps_ask_too_and_hear_the_answer(alice: Any) -> None:
    queue.on_event("approval.decided", name="test.decided")(hear)
    approval = services.ask(
        user=alice,
        target_type="plan_step_execution",
        target_id="s1",
        title="Send the letter?",
        arguments={"to": "Bob"},
        reason="A step of a plan.",
        approver="self",
        expires_in=timedelta(hours=1),
    )
    services.approve(approval=approval, by=alice, arguments={"to": "Carol"})
    (told,) = TaskQueue.objects.filter(task_type="test.decided").values_list("payload", flat=True)
    assert (told["target_type"], told["target_id"], told["status"]) == (
        "plan_step_execution",
        "s1",
        "approved",
    )
    assert Approval.objects.get().agreed_arguments == {"to": "Carol"}


def test_a_tool_of_an_ask_default_asks_from_the_started_door_too(alice: Any, asking: Any) -> None:
    row = services.start_tool(user=alice, name="probe", arguments={"number": 1})
    queue.run_pending()
    assert (ToolExecution.objects.get(pk=row.pk).status, asking) == ("pending", [])
    assert row.approval is not None
