"""Runs of plans in this process: each kind of step, what steps take from each other, how runs end."""

from datetime import timedelta
from itertools import pairwise

import pytest
from django.utils import timezone

from planning import services
from planning.engine import database, moves, references
from planning.models import Plan, PlanExecution, PlanStep, PlanStepExecution
from system.models import TaskQueue
from tests.planning.conftest import outputs, row_of, states, step
from tools.models import Approval, ToolExecution

pytestmark = pytest.mark.django_db


def pass_time(seconds):
    """Every clock of plans and of the queue stands so much later."""
    back = timedelta(seconds=seconds)
    for row in PlanStepExecution.objects.exclude(available_at=None):
        row.available_at -= back
        row.save(update_fields=["available_at"])
    for task in TaskQueue.objects.filter(status="pending"):
        task.available_at -= back
        task.save(update_fields=["available_at"])


# --- Order ------------------------------------------------------------------------------------------------
def test_a_chain_runs_to_its_end_and_the_plan_shows_it(run):
    execution = run(step("a"), step("b", "a"), step("c", "b"))
    assert execution.status == "completed"
    assert states(execution) == dict.fromkeys("abc", "completed")
    assert Plan.objects.get().status == "completed"
    assert set(PlanStep.objects.values_list("status", flat=True)) == {"completed"}
    assert execution.steps_total == 3
    assert execution.completed_at is not None


def test_a_diamond_waits_for_both_sides(run, tools):
    execution = run(
        step("d", "b", "c", tool="echo", arguments={"value": "d"}),
        step("b", "a", tool="echo", arguments={"value": "b"}),
        step("c", "a", tool="echo", arguments={"value": "c"}),
        step("a", tool="echo", arguments={"value": "a"}),
    )
    assert execution.status == "completed"
    assert tools.calls[0] == "a"
    assert tools.calls[-1] == "d"


def test_hundreds_of_steps_in_layers_each_run_once(run, tools):
    layers = [[f"l{layer}_{n}" for n in range(20)] for layer in range(8)]
    steps = [
        step(key, *(layers[number - 1] if number else ()), tool="echo", arguments={"value": key})
        for number, layer in enumerate(layers)
        for key in layer
    ]
    execution = run(*steps)
    assert execution.status == "completed"
    assert sorted(tools.calls) == sorted(key for layer in layers for key in layer)
    order = {key: place for place, key in enumerate(tools.calls)}
    for above, below in pairwise(layers):
        assert max(order[key] for key in above) < min(order[key] for key in below)


def test_a_run_keeps_the_steps_it_began_with(alice, run_tasks, again, tools):
    plan = services.create_plan(
        owner=alice, title="p", steps=[step("w", kind="wait", arguments={"seconds": 60}), step("b", "w")]
    )
    execution = services.start_plan(plan=plan, by=alice)
    run_tasks()
    services.replace_steps(plan=plan, by=alice, steps=[step("other")])
    pass_time(61)
    assert again(execution).status == "completed"
    assert states(execution) == {"w": "completed", "b": "completed"}


# --- What steps take from each other ----------------------------------------------------------------------
def test_arguments_take_outputs_inputs_and_keep_their_types(run, make_tool):
    from tools.registry import Parameter

    seen = []
    parameters = [Parameter("number", "integer", "n"), Parameter("text", "string", "t")]
    make_tool(
        "take", lambda call, **given: seen.append(given) or {"n": given["number"] + 1}, parameters=parameters
    )
    execution = run(
        step("first", tool="take", arguments={"number": "{{ inputs.start }}", "text": "x"}),
        step(
            "second",
            tool="take",
            arguments={"number": "{{ steps.first.output.n }}", "text": "was {{ steps.first.output.n }}!"},
        ),
        inputs={"start": 41},
    )
    assert execution.status == "completed", execution.error_details
    assert seen == [{"number": 41, "text": "x"}, {"number": 42, "text": "was 42!"}]
    assert execution.result["outputs"] == {"second": {"n": 43}}


