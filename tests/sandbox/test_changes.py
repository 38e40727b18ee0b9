"""What may be changed of a sandbox, running or stopped, with an engine of notes."""

import threading

import pytest
from django.db import connection

from agi_site.lib.problems import Conflict, Invalid
from sandbox import services
from sandbox.engine import EngineError
from sandbox.lifecycle import names, specs
from sandbox.models import SandboxEvent
from system.models import Log

pytestmark = pytest.mark.django_db


def test_what_docker_can_change_changes_while_it_runs(alice, mine, run_tasks, fresh, paper):
    services.change_limits(sandbox=mine, by=alice, limits={"cpu_limit": 50, "idle_timeout": 600})
    paper.calls.clear()
    run_tasks()
    assert fresh(mine).status == "running"
    assert paper.containers[mine.instance.pk]["limits"].cpu_limit == 50
    assert "stop" not in {call for call, key in paper.calls if key == mine.instance.pk}


def test_what_docker_cannot_change_takes_a_restart_that_keeps_the_workspace_and_says_so(
    alice, mine, run_tasks, fresh, paper
):
    services.change_limits(sandbox=mine, by=alice, limits={"open_files": 512})
    paper.calls.clear()
    run_tasks()
    assert fresh(mine).status == "running"
    assert mine.instance.pk in paper.disks
    assert ("remove", mine.instance.pk) in paper.calls
    assert paper.containers[mine.instance.pk]["spec"].limits.open_files == 512
    kinds = list(SandboxEvent.objects.filter(sandbox=mine).values_list("kind", flat=True))
    assert "restarted" in kinds


def test_a_network_given_takes_a_restart_and_its_rules_then_change_live(alice, mine, run_tasks, fresh, paper):
    policy = {"default": "deny", "allow": [{"ip": "93.184.216.34", "port": 443}]}
    services.change_policy(sandbox=mine, by=alice, security={"network_policy": policy})
    run_tasks()
    assert "93.184.216.34" in paper.containers[mine.instance.pk]["nft"]
    other = {"default": "deny", "allow": [{"ip": "93.184.216.35"}]}
    paper.calls.clear()
    services.change_policy(sandbox=fresh(mine), by=alice, security={"network_policy": other})
    run_tasks()
    assert "93.184.216.35" in paper.containers[mine.instance.pk]["nft"]
    assert "stop" not in {call for call, key in paper.calls if key == mine.instance.pk}
    assert fresh(mine).instance.profile == fresh(mine).instance.profile


def test_a_change_that_cannot_be_made_leaves_everything_as_it_was(alice, mine, run_tasks, fresh, paper):
    paper.faults["update_limits"] = EngineError("it uses more than that")
    services.change_limits(sandbox=mine, by=alice, limits={"memory_limit": 400 * 1024**2})
    run_tasks()
    sandbox = fresh(mine)
    assert (sandbox.status, sandbox.verb, sandbox.cause) == ("running", None, "change_failed")
    assert sandbox.detail == "it uses more than that"
    assert sandbox.resource.memory_limit == 512 * 1024**2


def test_why_a_limit_was_not_taken_is_said_in_plain_words(alice, mine, fresh, paper, run_tasks):
    paper.faults["update_limits"] = EngineError("runc: unable to set memory limit to 1 (current usage: 2)")
    services.change_limits(sandbox=mine, by=alice, limits={"memory_limit": 256 * 1024**2})
    run_tasks()
    assert fresh(mine).detail == "More memory is in use now than the new limit allows."


def test_what_was_stopped_for_a_change_that_cannot_be_made_runs_again(alice, mine, run_tasks, fresh, paper):
    create, before, size = paper.create, fresh(mine).started_at, mine.resource.disk_limit

    def refuse(instance_id, spec, **options):
        if spec.limits.disk_limit < size:
            raise EngineError("the files do not fit")
        return create(instance_id, spec, **options)

    paper.create = refuse
    services.change_limits(sandbox=mine, by=alice, limits={"disk_limit": 16 * 1024**2})
    run_tasks()
    sandbox = fresh(mine)
    assert (sandbox.status, sandbox.verb, sandbox.cause) == ("running", None, "change_failed")
    assert sandbox.detail == "the files do not fit"
    assert sandbox.started_at > before
    assert paper.find(sandbox.instance.pk).state == "running"
    assert sandbox.resource.disk_limit == size
    kinds = list(SandboxEvent.objects.filter(sandbox=mine).order_by("pk").values_list("kind", flat=True))
    assert kinds[-1] == "failed"


def test_a_runtime_that_the_host_has_not_is_refused_and_nothing_stops(alice, mine, fresh):
    mine.host.info = {**(mine.host.info or {}), "runtimes": {"runc": {}}}
    mine.host.save(update_fields=["info"])
    with pytest.raises(Conflict, match="runtime"):
        services.change_policy(sandbox=mine, by=alice, security={"runtime": "unknown"})
    assert (fresh(mine).status, fresh(mine).verb) == ("running", None)


