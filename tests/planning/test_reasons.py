"""Why steps were left out and runs ended: each reader is told in their own language."""

from typing import Any

import pytest
from django.utils import translation

from planning import reasons, services
from planning.models import PlanExecution, PlanStepExecution

from .conftest import row_of, step

pytestmark = pytest.mark.django_db


@pytest.fixture
def failed(run: Any, tools: Any) -> PlanExecution:
    """A run in Korean: one step fails, one waits for it, and the condition of another does not hold."""
    tools.failures = 1
    return run(step("bad", tool="shaky"), step("b", "bad"), step("off", condition="`false`"), language="ko")


def test_a_reason_is_stored_as_data_beside_its_sentence(failed: PlanExecution) -> None:
    assert failed.language == "ko"
    row = row_of(failed, "b")
    assert (row.status, row.error_code, row.why) == (
        "skipped",
        "dependency",
        {"reason": "dependency", "key": "bad"},
    )
    assert "Skipped" not in row.error_message
    assert row_of(failed, "off").why == {"reason": "condition"}
    assert row_of(failed, "bad").why is None
    assert failed.why == {"reason": "step_failed", "key": "bad", "error": "not today"}


def test_rest_tells_each_reader_in_their_language(failed: PlanExecution, alice: Any, api_of: Any) -> None:
    address = f"/api/v1/plan-step-executions/{row_of(failed, 'b').pk}/"
    told = {
        language: api_of(alice).get(address, HTTP_ACCEPT_LANGUAGE=language).json()["error_message"]
        for language in ("en", "ko")
    }
    assert told["en"] == "Skipped, because it waits for “bad”, which has failed."
    assert told["ko"] == row_of(failed, "b").error_message
    run = api_of(alice).get(f"/api/v1/plan-executions/{failed.pk}/", HTTP_ACCEPT_LANGUAGE="en").json()
    assert run["error_details"] == "The step “bad” failed: not today"


def test_pages_tell_each_reader_in_their_language(failed: PlanExecution, alice: Any, client_of: Any) -> None:
    client = client_of(alice)
    addresses = [
        f"/plans/executions/{failed.pk}/",
        f"/plans/executions/{failed.pk}/steps/{row_of(failed, 'b').pk}/",
    ]
    for address in addresses:
        page = client.get(address, HTTP_ACCEPT_LANGUAGE="en").content.decode()
        assert "Skipped, because it waits for “bad”, which has failed." in page
        page = client.get(address, HTTP_ACCEPT_LANGUAGE="ko").content.decode()
        assert row_of(failed, "b").error_message in page
        assert "Skipped, because" not in page


def test_a_reason_goes_when_the_step_comes_back(failed: PlanExecution, alice: Any, again: Any) -> None:
    services.retry_plan(execution=failed, by=alice)
    assert again(failed).status == "completed"
    assert (failed.why, row_of(failed, "b").why, row_of(failed, "b").error_message) == (None, None, "")
    assert row_of(failed, "off").why == {"reason": "condition"}


def test_what_a_person_said_stays_as_they_said_it(failed: PlanExecution, alice: Any, again: Any) -> None:
    services.skip_step(step=row_of(failed, "bad"), by=alice, reason="오늘은 필요 없습니다")
    assert again(failed).status == "completed"
    assert (row_of(failed, "bad").why, row_of(failed, "bad").error_text) == (None, "오늘은 필요 없습니다")


def test_a_canceled_run_says_so_in_every_step_that_had_not_begun(run: Any, alice: Any, again: Any) -> None:
    with translation.override("ko"):
        execution = run(step("w", kind="wait", arguments={"seconds": 600}), step("b", "w"))
        services.cancel_plan(execution=execution, by=alice)
    execution = again(execution)
    assert (execution.status, execution.why) == ("canceled", {"reason": "canceled"})
    with translation.override("en"):
        assert execution.error_text == "The run was canceled."
        assert {row.error_text for row in PlanStepExecution.objects.filter(execution=execution)} == {
            "The run was canceled."
        }


@pytest.mark.parametrize("why", [None, {}, {"reason": "of a later version"}, {"reason": "dependency"}])
def test_what_is_no_reason_of_ours_leaves_the_sentence_that_was_stored(why: Any) -> None:
    assert reasons.text_of(why, "as it was") == "as it was"


@pytest.mark.parametrize("name", sorted(reasons.TEXTS))
def test_every_reason_has_a_korean_sentence(name: str) -> None:
    numbers = {"count": 1, "all": 2, "number": 0}
    why = reasons.because(name, key="100%", error="%(x)s", expression="%(y)s", text="a", **numbers)
    with translation.override("en"):
        english = reasons.text_of(why, "")
    with translation.override("ko"):
        assert reasons.text_of(why, "") not in ("", english)


# --- How deep sub-plans go -----------------------------------------------------------------------------
@pytest.mark.parametrize(("deep", "status"), [(5, "completed"), (6, "failed")])
def test_sub_plans_go_five_deep_and_no_deeper(
    run: Any, alice: Any, tools: Any, deep: int, status: str
) -> None:
    inner = services.create_plan(
        owner=alice, title="1", steps=[step("end", tool="echo", arguments={"value": "x"})]
    )
    for level in range(2, deep):
        inner = services.create_plan(
            owner=alice, title=str(level), steps=[step("down", kind="plan", sub_plan_id=inner.pk)]
        )
    execution = run(step("down", kind="plan", sub_plan_id=inner.pk))
    assert execution.status == status
    assert tools.calls == (["x"] if status == "completed" else [])
    runs = list(PlanExecution.objects.order_by("pk"))
    assert len(runs) == 5
    if status == "failed":
        refused = PlanStepExecution.objects.get(execution=runs[-1])
        assert refused.error_code == "sub_plan_depth"
        assert "at most 5 deep" in refused.error_message
        assert {found.status for found in runs} == {"failed"}


def test_what_is_wrong_with_a_list_is_told_in_the_language_of_the_reader(run: Any, tools: Any) -> None:
    tools.failures = 1
    no_list = run(step("a", for_each="`5`"))
    failing = run(step("a", tool="shaky", for_each="[`1`, `2`]", arguments={"value": "x"}))
    for execution in (no_list, failing):
        row = row_of(execution, "a")
        with translation.override("en"):
            assert row.error_text == row.error_message
        with translation.override("ko"):
            assert row.error_text not in ("", row.error_message)