def test_missing_inputs_are_named_before_anything_runs(alice, tools):
    from agi_site.lib.problems import Invalid

    steps = [step("a", tool="echo", arguments={"value": "{{ inputs.city }}"})]
    plan = services.create_plan(owner=alice, title="p", steps=steps)
    with pytest.raises(Invalid, match="city"):
        services.start_plan(plan=plan, by=alice)
    assert not PlanExecution.objects.exists()


def test_a_condition_that_does_not_hold_skips_its_step_only(run, tools):
    execution = run(
        step("a", tool="echo", arguments={"value": "no"}),
        step("b", "a", condition="steps.a.output.value == 'yes'", tool="echo", arguments={"value": "b"}),
        step("c", "b", tool="echo", arguments={"value": "{{ steps.b.status }}"}),
    )
    assert states(execution) == {"a": "completed", "b": "skipped", "c": "completed"}
    assert tools.calls == ["no", "skipped"]


def test_an_expression_that_cannot_be_evaluated_fails_its_step(run):
    execution = run(step("a", condition="length(`5`)"))
    assert (execution.status, execution.error_code) == ("failed", "bad_reference")


@pytest.mark.parametrize(
    ("condition", "told"),
    [
        ("steps.a.output.value > `5`", "compares what cannot be compared"),
        ("ceil(`1e400`) > `1`", "cannot convert float infinity to integer"),
    ],
)
def test_values_that_cannot_be_compared_fail_their_step_and_not_its_driver(run, tools, condition, told):
    steps = step("a", tool="echo", arguments={"value": "2"}), step("b", "a", condition=condition)
    execution = run(*steps)
    assert (execution.status, execution.error_code) == ("failed", "bad_reference")
    assert told in row_of(execution, "b").error_message


def test_a_number_goes_as_text_where_a_tool_takes_text(run, tools):
    execution = run(
        step("list", tool="numbers"),
        step("a", tool="echo", arguments={"value": "{{ length(steps.list.output.list) }}"}),
        step("b", tool="echo", arguments={"value": "{{ steps.list.output.list[0] == `1` }}"}),
        step("c", tool="echo", arguments={"value": "{{ steps.list.output.list }}"}, on_failure="continue"),
    )
    assert execution.status == "completed", execution.error_details
    assert sorted(tools.calls) == ["3", "true"]
    assert row_of(execution, "c").error_code == "bad_arguments"


def test_brackets_without_end_are_no_expression():
    with pytest.raises(references.BadReference):
        references.evaluated("(" * 3000, {})


def test_for_each_runs_once_per_item_and_gathers_in_order(run, tools):
    execution = run(
        step("list", tool="numbers"),
        step(
            "each",
            "list",
            for_each="steps.list.output.list",
            tool="echo",
            arguments={"value": "{{ index }}: {{ item }}"},
        ),
        step("after", "each", tool="echo", arguments={"value": "{{ steps.each.output[2].value }}"}),
    )
    assert execution.status == "completed", execution.error_details
    assert [one["value"] for one in outputs(execution)["each"]] == ["0: 1", "1: 2", "2: 3"]
    assert tools.calls[-1] == "2: 3"
    assert execution.steps_total == 3


def test_for_each_over_nothing_or_over_no_list(run, tools):
    assert run(step("none", for_each="`[]`", tool="echo")).status == "completed"
    execution = run(step("wrong", for_each="`5`", tool="echo"))
    assert execution.error_code == "not_a_list"


def test_one_failed_item_fails_the_step_and_a_retry_does_only_it_again(run, tools, again, alice):
    tools.failures = 1
    execution = run(
        step("each", for_each='`["a", "b", "c"]`', tool="shaky", arguments={"value": "{{ item }}"}),
        step("after", "each"),
    )
    assert (execution.status, execution.error_code) == ("failed", "items_failed")
    assert states(execution) == {"each": "failed", "after": "skipped"}
    services.retry_plan(execution=execution, by=alice)
    assert again(execution).status == "completed"
    assert tools.calls == ["a", "b", "c", "a"]
    assert [one["value"] for one in outputs(execution)["each"]] == ["a", "b", "c"]


