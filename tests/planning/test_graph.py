"""How plans are laid out, drawn, estimated and compared."""

from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from planning import diffs, services
from planning.graph.drawing import draw, fitting
from planning.graph.layout import crossings, layout_of
from planning.graph.order import critical_path, layers
from planning.models import PlanExecution, PlanStepExecution
from planning.services.estimates import progress_of
from tools import starter as tools_starter

DIAMOND = {"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]}


@st.composite
def graphs(draw_one: Any) -> dict[str, list[str]]:
    size = draw_one(st.integers(1, 24))
    keys = [f"s{number}" for number in range(size)]
    return {
        key: draw_one(st.lists(st.sampled_from(keys[:at]), max_size=4)) if at else []
        for at, key in enumerate(keys)
    }


@given(graphs())
@settings(max_examples=60, deadline=None)
def test_every_step_stands_below_those_it_waits_for_and_beside_none(graph: dict[str, list[str]]) -> None:
    found = layout_of(graph)
    assert found.places.keys() == graph.keys()
    for key, others in graph.items():
        assert all(found.places[other].layer < found.places[key].layer for other in others)
    for layer in range(found.depth):
        xs = sorted(place.x for place in found.places.values() if place.layer == layer)
        assert all(right - left >= 0.999 for left, right in pairwise(xs))
        assert all(-0.001 <= x <= found.width for x in xs)


def test_crossings_are_undone_where_that_is_possible() -> None:
    tangled = {"a": [], "b": [], "c": [], "x": ["c"], "y": ["b"], "z": ["a"]}
    found = layout_of(tangled)
    order = {key: place.x for key, place in found.places.items()}
    assert sorted("abc", key=order.get) == [tangled[key][0] for key in sorted("xyz", key=order.get)]  # type: ignore[arg-type]


def test_crossings_are_counted() -> None:
    below = {"a": ["y"], "b": ["x"], "x": [], "y": []}
    assert crossings([["a", "b"], ["x", "y"]], below) == 1  # type: ignore[arg-type]
    assert crossings([["b", "a"], ["x", "y"]], below) == 0  # type: ignore[arg-type]


def test_an_edge_that_passes_a_layer_has_a_point_in_it() -> None:
    found = layout_of({"a": [], "b": ["a"], "c": ["b", "a"]})
    assert [layer for _x, layer in found.edges["a", "c"]] == [0, 1, 2]


def test_the_longest_way_decides() -> None:
    seconds = {"a": 1.0, "b": 5.0, "c": 2.0, "d": 1.0}
    assert critical_path(DIAMOND, seconds) == (7.0, ["a", "b", "d"])
    assert layers(DIAMOND) == [["a"], ["b", "c"], ["d"]]


def test_more_than_two_hundred_steps_are_drawn_layer_by_layer() -> None:
    graph = {"first": [], **{f"s{n}": ["first"] for n in range(998)}, "last": [f"s{n}" for n in range(998)]}
    states = dict.fromkeys(graph, "completed") | {"s5": "failed"}
    drawing = draw(graph, states=states)
    assert drawing.condensed
    assert [(box.count, box.state) for box in drawing.boxes] == [
        (1, "completed"),
        (998, "failed"),
        (1, "completed"),
    ]


def test_a_chain_of_thousands_is_drawn_in_a_bounded_number_of_boxes() -> None:
    chain = {f"s{n}": [f"s{n - 1}"] if n else [] for n in range(5000)}
    assert len(draw(chain).boxes) <= 60


def test_a_label_fits_its_box_in_both_scripts() -> None:
    assert fitting("short") == "short"
    assert fitting("a very long description of a step").endswith("…")
    assert len(fitting("아주 긴 단계 설명이 여기에 있습니다")) < 12


# --- Dry runs, progress, differences ---------------------------------------------------------------------
@pytest.fixture
def plan(alice: Any) -> Any:
    tools_starter.load()
    return services.create_plan(
        owner=alice,
        title="trip",
        inputs={"city": None, "days": 3},
        steps=[
            services.StepDraft("a", kind="tool", tool_name="calculator", arguments={"expression": "1"}),
            services.StepDraft("wait", kind="wait", arguments={"seconds": 60}, depends_on=["a"]),
            services.StepDraft(
                "b", kind="prompt", arguments={"prompt": "{{ inputs.city }}"}, depends_on=["a"]
            ),
        ],
    )


def ran(plan: Any, **seconds: float) -> PlanExecution:
    now = timezone.now()
    execution = PlanExecution.objects.create(plan=plan, user=plan.user, status="completed", completed_at=now)
    for at, (key, took) in enumerate(seconds.items()):
        PlanStepExecution.objects.create(
            execution=execution, order_index=at, key=key, kind="none", spec={}, status="completed",
            output={"took": took}, started_at=now, completed_at=now + timedelta(seconds=took),
        )  # fmt: skip
    return execution


def test_a_dry_run_tells_order_time_and_what_is_missing(plan: Any) -> None:
    found = services.dry_run(plan=plan)
    assert (found.order, found.missing, found.basis) == ([["a"], ["wait", "b"]], ["city"], "guess")
    assert found.seconds >= 60
    assert found.critical == ["a", "wait"]
    assert services.dry_run(plan=plan, inputs={"city": "Seoul"}).missing == []
    assert not PlanExecution.objects.exists()


def test_a_dry_run_goes_by_earlier_runs(plan: Any) -> None:
    for took in (10.0, 20.0, 90.0):
        ran(plan, a=took, wait=1.0, b=2.0)
    found = services.dry_run(plan=plan)
    assert (found.basis, round(found.seconds), found.critical) == ("runs", 22, ["a", "b"])


def test_a_dry_run_names_tools_that_are_switched_off(plan: Any) -> None:
    from tools.models import Tool

    Tool.objects.filter(name="calculator").update(enabled=False)
    assert "switched off" in services.dry_run(plan=plan).problems["a"][0]


def test_a_dry_run_knows_the_tools_that_operators_have_added(alice: Any, operator: Any) -> None:
    from tools.scripts import create_script

    create_script(by=operator, name="greet", script="echo hi", interpreter="bash")
    steps = [services.StepDraft("a", kind="tool", tool_name="greet")]
    plan = services.create_plan(owner=alice, title="p", steps=steps)
    assert services.dry_run(plan=plan).problems == {}


def test_what_is_left_is_the_longest_way_through_the_open_steps(plan: Any) -> None:
    execution = PlanExecution(plan=plan, user=plan.user, status="running", steps_total=3)
    found = progress_of(
        execution=execution,
        states={"a": "completed", "wait": "running", "b": "pending"},
        started={"wait": timezone.now() - timedelta(seconds=20)},
        waits_for={"a": [], "wait": ["a"], "b": ["a"]},
        expected={"a": 1.0, "wait": 60.0, "b": 5.0},
    )
    assert (found.done, found.total) == (1, 3)
    assert 39 <= (found.seconds_left or 0) <= 40


def test_two_runs_are_compared_step_by_step(plan: Any) -> None:
    first, second = ran(plan, a=1.0, gone=1.0), ran(plan, a=3.0, new=1.0)
    found = {step.key: step for step in diffs.compare(first, second)}
    assert {key: step.change for key, step in found.items()} == {
        "a": "changed",
        "new": "added",
        "gone": "removed",
    }
    assert found["a"].slower_by == pytest.approx(2.0)
    assert ("-", '  "took": 1.0') in found["a"].lines
    assert ("+", '  "took": 3.0') in found["a"].lines


def test_how_long_a_step_took_makes_no_difference(plan: Any) -> None:
    first, second = ran(plan, a=1.0), ran(plan, a=1.0)
    second.steps.update(completed_at=timezone.now() + timedelta(seconds=9))
    assert [step.change for step in diffs.compare(first, second)] == ["same"]
