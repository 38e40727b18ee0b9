"""Steps that run programs: one that comes to no good end has failed, and what waits for it does not begin."""

import pytest

from planning import services
from tests.planning.conftest import outputs, row_of, states, step
from tests.planning.test_engine import pass_time
from tools.models import ToolExecution

pytestmark = pytest.mark.django_db


@pytest.fixture
def program(make_tool):
    """A tool that answers as `python` and `shell` do; the list is of its next ends, the last one stays."""
    ends = [(0, "exit")]

    def run(call, **_given):
        code, cause, *more = ends.pop(0) if len(ends) > 1 else ends[0]
        said = "Traceback …\nValueError: no rows" if code else ""
        place = {"sandbox": "s", "execution": call.execution_id}
        return {
            "stdout": "",
            "stderr": said,
            "exit_code": code,
            "cause": cause,
            "detail": "".join(more),
            **place,
        }

    make_tool("program", run, parameters=[])
    return ends


def test_a_program_that_fails_stops_what_waits_for_it_and_says_why(run, program):
    program[:] = [(1, "exit")]
    execution = run(step("p", tool="program"), step("b", "p"))
    assert (execution.status, execution.error_code) == ("failed", "exit_code")
    assert states(execution) == {"p": "failed", "b": "skipped"}
    assert row_of(execution, "p").error_message == "The program ended with exit code 1. ValueError: no rows"
    assert outputs(execution)["p"]["exit_code"] == 1
    assert ToolExecution.objects.get().status == "completed"  # to the ledger the call gave its answer


def test_a_program_out_of_time_is_tried_again_as_the_step_says(run, again, program):
    program[:] = [(130, "timeout", "It was out of time."), (0, "exit")]
    execution = run(step("p", tool="program", max_retries=1, retry_seconds=5), step("b", "p"))
    assert row_of(execution, "p").error_message == "The program was ended: It was out of time."
    pass_time(6)
    assert again(execution).status == "completed"
    assert row_of(execution, "p").attempt == 2
    assert ToolExecution.objects.count() == 2


def test_a_person_takes_a_failed_program_up_again(run, again, alice, program):
    program[:] = [(1, "exit"), (0, "exit")]
    execution = run(step("p", tool="program"), step("b", "p"))
    services.retry_plan(execution=execution, by=alice)
    assert again(execution).status == "completed"


def test_others_may_go_on_and_look_at_the_exit_code(run, program, tools):
    program[:] = [(3, "exit")]
    execution = run(
        step("p", tool="program", on_failure="continue"),
        step("b", "p", tool="echo", arguments={"value": "{{ steps.p.output.exit_code }}!"}),
    )
    assert execution.status == "completed"
    assert outputs(execution)["b"] == {"value": "3!"}


def test_where_a_program_ran_is_no_difference_between_runs(run, again, alice, program):
    from planning import diffs

    first = run(step("p", tool="program"))
    second = again(services.run_again(execution=first, by=alice))
    assert [one.change for one in diffs.compare(first, second)] == ["same"]
