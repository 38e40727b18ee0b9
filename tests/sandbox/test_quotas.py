"""How much a person may have and use, in figures; with an engine of notes."""

from datetime import timedelta

import pytest
from django.utils import timezone

from agi_site.lib.problems import Conflict, TooMany
from sandbox import services
from sandbox.models import Sandbox, SandboxEvent
from sandbox.services import Quota

pytestmark = pytest.mark.django_db


@pytest.fixture
def small(settings):
    settings.SANDBOX_QUOTA_COUNT = 2
    settings.SANDBOX_QUOTA_SECONDS = 3600
    return settings


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
    ended = SandboxEvent.objects.create(sandbox=mine, kind="ran", data={"seconds": 7200})
    SandboxEvent.objects.filter(pk=ended.pk).update(created_at=timezone.now() - timedelta(hours=23))
    assert services.quota_of(alice).seconds == pytest.approx(3600, abs=2)
    SandboxEvent.objects.filter(pk=ended.pk).update(created_at=timezone.now() - timedelta(hours=25))
    assert services.quota_of(alice).seconds == 0


def test_the_quota_takes_one_query(alice, mine, django_assert_num_queries):
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
