"""Writing plans down: what is sound is kept, what is not is named."""

import json
from typing import Any

import pytest

from agi_site.lib.problems import Conflict, Invalid
from planning import services
from planning.graph.order import find_ring
from planning.models import Plan, PlanExecution, PlanStep
from planning.services import StepDraft
from planning.services.drafts import write_dependencies
from planning.services.mentions import mentions_of
from tools import starter as tools_starter


@pytest.fixture(autouse=True)
def _tools(db: None) -> None:
    tools_starter.load()


def none(key: str, *after: str, **more: Any) -> StepDraft:
    return StepDraft(key, depends_on=list(after), **more)


def keys(plan: Plan) -> list[str]:
    return list(plan.steps.order_by("order_index").values_list("key", flat=True))


def waits(plan: Plan) -> dict[str, list[str]]:
    return {draft.key: list(draft.depends_on) for draft in services.drafts_of(plan)}


def faults_of(alice: Any, *steps: StepDraft) -> dict[str, list[str]]:
    with pytest.raises(Invalid) as refused:
        services.create_plan(owner=alice, title="trip", steps=steps)
    assert not Plan.objects.exists()
    return refused.value.errors


def test_steps_are_kept_in_order_with_the_ids_of_those_they_wait_for(alice: Any) -> None:
    plan = services.create_plan(
        owner=alice, title="trip", steps=[none("a"), none("b", "a"), none("c", "a", "b")]
    )
    ids = dict(plan.steps.values_list("key", "pk"))
    assert keys(plan) == ["a", "b", "c"]
    assert plan.steps.get(key="c").depends_on == f"{ids['a']},{ids['b']}"


def test_a_ring_is_refused_and_its_keys_are_named(alice: Any) -> None:
    faults = faults_of(alice, none("a", "c"), none("b", "a"), none("c", "b"), none("d"))
    assert set(faults) == {"steps.a.depends_on", "steps.b.depends_on", "steps.c.depends_on"}
    assert all(key in faults["steps.a.depends_on"][0] for key in "abc")


@pytest.mark.parametrize(
    ("step", "place", "word"),
    [
        (none("a", "a"), "steps.a.depends_on", "itself"),
        (none("a", "ghost"), "steps.a.depends_on", "ghost"),
        (none("two words"), "steps.two words.key", "letters"),
        (StepDraft("a", kind="tool", tool_name="no_such"), "steps.a.tool_name", "no_such"),
        (StepDraft("a", kind="tool"), "steps.a.tool_name", "tool"),
        (
            StepDraft("a", kind="tool", tool_name="calculator", arguments={"expression": 5}),
            "steps.a.arguments.expression",
            "string",
        ),
        (
            StepDraft("a", kind="tool", tool_name="calculator", arguments={"expression": "1", "sum": 1}),
            "steps.a.arguments.sum",
            "Known",
        ),
        (StepDraft("a", kind="tool", tool_name="calculator"), "steps.a.arguments.expression", "required"),
        (StepDraft("a", kind="prompt"), "steps.a.arguments.prompt", "asked"),
        (StepDraft("a", kind="wait"), "steps.a.arguments", "wait"),
        (StepDraft("a", kind="wait", arguments={"until": "soon"}), "steps.a.arguments.until", "time"),
        (
            StepDraft("a", kind="wait", arguments={"until": "9999-12-31T23:59:59-12:00"}),
            "steps.a.arguments.until",
            "a year",
        ),
        (
            StepDraft("a", kind="prompt", arguments={"prompt": "{{ " + "(" * 3000 + " }}"}),
            "steps.a.arguments",
            "JMESPath",
        ),
        (
            StepDraft("a", kind="prompt", arguments={"prompt": "{{ inputs.a }} and {{ steps.b.output"}),
            "steps.a.arguments.prompt",
            "never closed",
        ),
        (none("a", arguments={"deep": [{"x": "{{item.name }"}]}), "steps.a.arguments.deep", "{{item.name }"),
        (none("a", arguments={"x": json.loads("[" * 5000 + "]" * 5000)}), "steps.a.arguments", "Nested"),
        (StepDraft("a", kind="plan"), "steps.a.sub_plan", "plan"),
        (StepDraft("a", kind="party"), "steps.a.kind", "tool"),
        (none("a", condition="steps.ghost.output"), "steps.a.condition", "ghost"),
        (none("a", condition="steps.[["), "steps.a.condition", "JMESPath"),
        (none("a", for_each="steps.a.output"), "steps.a.for_each", "own output"),
        (none("a", max_retries=-1), "steps.a.max_retries", "0"),
    ],
)
def test_what_is_wrong_with_a_step_is_told_at_its_field(
    alice: Any, step: StepDraft, place: str, word: str
) -> None:
    faults = faults_of(alice, step)
    assert word in faults[place][0]


