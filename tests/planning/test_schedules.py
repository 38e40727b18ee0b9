"""When plans run by themselves: right by the clock of the place, once for each time, unattended."""

from datetime import UTC, datetime
from typing import Any

import pytest

from agi_site.lib.problems import Invalid
from planning import services
from planning.models import PlanExecution, PlanSchedule
from planning.services import schedules
from system.models import TaskQueue

NINE = {"cron": "0 9 * * *", "time_zone": "Asia/Seoul"}


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.fixture
def plan(alice: Any) -> Any:
    return services.create_plan(owner=alice, title="trip", steps=[services.StepDraft("a")])


def due(plan: Any, when: str, **more: Any) -> PlanSchedule:
    row = services.create_schedule(plan=plan, by=plan.user, **{**NINE, **more})
    PlanSchedule.objects.filter(pk=row.pk).update(next_run_at=at(when))
    return row


@pytest.mark.parametrize(
    ("cron", "zone", "after", "first"),
    [
        ("0 9 * * 1-5", "Asia/Seoul", "2026-11-27T12:00", "2026-11-30T00:00"),
        # the clock goes from 2:00 to 3:00 on 2026-03-29: half past two happens as soon as it can
        ("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00", "2026-03-29T01:00"),
        ("0 9 * * *", "Europe/Berlin", "2026-03-28T12:00", "2026-03-29T07:00"),
        # and back from 3:00 to 2:00 on 2026-10-25: half past two happens once
        ("30 2 * * *", "Europe/Berlin", "2026-10-25T00:31", "2026-10-26T01:30"),
        ("0 0 29 2 *", "UTC", "2026-01-01T00:00", "2028-02-29T00:00"),
    ],
)
def test_times_are_those_of_the_place(cron: str, zone: str, after: str, first: str) -> None:
    assert schedules.next_time(cron=cron, time_zone=zone, after=at(after)) == at(first)


def test_an_hourly_run_happens_in_both_hours_when_the_clock_goes_back() -> None:
    found = schedules.upcoming(
        cron="30 * * * *", time_zone="Europe/Berlin", after=at("2026-10-25T00:00"), count=3
    )
    assert [time.astimezone(UTC) for time in found] == [
        at("2026-10-25T00:30"),
        at("2026-10-25T01:30"),
        at("2026-10-25T02:30"),
    ]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("cron", "0 9 * *"),
        ("cron", "* * * * * *"),
        ("cron", "61 9 * * *"),
        ("cron", "0 0 30 2 *"),
        ("cron", "soon"),
        ("time_zone", "Mars/Olympus"),
        ("time_zone", "../etc/passwd"),
        ("inputs", [1]),
    ],
)
def test_what_no_clock_shows_is_refused(plan: Any, field: str, value: Any) -> None:
    with pytest.raises(Invalid) as refused:
        services.create_schedule(plan=plan, by=plan.user, **{**NINE, field: value})
    assert set(refused.value.errors) == {field}


def test_missed_times_are_made_up_for_once(plan: Any, run_tasks: Any) -> None:
    row = due(plan, "2026-11-20T00:00", inputs={"x": 1})
    assert schedules.queue_due(now=at("2026-11-25T12:00")) == 1
    assert schedules.queue_due(now=at("2026-11-25T12:00")) == 0
    run_tasks()
    execution = PlanExecution.objects.get()
    row.refresh_from_db()
    assert (execution.unattended, execution.inputs["x"], execution.trigger_id) == (True, 1, row.pk)
    assert (row.last_execution, row.next_run_at, row.error_message) == (execution, at("2026-11-26T00:00"), "")
    assert execution.status == "completed"


def test_a_start_that_runs_twice_starts_once(plan: Any) -> None:
    row = due(plan, "2026-11-20T00:00")
    schedules.queue_due(now=at("2026-11-20T00:00"))
    assert TaskQueue.objects.filter(task_type=schedules.START_TASK).count() == 1
    schedules.queue_due(now=at("2026-11-22T00:00"))
    assert TaskQueue.objects.filter(task_type=schedules.START_TASK).count() == 1
    schedules.start_scheduled(schedule_id=row.pk)
    schedules.start_scheduled(schedule_id=row.pk)
    row.refresh_from_db()
    assert PlanExecution.objects.count() == 1
    assert "still going on" in row.error_message


def test_what_is_in_the_way_is_told_on_the_schedule(alice: Any, run_tasks: Any) -> None:
    empty = services.create_plan(owner=alice, title="empty")
    row = due(empty, "2026-11-20T00:00")
    schedules.queue_due(now=at("2026-11-20T00:00"))
    run_tasks()
    row.refresh_from_db()
    assert "no steps" in row.error_message
    assert not PlanExecution.objects.exists()


def test_a_schedule_that_is_off_starts_nothing_and_goes_on_from_now(plan: Any) -> None:
    row = due(plan, "2026-11-20T00:00")
    services.update_schedule(schedule=row, by=plan.user, enabled=False)
    assert (row.next_run_at, schedules.queue_due()) == (None, 0)
    services.update_schedule(schedule=row, by=plan.user, enabled=True)
    assert row.next_run_at > at("2026-11-21T00:00")


def test_a_closed_account_starts_nothing(plan: Any) -> None:
    row = due(plan, "2026-11-20T00:00")
    type(plan.user).objects.filter(pk=plan.user.pk).update(is_active=False)
    assert schedules.start_scheduled(schedule_id=row.pk) is None
    row.refresh_from_db()
    assert row.enabled is False
