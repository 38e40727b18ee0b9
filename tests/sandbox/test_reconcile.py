"""Rows and containers brought together, and hosts that come and go; with an engine of notes."""

from datetime import timedelta

import pytest
from django.utils import timezone

from sandbox import services
from sandbox.engine import EngineUnavailable
from sandbox.engine.spec import InstanceSpec
from sandbox.lifecycle import hosts, reconcile
from sandbox.models import (
    HostStatus,
    InstanceStatus,
    Sandbox,
    SandboxEvent,
    SandboxHost,
    SandboxInstance,
    SandboxRun,
)
from system.models import TaskQueue, TaskStatus

pytestmark = pytest.mark.django_db


def test_where_all_is_well_nothing_changes(mine, host, fresh):
    report = reconcile.reconcile(host)
    assert report == reconcile.Report()
    assert fresh(mine).status == "running"


def test_what_was_made_since_the_engine_listed_its_containers_is_left_alone(
    mine, filled, host, paper, fresh, monkeypatch
):
    monkeypatch.setattr(paper, "list_instances", list)
    assert reconcile.reconcile(host) == reconcile.Report()
    assert fresh(mine).status == "running"
    assert SandboxInstance.objects.filter(status=InstanceStatus.WARM).count() == len(filled) - 1


def test_what_was_stopped_since_the_engine_listed_its_containers_stays_so(
    mine, host, paper, alice, fresh, run_tasks, monkeypatch
):
    before = paper.list_instances()
    services.do_verb(sandbox=mine, verb="stop", by=alice)
    run_tasks()
    monkeypatch.setattr(paper, "list_instances", lambda: before)
    paper.calls.clear()
    assert reconcile.reconcile(host) == reconcile.Report()
    assert fresh(mine).status == "stopped"
    assert "stop" not in dict(paper.calls)


# --- Containers without rows ---------------------------------------------------------------------------
def test_a_container_without_a_row_is_removed_when_it_is_old_enough(host, paper):
    paper.create("0198-nobody", InstanceSpec(image="agi-sandbox-python:latest"))
    assert reconcile.reconcile(host).orphans == 0
    paper.age(30)
    assert reconcile.reconcile(host).orphans == 1
    assert paper.containers == {}
    assert paper.disks == set()


def test_a_disk_without_a_row_is_removed(host, paper):
    paper.disks.add("0198-nobody")
    assert reconcile.reconcile(host).leftovers == 1
    assert paper.disks == set()


def test_a_container_whose_instance_is_gone_is_an_orphan(mine, host, paper):
    SandboxInstance.objects.filter(pk=mine.instance.pk).update(status=InstanceStatus.GONE, sandbox=None)
    paper.age(30)
    assert reconcile.reconcile(host).orphans == 1


# --- Warm ones -----------------------------------------------------------------------------------------
def test_a_warm_one_that_died_is_removed_and_replaced(filled, host, paper, run_tasks):
    paper.die(filled[0].pk)
    assert reconcile.reconcile(host).instances == 1
    row = SandboxInstance.objects.get(pk=filled[0].pk)
    assert (row.status, row.cause) == (InstanceStatus.GONE, "died")
    assert filled[0].pk not in paper.containers


def test_one_whose_maker_died_is_removed(filled, host, paper):
    SandboxInstance.objects.filter(pk=filled[0].pk).update(
        status=InstanceStatus.WARMING, created_at=timezone.now() - timedelta(minutes=3)
    )
    assert reconcile.reconcile(host).instances == 1
    assert filled[0].pk not in paper.containers


def test_the_sandbox_of_a_person_who_was_removed_goes(mine, host, paper, alice):
    instance_id = mine.instance.pk
    alice.delete()
    assert reconcile.reconcile(host).instances == 1
    assert instance_id not in paper.containers


# --- Sandboxes -----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("oom", "code", "cause"), [(True, 137, "oom"), (False, 137, "killed"), (False, 1, "died")]
)
def test_a_sandbox_says_how_it_died(mine, host, paper, fresh, alice, oom, code, cause):
    row = services.run_command(sandbox=mine, by=alice, command="sleep 9")
    paper.die(mine.instance.pk, oom=oom, code=code)
    assert reconcile.reconcile(host).sandboxes == 1
    assert (fresh(mine).status, fresh(mine).cause) == ("failed", cause)
    assert fresh(mine).detail
    row.refresh_from_db()
    assert (row.status, row.cause) == ("ended", "oom" if oom else "lost")
    assert SandboxEvent.objects.get(sandbox=mine, kind="failed").data["cause"] == cause
    assert SandboxRun.objects.filter(sandbox=mine, user=alice).exists()


