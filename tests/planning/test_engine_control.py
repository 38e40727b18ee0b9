"""What people do to runs: pause, resume, cancel, retry, skip, run again; and budgets."""

from datetime import timedelta

import pytest

from agi_site.lib.engines.base import EngineError
from agi_site.lib.engines.fake import Script
from agi_site.lib.problems import Conflict, Invalid
from planning import engine, services
from planning.models import Plan, PlanExecution, PlanStepExecution
from system import queue
from system.models import Log, TaskQueue
from tests.planning.conftest import outputs, row_of, states, step
from tests.planning.test_engine import pass_time
from tools.models import Approval, ToolExecution
from tools.services import reject

pytestmark = pytest.mark.django_db

WAIT = {"kind": "wait", "arguments": {"seconds": 60}}


# --- Pause and resume -------------------------------------------------------------------------------------
def test_a_paused_run_begins_nothing_until_it_is_resumed(run, again, alice):
    execution = run(step("w", **WAIT), step("b", "w"))
    services.pause_plan(execution=execution, by=alice)
    pass_time(61)
    assert states(again(execution)) == {"w": "ready", "b": "pending"}
    assert execution.paused_at is not None
    assert not TaskQueue.objects.exclude(unique_key=None).filter(status="pending").exists()
    services.resume_plan(execution=execution, by=alice)
    assert again(execution).status == "completed"
    with pytest.raises(Conflict):
        services.pause_plan(execution=execution, by=alice)


def test_a_run_paused_before_it_began_waits(alice, run_tasks, again):
    plan = services.create_plan(owner=alice, title="p", steps=[step("a")])
    execution = services.start_plan(plan=plan, by=alice)
    services.pause_plan(execution=execution, by=alice)
    assert states(again(execution)) == {"a": "ready"}
    services.resume_plan(execution=execution, by=alice)
    assert again(execution).status == "completed"


# --- Cancel -----------------------------------------------------------------------------------------------
def test_cancel_skips_what_waits_and_calls_off_questions_and_sub_plans(run, again, alice, tools):
    inner = services.create_plan(owner=alice, title="inner", steps=[step("w", **WAIT)])
    execution = run(
        step("ok", kind="approval", arguments={"title": "?"}),
        step("t", tool="asks", arguments={"value": "x"}),
        step("sub", kind="plan", sub_plan_id=inner.pk),
        step("after", "ok", "t", "sub"),
    )
    assert list(states(execution).values()) == ["waiting"] * 3 + ["pending"]
    services.cancel_plan(execution=execution, by=alice)
    assert again(execution).status == "canceled"
    assert set(states(execution).values()) == {"skipped"}
    assert not Approval.objects.waiting().exists()
    assert ToolExecution.objects.get().status == "failed"
    assert PlanExecution.objects.get(plan=inner).status == "canceled"
    assert Plan.objects.get(pk=execution.plan_id).status == "canceled"
    with pytest.raises(Conflict):
        services.cancel_plan(execution=execution, by=alice)


def test_a_run_canceled_in_mid_step_begins_nothing_more(alice, make_tool, again):
    started = []
    make_tool("stops", lambda call, **_given: {"done": bool(engine.cancel(started[0].pk))}, parameters=[])
    plan = services.create_plan(owner=alice, title="p", steps=[step("t", tool="stops"), step("b", "t")])
    started.append(services.start_plan(plan=plan, by=alice))
    execution = again(started[0])
    assert execution.status == "canceled"
    assert states(execution)["b"] == "skipped"
    assert not PlanStepExecution.objects.filter(status="running").exists()


# --- Retry and skip ---------------------------------------------------------------------------------------
def test_retry_goes_on_from_the_failed_step_and_keeps_earlier_outputs(run, again, alice, tools):
    tools.failures = 1
    execution = run(
        step("a", tool="echo", arguments={"value": "a"}),
        step("bad", "a", tool="shaky", arguments={"value": "{{ steps.a.output.value }}!"}),
        step("c", "bad"),
    )
    assert states(execution) == {"a": "completed", "bad": "failed", "c": "skipped"}
    services.retry_plan(execution=execution, by=alice)
    assert again(execution).status == "completed"
    assert tools.calls == ["a", "a!", "a!"]
    assert execution.error_details is None
    with pytest.raises(Conflict):
        services.retry_plan(execution=execution, by=alice)


