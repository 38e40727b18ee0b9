"""The life of sandboxes with the real engine: claimed, run, stopped, started, changed, deleted."""

import os
import time

import pytest

from sandbox import services
from sandbox.engine import InstanceSpec
from sandbox.lifecycle import reconcile
from sandbox.models import InstanceStatus, SandboxEvent, SandboxInstance
from sandbox.policy.limits import MB

pytestmark = [pytest.mark.docker_engine, pytest.mark.django_db(transaction=True)]


def test_a_sandbox_from_its_making_to_its_end(real):
    sandbox = real.make(env={"GREETING": "hello"})
    assert sandbox.status == "running"
    assert real.say(sandbox, 'echo "$GREETING" > note; cat note') == "hello"
    real.is_true()
    assert real.do(sandbox, "pause").status == "paused"
    real.is_true()
    assert real.do(sandbox, "resume").status == "running"
    assert real.do(sandbox, "stop").status == "stopped"
    real.is_true()
    assert real.do(sandbox, "start").status == "running"
    assert real.say(sandbox, "cat note") == "hello"
    assert real.do(sandbox, "restart").status == "running"
    assert real.say(sandbox, "cat note") == "hello"
    real.is_true()
    assert real.do(sandbox, "delete").status == "deleted"
    real.is_empty()


def test_a_warm_one_runs_a_command_without_any_work_in_between(real):
    real.fill(1)
    sandbox = services.create_sandbox(owner=real.owner, template=real.recipe)
    assert sandbox.status == "running"
    assert real.say(sandbox, "echo hello") == "hello"
    assert real.do(sandbox, "delete").status == "deleted"
    real.is_true()


def test_what_waits_in_a_sandbox_that_is_made_runs_when_it_is(real):
    sandbox = services.create_sandbox(owner=real.owner, template=real.recipe)
    row = services.run_command(sandbox=sandbox, by=real.owner, command="echo early")
    assert sandbox.status == "creating"
    real.work()
    assert services.wait_for(execution=row, timeout=20).stdout == "early\n"


def test_limits_change_live_and_by_a_restart_that_keeps_the_workspace(real):
    sandbox = real.make()
    assert real.say(sandbox, "echo kept > note; sleep 300 & nproc") == "1"
    services.change_limits(sandbox=sandbox, by=real.owner, limits={"cpu_limit": 200, "pids_limit": 100})
    real.work()
    assert real.say(real.now(sandbox), "nproc; cat note") == "2\nkept"
    services.change_limits(sandbox=real.now(sandbox), by=real.owner, limits={"open_files": 100})
    real.work()
    assert real.now(sandbox).status == "running"
    assert real.say(real.now(sandbox), "ulimit -n; cat note") == "100\nkept"
    assert SandboxEvent.objects.filter(sandbox=sandbox, kind="restarted").exists()
    real.is_true()


def test_a_claim_with_other_live_limits_has_them_before_it_runs(real):
    real.fill(1)
    sandbox = services.create_sandbox(owner=real.owner, template=real.recipe, limits={"cpu_limit": 200})
    assert sandbox.instance.warm_at is not None
    real.work()
    assert real.now(sandbox).status == "running"
    assert real.say(real.now(sandbox), "nproc") == "2"


def test_a_workspace_in_memory_is_kept_over_a_stop(real):
    real.recipe.config = {"workspace": "memory", "pool": {"min": 0, "max": 0}}
    real.recipe.save()
    sandbox = real.make()
    assert real.say(sandbox, "mkdir a; echo kept > a/note; ls -1") == "a"
    real.do(sandbox, "stop")
    assert real.do(sandbox, "start").status == "running"
    assert real.say(real.now(sandbox), "cat a/note") == "kept"
    real.do(sandbox, "delete")
    real.is_empty()


def test_it_says_how_it_died_and_starts_again(real):
    sandbox = real.make()
    real.say(sandbox, "echo kept > note")
    real.engine.client.api.kill(sandbox.container_id)
    deadline = time.monotonic() + 10
    while real.now(sandbox).status == "running" and time.monotonic() < deadline:
        reconcile.reconcile(real.host)
        time.sleep(0.1)
    assert (real.now(sandbox).status, real.now(sandbox).cause) == ("failed", "killed")
    real.is_true()
    assert real.do(sandbox, "start").status == "running"
    assert real.say(sandbox, "cat note") == "kept"


def test_a_container_removed_by_hand_is_said_and_made_anew_around_its_disk(real):
    sandbox = real.make()
    real.say(sandbox, "echo kept > note")
    real.engine.client.api.remove_container(sandbox.container_id, force=True)
    reconcile.reconcile(real.host)
    assert real.now(sandbox).cause == "container_lost"
    assert real.do(real.now(sandbox), "start").status == "running"
    assert real.say(real.now(sandbox), "cat note") == "kept"
    real.is_true()


def test_what_belongs_to_nobody_is_removed(real):
    real.engine.create("0198-nobody", InstanceSpec(image="agi-sandbox-shell:latest", limits=small()))
    real.engine.start("0198-nobody")
    # its labels say whose it is, whatever it is called
    real.engine.client.api.rename(real.engine._name("0198-nobody"), f"{real.engine.site}-renamed")
    assert reconcile.reconcile(real.host).orphans == 0
    reconcile.ORPHAN_AFTER, before = reconcile.timedelta(0), reconcile.ORPHAN_AFTER
    try:
        assert reconcile.reconcile(real.host).orphans == 1
    finally:
        reconcile.ORPHAN_AFTER = before
    real.is_empty()


def small():
    from sandbox.policy.limits import Limits

    return Limits(disk_limit=32 * MB)


def test_cycles_of_claim_use_and_delete_leave_nothing(real):
    """`SANDBOX_CYCLES=1000` makes it long; `make bench` does."""
    cycles = int(os.environ.get("SANDBOX_CYCLES", "6"))
    real.fill(min(4, cycles))
    begun = time.monotonic()
    for number in range(cycles):
        sandbox = services.create_sandbox(owner=real.owner, template=real.recipe)
        real.work()
        assert real.say(sandbox, f"echo {number} > note; cat note") == str(number)
        services.do_verb(sandbox=sandbox, verb="delete", by=real.owner)
        real.work()
        assert real.now(sandbox).status == "deleted"
    print(f"{cycles} cycles, {(time.monotonic() - begun) / cycles * 1000:.0f} ms each")
    real.is_true()
    real.fill(0)
    real.is_empty()
    assert SandboxInstance.objects.filter(status=InstanceStatus.GONE).count() >= cycles
