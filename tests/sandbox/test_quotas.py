"""How much a person may have and use, in figures; with an engine of notes."""

from datetime import timedelta
from importlib import import_module

import pytest
from django.apps import apps
from django.utils import timezone

from agi_site.lib.problems import Conflict, TooMany
from sandbox import services
from sandbox.models import Sandbox, SandboxEvent, SandboxRun
from sandbox.services import Quota, quotas

pytestmark = pytest.mark.django_db


@pytest.fixture
def small(settings):
    settings.SANDBOX_QUOTA_COUNT = 2
    settings.SANDBOX_QUOTA_SECONDS = 3600
    return settings


def a_run(sandbox, *, ended_hours_ago, hours):
    ended = timezone.now() - timedelta(hours=ended_hours_ago)
    return SandboxRun.objects.create(
        user=sandbox.user,
        sandbox=sandbox,
        started_at=ended - timedelta(hours=hours),
        ended_at=ended,
        seconds=hours * 3600,
    )


def test_a_person_sees_what_is_used_of_the_quota(alice, bob, mine, small):
    Sandbox.objects.update(started_at=timezone.now() - timedelta(seconds=100))
    assert services.quota_of(alice) == Quota(count=1, most_count=2, seconds=100, most_seconds=3600)
    assert services.quota_of(bob).count == 0


def test_one_sandbox_too_many_is_refused_with_the_figures(alice, bob, mine, recipe, small, run_tasks):
    second = services.create_sandbox(owner=alice, template=recipe)
    with pytest.raises(Conflict, match="You have 2 sandboxes, and 2 is the most"):
        services.create_sandbox(owner=alice, template=recipe)
    assert services.create_sandbox(owner=bob, template=recipe)
    services.do_verb(sandbox=second, verb="delete", by=alice)
    run_tasks()
    assert services.create_sandbox(owner=alice, template=recipe)


def test_a_failed_sandbox_counts_until_it_is_deleted(alice, mine, small):
    Sandbox.objects.update(status="failed")
    assert services.quota_of(alice).count == 1


def test_seconds_of_running_are_counted_over_a_day_whatever_became_of_the_sandbox(
    alice, mine, recipe, small, run_tasks
):
    Sandbox.objects.update(started_at=timezone.now() - timedelta(seconds=3500))
    services.do_verb(sandbox=mine, verb="delete", by=alice)
    run_tasks()
    assert services.quota_of(alice).seconds == pytest.approx(3500, abs=2)
    other = services.create_sandbox(owner=alice, template=recipe)
    Sandbox.objects.filter(pk=other.pk).update(started_at=timezone.now() - timedelta(seconds=200))
    with pytest.raises(TooMany, match=r"ran 1\.0 hours in the last 24, and 1\.0 is the most"):
        services.create_sandbox(owner=alice, template=recipe)


def test_a_sandbox_of_somebody_without_time_left_can_be_stopped_but_not_started(
    alice, mine, small, run_tasks
):
    Sandbox.objects.update(started_at=timezone.now() - timedelta(seconds=4000))
    services.do_verb(sandbox=mine, verb="stop", by=alice)
    run_tasks()
    with pytest.raises(TooMany):
        services.do_verb(sandbox=mine, verb="start", by=alice)


def test_only_what_lies_within_the_day_counts(alice, mine, small):
    Sandbox.objects.update(started_at=None)
    run = a_run(mine, ended_hours_ago=23, hours=2)
    assert services.quota_of(alice).seconds == pytest.approx(3600, abs=2)
    a_run(mine, ended_hours_ago=12, hours=0.5)
    a_run(mine, ended_hours_ago=11, hours=0.25)
    assert services.quota_of(alice).seconds == pytest.approx(3600 + 1800 + 900, abs=2)
    run.delete()
    a_run(mine, ended_hours_ago=25, hours=2)
    assert services.quota_of(alice).seconds == pytest.approx(1800 + 900, abs=2)


def test_runs_of_part_of_a_second_add_up(alice, mine, small):
    Sandbox.objects.update(started_at=None)
    for _number in range(10):
        a_run(mine, ended_hours_ago=1, hours=0.3 / 3600)
    assert services.quota_of(alice).seconds == 3


def test_runs_that_events_told_of_the_last_day_still_count(alice, mine, small):
    Sandbox.objects.update(started_at=None)
    for hours_ago in (1, 30):
        event = SandboxEvent.objects.create(sandbox=mine, kind="ran", data={"seconds": 600})
        SandboxEvent.objects.filter(pk=event.pk).update(
            created_at=timezone.now() - timedelta(hours=hours_ago)
        )
    import_module("sandbox.migrations.0006_runs").take_over(apps, None)
    assert services.quota_of(alice).seconds == 600
    assert SandboxRun.objects.get().sandbox_id == mine.pk


def test_the_quota_takes_one_query_which_brings_few_rows_however_many_runs_there_were(
    alice, mine, django_assert_num_queries
):
    for _number in range(30):
        a_run(mine, ended_hours_ago=1, hours=0.01)
    since = timezone.now() - quotas.WINDOW
    assert sum(len(runs) for runs in quotas._runs(alice, since)) == 1
    with django_assert_num_queries(1):
        services.quota_of(alice)


def test_what_is_being_deleted_does_not_count_unless_it_piles_up(alice, filled, recipe, small, run_tasks):
    for _number in range(4):
        made = services.create_sandbox(owner=alice, template=recipe)
        services.do_verb(sandbox=made, verb="delete", by=alice)
    assert services.quota_of(alice).count == 0
    with pytest.raises(TooMany, match="still being removed"):
        services.create_sandbox(owner=alice, template=recipe)
    run_tasks()
    assert services.create_sandbox(owner=alice, template=recipe)
