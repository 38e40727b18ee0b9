"""What ends by the clock, and what running sandboxes are said to use; with an engine of notes."""

import os
from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone

from agi_site.lib import events
from sandbox import services
from sandbox.channels import execution_channel, sandbox_channel
from sandbox.lifecycle import expiry, hosts, keeping, reconcile, usage
from sandbox.models import Sandbox, SandboxEvent, SandboxExecution, SandboxInstance
from system.models import Log, Monitoring, TaskQueue

pytestmark = pytest.mark.django_db


def earlier(seconds):
    return timezone.now() - timedelta(seconds=seconds)


def test_an_idle_sandbox_stops_and_says_so(mine, run_tasks, fresh):
    assert expiry.expire()["idle"] == 0
    Sandbox.objects.update(last_active=earlier(1801))
    assert expiry.expire()["idle"] == 1
    run_tasks()
    assert (fresh(mine).status, fresh(mine).cause) == ("stopped", "idle")
    assert SandboxEvent.objects.get(sandbox=mine, kind="stopped").data == {"cause": "idle"}


def test_one_that_works_is_not_idle_but_a_silent_terminal_is_no_work(mine, alice):
    Sandbox.objects.update(last_active=earlier(1801))
    row = services.run_command(sandbox=mine, by=alice, command="sleep 9999", timeout=600)
    assert expiry.expire()["idle"] == 0
    SandboxExecution.objects.filter(pk=row.pk).update(status="ended")
    services.open_terminal(sandbox=mine, by=alice)
    assert expiry.expire()["idle"] == 1


def test_one_that_runs_too_long_stops(mine, run_tasks, fresh):
    Sandbox.objects.update(started_at=earlier(12 * 3600 + 1), last_active=timezone.now())
    assert expiry.expire() == {"expired": 0, "timeout": 1, "idle": 0}
    run_tasks()
    assert fresh(mine).cause == "timeout"
    assert fresh(mine).running_seconds >= 12 * 3600


def test_an_expired_one_is_deleted_in_any_state(mine, alice, run_tasks, fresh):
    services.extend_sandbox(sandbox=mine, by=alice, seconds=5)
    assert expiry.expire()["expired"] == 0
    services.do_verb(sandbox=mine, verb="stop", by=alice)
    run_tasks()
    Sandbox.objects.update(expires_at=earlier(1))
    assert expiry.expire()["expired"] == 1
    run_tasks()
    assert (fresh(mine).status, fresh(mine).cause) == ("deleted", "expired")


@pytest.mark.parametrize(
    ("late", "said"),
    [
        (
            {"last_active": earlier(1801)},
            "The sandbox was stopped because nothing happened in it for a while.",
        ),
        (
            {"started_at": earlier(12 * 3600 + 1)},
            "The sandbox was stopped because it ran for as long as its limit allows.",
        ),
        ({"expires_at": earlier(1)}, "The sandbox was deleted because its time was up."),
    ],
)
def test_what_ran_in_a_sandbox_that_ends_by_the_clock_says_why_it_ended(
    mine, alice, client, run_tasks, django_capture_on_commit_callbacks, late, said
):
    row = services.open_terminal(sandbox=mine, by=alice)
    SandboxExecution.objects.filter(pk=row.pk).update(status="running")
    Sandbox.objects.update(**({"last_active": timezone.now()} | late))
    assert sum(expiry.expire().values()) == 1
    with django_capture_on_commit_callbacks(execute=True):
        run_tasks()
    row.refresh_from_db()
    assert (row.status, row.cause, row.detail) == ("ended", "cancelled", said)
    [told] = [event for event in events.read(execution_channel(row.pk)) if event.name == "ended"]
    assert (told.data["cause"], told.data["detail"]) == ("cancelled", said)
    client.force_login(alice)
    assert client.get(f"/api/v1/sandbox-executions/{row.pk}/").json()["detail"] == said
    if "deleted" not in said:
        assert said in client.get(f"/sandboxes/{mine.pk}/executions/{row.pk}/").text


