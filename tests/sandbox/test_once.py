"""Something run in a sandbox of its own, by one call: made, run, and gone when that has ended."""

from datetime import timedelta

import pytest
from asgiref.sync import async_to_sync
from django.utils import timezone
from rest_framework.test import APIClient

from agi_site.lib.problems import Invalid, NotFound
from sandbox import briefs, services
from sandbox.models import ONCE, InstanceStatus, Sandbox, SandboxExecution
from system.models import TaskQueue

from .fixtures_agent import wait_until
from .test_events import _run, token_of

ADDRESS = "/api/v1/sandboxes/once/"


def test_code_runs_in_a_sandbox_of_its_own(alice, filled, recipe):
    row = services.run_once(owner=alice, template=recipe, code="1 + 1", timeout=5)
    assert (row.kind, row.command, row.timeout) == ("cell", "1 + 1", 5)
    assert (row.sandbox.user, row.sandbox.status, row.sandbox.origin_type) == (alice, "running", ONCE)
    assert briefs.row_of(briefs.brief_of(row)).sandbox.origin_type == ONCE


def test_python_in_a_template_without_it_is_refused_before_anything_is_made(alice, filled, recipe):
    recipe.config = {"languages": ["javascript", "shell"]}
    with pytest.raises(Invalid) as refused:
        services.run_once(owner=alice, template=recipe, code="1")
    assert "has no Python" in refused.value.errors["code"][0]
    assert not Sandbox.objects.exists()
    assert services.run_once(owner=alice, template=recipe, command="node -v").kind == "command"


def test_it_expires_although_its_agent_dies(alice, filled, recipe):
    row = services.run_once(owner=alice, template=recipe, command="true", limits={"execution_timeout": 100})
    left = row.sandbox.expires_at - timezone.now()
    assert timedelta(seconds=100) < left < timedelta(seconds=300)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"code": "1", "command": "true"},
        {"code": "1", "stdin": "typed"},
        {"code": "1", "timeout": 10**6},
        {"command": "true", "working_dir": "x" * 300},
        {"code": "1", "limits": {"memory_limit": 1}},
    ],
)
def test_what_is_refused_leaves_no_sandbox(alice, filled, recipe, given):
    with pytest.raises(Invalid):
        services.run_once(owner=alice, template=recipe, **given)
    assert not Sandbox.objects.exists()
    assert not SandboxExecution.objects.exists()


def test_a_template_that_is_switched_off_is_not_found(alice, filled, recipe):
    recipe.is_active = False
    recipe.save()
    with pytest.raises(NotFound):
        services.run_once(owner=alice, template=recipe, code="1")


def test_over_rest_it_is_accepted_with_its_execution(alice, api_of, filled, recipe):
    answer = api_of(alice).post(ADDRESS, {"template": recipe.name, "command": "cat", "stdin": "typed"})
    row = SandboxExecution.objects.get()
    assert answer.status_code == 202
    assert (answer.json()["id"], answer.json()["sandbox"]) == (row.pk, row.sandbox_id)
    assert (row.stdin, row.user) == ("typed", alice)


@pytest.mark.parametrize(
    ("given", "field"),
    [({"code": "1"}, "template"), ({"template": "none", "code": "1"}, "template"), ({"cod": "1"}, "cod")],
)
def test_over_rest_what_is_wrong_is_said_of_its_field(alice, api_of, filled, recipe, given, field):
    answer = api_of(alice).post(ADDRESS, given)
    assert answer.status_code == 400
    assert field in answer.json()["errors"]
    assert not Sandbox.objects.exists()


def test_over_rest_a_stranger_is_refused(filled, recipe):
    assert APIClient().post(ADDRESS, {"template": recipe.pk, "code": "1"}).status_code == 401


@pytest.mark.django_db(transaction=True)
def test_its_events_may_be_the_answer(alice, filled, recipe):
    given = {"template": recipe.pk, "code": "print(1)"}
    answer = async_to_sync(_run)(token_of(alice), "/events/sandboxes/once/", given)
    assert answer.headers["X-Execution"] == SandboxExecution.objects.get().pk
    assert answer["Content-Type"].startswith("text/event-stream")


@pytest.mark.docker_engine
def test_the_sandbox_goes_when_its_execution_has_ended(agent_world):
    sandbox = agent_world.sandbox()
    Sandbox.objects.filter(pk=sandbox.pk).update(origin_type=ONCE)
    agent_world.leading()
    assert agent_world.ended(agent_world.run(sandbox, "echo once")).stdout == "once\n"
    wait_until(lambda: TaskQueue.objects.filter(task_type="sandbox.sweep").exists())
    sandbox.refresh_from_db()
    assert (sandbox.status, sandbox.cause, sandbox.verb) == ("deleted", "done", None)
    assert sandbox.instance.status == InstanceStatus.ENDING


@pytest.mark.docker_engine
def test_a_sandbox_in_which_more_was_begun_is_deleted_with_that(agent_world):
    sandbox = agent_world.sandbox()
    Sandbox.objects.filter(pk=sandbox.pk).update(origin_type=ONCE)
    agent_world.leading()
    other = agent_world.run(sandbox, "sleep 100")
    agent_world.running(other)
    agent_world.ended(agent_world.run(sandbox, "true"))
    wait_until(lambda: TaskQueue.objects.filter(task_type="sandbox.delete").exists())
    sandbox.refresh_from_db()
    assert sandbox.verb == "delete"


@pytest.mark.docker_engine
def test_another_sandbox_stays(agent_world):
    sandbox = agent_world.sandbox()
    agent_world.leading()
    agent_world.ended(agent_world.run(sandbox, "true"))
    wait_until(lambda: TaskQueue.objects.filter(task_type="sandbox.files.refresh").exists())
    assert not TaskQueue.objects.filter(task_type__in=["sandbox.delete", "sandbox.sweep"]).exists()