def test_a_canceled_run_is_taken_up_where_it_stopped(run, again, alice, tools):
    execution = run(step("a", tool="echo", arguments={"value": "a"}), step("w", "a", **WAIT), step("c", "w"))
    services.cancel_plan(execution=execution, by=alice)
    services.retry_plan(execution=execution, by=alice)
    assert states(again(execution)) == {"a": "completed", "w": "waiting", "c": "pending"}
    pass_time(61)
    assert again(execution).status == "completed"
    assert tools.calls == ["a"]


def test_skipping_the_failed_step_lets_the_rest_go_on(run, again, alice, tools):
    tools.failures = 1
    execution = run(step("bad", tool="shaky"), step("b", "bad"), step("c", "b"))
    with pytest.raises(Invalid):
        services.skip_step(step=row_of(execution, "bad"), by=alice, reason=" ")
    services.skip_step(step=row_of(execution, "bad"), by=alice, reason="not needed today")
    assert again(execution).status == "completed"
    assert states(execution) == {"bad": "skipped", "b": "completed", "c": "completed"}
    assert row_of(execution, "bad").error_message == "not needed today"


def test_a_waiting_step_can_be_skipped_and_its_question_goes(run, again, alice):
    execution = run(step("ok", kind="approval", arguments={"title": "?"}), step("b", "ok"))
    services.skip_step(step=row_of(execution, "ok"), by=alice, reason="decided elsewhere")
    assert again(execution).status == "completed"
    assert not Approval.objects.waiting().exists()
    with pytest.raises(Conflict):
        services.skip_step(step=row_of(execution, "b"), by=alice, reason="too late")


def test_of_two_failures_one_skipped_leaves_the_other(run, again, alice, tools):
    tools.failures = 2
    execution = run(step("x", tool="shaky"), step("y", tool="shaky"), step("z", "x", "y"))
    services.skip_step(step=row_of(execution, "x"), by=alice, reason="never mind")
    assert again(execution).status == "failed"
    assert states(execution) == {"x": "skipped", "y": "failed", "z": "skipped"}
    services.retry_plan(execution=execution, by=alice)
    assert again(execution).status == "completed"


def over_items(key, *after, **more):
    """A step that does each of 1, 2, 3, and fails where `shaky` does."""
    return step(
        key, *after, tool="shaky", for_each="[`1`, `2`, `3`]", arguments={"value": "{{ item }}x"}, **more
    )


def test_a_skipped_step_with_items_stays_skipped_when_another_is_retried(run, again, alice, tools):
    tools.failures = 1
    execution = run(over_items("each"), step("bad", "each", tool="shaky"), step("end", "bad"))
    tools.failures = 1
    services.skip_step(step=row_of(execution, "each"), by=alice, reason="two will do")
    assert states(again(execution)) == {"each": "skipped", "bad": "failed", "end": "skipped"}
    calls = len(tools.calls)
    services.retry_plan(execution=execution, by=alice)
    assert again(execution).status == "completed"
    assert states(execution) == {"each": "skipped", "bad": "completed", "end": "completed"}
    assert row_of(execution, "each").error_message == "two will do"
    assert len(tools.calls) == calls + 1


def test_items_whose_failure_nobody_minds_are_not_done_again(run, again, alice, tools):
    tools.failures = 1
    execution = run(over_items("each", on_failure="continue"), step("bad", "each", tool="asks"))
    reject(approval=Approval.objects.get(), by=alice)
    assert states(again(execution)) == {"each": "failed", "bad": "failed"}
    calls = list(tools.calls)
    services.retry_plan(execution=execution, by=alice)
    assert states(again(execution)) == {"each": "failed", "bad": "waiting"}
    assert tools.calls == calls


