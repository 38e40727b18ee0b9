"""How long, how often and how many at once a tool runs, and how often it is tried."""

import threading
import time
from datetime import timedelta
from typing import Any

import pytest
from django.db import InterfaceError, connection
from django.utils import timezone

from agi_site.lib.problems import Invalid, TooMany
from tools import services
from tools.models import ToolExecution
from tools.registry import Parameter, ToolContext, ToolFailure

NUMBER = (Parameter("number", "integer", "A number.", default=1),)


# --- Limits -------------------------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_the_rows_own_time_limit_counts_and_a_caller_can_only_shorten_it(alice: Any, make_tool: Any) -> None:
    tool = make_tool(lambda call: time.sleep(call.remaining() + 0.05) or "x", timeout=0.2)
    assert services.run_tool(user=alice, name="probe", arguments={}, timeout=60).error_code == "timeout"
    services.change_limits(tool=tool, by=None, timeout_seconds=30)
    began = time.monotonic()
    row = services.run_tool(user=alice, name="probe", arguments={}, timeout=0.1)
    assert (row.error_code, time.monotonic() - began < 3) == ("timeout", True)
    assert "longer than 0.1 seconds" in row.error_message


def test_a_rate_limit_refuses_before_anything_is_written(alice: Any, bob: Any, make_tool: Any) -> None:
    services.change_limits(tool=make_tool(lambda call: "x"), by=None, rate_limit="2/h")
    for _call in range(2):
        services.run_tool(user=alice, name="probe", arguments={})
    with pytest.raises(TooMany) as refusal:
        services.run_tool(user=alice, name="probe", arguments={})
    assert refusal.value.retry_after > 0
    assert ToolExecution.objects.count() == 2
    assert services.run_tool(user=bob, name="probe", arguments={}).status == "completed"


def test_a_full_tool_refuses_and_forgets_those_whose_time_is_over(alice: Any, make_tool: Any) -> None:
    tool = make_tool(lambda call: "x")
    services.change_limits(tool=tool, by=None, max_concurrent=1)
    other = ToolExecution.objects.create(
        tool=tool, user=alice, status="running", deadline_at=timezone.now() + timedelta(minutes=1)
    )
    with pytest.raises(TooMany) as refusal:
        services.run_tool(user=alice, name="probe", arguments={})
    assert refusal.value.code == "tool_busy"
    ToolExecution.objects.filter(pk=other.pk).update(deadline_at=timezone.now() - timedelta(seconds=1))
    assert services.run_tool(user=alice, name="probe", arguments={}).status == "completed"


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_no_more_run_than_may(alice: Any, make_tool: Any) -> None:
    now, most, lock = [0], [0], threading.Lock()

    def probe(call: ToolContext) -> str:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        time.sleep(0.2)
        with lock:
            now[0] -= 1
        return "x"

    services.change_limits(tool=make_tool(probe), by=None, max_concurrent=2)
    told: list[str] = []

    def call() -> None:
        try:
            told.append(str(services.run_tool(user=alice, name="probe", arguments={}).status))
        except TooMany:
            told.append("busy")
        finally:
            connection.close()

    threads = [threading.Thread(target=call) for _number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most[0] <= 2
    assert len(told) == 5
    assert {"completed", "busy"} == set(told)


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"rate_limit": "often"}, "rate_limit"),
        ({"rate_limit": "0/m"}, "rate_limit"),
        ({"rate_limit": "5/0s"}, "rate_limit"),
        ({"rate_limit": "5/00s"}, "rate_limit"),
        ({"timeout_seconds": 0}, "timeout_seconds"),
        ({"timeout_seconds": 100_000}, "timeout_seconds"),
        ({"max_retries": 11}, "max_retries"),
        ({"max_concurrent": 0}, "max_concurrent"),
    ],
)
def test_limits_that_make_no_sense_are_named(values: dict[str, Any], field: str, make_tool: Any) -> None:
    with pytest.raises(Invalid) as refusal:
        services.change_limits(tool=make_tool(lambda call: "x"), by=None, **values)
    assert set(refusal.value.errors) == {field}


# --- Again --------------------------------------------------------------------------------------------------
def test_only_what_is_safe_is_tried_again(alice: Any, make_tool: Any) -> None:
    seen: list[tuple[int, str]] = []

    def probe(call: ToolContext) -> str:
        seen.append((call.attempt, call.idempotency_key))
        raise ConnectionError

    make_tool(probe, max_retries=2)
    assert services.run_tool(user=alice, name="probe", arguments={}).status == "failed"
    assert len(seen) == 1
    seen.clear()
    make_tool(probe, name="safe", retry_safe=True, max_retries=2)
    row = services.run_tool(user=alice, name="safe", arguments={})
    assert [attempt for attempt, _key in seen] == [1, 2, 3]
    assert {key for _attempt, key in seen} == {row.pk}
    assert (row.status, row.attempt) == ("failed", 3)
    assert ToolExecution.objects.get(pk=row.pk).attempt == 3


def test_a_refusal_is_not_tried_again_unless_it_passes(alice: Any, make_tool: Any) -> None:
    seen: list[int] = []

    def probe(call: ToolContext, *, number: int) -> str:
        seen.append(call.attempt)
        if call.attempt < 3:
            raise ToolFailure("Busy.", passing=bool(number))
        return "done"

    make_tool(probe, NUMBER, retry_safe=True, max_retries=5)
    assert services.run_tool(user=alice, name="probe", arguments={"number": 0}).status == "failed"
    assert seen == [1]
    seen.clear()
    assert services.run_tool(user=alice, name="probe", arguments={"number": 1}).status == "completed"
    assert seen == [1, 2, 3]


@pytest.mark.parametrize(
    ("options", "status", "attempts"),
    [
        ({"transactional": True}, "completed", 3),
        ({"retry_safe": True, "max_retries": 1}, "completed", 3),
        ({}, "failed", 1),
    ],
)
def test_a_database_that_goes_away_uses_up_no_attempt_of_what_may_be_done_again(
    alice: Any, make_tool: Any, options: dict[str, Any], status: str, attempts: int
) -> None:
    def probe(call: ToolContext) -> str:
        if call.attempt < 3:
            raise InterfaceError("the connection is closed")
        return "done"

    make_tool(probe, **options)
    row = services.run_tool(user=alice, name="probe", arguments={})
    assert (row.status, row.attempt) == (status, attempts)
