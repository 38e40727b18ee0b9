"""Warm instances: how many wait, who gets them, and what is given up; with an engine of notes."""

import threading
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import connections
from django.utils import timezone

from agi_site.lib.problems import Conflict, Unavailable
from sandbox import gateway, services
from sandbox.engine import EngineError, EngineUnavailable
from sandbox.engine.spec import InstanceSpec
from sandbox.lifecycle import placement, pool
from sandbox.models import HostStatus, InstanceStatus, Sandbox, SandboxHost, SandboxImage, SandboxInstance
from sandbox.policy.limits import GB
from system import queue
from system.models import TaskQueue

pytestmark = pytest.mark.django_db


@pytest.fixture
def lull():
    """Let the last claim be some seconds ago."""

    def come() -> None:
        claimed = SandboxInstance.objects.filter(claimed_at__isnull=False)
        claimed.update(claimed_at=timezone.now() - 2 * pool.LULL)

    return come


def waiting():
    return SandboxInstance.objects.filter(status=InstanceStatus.WARM).count()


def test_a_host_keeps_the_least_number_warm_started_and_attached(filled, paper):
    assert waiting() == 2
    assert {row["state"] for row in paper.containers.values()} == {"running"}
    assert set(paper.gateway.attached) == set(paper.containers)
    assert all(row.warm_at and row.boot_id and row.container_id for row in filled)


def test_a_claimed_instance_never_returns(alice, mine, run_tasks):
    claimed = mine.instance.pk
    services.do_verb(sandbox=mine, verb="delete", by=alice)
    run_tasks()
    assert SandboxInstance.objects.get(pk=claimed).status == InstanceStatus.GONE
    assert waiting() == 2
    assert not SandboxInstance.objects.filter(pk=claimed, status=InstanceStatus.WARM).exists()


def test_a_refill_lets_the_claim_that_asked_for_it_answer_first_unless_none_is_left(
    filled, host, monkeypatch
):
    waited = []
    monkeypatch.setattr(pool.time, "sleep", waited.append)
    pool.let_the_claim_go_first(host)
    assert waited == [pool.ANSWER_SECONDS]
    SandboxInstance.objects.update(status=InstanceStatus.GONE)
    pool.let_the_claim_go_first(host)
    assert waited == [pool.ANSWER_SECONDS]


def test_the_pool_grows_with_claims_up_to_its_most_and_shrinks_when_nobody_comes(
    alice, filled, recipe, run_tasks, settings, host, lull
):
    settings.SANDBOX_QUOTA_COUNT = 100
    for _number in range(12):
        services.create_sandbox(owner=alice, template=recipe)
        run_tasks()
    lull()
    pool.refill(host)  # as the rounds of the housekeeping do
    assert waiting() == 5  # 2, and one for every four of the last ten minutes
    for _number in range(10):
        services.create_sandbox(owner=alice, template=recipe)
    run_tasks()
    lull()
    pool.refill(host)
    assert waiting() == 6
    SandboxInstance.objects.filter(claimed_at__isnull=False).update(
        claimed_at=timezone.now() - timedelta(hours=1)
    )
    pool.refill(host)
    assert waiting() == 2


def test_while_a_quarter_of_a_pool_waits_its_refill_is_left_to_the_rounds(
    alice, filled, recipe, host, run_tasks, lull
):
    recipe.config = {"pool": {"min": 8, "max": 8}}
    recipe.save()
    pool.refill(host)
    for left in (7, 6, 5, 4, 3, 2):
        services.create_sandbox(owner=alice, template=recipe)
        run_tasks()
        assert waiting() == left
        assert pool.is_due(host)
    services.create_sandbox(owner=alice, template=recipe)
    run_tasks()
    assert waiting() == 2, "one was made at once, the rest when nobody claims"
    lull()
    pool.refill(host)
    assert waiting() == 8
    assert not pool.is_due(host)


