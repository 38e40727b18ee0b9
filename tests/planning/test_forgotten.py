"""What was forgotten before a step began: it does not run with what is left of its inputs."""

import pytest
from django.utils import translation

from knowledge.services import forget_memory, remember
from planning import services
from planning.models import PlanExecution, PlanStepExecution
from tools.models import Approval
from tools.services import approve, sync_registry

from .conftest import row_of, states, step

pytestmark = pytest.mark.django_db
searching = pytest.mark.django_db(transaction=True)  # MariaDB finds what was committed

SAID = "The spare key hangs behind the clock"


@pytest.fixture(autouse=True)
def known_tools(tools):
    sync_registry()


@pytest.fixture
def memory(alice):
    return remember(owner=alice, type="semantic", content=SAID)


@pytest.fixture
def after_forgetting(run, again, memory, alice):
    """Run steps up to one named `hold`, that asks; forget; say yes, and go on to the end."""

    def start(*steps, inputs=None):
        execution = run(*steps, inputs=inputs)
        assert states(execution)["hold"] == "waiting"
        forget_memory(memory=memory, by=alice)
        again(execution)
        for approval in Approval.objects.waiting():
            approve(approval=approval, by=alice)
        return again(execution)

    return start


def telling(key, *after, text=f"Note: {SAID}.", **more):
    return step(key, *after, tool="echo", arguments={"value": text}, **more)


def hold(*after):
    return step("hold", *after, kind="approval")


def check_not_begun(execution, key, expression):
    row = row_of(execution, key)
    assert (row.status, row.error_code, row.tool_execution) == ("failed", "forgotten", None)
    assert row.error_text == (
        f"It did not begin: a part of what “{expression}” gives was forgotten meanwhile. "
        "Run the plan again, or go on without this step."
    )
    assert (execution.status, execution.error_code) == ("failed", "forgotten")


@pytest.mark.parametrize(
    "expression",
    [
        "steps.a.output.value",
        "steps.a.output",
        "length(steps.a.output.value)",
        "to_string(steps.a.output)",
        "steps.a.output == `{}`",
        "[steps.a.output.value]",
    ],
)
def test_a_step_does_not_begin_with_what_is_left_of_an_output(after_forgetting, tools, expression):
    execution = after_forgetting(
        telling("a"),
        hold("a"),
        telling("b", "hold", text=f"{{{{ steps.a.status }}}} {{{{ {expression} }}}}"),
        telling("c", "b", text="after"),
    )
    check_not_begun(execution, "b", expression)
    assert states(execution)["c"] == "skipped"
    assert tools.calls == [f"Note: {SAID}."]


def test_what_is_whole_in_the_same_output_is_used(after_forgetting, tools, make_tool):
    make_tool("tells", lambda call, **_given: {"text": SAID, "rest": ["[…]", 7]}, parameters=[])
    execution = after_forgetting(
        step("a", tool="tells"),
        hold("a"),
        telling("b", "hold", text="{{ steps.a.output.rest[1] }} {{ steps.a.status }}"),
        telling("c", "b", text="[…] {{ steps.b.output.value }}"),
    )
    assert execution.status == "completed", execution.error_details
    assert tools.calls == ["7 completed", "[…] 7 completed"]


def test_a_text_with_such_a_mark_of_its_own_is_used(run, tools):
    execution = run(telling("a", text="so […] on"), telling("b", "a", text="{{ steps.a.output.value }}"))
    assert execution.status == "completed", execution.error_details
    assert tools.calls == ["so […] on", "so […] on"]


def test_a_condition_is_not_asked_of_what_is_left(after_forgetting):
    condition = "contains(steps.a.output.value, 'clock')"
    execution = after_forgetting(telling("a"), hold("a"), step("b", "hold", condition=condition))
    check_not_begun(execution, "b", condition)


def test_inputs_of_a_run_that_are_forgotten_are_not_used(after_forgetting, tools):
    execution = after_forgetting(
        hold(), telling("a", "hold", text="{{ inputs.note }}"), inputs={"note": SAID}
    )
    check_not_begun(execution, "a", "inputs.note")
    assert tools.calls == []


def test_an_item_that_was_forgotten_does_not_begin_and_others_do(after_forgetting, tools, make_tool):
    make_tool("lists", lambda call, **_given: {"list": [{"text": "one"}, {"text": SAID}]}, parameters=[])
    execution = after_forgetting(
        step("a", tool="lists"),
        hold("a"),
        telling("b", "hold", for_each="steps.a.output.list", text="{{ item.text }}"),
    )
    items = PlanStepExecution.objects.filter(parent=row_of(execution, "b")).order_by("item_index")
    assert list(items.values_list("status", "error_code")) == [("completed", ""), ("failed", "forgotten")]
    assert execution.error_code == "items_failed"
    assert tools.calls == ["one"]


