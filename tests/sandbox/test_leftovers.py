"""What is left of sandboxes that were for one run: when it is removed; with an engine of notes."""

from datetime import timedelta

import pytest
from django.utils import timezone

from agi_site.lib.problems import TooMany
from sandbox import services
from sandbox.engine import EngineError
from sandbox.lifecycle import leftovers, pool, reconcile
from sandbox.models import InstanceStatus, Sandbox, SandboxHost, SandboxInstance, SandboxRun
from sandbox.services import quotas
from system.models import TaskQueue

pytestmark = pytest.mark.django_db


@pytest.fixture
def left(mine):
    """A container whose sandbox has just been let go of."""
    instance = mine.instance
    leftovers.let_go(mine)
    instance.refresh_from_db()
    return instance


def earlier(by: timedelta) -> None:
    """Let all claims and ends have been some time ago."""
    then = timezone.now() - by
    SandboxInstance.objects.filter(claimed_at__isnull=False).update(claimed_at=then)
    Sandbox.objects.filter(ended_at__isnull=False).update(ended_at=then)


def test_a_sandbox_that_is_let_go_of_is_deleted_at_once_and_its_run_counted(alice, left, fresh, paper):
    sandbox = fresh(left.sandbox)
    assert (sandbox.status, sandbox.cause) == ("deleted", "done")
    assert SandboxRun.objects.get().sandbox_id == sandbox.pk
    assert (left.status, left.cause) == (InstanceStatus.ENDING, "done")
    assert left.pk in paper.containers
    assert services.quota_of(alice).count == 0


def test_its_container_waits_while_others_claim(left, host, paper):
    assert leftovers.sweep(host) == 0
    assert left.pk in paper.containers


def test_its_container_goes_when_nobody_claims(left, host, paper):
    earlier(2 * pool.LULL)
    assert leftovers.sweep(host) == 1
    left.refresh_from_db()
    assert (left.status, left.sandbox) == (InstanceStatus.GONE, None)
    assert left.pk not in paper.containers
    assert left.pk not in paper.disks
    assert left.pk not in paper.gateway.attached


def test_it_does_not_wait_for_long(alice, left, recipe, host, paper):
    earlier(2 * leftovers.SO_LONG)
    services.create_sandbox(owner=alice, template=recipe)
    assert pool.is_busy(host)
    assert leftovers.sweep(host) == 1


def test_no_more_wait_than_a_host_has_memory_for(left, host, monkeypatch):
    SandboxHost.objects.update(memory_bytes=0)
    host.refresh_from_db()
    assert not leftovers.are_due(host)
    monkeypatch.setattr(leftovers, "FEWEST", 0)
    assert leftovers.are_due(host)


def test_the_reconciler_leaves_it_until_it_is_late(left, host, paper):
    assert reconcile.reconcile(host).instances == 0
    earlier(2 * leftovers.SO_LONG)
    assert reconcile.reconcile(host).instances == 1
    assert left.pk not in paper.containers


def test_one_that_cannot_be_removed_is_left_to_the_reconciler(left, host, paper):
    earlier(2 * pool.LULL)
    paper.faults["remove"] = EngineError("no")
    assert leftovers.sweep(host) == 0
    assert not leftovers.are_due(host)
    paper.faults.clear()
    assert reconcile.reconcile(host).instances == 1
    assert left.pk not in paper.containers


def test_one_whose_sandbox_is_forgotten_goes(left, host, paper):
    Sandbox.objects.all().delete()
    assert reconcile.reconcile(host).instances == 1
    assert left.pk not in paper.containers


def test_one_sweep_of_a_host_is_queued_at_a_time(host):
    for _time in range(2):
        leftovers.sweep_soon(host)
    assert TaskQueue.objects.filter(task_type="sandbox.sweep", queue=host.queue).count() == 1


def test_the_task_sweeps(left, host, paper, run_tasks):
    earlier(2 * pool.LULL)
    leftovers.sweep_soon(host)
    run_tasks()
    assert left.pk not in paper.containers


def test_who_leaves_more_than_a_host_removes_has_to_wait(alice, bob, left, recipe, monkeypatch):
    monkeypatch.setattr(quotas, "MOST_LEFT", 1)
    with pytest.raises(TooMany, match="still being removed"):
        services.create_sandbox(owner=alice, template=recipe)
    assert services.create_sandbox(owner=bob, template=recipe)