def test_a_sandbox_whose_container_is_gone_says_so_and_starts_anew(
    mine, host, paper, fresh, alice, run_tasks
):
    instance_id = mine.instance.pk
    paper.containers.pop(instance_id)
    reconcile.reconcile(host)
    assert (fresh(mine).status, fresh(mine).cause) == ("failed", "container_lost")
    services.do_verb(sandbox=mine, verb="start", by=alice)
    run_tasks()
    assert fresh(mine).status == "running"
    assert fresh(mine).cause is None
    assert paper.containers[instance_id]["state"] == "running"


def test_one_without_any_instance_is_marked_too(mine, host, fresh):
    SandboxInstance.objects.filter(sandbox=mine).update(sandbox=None)
    reconcile.reconcile(host)
    assert fresh_status(mine) == "failed"


def fresh_status(sandbox):
    return Sandbox.objects.get(pk=sandbox.pk).status


def test_what_was_paused_or_resumed_past_us_is_said(mine, host, paper, fresh):
    paper.pause(mine.instance.pk)
    reconcile.reconcile(host)
    assert fresh(mine).status == "paused"
    paper.unpause(mine.instance.pk)
    reconcile.reconcile(host)
    assert fresh(mine).status == "running"


def test_a_stopped_one_that_somebody_starts_past_us_does_not_stay(mine, host, paper, fresh, alice, run_tasks):
    services.do_verb(sandbox=mine, verb="stop", by=alice)
    run_tasks()
    paper.containers[fresh(mine).instance.pk]["state"] = "running"
    reconcile.reconcile(host)
    assert fresh(mine).status == "stopped"
    assert paper.containers[fresh(mine).instance.pk]["state"] == "exited"


def test_what_waits_in_a_sandbox_that_does_not_run_is_ended(mine, host, alice):
    row = services.run_command(sandbox=mine, by=alice, command="true")
    Sandbox.objects.filter(pk=mine.pk).update(status="stopped")
    reconcile.reconcile(host)
    row.refresh_from_db()
    assert (row.status, row.cause) == ("ended", "lost")


# --- Verbs ---------------------------------------------------------------------------------------------
def test_a_verb_whose_task_was_lost_is_done_once_more(mine, host, alice, run_tasks, fresh):
    services.do_verb(sandbox=mine, verb="stop", by=alice)
    TaskQueue.objects.filter(task_type="sandbox.stop").update(status=TaskStatus.FAILED, unique_key=None)
    assert reconcile.reconcile(host).verbs == 1
    run_tasks()
    assert fresh(mine).status == "stopped"


def test_a_verb_that_is_being_done_is_left_alone(mine, host, alice, paper, fresh):
    services.do_verb(sandbox=mine, verb="stop", by=alice)
    paper.stop(mine.instance.pk)
    assert reconcile.reconcile(host) == reconcile.Report()
    assert fresh(mine).verb == "stop"


def test_a_verb_that_fails_says_why_and_leaves_the_true_state(mine, alice, paper, run_tasks, fresh):
    from sandbox.engine import EngineError

    paper.faults["pause"] = EngineError("cannot freeze")
    services.do_verb(sandbox=mine, verb="pause", by=alice)
    run_tasks()
    sandbox = fresh(mine)
    assert (sandbox.status, sandbox.verb, sandbox.cause) == ("running", None, "pause_failed")
    assert sandbox.detail == "cannot freeze"


def test_a_creation_that_fails_leaves_nothing(alice, host, recipe, paper, run_tasks, fresh):
    from sandbox.engine import EngineError

    paper.faults["start"] = EngineError("no space")
    sandbox = services.create_sandbox(owner=alice, template=recipe)
    run_tasks()
    assert (fresh(sandbox).status, fresh(sandbox).cause) == ("failed", "create_failed")
    assert paper.containers == {}
    paper.faults.clear()
    services.do_verb(sandbox=fresh(sandbox), verb="start", by=alice)
    run_tasks()
    assert fresh(sandbox).status == "running"


def test_one_whose_network_nobody_can_look_at_is_tried_again_and_then_fails_with_the_reason(
    alice, host, recipe, paper, run_tasks, fresh
):
    said = "Whether the container has a network of its own could not be checked: the helper does not answer"
    paper.faults["start"] = EngineUnavailable(said)
    sandbox = services.create_sandbox(owner=alice, template=recipe)
    TaskQueue.objects.exclude(task_type="sandbox.create").delete()
    run_tasks()
    assert (fresh(sandbox).status, fresh(sandbox).verb) == ("creating", "create")
    assert TaskQueue.objects.get(task_type="sandbox.create").retry_count == 1
    for _attempt in range(TaskQueue.objects.get(task_type="sandbox.create").max_retries):
        TaskQueue.objects.update(available_at=timezone.now())
        run_tasks()
    found = fresh(sandbox)
    assert (found.status, found.verb, found.cause, found.detail) == ("failed", None, "create_failed", said)
    assert paper.containers == {}