def test_double_braces_that_are_no_reference_may_stay_open(alice: Any) -> None:
    given = {"prompt": "{{ inputs.a }}: what does {{ mean, and what {% raw %}?"}
    plan = services.create_plan(
        owner=alice, title="t", steps=[StepDraft("a", kind="prompt", arguments=given)]
    )
    assert plan.steps.get().arguments == given


def test_two_steps_of_one_key_are_refused(alice: Any) -> None:
    assert "steps.a.key" in faults_of(alice, none("a"), none("a"))


def test_a_reference_makes_a_dependency_and_is_not_checked_before_its_time(alice: Any) -> None:
    twice = StepDraft(
        "twice",
        kind="tool",
        tool_name="calculator",
        arguments={"expression": "{{ steps.sum.output.result }} * 2"},
    )
    limit = StepDraft(
        "find",
        kind="tool",
        tool_name="knowledge_search",
        arguments={"query": "x", "limit": "{{ inputs.count }}"},
        condition="steps.twice.output.result > `3`",
    )
    plan = services.create_plan(owner=alice, title="trip", steps=[none("sum"), twice, limit])
    assert waits(plan) == {"sum": [], "twice": ["sum"], "find": ["twice"]}


def test_a_plan_of_someone_else_is_no_sub_plan(alice: Any, bob: Any) -> None:
    theirs = services.create_plan(owner=bob, title="theirs")
    faults = faults_after(alice, theirs)
    assert theirs.pk in faults["steps.a.sub_plan"][0]


def faults_after(alice: Any, sub: Plan) -> dict[str, list[str]]:
    with pytest.raises(Invalid) as refused:
        services.create_plan(owner=alice, title="x", steps=[StepDraft("a", kind="plan", sub_plan_id=sub.pk)])
    return refused.value.errors


def test_plans_that_run_each_other_are_refused(alice: Any) -> None:
    first = services.create_plan(owner=alice, title="first")
    runs_first = StepDraft("a", kind="plan", sub_plan_id=first.pk)
    second = services.create_plan(owner=alice, title="second", steps=[runs_first])
    with pytest.raises(Invalid) as refused:
        services.replace_steps(
            plan=first, by=alice, steps=[StepDraft("b", kind="plan", sub_plan_id=second.pk)]
        )
    assert "never end" in refused.value.errors["steps.b.sub_plan"][0]


def test_each_change_of_steps_counts_the_version_up_and_keeps_the_rows(alice: Any) -> None:
    plan = services.create_plan(owner=alice, title="trip", steps=[none("a"), none("b", "a"), none("c", "b")])
    rows = dict(plan.steps.values_list("key", "pk"))
    services.reorder(plan=plan, by=alice, ids=[rows["c"], rows["a"], rows["b"]])
    services.update_step(step=PlanStep.objects.get(pk=rows["b"]), by=alice, key="bee", description="fly")
    added = services.add_step(plan=plan, by=alice, step=none("", "bee"), position=0)
    assert keys(plan) == ["step_4", "c", "a", "bee"]
    assert waits(plan)["c"] == ["bee"]
    assert added.dependencies == [rows["b"]]
    assert Plan.objects.get().version == 4


def test_who_waited_for_a_removed_step_waits_for_what_it_waited_for(alice: Any) -> None:
    plan = services.create_plan(owner=alice, title="trip", steps=[none("a"), none("b", "a"), none("c", "b")])
    services.remove_step(step=plan.steps.get(key="b"), by=alice)
    assert waits(plan) == {"a": [], "c": ["a"]}