def test_a_refill_under_way_leaves_off_while_others_claim(alice, filled, recipe, host, lull, monkeypatch):
    recipe.config = {"pool": {"min": 8, "max": 8}}
    recipe.save()
    make_warm = pool.make_warm

    def and_somebody_claims(instance):
        made = make_warm(instance)
        if waiting() == 6:
            services.create_sandbox(owner=alice, template=recipe)
        return made

    monkeypatch.setattr(pool, "make_warm", and_somebody_claims)
    assert pool.refill(host) == 4
    assert waiting() == 5
    lull()
    assert pool.refill(host) > 0


def test_many_claims_ask_once_and_anew_when_the_refill_is_over(host, django_capture_on_commit_callbacks):
    def asked() -> int:
        return TaskQueue.objects.filter(task_type="sandbox.refill").count()

    for _claim in range(3):
        pool.refill_if_low(host, left=1, least=8)
    assert asked() == 1
    for _claim in range(3):
        pool.refill_if_low(host, left=0, least=8)
    assert asked() == pool.REFILLS, "somebody may have to wait: all hands"
    pool.refill(host)
    pool.refill_if_low(host, left=1, least=8)
    assert asked() == pool.REFILLS + 1


def test_while_one_waits_others_are_made_one_at_a_time(filled, recipe, host):
    recipe.config = {"pool": {"min": 5, "max": 5}}
    recipe.save()
    assert pool._begin(host, pool.targets(host)) is not None
    assert pool._begin(host, pool.targets(host)) is None
    SandboxInstance.objects.filter(status=InstanceStatus.WARM).update(status=InstanceStatus.GONE)
    assert pool._begin(host, pool.targets(host)) is not None


def test_instances_of_a_recipe_that_changed_are_given_up(filled, recipe, host, paper):
    recipe.resource_config = {"open_files": 512}
    recipe.save()
    pool.refill(host)
    assert waiting() == 2
    assert not {row.pk for row in filled} & set(paper.containers)
    assert paper.disks == set(paper.containers)


def test_at_most_two_are_made_at_a_time_and_one_whose_maker_died_does_not_count(host, recipe):
    first, second = (pool._begin(host, pool.targets(host)) for _ in range(2))
    assert first is not None
    assert second is not None
    recipe.config = {"pool": {"min": 5, "max": 5}}
    recipe.save()
    assert pool._begin(host, pool.targets(host)) is None
    SandboxInstance.objects.filter(pk=first.pk).update(created_at=timezone.now() - timedelta(minutes=5))
    assert pool._begin(host, pool.targets(host)) is not None


def test_one_that_cannot_be_made_leaves_nothing_and_is_not_tried_again_at_once(host, recipe, paper):
    paper.faults["start"] = EngineError("no")
    assert pool.refill(host) == 0
    assert paper.containers == {}
    assert paper.disks == set()
    assert SandboxInstance.objects.get().status == InstanceStatus.GONE
    paper.faults.clear()
    assert pool.refill(host) == 0
    cache.clear()
    assert pool.refill(host) == 2


def test_an_engine_that_goes_away_in_the_middle_is_told_to_the_queue(host, recipe, paper):
    paper.faults["create"] = EngineUnavailable("gone")
    with pytest.raises(EngineUnavailable):
        pool.refill(host)


def test_a_template_whose_image_is_not_there_has_no_pool_and_a_cold_one_says_so(alice, host, recipe, paper):
    SandboxImage.objects.create(name="agi-sandbox-node")
    recipe.image_name = "agi-sandbox-node"
    recipe.save()
    assert pool.refill(host) == 0
    with pytest.raises(Conflict, match="on no Docker host"):
        services.create_sandbox(owner=alice, template=recipe)


def test_the_pool_is_shared_between_hosts(host, recipe):
    other = SandboxHost.objects.create(
        name="other", status=HostStatus.ACTIVE, info=host.info, memory_bytes=8 * GB
    )
    assert [target.wanted for target in pool.targets(host)] == [1]
    assert [target.wanted for target in pool.targets(other)] == [1]


