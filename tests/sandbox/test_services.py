"""Sandboxes as people ask for them: made, moved, changed, with an engine of notes."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.webhooks import services as webhooks
from accounts.webhooks.models import WebhookDelivery
from agi_site.lib import events
from agi_site.lib.problems import Conflict, Forbidden, Invalid, NotFound, TooMany, Unavailable
from sandbox import services, states
from sandbox.channels import sandbox_channel
from sandbox.models import (
    HostStatus,
    InstanceStatus,
    Sandbox,
    SandboxEvent,
    SandboxExecution,
    SandboxImage,
    SandboxInstance,
    SandboxPort,
    SandboxSecurity,
)
from system.models import Log, TaskQueue

pytestmark = pytest.mark.django_db


# --- Making --------------------------------------------------------------------------------------------
def test_a_claim_is_a_row_changing_hands_and_calls_no_engine(alice, filled, recipe, paper):
    paper.calls.clear()
    sandbox = services.create_sandbox(owner=alice, template=recipe, name=" mine ")
    assert (sandbox.status, sandbox.verb, sandbox.name) == ("running", None, "mine")
    assert sandbox.instance.pk == filled[0].pk
    assert sandbox.container_id == filled[0].container_id
    assert sandbox.started_at is not None
    assert paper.calls == []
    assert SandboxEvent.objects.get(sandbox=sandbox).kind == "claimed"
    assert TaskQueue.objects.filter(task_type="sandbox.refill").exists()


def test_a_claim_takes_few_queries(alice, filled, recipe, monkeypatch):
    monkeypatch.setattr(webhooks, "_silent", {})  # it asks once in a while whether she has any
    with CaptureQueriesContext(connection) as queries:
        services.create_sandbox(owner=alice, template=recipe)
    assert len(queries) <= 16, [query["sql"][:90] for query in queries]


def test_what_happens_to_a_sandbox_is_told_to_its_owner_s_webhook(alice, bob, filled, recipe):
    webhooks.create_webhook(owner=alice, url="https://hooks.example.com/", events=["sandbox.*"])
    webhooks.create_webhook(owner=bob, url="https://hooks.example.com/", events=["sandbox.*"])
    sandbox = services.create_sandbox(owner=alice, template=recipe)
    delivery = WebhookDelivery.objects.get()
    assert (delivery.webhook.user, delivery.event) == (alice, "sandbox.claimed")
    assert delivery.payload["data"]["sandbox_id"] == sandbox.pk


def test_the_parts_of_a_sandbox_are_rows_and_its_secrets_are_sealed(alice, filled, recipe):
    sandbox = services.create_sandbox(owner=alice, template=recipe, env={"TOKEN": "hush"})
    assert sandbox.resource.memory_limit == 512 * 1024**2
    assert sandbox.workspaces.get().root_path == "/workspace"
    assert sandbox.security.env_variables == {"LANG": "C.UTF-8", "TOKEN": "hush"}
    with connection.cursor() as cursor:
        cursor.execute("SELECT env_variables FROM sandbox_security")
        assert "hush" not in cursor.fetchone()[0]


def test_no_two_people_get_one_instance(alice, bob, filled, recipe):
    made = [services.create_sandbox(owner=person, template=recipe) for person in (alice, bob, alice)]
    assert [sandbox.status for sandbox in made] == ["running", "running", "creating"]
    instances = {Sandbox.objects.with_parts().get(pk=sandbox.pk).instance.pk for sandbox in made}
    assert len(instances) == 3


def test_without_a_warm_one_a_worker_makes_it(alice, host, recipe, run_tasks, fresh, paper):
    sandbox = services.create_sandbox(owner=alice, template=recipe)
    assert (sandbox.status, sandbox.verb) == ("creating", "create")
    run_tasks()
    sandbox = fresh(sandbox)
    assert (sandbox.status, sandbox.verb) == ("running", None)
    assert paper.containers[sandbox.instance.pk]["state"] == "running"
    assert sandbox.container_id == paper.containers[sandbox.instance.pk]["id"]
    assert sandbox.instance.boot_id == "boot-1"


def test_limits_that_change_live_claim_a_warm_one_and_are_there_before_it_runs(
    alice, filled, recipe, run_tasks, fresh, paper
):
    sandbox = services.create_sandbox(owner=alice, template=recipe, limits={"memory_limit": 256 * 1024**2})
    assert (sandbox.status, sandbox.verb) == ("creating", "create")
    assert sandbox.instance.pk == filled[0].pk
    run_tasks()
    assert fresh(sandbox).status == "running"
    assert paper.containers[filled[0].pk]["limits"].memory_limit == 256 * 1024**2
    assert fresh(sandbox).instance.spec["limits"]["memory_limit"] == 256 * 1024**2


def test_limits_fixed_at_the_making_need_a_new_one(alice, filled, recipe):
    sandbox = services.create_sandbox(owner=alice, template=recipe, limits={"disk_limit": 64 * 1024**2})
    assert sandbox.instance.pk not in {row.pk for row in filled}


def test_a_template_that_is_off_an_image_that_is_not_allowed_and_a_missing_host_are_said(
    alice, filled, recipe, host
):
    SandboxImage.objects.update(is_active=False)
    with pytest.raises(Conflict, match="not among those"):
        services.create_sandbox(owner=alice, template=recipe)
    SandboxImage.objects.update(is_active=True)
    recipe.is_active = False
    with pytest.raises(NotFound):
        services.create_sandbox(owner=alice, template=recipe)
    recipe.is_active = True
    host.status = HostStatus.LOST
    host.save()
    with pytest.raises(Unavailable, match="No Docker engine answers"):
        services.create_sandbox(owner=alice, template=recipe)
    assert not Sandbox.objects.exists()


@pytest.mark.parametrize(
    "given",
    [
        {"limits": {"memory_limit": 1}},
        {"limits": {"speed": 1}},
        {"security": {"network_policy": {"default": "perhaps"}}},
        {"security": {"syscall_policy": {"allow": ["bpf"]}}},
        {"security": {"mount_policy": {"mounts": [{"source": "/etc", "target": "/data"}]}}},
        {"security": {"privileged": True}},
        {"env": {"1A": "x"}},
        {"env": {"A": 1}},
        {"ports": [{"container_port": 0}]},
        {"ports": [{"container_port": 80}, {"container_port": 80}]},
        {"ports": [{"container_port": 53, "protocol": "udp"}]},
        {"expires_in": 0},
        {"name": "x" * 101},
    ],
)
def test_what_is_not_possible_is_refused_before_anything_is_stored(alice, filled, recipe, given):
    with pytest.raises(Invalid):
        services.create_sandbox(owner=alice, template=recipe, **given)
    assert not Sandbox.objects.exists()


def test_a_published_port_is_known_when_it_runs(alice, filled, recipe, run_tasks):
    sandbox = services.create_sandbox(
        owner=alice,
        template=recipe,
        ports=[{"container_port": 8000, "published": True}, {"container_port": 80}],
    )
    run_tasks()
    ports = dict(SandboxPort.objects.filter(sandbox=sandbox).values_list("container_port", "host_port"))
    assert ports == {8000: 40_000, 80: 0}


# --- Verbs ---------------------------------------------------------------------------------------------
def test_the_verbs_one_after_another(alice, mine, run_tasks, fresh, paper):
    steps = [("pause", "paused"), ("resume", "running"), ("stop", "stopped"), ("start", "running")]
    for verb, status in [*steps, ("restart", "running"), ("delete", "deleted")]:
        assert services.do_verb(sandbox=mine, verb=verb, by=alice).verb == verb
        run_tasks()
        assert (fresh(mine).status, fresh(mine).verb) == (status, None), verb
    kinds = list(SandboxEvent.objects.filter(sandbox=mine).order_by("pk").values_list("kind", flat=True))
    assert kinds == [
        "claimed", "paused", "resumed", "stopped", "started", "restarted", "deleted",
    ]  # fmt: skip
    assert Log.objects.filter(message__contains=f"sandbox {mine.pk}: stop").exists()


def test_a_verb_that_is_not_possible_says_which_are(alice, mine):
    with pytest.raises(Conflict, match="Possible now: pause, stop, restart, change, delete"):
        services.do_verb(sandbox=mine, verb="start", by=alice)
    services.do_verb(sandbox=mine, verb="stop", by=alice)
    with pytest.raises(Conflict, match="still under way"):
        services.do_verb(sandbox=mine, verb="pause", by=alice)
    with pytest.raises(Invalid):
        services.do_verb(sandbox=mine, verb="create", by=alice)


def test_it_can_always_be_destroyed_and_again(alice, mine, run_tasks, fresh, paper):
    instance_id = mine.instance.pk
    services.do_verb(sandbox=mine, verb="stop", by=alice)
    services.do_verb(sandbox=mine, verb="delete", by=alice)
    services.do_verb(sandbox=mine, verb="delete", by=alice)
    run_tasks()
    assert fresh(mine).status == "deleted"
    assert fresh(mine).ended_at is not None
    assert services.do_verb(sandbox=mine, verb="delete", by=alice).status == "deleted"
    assert SandboxInstance.objects.get(pk=instance_id).status == InstanceStatus.GONE
    assert instance_id not in paper.containers
    assert SandboxSecurity.objects.get(sandbox=mine).env_variables is None


def test_a_sandbox_on_a_lost_host_can_be_destroyed_at_once(alice, mine, host, fresh):
    host.status = HostStatus.LOST
    host.save()
    with pytest.raises(Conflict, match="does not answer"):
        services.do_verb(sandbox=mine, verb="stop", by=alice)
    assert fresh(mine).verb is None
    services.do_verb(sandbox=fresh(mine), verb="delete", by=alice)
    assert fresh(mine).status == "deleted"
    assert SandboxInstance.objects.get(pk=mine.instance.pk).status == InstanceStatus.ENDING


def test_everybody_who_looks_is_told(alice, mine, run_tasks, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        services.do_verb(sandbox=mine, verb="pause", by=alice)
        run_tasks()
    told = [(event.name, event.data.get("status")) for event in events.read(sandbox_channel(mine.pk))]
    assert ("status", "running") in told
    assert told[-1] == ("status", "paused")


# --- Executions ----------------------------------------------------------------------------------------
def test_an_execution_waits_as_a_row_and_the_agent_is_poked(
    alice, mine, paper, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        row = services.run_command(sandbox=mine, by=alice, command="echo hello", env={"A": "b"}, timeout=5)
    assert (row.status, row.kind, row.timeout, row.started_at) == ("queued", "command", 5, None)
    poke = paper.gateway.pokes[-1]
    assert poke["execution"] == row.pk
    cell = services.run_cell(sandbox=mine, by=alice, code="1 + 1", session="s")
    assert (cell.kind, cell.python_session, cell.timeout) == ("cell", "s", 600)
    assert services.open_terminal(sandbox=mine, by=alice).stdin_open


@pytest.mark.parametrize(
    "given",
    [
        {"command": "  "},
        {"command": "x\0"},
        {"command": "true", "timeout": 601},
        {"command": "true", "output_limit": 2**40},
        {"command": "true", "working_dir": "x" * 256},
        {"command": "true", "env": {"A=B": "x"}},
    ],
)
def test_an_execution_that_is_not_possible_is_refused(alice, mine, given):
    with pytest.raises(Invalid):
        services.run_command(sandbox=mine, by=alice, **given)


def test_a_sandbox_that_does_not_run_takes_no_execution_but_one_that_starts_does(
    alice, mine, run_tasks, fresh
):
    services.do_verb(sandbox=mine, verb="pause", by=alice)
    with pytest.raises(Conflict):
        services.run_command(sandbox=mine, by=alice, command="true")
    run_tasks()
    with pytest.raises(Conflict, match="paused"):
        services.run_command(sandbox=mine, by=alice, command="true")
    services.do_verb(sandbox=mine, verb="stop", by=alice)
    run_tasks()
    services.do_verb(sandbox=mine, verb="start", by=alice)
    assert services.run_command(sandbox=mine, by=alice, command="true").status == "queued"


def test_cancelling_ends_what_waits_at_once_and_asks_what_runs(alice, mine):
    waits = services.run_command(sandbox=mine, by=alice, command="true")
    assert services.cancel_execution(execution=waits, by=alice).cause == "cancelled"
    runs = services.run_command(sandbox=mine, by=alice, command="true")
    SandboxExecution.objects.filter(pk=runs.pk).update(status="running")
    assert services.cancel_execution(execution=runs, by=alice).cancel_requested_at is not None


def test_only_so_many_wait_or_run_at_a_time(alice, mine, monkeypatch):
    monkeypatch.setattr("sandbox.services.executions.MOST_LIVE", 1)
    services.run_command(sandbox=mine, by=alice, command="true")
    with pytest.raises(TooMany):
        services.run_command(sandbox=mine, by=alice, command="true")


def test_waiting_gives_the_row_as_it_is_then(alice, mine):
    row = services.run_command(sandbox=mine, by=alice, command="true")
    assert services.wait_for(execution=row, timeout=0.05).status == "queued"
    SandboxExecution.objects.filter(pk=row.pk).update(status="ended", exit_code=3)
    assert services.wait_for(execution=row, timeout=5).exit_code == 3


# --- Ports, templates, hosts ---------------------------------------------------------------------------
def test_a_port_is_opened_late_once_and_closed(alice, mine):
    port = services.add_port(sandbox=mine, by=alice, container_port=8080, description="site")
    with pytest.raises(Conflict):
        services.add_port(sandbox=mine, by=alice, container_port=8080)
    services.remove_port(port=port, by=alice)
    assert not mine.ports.exists()


def test_operators_add_templates_of_allowed_images_only(alice, operator, recipe):
    values = {"name": "Mine", "image_name": "python", "image_tag": "3.13"}
    with pytest.raises(Forbidden):
        services.add_template(by=alice, values=values)
    with pytest.raises(Conflict, match="not among those"):
        services.add_template(by=operator, values=values)
    services.allow_image(by=operator, name="python", tag="3.13")
    template = services.add_template(by=operator, values=values)
    services.change_template(template=template, by=operator, values={"resource_config": {"cpu_limit": 50}})
    assert services.defaults_of(template).limits.cpu_limit == 50
    # nothing that no sandbox could be made of
    for config in (
        {"pool": {"min": -1}},
        {"expires_in": True},
        {"expires_in": 10**12},
        {"languages": 5},
        {"languages": [5]},
    ):
        with pytest.raises(Invalid):
            services.change_template(template=template, by=operator, values={"config": config})


def test_a_drained_host_gets_nothing_new_and_gives_up_its_warm_ones(
    alice, operator, mine, host, recipe, run_tasks, paper
):
    with pytest.raises(Forbidden):
        services.drain_host(host=host, by=alice)
    services.drain_host(host=host, by=operator)
    run_tasks()
    assert not SandboxInstance.objects.filter(status=InstanceStatus.WARM).exists()
    assert list(paper.containers) == [mine.instance.pk]
    with pytest.raises(Unavailable, match="drained"):
        services.create_sandbox(owner=alice, template=recipe)
    services.activate_host(host=host, by=operator)
    run_tasks()
    assert services.create_sandbox(owner=alice, template=recipe).status == "running"


def test_every_verb_that_is_asked_for_is_a_verb_of_the_states():
    from sandbox.lifecycle.verbs import WORK
    from sandbox.services.sandboxes import ASKED

    assert set(ASKED) < set(states.VERBS)
    assert set(states.VERBS) - {"restore"} == set(WORK)