def test_names_of_hosts_are_resolved_again_and_rules_renewed(
    alice, mine, host, run_tasks, fresh, paper, monkeypatch
):
    addresses = ["93.184.216.34"]
    monkeypatch.setattr(specs, "resolve", lambda _host: list(addresses))
    policy = {"allow": [{"host": "example.org", "port": 443}]}
    services.change_policy(sandbox=mine, by=alice, security={"network_policy": policy})
    run_tasks()
    instance_id = fresh(mine).instance.pk
    assert "93.184.216.34" in paper.containers[instance_id]["nft"]
    known = names.renew(host, {})
    paper.calls.clear()
    assert names.renew(host, known) == known
    assert paper.calls == []
    addresses[0] = "93.184.216.99"
    assert names.renew(host, known) != known
    assert "93.184.216.99" in paper.containers[instance_id]["nft"]


def test_a_stopped_sandbox_takes_its_changes_at_the_next_start(alice, mine, run_tasks, fresh, paper):
    services.do_verb(sandbox=mine, verb="stop", by=alice)
    run_tasks()
    services.change_limits(sandbox=fresh(mine), by=alice, limits={"cpu_limit": 200, "tmp_limit": 2**20})
    assert fresh(mine).verb is None
    services.do_verb(sandbox=mine, verb="start", by=alice)
    run_tasks()
    assert paper.containers[mine.instance.pk]["spec"].limits.cpu_limit == 200


@pytest.mark.django_db(transaction=True)
def test_a_start_waits_for_a_change_that_is_being_stored(alice, mine, run_tasks, fresh, monkeypatch):
    services.do_verb(sandbox=mine, verb="stop", by=alice)
    run_tasks()
    went = threading.Event()

    def start():
        try:
            services.do_verb(sandbox=fresh(mine), verb="start", by=alice)
            went.set()
        finally:
            connection.close()

    thread = threading.Thread(target=start)

    def meanwhile(*_args):
        thread.start()
        thread.join(0.5)
        assert not went.is_set()

    monkeypatch.setattr("sandbox.services.sandboxes._record_change", meanwhile)
    services.change_limits(sandbox=fresh(mine), by=alice, limits={"cpu_limit": 200})
    thread.join(20)
    assert went.is_set()
    assert fresh(mine).verb == "start"


def test_extended_renamed_and_given_another_environment(alice, mine, fresh):
    assert services.extend_sandbox(sandbox=mine, by=alice, seconds=60) is not None
    assert services.extend_sandbox(sandbox=mine, by=alice, seconds=None) is None
    assert services.rename_sandbox(sandbox=mine, by=alice, name="other").name == "other"
    assert services.rename_sandbox(sandbox=mine, by=alice, name=" two\n lines").name == "two lines"
    services.change_environment(sandbox=fresh(mine), by=alice, env={"KEY": "hush"})
    assert fresh(mine).security.env_variables == {"KEY": "hush"}
    said = SandboxEvent.objects.filter(kind="changed").get()
    assert said.data["environment"] == ["KEY"]
    assert not Log.objects.filter(message__contains="hush").exists()


def test_the_field_that_was_wrong_is_named(alice, mine, recipe):
    with pytest.raises(Invalid) as extended:
        services.extend_sandbox(sandbox=mine, by=alice, seconds=0)
    with pytest.raises(Invalid) as made:
        services.create_sandbox(owner=alice, template=recipe, expires_in=0)
    assert (set(extended.value.errors), set(made.value.errors)) == ({"seconds"}, {"expires_in"})


def test_a_clone_publishes_the_ports_of_its_original(alice, host, paper, recipe, fresh, run_tasks):
    ports = [{"container_port": 53, "protocol": "udp", "published": True}]
    original = services.create_sandbox(owner=alice, template=recipe, ports=ports)
    run_tasks()
    made = services.clone_sandbox(sandbox=fresh(original), by=alice)
    assert list(made.ports.values_list("container_port", "published")) == [(53, True)]


def test_a_workspace_in_memory_is_kept_over_a_stop(alice, host, recipe, run_tasks, fresh, paper):
    recipe.config = {**recipe.config, "workspace": "memory"}
    recipe.save()
    sandbox = services.create_sandbox(owner=alice, template=recipe)
    run_tasks()
    instance_id = fresh(sandbox).instance.pk
    paper.containers[instance_id]["files"] = {"a.txt": "kept"}
    services.do_verb(sandbox=sandbox, verb="stop", by=alice)
    run_tasks()
    assert paper.containers[instance_id]["files"] == {}
    services.do_verb(sandbox=sandbox, verb="start", by=alice)
    run_tasks()
    assert paper.containers[instance_id]["files"] == {"a.txt": "kept"}
    services.do_verb(sandbox=sandbox, verb="delete", by=alice)
    run_tasks()
    assert "kept" not in (fresh(sandbox).config or {})