def test_run_again_takes_other_inputs(run, again, alice, tools):
    first = run(step("a", tool="echo", arguments={"value": "{{ inputs.x }}"}), inputs={"x": "1"})
    second = services.run_again(execution=first, by=alice, inputs={"x": "2"})
    assert again(second).status == "completed"
    assert tools.calls == ["1", "2"]
    assert outputs(first) == {"a": {"value": "1"}}


def test_the_audit_tells_what_was_done_and_not_what_was_refused(run, alice, tools):
    execution = run(step("w", **WAIT))
    services.pause_plan(execution=execution, by=alice)
    services.cancel_plan(execution=execution, by=alice)
    done = ["was paused", "was canceled"]
    assert [line for line in done if Log.objects.filter(message__contains=line).count() == 1] == done
    Log.objects.all().delete()
    other = run(step("a"))
    for verb in (services.pause_plan, services.resume_plan, services.cancel_plan, services.retry_plan):
        with pytest.raises(Conflict):
            verb(execution=other, by=alice)
    with pytest.raises(Conflict):
        services.skip_step(step=row_of(other, "a"), by=alice, reason="No.")
    lines = Log.objects.filter(component="planning").values_list("message", flat=True)
    assert [line for line in lines if line.startswith(("run ", "step "))] == []


# --- Budgets ----------------------------------------------------------------------------------------------
def test_a_budget_of_steps_ends_the_run_before_it_is_exceeded(run, tools):
    steps = [step(f"s{number}", tool="echo", arguments={"value": str(number)}) for number in range(10)]
    execution = run(*steps, budget={"steps": 4})
    assert (execution.status, execution.error_code) == ("failed", "budget")
    assert len(tools.calls) == 4
    assert execution.spent["steps"] == 4


def test_a_run_that_has_used_up_its_budget_goes_on_with_a_larger_one(run, again, alice, tools):
    steps = [step(f"s{number}", tool="echo", arguments={"value": str(number)}) for number in range(6)]
    execution = run(*steps, budget={"steps": 4})
    services.retry_plan(execution=execution, by=alice)
    assert again(execution).error_code == "budget"
    services.retry_plan(execution=execution, by=alice, budget={"steps": 6})
    assert again(execution).status == "completed"
    assert (execution.budget, execution.spent["steps"], len(tools.calls)) == ({"steps": 6}, 6, 6)
    with pytest.raises(Invalid):
        services.retry_plan(execution=execution, by=alice, budget={"money": 1})


def test_a_budget_of_steps_that_suffices_is_no_hindrance(run, tools):
    execution = run(step("a"), step("b", "a"), step("c", "b"), budget={"steps": 3, "seconds": 600})
    assert execution.status == "completed"


def test_a_budget_of_seconds_ends_a_run_that_waits(run, again):
    execution = run(step("w", kind="wait", arguments={"seconds": 3600}), budget={"seconds": 30})
    assert execution.status == "running"
    PlanExecution.objects.update(started_at=execution.started_at.replace(year=2020))
    pass_time(31)
    assert again(execution).status == "failed"
    assert execution.error_code == "budget"


def test_no_step_begins_when_the_seconds_are_over_though_no_clock_has_struck(alice, make_tool, again):
    make_tool("late", lambda call, **_given: age(3600), parameters=[])
    steps = [step("a", tool="late"), step("b", "a", tool="late")]
    plan = services.create_plan(owner=alice, title="p", steps=steps)
    execution = again(services.start_plan(plan=plan, by=alice, budget={"seconds": 600}))
    assert (execution.status, execution.error_code) == ("failed", "budget")
    assert states(execution) == {"a": "completed", "b": "skipped"}


def age(seconds):
    """Let runs have begun so much earlier."""
    for row in PlanExecution.objects.all():
        began = row.started_at - timedelta(seconds=seconds)
        PlanExecution.objects.filter(pk=row.pk).update(started_at=began)
    return {}