def test_a_new_container_goes_where_the_most_room_is(alice, host, mine):
    SandboxHost.objects.create(name="small", status=HostStatus.ACTIVE, info=host.info, memory_bytes=1 * GB)
    large = SandboxHost.objects.create(
        name="large", status=HostStatus.ACTIVE, info=host.info, memory_bytes=64 * GB
    )
    spec = InstanceSpec(image="agi-sandbox-python:latest")
    hosts = list(SandboxHost.objects.all())
    assert placement.choose(hosts, spec) == large
    SandboxHost.objects.update(memory_bytes=64 << 20)
    with pytest.raises(Unavailable, match="full"):
        placement.choose(list(SandboxHost.objects.all()), spec)
    with pytest.raises(Conflict, match="runtime"):
        placement.choose(hosts, InstanceSpec(image="agi-sandbox-python:latest", runtime="runsc"))


def test_one_that_is_being_made_is_claimed_and_becomes_the_sandbox_when_it_stands(
    alice, host, recipe, paper, fresh, run_tasks
):
    instance = pool._begin(host, pool.targets(host))
    sandbox = services.create_sandbox(owner=alice, template=recipe)
    assert (sandbox.status, sandbox.verb) == ("creating", "create")
    assert fresh(sandbox).instance.pk == instance.pk
    assert pool.make_warm(instance)
    assert (fresh(sandbox).status, fresh(sandbox).verb) == ("running", None)
    assert fresh(sandbox).container_id == paper.containers[instance.pk]["id"]
    assert paper.calls.count(("start", instance.pk)) == 1
    queue.run_pending(until=timezone.now() + timedelta(minutes=1))
    assert fresh(sandbox).status == "running"


def test_the_interpreter_is_loaded_where_nobody_waits_for_it(alice, host, recipe, paper, fresh, monkeypatch):
    recipe.config |= {"languages": ["python"], "pool": {"min": 1, "max": 1}}
    recipe.save()
    asked = []
    monkeypatch.setattr(gateway, "call", lambda instance, op, **_args: asked.append((instance, op)))
    waits = pool._begin(host, pool.targets(host))
    pool.make_warm(waits)
    assert asked == [(waits.pk, "warm")]
    SandboxInstance.objects.filter(pk=waits.pk).update(status=InstanceStatus.GONE)
    claimed = pool._begin(host, pool.targets(host))
    sandbox = services.create_sandbox(owner=alice, template=recipe)
    assert fresh(sandbox).instance.pk == claimed.pk
    assert pool.make_warm(claimed)
    assert fresh(sandbox).status == "running"
    assert asked == [(waits.pk, "warm")]


def test_when_the_maker_dies_the_sandbox_is_made_all_the_same(alice, host, recipe, fresh):
    pool._begin(host, pool.targets(host))
    sandbox = services.create_sandbox(owner=alice, template=recipe)
    queue.run_pending(until=timezone.now() + timedelta(minutes=1))
    assert fresh(sandbox).status == "running"


def test_one_claimed_while_it_is_made_and_deleted_leaves_nothing(alice, host, recipe, paper, run_tasks):
    recipe.config = {"pool": {"min": 1, "max": 1}}
    recipe.save()
    instance = pool._begin(host, pool.targets(host))
    recipe.config = {"pool": {"min": 0, "max": 0}}
    recipe.save()
    sandbox = services.create_sandbox(owner=alice, template=recipe)
    services.do_verb(sandbox=sandbox, verb="delete", by=alice)
    run_tasks()
    assert not pool.make_warm(instance)
    assert paper.containers == {}


@pytest.mark.django_db(transaction=True)
def test_claims_at_the_same_moment_get_different_instances(alice, bob, host, recipe, settings):
    settings.SANDBOX_QUOTA_COUNT = 100
    recipe.config = {"pool": {"min": 6, "max": 6}}
    recipe.save()
    pool.refill(host)
    made, errors, start = [], [], threading.Barrier(8)

    def claim(person):
        try:
            start.wait()
            made.append(services.create_sandbox(owner=person, template=recipe).pk)
        except Exception as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=claim, args=[person]) for person in [alice, bob] * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    rows = list(Sandbox.objects.filter(pk__in=made).with_parts())
    assert len({row.instance.pk for row in rows}) == 8
    assert sum(row.status == "running" for row in rows) == 6