# --- Kinds ------------------------------------------------------------------------------------------------
def test_a_prompt_is_answered_and_its_tokens_are_counted(run):
    execution = run(step("ask", kind="prompt", arguments={"prompt": "What is the capital of Korea?"}))
    assert execution.status == "completed", execution.error_details
    assert "capital" in outputs(execution)["ask"]
    assert execution.spent["tokens"] > 0


def test_a_wait_holds_no_worker_and_ends_at_its_time(run, again):
    execution = run(step("w", kind="wait", arguments={"seconds": 3600}), step("b", "w"))
    assert states(execution) == {"w": "waiting", "b": "pending"}
    assert not TaskQueue.objects.filter(status="processing").exists()
    pass_time(3601)
    assert again(execution).status == "completed"


@pytest.mark.parametrize(
    "when", ["9999-12-31T23:59:59-12:00", "9999-12-31T23:59:59.95Z", "2999-01-01T00:00:00"]
)
def test_a_wait_until_a_time_that_no_clock_reaches_fails_and_the_rest_is_kept(run, tools, when):
    execution = run(
        step("t", tool="shaky", arguments={"value": "x"}),
        step("w", "t", kind="wait", arguments={"until": "{{ inputs.when }}"}),
        inputs={"when": when},
    )
    assert (execution.status, execution.error_code) == ("failed", "bad_wait")
    assert (states(execution)["t"], tools.calls) == ("completed", ["x"])


def test_a_wait_until_a_time_that_is_over_ends_at_once(run, again):
    for when in ("2020-01-01T00:00:00Z", "0001-01-01T00:00:00"):
        execution = run(step("w", kind="wait", arguments={"until": when}))
        pass_time(1)
        assert again(execution).status == "completed"


def test_a_person_is_waited_for_and_says_yes_or_no(run, again, alice):
    from tools.services import approve, reject

    execution = run(step("ok", kind="approval", arguments={"title": "Go on?"}), step("b", "ok"))
    assert states(execution) == {"ok": "waiting", "b": "pending"}
    approve(approval=Approval.objects.get(), by=alice, note="fine")
    assert again(execution).status == "completed"
    assert outputs(execution)["ok"]["note"] == "fine"
    other = run(step("ok", kind="approval", arguments={"title": "Go on?"}), step("b", "ok"))
    reject(approval=Approval.objects.waiting().get(), by=alice, note="too dear")
    assert again(other).status == "failed"
    assert states(other) == {"ok": "failed", "b": "skipped"}
    assert "too dear" in other.error_details


def test_an_unattended_run_waits_for_nobody(run, tools):
    execution = run(step("ok", kind="approval", arguments={"title": "Go on?"}), unattended=True)
    assert (execution.status, execution.error_code) == ("failed", "denied")
    execution = run(step("t", tool="asks", arguments={"value": "x"}), unattended=True)
    assert (execution.status, execution.error_code) == ("failed", "denied")


def test_a_tool_that_asks_first_runs_after_its_approval(run, again, alice, tools):
    from tools.services import approve

    execution = run(step("t", tool="asks", arguments={"value": "x"}), step("b", "t"))
    assert states(execution) == {"t": "waiting", "b": "pending"}
    approve(approval=Approval.objects.get(), by=alice, arguments={"value": "y"})
    assert again(execution).status == "completed"
    assert tools.calls == ["y"]
    assert outputs(execution)["t"] == {"value": "y"}


def test_a_sub_plan_gives_its_outputs(run, alice, tools):
    inner = services.create_plan(
        owner=alice, title="inner", steps=[step("x", tool="echo", arguments={"value": "{{ inputs.word }}"})]
    )
    execution = run(
        step("sub", kind="plan", sub_plan_id=inner.pk, arguments={"word": "deep"}),
        step("after", "sub", tool="echo", arguments={"value": "{{ steps.sub.output.x.value }}"}),
    )
    assert execution.status == "completed", execution.error_details
    assert tools.calls == ["deep", "deep"]