def test_a_budget_of_tokens_caps_answers_and_ends_before_it_is_exceeded(run, settings):
    from agi_site.lib import engines

    long = "words " * 300
    steps = [
        step("p0", kind="prompt", arguments={"prompt": long}),
        step("p1", "p0", kind="prompt", arguments={"prompt": long}),
    ]
    limit = int(engines.chat().count_tokens(long) * 2.4)
    execution = run(*steps, budget={"tokens": limit})
    assert (execution.status, execution.error_code) == ("failed", "budget"), states(execution)
    assert states(execution)["p0"] == "completed"
    assert execution.spent["tokens"] <= limit


def test_what_a_sub_plan_has_used_is_not_there_for_others(run, alice):
    from agi_site.lib import engines

    long = "words " * 300
    asks = {"kind": "prompt", "arguments": {"prompt": long}}
    inner = services.create_plan(owner=alice, title="inner", steps=[step("p", **asks)])
    limit = int(engines.chat().count_tokens(long) * 2.4)
    execution = run(
        step("sub", kind="plan", sub_plan_id=inner.pk), step("after", "sub", **asks), budget={"tokens": limit}
    )
    assert (execution.status, execution.error_code) == ("failed", "budget"), states(execution)
    assert states(execution)["sub"] == "completed"
    assert execution.spent["tokens"] <= limit


@pytest.mark.parametrize("budget", [None, {"tokens": 10_000}])
def test_what_earlier_attempts_used_counts(run, again, alice, budget):
    from agi_site.lib import engines

    engine = engines.chat()
    broken = Script(["one ", "two "], error=EngineError("unavailable", "not now", retryable=True))
    engine.script(broken, broken, Script(["three"]))
    asked, half = engine.count_tokens("Count!"), engine.count_tokens("one two ")
    counts = {"kind": "prompt", "arguments": {"prompt": "Count!"}, "max_retries": 1, "retry_seconds": 5}
    execution = run(step("p", **counts), budget=budget)
    pass_time(6)
    assert again(execution).status == "failed"
    assert execution.spent["tokens"] == 2 * (asked + half)
    services.retry_plan(execution=execution, by=alice)
    assert again(execution).status == "completed"
    assert execution.spent["tokens"] == 3 * asked + 2 * half + engine.count_tokens("three")
    assert row_of(execution, "p").usage["tokens"] == execution.spent["tokens"]


@pytest.mark.parametrize(("then", "comes_to"), [(100, "completed"), (300, "failed")])
def test_seconds_before_a_retry_count_and_those_between_do_not(
    then, comes_to, run, again, alice, make_tool, tools
):
    seconds = [400, then]
    make_tool("slow", lambda call, **_given: age(seconds.pop(0)), parameters=[])
    tools.failures = 1
    steps = [step("a", tool="slow"), step("bad", "a", tool="shaky", arguments={"value": "x"})]
    steps += [step("c", "bad", tool="slow"), step("d", "c", tool="slow", condition="`false`")]
    execution = run(*steps, budget={"seconds": 600})
    assert (execution.status, execution.error_code) == ("failed", "failed")
    assert 400 <= execution.spent["seconds"] < 420
    age(3600)
    ended = execution.completed_at - timedelta(seconds=3600)
    PlanExecution.objects.filter(pk=execution.pk).update(completed_at=ended)
    services.retry_plan(execution=execution, by=alice)
    assert again(execution).status == comes_to
    assert 400 + then <= execution.spent["seconds"] < 420 + then
    assert execution.seconds == pytest.approx(execution.spent["seconds"], abs=0.01)
    assert execution.error_code == ("budget" if comes_to == "failed" else "")


def test_what_a_step_used_that_ran_when_its_run_ended_counts(alice, again, run, monkeypatch):
    from agi_site.lib import engines

    engine = engines.chat()
    execution = services.start_plan(
        plan=services.create_plan(
            owner=alice, title="p", steps=[step("p", kind="prompt", arguments={"prompt": "Count!"})]
        ),
        by=alice,
    )
    count, canceled = engine.count_tokens, []

    def cancel_meanwhile(text):
        if not canceled:
            canceled.append(services.cancel_plan(execution=execution, by=alice))
        return count(text)

    monkeypatch.setattr(engine, "count_tokens", cancel_meanwhile)
    assert again(execution).status == "canceled"
    assert canceled
    assert execution.spent["tokens"] > 0