def test_one_that_ran_already_is_looked_at_and_given_its_rules_again(
    alice, host, recipe, paper, run_tasks, fresh
):
    """Whoever started it may have died before the network was looked at and had its rules."""
    sandbox = services.create_sandbox(owner=alice, template=recipe)
    instance = SandboxInstance.objects.get(sandbox=sandbox)
    container_id = paper.create(instance.pk, InstanceSpec.from_json(instance.spec))
    SandboxInstance.objects.filter(pk=instance.pk).update(container_id=container_id)
    paper.containers[instance.pk]["state"] = "running"
    paper.calls.clear()
    run_tasks()
    assert ("start", instance.pk) in paper.calls
    assert fresh(sandbox).status == "running"


def test_one_that_failed_to_start_and_could_not_be_stopped_does_not_run_on(mine, host, paper, fresh):
    Sandbox.objects.filter(pk=mine.pk).update(status="failed", cause="start_failed")
    reconcile.reconcile(host)
    assert paper.containers[mine.instance.pk]["state"] == "exited"
    assert (fresh(mine).status, fresh(mine).cause) == ("failed", "start_failed")


def test_one_deleted_while_it_is_made_leaves_nothing(
    alice, host, recipe, paper, fresh, run_tasks, monkeypatch
):
    sandbox = services.create_sandbox(owner=alice, template=recipe)
    create = paper.create

    def create_and_be_deleted(instance_id, spec, **options):
        made = create(instance_id, spec, **options)
        if SandboxInstance.objects.filter(pk=instance_id, sandbox=sandbox).exists():
            services.do_verb(sandbox=sandbox, verb="delete", by=alice)
        return made

    monkeypatch.setattr(paper, "create", create_and_be_deleted)
    run_tasks()
    monkeypatch.undo()
    assert Sandbox.objects.get(pk=sandbox.pk).status == "deleted"
    assert not SandboxInstance.objects.filter(sandbox=sandbox).exists()


# --- Hosts ---------------------------------------------------------------------------------------------
def test_a_host_that_falls_silent_is_lost_and_its_sandboxes_say_so(mine, host, alice, fresh):
    row = services.run_command(sandbox=mine, by=alice, command="sleep 9")
    assert hosts.watch() == 0
    SandboxHost.objects.update(last_seen=timezone.now() - timedelta(minutes=2))
    assert hosts.watch() == 1
    assert SandboxHost.objects.get().status == HostStatus.LOST
    assert (fresh(mine).status, fresh(mine).cause) == ("failed", "host_lost")
    row.refresh_from_db()
    assert (row.status, row.cause) == ("ended", "lost")


def test_sandboxes_are_marked_although_whoever_gave_up_their_host_died_in_between(mine, host, fresh):
    SandboxHost.objects.update(status=HostStatus.LOST)
    assert hosts.watch() == 0
    assert (fresh(mine).status, fresh(mine).cause) == ("failed", "host_lost")
    told = SandboxEvent.objects.filter(sandbox=mine, kind="failed")
    assert told.count() == 1
    hosts.watch()
    assert told.count() == 1


def test_what_ran_on_is_adopted_when_its_host_returns(mine, host, fresh):
    hosts.lose(host, "silence")
    host.refresh_from_db()
    assert hosts.look(host)
    reconcile.reconcile(host)
    assert (fresh(mine).status, fresh(mine).cause) == ("running", None)
    assert SandboxEvent.objects.filter(sandbox=mine, kind="adopted").exists()


def test_what_was_deleted_while_its_host_was_lost_is_removed_when_it_returns(mine, host, alice, paper, fresh):
    instance_id = mine.instance.pk
    hosts.lose(host, "silence")
    services.do_verb(sandbox=fresh(mine), verb="delete", by=alice)
    host.refresh_from_db()
    hosts.look(host)
    reconcile.reconcile(host)
    assert instance_id not in paper.containers
    assert SandboxInstance.objects.get(pk=instance_id).status == InstanceStatus.GONE


def test_an_engine_that_does_not_answer_is_given_a_little_time(mine, host, paper, fresh):
    paper.away = True
    assert not hosts.look(host)
    assert SandboxHost.objects.get().status == HostStatus.ACTIVE
    host.refresh_from_db()
    host.info["engine_silent_since"] = (timezone.now() - timedelta(minutes=1)).isoformat()
    assert not hosts.look(host)
    assert SandboxHost.objects.get().status == HostStatus.LOST
    assert fresh(mine).cause == "host_lost"
    paper.away = False
    host.refresh_from_db()
    assert hosts.look(host)
    assert "engine_silent_since" not in SandboxHost.objects.get().info


def test_a_drained_host_stays_drained_over_its_loss(host, operator):
    services.drain_host(host=host, by=operator)
    hosts.lose(host, "silence")
    host.refresh_from_db()
    hosts.look(host)
    assert SandboxHost.objects.get().status == HostStatus.DRAINING