def test_a_step_whose_output_is_used_is_not_removed(alice: Any) -> None:
    user = none("b", condition="steps.a.output")
    plan = services.create_plan(owner=alice, title="trip", steps=[none("a"), user])
    with pytest.raises(Invalid) as refused:
        services.remove_step(step=plan.steps.get(key="a"), by=alice)
    assert "steps.b.condition" in refused.value.errors
    assert keys(plan) == ["a", "b"]


def test_an_order_names_each_step_once(alice: Any) -> None:
    plan = services.create_plan(owner=alice, title="trip", steps=[none("a"), none("b")])
    one, two = plan.steps.order_by("order_index").values_list("pk", flat=True)
    for ids in ([one], [one, one], [one, two, 999_999]):
        with pytest.raises(Invalid):
            services.reorder(plan=plan, by=alice, ids=ids)


def test_more_dependencies_than_a_column_holds_are_all_kept(alice: Any) -> None:
    many = [none(f"s{number}") for number in range(120)]
    plan = services.create_plan(
        owner=alice, title="wide", steps=[*many, none("end", *(step.key for step in many))]
    )
    end = plan.steps.get(key="end")
    assert len(end.depends_on) <= 255
    assert len(end.dependencies) == 120


def test_columns_break_between_ids() -> None:
    head, rest = write_dependencies(range(10_000, 10_100))
    assert [int(word) for word in f"{head},{rest}".split(",")] == list(range(10_000, 10_100))


def test_a_copy_is_not_connected_with_the_first(alice: Any) -> None:
    plan = services.create_plan(owner=alice, title="trip", steps=[none("a"), none("b", "a")], inputs={"x": 1})
    copy = services.duplicate_plan(plan=plan, by=alice)
    assert (waits(copy), copy.inputs) == (waits(plan), {"x": 1})
    assert not set(copy.steps.values_list("pk")) & set(plan.steps.values_list("pk"))


def test_a_plan_that_runs_is_not_deleted(alice: Any) -> None:
    plan = services.create_plan(owner=alice, title="trip", steps=[none("a")])
    PlanExecution.objects.create(plan=plan, user=alice, status="running")
    with pytest.raises(Conflict):
        services.delete_plan(plan=plan, by=alice)
    PlanExecution.objects.update(status="failed")
    services.delete_plan(plan=plan, by=alice)
    assert not Plan.objects.exists()


@pytest.mark.parametrize("budget", [{"sweets": 1}, {"steps": 0}, {"tokens": "many"}, {"seconds": True}])
def test_a_budget_knows_four_positive_numbers(alice: Any, budget: dict[str, Any]) -> None:
    with pytest.raises(Invalid) as refused:
        services.create_plan(owner=alice, title="trip", budget=budget)
    assert "budget" in refused.value.errors


def test_a_document_comes_back_as_the_same_plan(alice: Any) -> None:
    steps = [
        none("a"),
        StepDraft("ask", kind="prompt", arguments={"prompt": "{{ steps.a.output }}"}, for_each="inputs.list"),
    ]
    plan = services.create_plan(
        owner=alice, title="trip", steps=steps, inputs={"list": [1]}, budget={"steps": 5}
    )
    again = services.import_document(owner=alice, document=services.plan_as_json(plan))
    assert services.plan_as_json(again) == services.plan_as_json(plan)


@pytest.mark.parametrize(
    "steps",
    [
        5,
        ["a"],
        [{"key": "a", "colour": "red"}],
        [{"key": "a", "depends_on": "b"}],
        [{"key": "a", "arguments": []}],
    ],
)
def test_what_is_no_list_of_steps_is_refused(steps: Any) -> None:
    with pytest.raises(Invalid):
        services.drafts_from_json(steps)


def test_a_ring_is_found_wherever_it_is() -> None:
    graph = {"x": [], "a": ["x", "c"], "b": ["a"], "c": ["b"], "tail": ["c"]}
    assert set(find_ring(graph)) == {"a", "b", "c"}
    assert find_ring({"a": [], "b": ["a"]}) == []


def test_names_are_found_in_every_place() -> None:
    found = mentions_of(
        arguments={"list": ["{{ steps.a.output[0].x }}", {"t": '{{inputs.q}} {{ steps."b".output }}'}]},
        condition="length(steps.c.output) > `1` && inputs.w",
    )
    assert (list(found.steps), list(found.inputs)) == (["a", "b", "c"], ["q", "w"])