def test_bad_budgets_are_refused(alice):
    plan = services.create_plan(owner=alice, title="p", steps=[step("a")])
    with pytest.raises(Invalid):
        services.start_plan(plan=plan, by=alice, budget={"stpes": 1})


# --- Recovery ---------------------------------------------------------------------------------------------
def abandoned(alice, *steps):
    """A run whose driver has claimed the first step and died."""
    plan = services.create_plan(owner=alice, title="p", steps=steps)
    execution = services.start_plan(plan=plan, by=alice)
    engine.begin(execution.pk)
    PlanStepExecution.objects.filter(execution=execution, status="ready").update(
        status="running", claimed_by="a dead one", attempt=1, started_at=execution.started_at
    )
    return execution


def call_of(execution, alice, name):
    """The call that the dead driver had opened."""
    from tools.services import Call, open_many

    row = PlanStepExecution.objects.get(execution=execution, key="t")
    call = Call(
        user=alice,
        name=name,
        arguments={"value": "x"},
        trigger=("plan_step_execution", str(row.pk)),
        idempotency_key=f"plan-step-{row.pk}",
    )
    (opened,) = open_many([call])
    return opened


def test_a_step_that_had_not_begun_is_begun_again(alice, again, tools):
    execution = abandoned(alice, step("t", tool="shaky", arguments={"value": "x"}))
    assert again(execution).status == "completed"
    assert tools.calls == ["x"]


def test_a_call_that_may_be_repeated_is_made_again_under_its_key(alice, again, tools):
    execution = abandoned(alice, step("t", tool="echo", arguments={"value": "x"}))
    call_of(execution, alice, "echo")
    assert again(execution).status == "completed"
    assert list(ToolExecution.objects.order_by("pk").values_list("error_code", flat=True)) == ["lost", ""]


def test_a_call_that_may_not_be_repeated_is_lost_and_a_person_decides(alice, again, tools):
    execution = abandoned(alice, step("t", tool="shaky", arguments={"value": "x"}), step("b", "t"))
    call_of(execution, alice, "shaky")
    assert again(execution).status == "failed"
    assert (execution.error_code, tools.calls) == ("lost", [])
    services.retry_plan(execution=execution, by=alice)
    assert again(execution).status == "completed"
    assert tools.calls == ["x"]


def test_a_call_that_had_ended_is_not_made_again(alice, again, tools):
    from tools.services import close_many, run_opened

    execution = abandoned(alice, step("t", tool="echo", arguments={"value": "x"}))
    close_many([run_opened(call_of(execution, alice, "echo"), here=True)])
    assert again(execution).status == "completed"
    assert tools.calls == ["x"]
    assert outputs(execution)["t"] == {"value": "x"}


def test_a_step_that_costs_one_process_after_the_other_is_given_up(alice, again, tools):
    execution = abandoned(alice, step("t", tool="echo", arguments={"value": "x"}))
    PlanStepExecution.objects.update(usage={"lost": 5})
    call_of(execution, alice, "echo")
    assert again(execution).status == "failed"
    assert execution.error_code == "lost"


def test_a_run_without_a_driver_is_found_and_woken(alice, again):
    plan = services.create_plan(owner=alice, title="p", steps=[step("a")])
    execution = services.start_plan(plan=plan, by=alice)
    TaskQueue.objects.all().delete()
    assert again(execution).status == "pending"
    assert engine.rescue() == 1
    assert again(execution).status == "completed"
    assert engine.rescue() == 0


def test_steps_that_wait_for_nothing_that_could_come_are_mended(run, again):
    execution = run(step("w", **WAIT), step("b", "w"), step("c", "b"))
    PlanStepExecution.objects.filter(key="c").update(remaining=5)
    pass_time(61)
    assert again(execution).status == "completed"


def test_a_deleted_plan_ends_its_driver_quietly(alice):
    plan = services.create_plan(owner=alice, title="p", steps=[step("a")])
    services.start_plan(plan=plan, by=alice)
    plan.delete()
    queue.run_pending()
    assert TaskQueue.objects.get(task_type="planning.drive").status == "completed"