@searching
def test_an_item_forgotten_after_it_was_laid_out_does_not_begin(run, again, memory, alice, tools):
    remember(owner=alice, type="semantic", content="The spare key is made of brass")
    tools.failures = 2
    execution = run(
        step("a", tool="memory_search", arguments={"query": "spare key"}),
        step("b", "a", tool="shaky", for_each="steps.a.output.results", max_retries=1, retry_seconds=3000,
             arguments={"value": "{{ item.snippet }}"}),
    )  # fmt: skip
    assert len(tools.calls) == 2
    forget_memory(memory=memory, by=alice)
    again(execution)
    PlanStepExecution.objects.filter(status="waiting").exclude(parent=None).update(status="ready")
    services.pause_plan(execution=execution, by=alice)
    services.resume_plan(execution=execution, by=alice)
    again(execution)
    items = PlanStepExecution.objects.exclude(parent=None)
    assert sorted(items.values_list("status", "error_code")) == [("completed", ""), ("failed", "forgotten")]
    assert len(tools.calls) == 3


@searching
def test_a_memory_that_is_gone_from_a_list_is_missed_where_it_is_taken(after_forgetting, tools):
    execution = after_forgetting(
        step("a", tool="memory_search", arguments={"query": "spare key"}),
        hold("a"),
        telling("b", "hold", text="Look: {{ steps.a.output.results[0].snippet }}"),
    )
    check_not_begun(execution, "b", "steps.a.output.results[0].snippet")
    assert tools.calls == []


@searching
def test_the_memories_that_are_left_are_used(after_forgetting, tools, alice):
    stays = "The spare key is made of brass"
    remember(owner=alice, type="semantic", content=stays)
    execution = after_forgetting(
        step("a", tool="memory_search", arguments={"query": "spare key"}),
        hold("a"),
        telling("b", "hold", text="{{ steps.a.output.results[].snippet | [0] }}"),
    )
    assert execution.status == "completed", execution.error_details
    assert tools.calls == [stays]


def test_a_gap_is_handed_on_by_items_and_sub_plans(after_forgetting, run_tasks, tools, alice):
    inner = services.create_plan(owner=alice, title="inner", steps=[telling("said")])
    execution = after_forgetting(
        telling("each", for_each="[`1`, `2`]"),
        step("sub", kind="plan", sub_plan_id=inner.pk),
        hold("each", "sub"),
        telling("b", "hold", text="{{ steps.each.output[1].value }}", on_failure="continue"),
        telling("c", "b", text="{{ steps.sub.output.said.value }}"),
    )
    check_not_begun(execution, "c", "steps.sub.output.said.value")
    assert row_of(execution, "b").error_code == "forgotten"
    assert len(tools.calls) == 3
    assert PlanExecution.objects.filter(result_forgotten=True).count() == 1


def test_a_gap_in_a_sub_plan_that_goes_on_is_handed_on(run, again, memory, tools, alice):
    held = [telling("said"), step("hold", kind="approval")]
    inner = services.create_plan(owner=alice, title="inner", steps=held)
    execution = run(
        step("sub", kind="plan", sub_plan_id=inner.pk),
        telling("b", "sub", text="{{ steps.sub.output.said.value }}"),
    )
    forget_memory(memory=memory, by=alice)
    again(execution)
    approve(approval=Approval.objects.waiting().get(), by=alice)
    check_not_begun(again(execution), "b", "steps.sub.output.said.value")
    assert len(tools.calls) == 1


def test_a_large_output_that_was_cut_in_its_file_is_not_used(after_forgetting, make_tool, tools):
    make_tool("swell", lambda call, **_given: {"lines": ["x" * 90_000, SAID]}, parameters=[])
    execution = after_forgetting(
        step("a", tool="swell"),
        hold("a"),
        telling("b", "hold", text="{{ steps.a.output.lines[1] }}"),
    )
    check_not_begun(execution, "b", "steps.a.output.lines[1]")
    assert tools.calls == []


def test_the_reason_is_told_in_the_language_of_the_reader(after_forgetting):
    execution = after_forgetting(
        telling("a"), hold("a"), telling("b", "hold", text="{{ steps.a.output.value }}")
    )
    with translation.override("ko"):
        assert "steps.a.output.value" in row_of(execution, "b").error_text


def test_a_run_goes_on_without_the_step_that_did_not_begin(run, again, alice, memory, tools):
    execution = run(telling("a"), hold("a"), telling("b", "hold", text="{{ steps.a.output.value }}"))
    forget_memory(memory=memory, by=alice)
    again(execution)
    approve(approval=Approval.objects.waiting().get(), by=alice)
    assert again(execution).status == "failed"
    services.skip_step(step=row_of(execution, "b"), by=alice, reason="not needed")
    assert again(execution).status == "completed"
