"""The housekeeping of a host in its worker, with the real engine: it looks, fills, and hears of deaths."""

import pytest

from sandbox import services
from sandbox.lifecycle.housekeeping import Housekeeper
from sandbox.models import HostStatus, InstanceStatus, SandboxHost, SandboxInstance
from system.models import TaskQueue

from .fixtures_agent import wait_until

pytestmark = [pytest.mark.docker_engine, pytest.mark.django_db(transaction=True)]


def test_a_host_is_seen_and_a_death_is_said_within_seconds(real):
    sandbox = real.make()
    SandboxHost.objects.update(status=HostStatus.LOST, info=None)
    keeper = Housekeeper("local")
    keeper.start()
    try:
        wait_until(lambda: SandboxHost.objects.get().status == HostStatus.ACTIVE)
        assert "agi-sandbox-shell:latest" in SandboxHost.objects.get().info["images"]
        wait_until(lambda: TaskQueue.objects.filter(task_type="sandbox.refill").exists())
        real.engine.client.api.kill(sandbox.container_id)
        wait_until(lambda: real.now(sandbox).status == "failed", 20)
        assert real.now(sandbox).cause == "killed"
    finally:
        keeper.stop()


def test_without_an_engine_the_host_says_why(real, settings):
    settings.SANDBOX_HOSTS = {"nowhere": "tcp://127.0.0.1:1"}
    keeper = Housekeeper("nowhere")
    keeper.start()
    try:
        wait_until(lambda: SandboxHost.objects.filter(name="nowhere", detail__isnull=False).exists())
        assert SandboxHost.objects.get(name="nowhere").status == HostStatus.LOST
    finally:
        keeper.stop()


def test_a_refill_that_is_behind_gives_what_it_makes_to_who_waits(real):
    from sandbox.lifecycle import pool

    real.recipe.config = {"pool": {"min": 1, "max": 1}}
    real.recipe.save()
    instance = pool._begin(real.host, pool.targets(real.host))
    sandbox = services.create_sandbox(owner=real.owner, template=real.recipe)
    row = services.run_command(sandbox=sandbox, by=real.owner, command="echo hello")
    assert pool.make_warm(instance)
    assert real.now(sandbox).status == "running"
    assert services.wait_for(execution=row, timeout=15).stdout == "hello\n"
    assert SandboxInstance.objects.filter(status=InstanceStatus.WARMING).count() == 0