def test_plans_that_start_each_other_are_refused(run, alice):
    inner = services.create_plan(owner=alice, title="inner", steps=[step("x")])
    outer = services.create_plan(
        owner=alice, title="outer", steps=[step("s", kind="plan", sub_plan_id=inner.pk)]
    )
    PlanStep.objects.filter(plan=inner).update(kind="plan", sub_plan=outer)
    from system import queue

    execution = services.start_plan(plan=outer, by=alice)
    queue.run_pending()
    execution.refresh_from_db()
    assert (execution.status, execution.error_code) == ("failed", "sub_plan_cycle")
    assert "outer → inner → outer" in execution.error_details


# --- Failure ----------------------------------------------------------------------------------------------
def test_what_waits_for_a_failed_step_is_skipped_and_other_branches_go_on(run, tools):
    tools.failures = 1
    execution = run(
        step("bad", tool="shaky", arguments={"value": "1"}),
        step("b", "bad"),
        step("c", "b"),
        step("other", tool="echo", arguments={"value": "2"}),
        step("join", "c", "other"),
    )
    assert execution.status == "failed"
    assert states(execution) == {
        "bad": "failed", "b": "skipped", "c": "skipped", "other": "completed", "join": "skipped",
    }  # fmt: skip
    assert "not today" in execution.error_details
    assert "bad" in row_of(execution, "join").error_message


def test_a_failed_step_may_let_others_go_on(run, tools):
    tools.failures = 1
    execution = run(
        step("bad", tool="shaky", on_failure="continue"),
        step("b", "bad", tool="echo", arguments={"value": "{{ steps.bad.status }}"}),
    )
    assert execution.status == "completed"
    assert tools.calls[-1] == "failed"
    assert execution.result["failed"] == ["bad"]


def test_a_step_is_tried_again_after_a_pause(run, tools, again):
    tools.failures = 2
    execution = run(step("s", tool="shaky", max_retries=2, retry_seconds=10))
    assert states(execution) == {"s": "waiting"}
    pass_time(11)
    assert states(again(execution)) == {"s": "waiting"}
    pass_time(21)
    assert again(execution).status == "completed"
    assert row_of(execution, "s").attempt == 3
    assert ToolExecution.objects.count() == 3


def test_texts_are_in_the_language_of_the_run(run, tools):
    tools.failures = 1
    execution = run(step("bad", tool="shaky"), step("b", "bad"), language="ko")
    assert execution.language == "ko"
    assert row_of(execution, "b").error_message != ""


# --- The engine's own promises ----------------------------------------------------------------------------
def test_states_move_by_legal_moves_only():
    from planning.models import LEGAL_STEP_MOVES, StepState

    assert set(LEGAL_STEP_MOVES) == set(StepState.values)
    assert LEGAL_STEP_MOVES[StepState.COMPLETED] == frozenset()


def test_what_somebody_else_has_moved_is_not_written(run, alice):
    execution = run(step("a", kind="wait", arguments={"seconds": 100}))
    row = row_of(execution, "a")
    held = moves.Step(*PlanStepExecution.objects.filter(pk=row.pk).values_list(*moves.COLUMNS).get())
    with pytest.raises(moves.Displaced), database.sharing(execution.pk):
        moves.apply(execution.pk, [(held, moves.Outcome("completed"))], token="nobody")
    assert states(execution) == {"a": "waiting"}


def test_one_batch_takes_few_queries(alice, django_assert_max_num_queries):
    from system import queue

    plan = services.create_plan(
        owner=alice, title="p", steps=[step("s0"), *[step(f"s{n}", f"s{n - 1}") for n in range(1, 400)]]
    )
    execution = services.start_plan(plan=plan, by=alice)
    with django_assert_max_num_queries(160):  # for 400 steps
        queue.run_pending()
    execution.refresh_from_db()
    assert execution.status == "completed"
    assert timezone.now() >= execution.completed_at