def test_why_a_sandbox_ends_is_in_its_row_while_it_does(mine, alice, run_tasks, fresh):
    """For the agent, which sees its processes end, and for whoever takes the verb up again."""
    Sandbox.objects.update(last_active=earlier(1801), cause="changed", detail="earlier")
    expiry.expire()
    assert (fresh(mine).verb, fresh(mine).cause, fresh(mine).detail) == ("stop", "idle", None)
    TaskQueue.objects.all().delete()
    assert reconcile.take_up_verbs(mine.host) == 1
    run_tasks()
    assert SandboxEvent.objects.get(sandbox=mine, kind="stopped").data == {"cause": "idle"}
    services.do_verb(sandbox=mine, verb="delete", by=alice)
    assert fresh(mine).cause is None


def test_old_rows_are_cleaned_up_with_a_record_of_what_went(mine, alice, run_tasks, settings):
    services.do_verb(sandbox=mine, verb="delete", by=alice)
    run_tasks()
    assert expiry.clean_up() == {"sandboxes": 0, "instances": 0}
    Sandbox.objects.update(ended_at=earlier(settings.SANDBOX_KEPT_DAYS * 86400 + 60))
    SandboxInstance.objects.filter(gone_at__isnull=False).update(gone_at=earlier(3 * 86400))
    assert expiry.clean_up() == {"sandboxes": 1, "instances": 1}
    assert not Sandbox.objects.exists()
    assert Log.objects.filter(component="sandbox", message__contains=mine.pk).exists()


def kept_files():
    """What is stored of workspaces in memory, two days old by now."""
    try:
        names = sorted(default_storage.listdir(keeping.FOLDER)[1])
    except FileNotFoundError:
        return []
    for name in names:
        os.utime(default_storage.path(f"{keeping.FOLDER}/{name}"), (earlier(2 * 86400).timestamp(),) * 2)
    return names


@pytest.fixture
def stopped(alice, host, recipe, run_tasks, settings, tmp_path):
    """Alice's stopped sandbox, whose workspace was in memory and is kept."""
    settings.MEDIA_ROOT = tmp_path
    recipe.config = {"workspace": "memory", "pool": {"min": 0, "max": 0}}
    recipe.save()
    sandbox = services.create_sandbox(owner=alice, template=recipe)
    run_tasks()
    services.do_verb(sandbox=sandbox, verb="stop", by=alice)
    run_tasks()
    sandbox.refresh_from_db()
    return sandbox


def test_a_kept_workspace_goes_when_its_sandbox_is_deleted_without_its_host(
    stopped, alice, host, django_capture_on_commit_callbacks
):
    hosts.lose(host, "silence")
    [name] = kept_files()
    stopped.refresh_from_db()
    with django_capture_on_commit_callbacks(execute=True):
        services.do_verb(sandbox=Sandbox.objects.with_parts().get(), verb="delete", by=alice)
    assert kept_files() == []
    assert keeping.KEPT not in Sandbox.objects.get().config
    assert stopped.config[keeping.KEPT]["path"].endswith(name)


def test_a_kept_workspace_goes_with_its_person(stopped, alice):
    assert len(kept_files()) == 1
    assert keeping.sweep() == 0
    alice.delete()
    assert keeping.sweep() == 1
    assert kept_files() == []


def test_a_kept_workspace_that_no_row_came_to_know_goes_after_a_day(stopped):
    [known] = kept_files()
    again = default_storage.save(stopped.config[keeping.KEPT]["path"], ContentFile(b"the same"))
    assert keeping.sweep() == 0
    assert len(kept_files()) == 2
    assert keeping.sweep() == 1
    assert kept_files() == [known]
    assert not default_storage.exists(again)


def test_usage_is_told_live_and_stored_once_a_minute(mine):
    assert usage.latest_usage(mine.pk) is None
    assert usage._tell(mine.pk, {"cpu_seconds": 1.0, "memory": 10}) is None
    usage._tell(mine.pk, {"cpu_seconds": 1.5, "memory": 12})
    assert usage.latest_usage(mine.pk)["memory"] == 12
    assert usage.latest_usage(mine.pk)["cpu_percent"] > 0
    told = [event for event in events.read(sandbox_channel(mine.pk)) if event.name == "usage"]
    assert [event.data["memory"] for event in told] == [10, 12]
    assert Monitoring.objects.filter(component=f"sandbox:{mine.pk}", metric="memory").count() == 1


@pytest.mark.django_db(transaction=True)
def test_every_running_sandbox_is_asked(alice, filled, recipe):
    first = services.create_sandbox(owner=alice, template=recipe)
    services.create_sandbox(owner=alice, template=recipe)
    assert usage.collect() == 2
    assert usage.latest_usage(first.pk)["pids"] == 3
