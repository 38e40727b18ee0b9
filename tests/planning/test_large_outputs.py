"""Outputs too large for a row: who refers to them gets the whole, and is told where that is too much."""

import pytest

from planning import services
from planning.engine import kinds, whole
from planning.models import PlanStepExecution
from tests.planning.conftest import outputs, row_of, states, step
from tools.models import ToolExecution

pytestmark = pytest.mark.django_db

LINES = [f"line {number}" for number in range(8_000)]
TEXT = "\n".join(LINES)
MIDDLE = LINES[5_000]


@pytest.fixture
def program(make_tool):
    """A tool that says much and ends with `code`."""

    def run(call, *, code=0):
        return {"stdout": TEXT, "stderr": "", "exit_code": code, "cause": "exit", "lines": LINES}

    from tools.registry import Parameter

    make_tool("program", run, parameters=[Parameter("code", "integer", "how it ends")])


def test_a_reference_gives_the_whole_of_an_output_in_a_file(run, tools, program):
    execution = run(
        step("p", tool="program"),
        step("all", "p", tool="echo", arguments={"value": "{{ steps.p.output.stdout }}"}),
        step("one", "p", tool="echo", arguments={"value": "<{{ steps.p.output.lines[5000] }}>"}),
        step("off", "p", condition=f"contains(steps.p.output.lines, '{MIDDLE}')"),
    )
    assert execution.status == "completed", execution.error_details
    assert sorted(tools.calls) == sorted([TEXT, f"<{MIDDLE}>"])
    assert states(execution)["off"] == "completed"
    assert set(outputs(execution)["p"]) == {"truncated", "size", "head", "execution"}


def test_items_and_sub_plans_with_large_outputs_give_them_whole(run, tools, program, alice):
    inner = services.create_plan(owner=alice, title="inner", steps=[step("p", tool="program")])
    execution = run(
        step("each", tool="program", for_each="[`1`, `2`]"),
        step("sub", kind="plan", sub_plan_id=inner.pk),
        step("a", "each", tool="echo", arguments={"value": "{{ steps.each.output[1].lines[5000] }}"}),
        step("b", "sub", tool="echo", arguments={"value": "{{ steps.sub.output.p.lines[5001] }}"}),
        step("few", "each", tool="echo", for_each="steps.each.output[0].lines[4999:5002]",
             arguments={"value": "{{ item }}"}),
    )  # fmt: skip
    assert execution.status == "completed", execution.error_details
    assert sorted(tools.calls) == sorted([LINES[5_000], LINES[5_001], *LINES[4999:5002]])


def test_many_large_arguments_are_written_apart(run, tools, program):
    execution = run(
        step("p", tool="program"),
        step("each", "p", tool="echo", for_each="steps.p.output.lines[:40]",
             arguments={"value": "{{ item }} of {{ steps.p.output.stdout }}"}),
    )  # fmt: skip
    assert execution.status == "completed", execution.error_details
    assert len(tools.calls) == 40
    assert all(call.endswith(TEXT) for call in tools.calls)


def test_a_program_that_said_much_and_failed_has_failed(run, program):
    execution = run(step("p", tool="program", arguments={"code": 3}))
    assert (execution.status, execution.error_code) == ("failed", "exit_code")


def test_what_is_too_much_for_a_step_is_told(run, tools, program, monkeypatch):
    monkeypatch.setattr(whole, "MOST_BYTES", 100_000)
    asks = {"value": "{{ steps.p.output.exit_code }}"}
    execution = run(step("p", tool="program"), step("a", "p", tool="echo", arguments=asks))
    assert (execution.status, execution.error_code) == ("failed", "outputs_too_large")
    assert "97.7" in row_of(execution, "a").error_message
    assert tools.calls == []


def test_more_text_than_a_tool_takes_is_told(run, tools, program):
    twice = {"value": "{{ steps.p.output.stdout }} {{ steps.p.output.stdout }}"}
    execution = run(step("p", tool="program"), step("a", "p", tool="echo", arguments=twice))
    assert execution.status == "failed"
    assert "at most 100000 characters" in row_of(execution, "a").error_message


def test_a_list_that_is_too_large_is_told(run, tools, program, monkeypatch):
    monkeypatch.setattr(kinds, "MOST_ITEMS_BYTES", 10_000)
    execution = run(
        step("p", tool="program"), step("a", "p", tool="echo", for_each="steps.p.output.lines[:2000]")
    )
    assert (execution.status, execution.error_code) == ("failed", "too_many_items")
    assert "9.8" in row_of(execution, "a").error_message


def test_a_file_that_is_gone_is_told(run, again, alice, tools, program):
    tools.failures = 1
    value = {"value": "{{ steps.p.output.stdout }}"}
    execution = run(step("p", tool="program"), step("a", "p", tool="shaky", arguments=value))
    from tools import results

    results.discard(ToolExecution.objects.get(tool__name="program").result_file)
    services.retry_plan(execution=execution, by=alice)
    assert again(execution).error_code == "bad_reference"
    assert "gone" in row_of(execution, "a").error_message


def test_results_of_others_are_not_read(run, bob, tools, program, make_tool):
    theirs = run(step("p", tool="program"), owner=bob)
    forged = outputs(theirs)["p"]
    make_tool("forger", lambda call, **_given: forged, parameters=[])
    execution = run(
        step("f", tool="forger"),
        step(
            "a",
            "f",
            tool="echo",
            arguments={"value": "{{ steps.f.output.lines[0] }} {{ steps.f.output.size }}"},
        ),
    )
    assert execution.status == "completed", execution.error_details
    assert tools.calls == [f" {forged['size']}"]
    assert PlanStepExecution.objects.count() == 3
