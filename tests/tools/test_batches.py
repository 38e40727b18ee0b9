"""Many calls at once: as single ones, in a few statements."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from agi_site.lib.problems import Conflict, Invalid, NotFound, TooMany
from tools import services
from tools.models import Approval, ToolExecution, ToolPolicy
from tools.registry import Later, Parameter, ToolContext, ToolFailure
from tools.services import Call, Opened

NUMBER = (Parameter("number", "integer", "A number.", default=1),)


def calls(user: Any, *numbers: Any, name: str = "probe", **more: Any) -> list[Call]:
    return [Call(user=user, name=name, arguments={"number": number}, **more) for number in numbers]


def do(*asked: Call) -> tuple[list[Any], list[ToolExecution]]:
    opened = services.open_many(asked)
    ends = [services.run_opened(one) for one in opened if isinstance(one, Opened)]
    return opened, services.close_many(ends)


def stored() -> list[tuple[str, Any]]:
    return list(ToolExecution.objects.order_by("pk").values_list("status", "result"))


def test_they_end_as_single_calls_do(alice: Any, make_tool: Any) -> None:
    def probe(call: ToolContext, *, number: int) -> Any:
        if number == 2:
            raise ToolFailure("Two is too many.")
        return {"number": number}

    make_tool(probe, NUMBER)
    _opened, taken = do(*calls(alice, 1, 2, 3, trigger=("plan_step_execution", "s")))
    assert taken == []
    assert stored() == [("completed", {"number": 1}), ("failed", None), ("completed", {"number": 3})]
    rows = list(ToolExecution.objects.order_by("pk"))
    assert [(row.error_code, row.trigger_id, row.attempt) for row in rows] == [
        ("", "s", 1),
        ("failed", "s", 1),
        ("", "s", 1),
    ]
    assert all(row.created_at <= row.started_at <= row.completed_at for row in rows)


def test_odd_results_are_kept_as_they_are(alice: Any, make_tool: Any) -> None:
    results = ["it's “100%” %s", {"기억": [1.5, None, True]}, "a\\b\n", {}, "", {"x": "y" * 100_000}]
    make_tool(lambda call, *, number: results[number], NUMBER)
    do(*calls(alice, *range(len(results))))
    found = [result for _status, result in stored()]
    assert found[:-1] == results[:-1]
    assert found[-1]["truncated"] is True
    last = ToolExecution.objects.order_by("pk").last()
    assert last is not None
    assert last.result_file


def test_what_is_asked_wrongly_does_not_hold_up_the_others(alice: Any, make_tool: Any) -> None:
    make_tool(lambda call, *, number: number, NUMBER)
    services.set_enabled(tool=make_tool(lambda call, *, number: number, NUMBER, name="off"), enabled=False)
    opened, _taken = do(
        *calls(alice, 1),
        *calls(alice, "x"),
        *calls(alice, 1, name="nosuch"),
        *calls(alice, 1, name="off"),
        *calls(alice, 2),
    )
    assert [type(one) for one in opened] == [Opened, Invalid, NotFound, Conflict, Opened]
    assert stored() == [("completed", 1), ("completed", 2)]


def test_the_policy_is_heard_for_each(alice: Any, make_tool: Any) -> None:
    for name in ("free", "asks", "denied"):
        make_tool(lambda call, *, number: number, NUMBER, name=name, category=name)
    ToolPolicy.objects.create(category="asks", effect="ask")
    ToolPolicy.objects.create(category="denied", effect="deny")
    asked = [call for name in ("free", "asks", "denied") for call in calls(alice, 1, name=name)]
    opened = services.open_many(asked)
    states = [(one.execution.status, one.execution.error_code) for one in opened]  # type: ignore[union-attr]
    assert states == [("running", ""), ("pending", ""), ("failed", "denied")]
    assert Approval.objects.get().target_id == opened[1].execution.pk  # type: ignore[union-attr]


def test_no_more_than_may_run_at_once_are_opened(alice: Any, make_tool: Any) -> None:
    services.change_limits(tool=make_tool(lambda call, *, number: number, NUMBER), by=None, max_concurrent=2)
    opened, _taken = do(*calls(alice, 1, 2, 3))
    assert [isinstance(one, TooMany) for one in opened] == [False, False, True]
    assert len(stored()) == 2


@pytest.mark.parametrize("count", [1, 60])
def test_however_many_they_are_a_few_statements_do(
    count: int, alice: Any, make_tool: Any, django_assert_max_num_queries: Any
) -> None:
    make_tool(lambda call, *, number: number, NUMBER)
    asked = calls(alice, *range(count))
    with transaction.atomic(), django_assert_max_num_queries(8):
        opened = [one for one in services.open_many(asked) if isinstance(one, Opened)]
    ends = [services.run_opened(one, here=True) for one in opened]
    with transaction.atomic(), django_assert_max_num_queries(2):
        assert services.close_many(ends) == []
    assert [result for _status, result in stored()] == list(range(count))


def test_a_lookup_that_is_kept_looks_again_after_its_time(alice: Any, make_tool: Any) -> None:
    tool = make_tool(lambda call, *, number: number, NUMBER)
    kept = services.Lookup(seconds=0)
    assert isinstance(services.open_many(calls(alice, 1), lookup=kept)[0], Opened)
    services.set_enabled(tool=tool, enabled=False)
    assert isinstance(services.open_many(calls(alice, 1), lookup=kept)[0], Conflict)


def test_what_somebody_else_has_ended_meanwhile_counts(alice: Any, make_tool: Any) -> None:
    make_tool(lambda call, *, number: number, NUMBER)
    opened = [one for one in services.open_many(calls(alice, 1, 2)) if isinstance(one, Opened)]
    ends = [services.run_opened(one) for one in opened]
    ToolExecution.objects.filter(pk=opened[0].execution.pk).update(
        deadline_at=timezone.now() - timedelta(hours=1)
    )
    services.close_abandoned()
    taken = services.close_many(ends)
    assert [(row.pk, row.error_code) for row in taken] == [(opened[0].execution.pk, "lost")]
    assert stored() == [("failed", None), ("completed", 2)]


def test_one_that_ends_elsewhere_waits(alice: Any, make_tool: Any) -> None:
    make_tool(lambda call, *, number: Later("plan_execution", f"p{number}"), NUMBER)
    _opened, taken = do(*calls(alice, 7))
    row = ToolExecution.objects.get()
    assert (taken, row.status, row.awaits_id, row.deadline_at) == ([], "running", "p7", None)


@pytest.mark.django_db(transaction=True)
def test_a_transactional_one_has_written_its_end_itself(alice: Any, make_tool: Any) -> None:
    make_tool(lambda call, *, number: number, NUMBER, transactional=True)
    (opened,) = services.open_many(calls(alice, 1))
    assert isinstance(opened, Opened)
    end = services.run_opened(opened, here=True)
    assert stored() == [("completed", 1)]
    assert services.close_many([end]) == []


def test_calls_of_a_dead_process_are_settled(alice: Any, make_tool: Any) -> None:
    make_tool(lambda call, *, number: number, NUMBER)
    done, open_ = [one for one in services.open_many(calls(alice, 1, 2)) if isinstance(one, Opened)]
    services.close_many([services.run_opened(done)])
    rows = services.settle_lost([done.execution.pk, open_.execution.pk])
    assert [(row.status, row.error_code) for row in rows] == [("completed", ""), ("failed", "lost")]
