"""The REST door of sandboxes: what it asks the services for, and how it answers."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from agi_site.lib import events
from agi_site.lib.problems import Conflict, Invalid, TooMany, Unavailable
from sandbox.channels import sandbox_channel
from sandbox.models import (
    Sandbox,
    SandboxExecution,
    SandboxPort,
    SandboxSecurity,
    SandboxSnapshot,
    SandboxStatus,
    SandboxTemplate,
)
from sandbox.services import Quota

from .fixtures_doors import URL, VERBS, at


# --- Making -----------------------------------------------------------------------------------------------
def test_a_sandbox_is_made_of_a_template_by_its_id_or_its_name(
    alice: Any, api_of: Any, asks: Any, a_sandbox: Sandbox, a_template: SandboxTemplate
) -> None:
    made = asks("services.create_sandbox", a_sandbox)
    api = api_of(alice)
    answer = api.post(URL, {"template": a_template.pk})
    assert (answer.status_code, answer.json()["id"], answer.json()["status"]) == (
        201,
        a_sandbox.pk,
        "running",
    )
    assert answer.json()["events"] == f"/events/sandboxes/{a_sandbox.pk}/"
    assert "pause" in answer.json()["verbs"]
    assert made.last == {"owner": alice, "template": a_template, "name": ""}
    api.post(
        URL,
        {
            "template": "A recipe",
            "name": "mine",
            "limits": {"cpu_limit": 50, "timeout": 60},
            "security": {"network_policy": {"default": "allow"}, "runtime": "runsc"},
            "env": {"KEY": "value"},
            "ports": [{"container_port": 80, "published": True}],
            "expires_in": 60,
        },
    )
    assert made.last == {
        "owner": alice,
        "template": a_template,
        "name": "mine",
        "limits": {"cpu_limit": 50, "timeout": 60},
        "security": {"network_policy": {"default": "allow"}, "runtime": "runsc"},
        "env": {"KEY": "value"},
        "ports": [{"container_port": 80, "protocol": "tcp", "description": "", "published": True}],
        "expires_in": 60,
    }


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "template"),
        ({"template": None}, "template"),
        ({"template": "no such"}, "template"),
        ({"template": "\ud800"}, "template"),
        ({"template": "a\0b"}, "template"),
        ({"template": ["A recipe"]}, "template"),
        ({"template": "A recipe", "limits": {"memory": 5}}, "limits"),
        ({"template": "A recipe", "limits": {"memory_limit": "much"}}, "limits"),
        ({"template": "A recipe", "limits": {"memory_limit": 1}}, "limits"),
        ({"template": "A recipe", "limits": []}, "limits"),
        ({"template": "A recipe", "security": {"capabilities": ["ALL"]}}, "security"),
        ({"template": "A recipe", "security": {"network_policy": "open"}}, "security"),
        ({"template": "A recipe", "env": {"A": 1}}, "env"),
        ({"template": "A recipe", "env": ["A"]}, "env"),
        ({"template": "A recipe", "env": {"A": "a\0b"}}, "env"),
        ({"template": "A recipe", "ports": [{"container_port": 0}]}, "ports"),
        ({"template": "A recipe", "ports": [{"container_port": 80, "protocol": "icmp"}]}, "ports"),
        ({"template": "A recipe", "expires_in": 0}, "expires_in"),
        ({"template": "A recipe", "name": "x" * 101}, "name"),
        ({"template": "A recipe", "image": "alpine"}, "image"),
    ],
)
def test_input_that_makes_no_sense_is_named(
    body: Any, field: str, alice: Any, api_of: Any, asks: Any, a_template: SandboxTemplate
) -> None:
    made = asks("services.create_sandbox")
    answer = api_of(alice).post(URL, json.dumps(body), content_type="application/json")
    assert (answer.status_code, list(answer.json()["errors"])) == (400, [field])
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert made.calls == []


def test_a_template_that_is_switched_off_is_not_offered(
    alice: Any, api_of: Any, a_template: SandboxTemplate
) -> None:
    SandboxTemplate.objects.update(is_active=False)
    assert api_of(alice).post(URL, {"template": a_template.pk}).json()["errors"]["template"]


@pytest.mark.parametrize(
    ("problem", "status"),
    [
        (Conflict("You have 10 of 10 sandboxes.", code="quota"), 409),
        (TooMany("All hours of today are used.", retry_after=7), 429),
        (Unavailable("No host.", code="no_host"), 503),
        (Invalid(errors={"memory_limit": ["Too much."]}), 400),
    ],
)
def test_what_a_service_refuses_is_answered_in_its_words(
    problem: Any, status: int, alice: Any, api_of: Any, asks: Any, a_template: SandboxTemplate
) -> None:
    asks("services.create_sandbox", problem)
    answer = api_of(alice).post(URL, {"template": a_template.pk})
    assert (answer.status_code, answer.json()["code"], answer.json()["title"]) == (
        status,
        problem.code,
        str(problem.message),
    )
    assert answer.headers["Content-Type"] == "application/problem+json"


# --- Verbs ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_is_asked_for_and_accepted(
    verb: str, alice: Any, api_of: Any, asks: Any, a_sandbox: Sandbox
) -> None:
    done = asks("services.do_verb", a_sandbox)
    answer = api_of(alice).post(at(a_sandbox, verb))
    assert (answer.status_code, answer.json()["id"]) == (202, a_sandbox.pk)
    assert done.calls == [{"sandbox": a_sandbox, "verb": verb, "by": alice}]


def test_deleting_is_accepted_and_the_row_is_answered(
    alice: Any, api_of: Any, asks: Any, a_sandbox: Sandbox
) -> None:
    done = asks("services.do_verb", a_sandbox)
    answer = api_of(alice).delete(at(a_sandbox))
    assert (answer.status_code, answer.json()["id"], done.last["verb"]) == (202, a_sandbox.pk, "delete")


@pytest.mark.parametrize(
    ("verb", "body", "service", "asked", "status"),
    [
        ("limits", {"cpu_limit": 50}, "change_limits", {"limits": {"cpu_limit": 50}}, 202),
        (
            "policy",
            {"network_policy": None},
            "change_policy",
            {"security": {"network_policy": None}},
            202,
        ),
        ("environment", {"env": {"A": "b"}}, "change_environment", {"env": {"A": "b"}}, 200),
        ("clone", {"name": "copy"}, "clone_sandbox", {"name": "copy"}, 201),
    ],
)
def test_a_change_is_handed_to_its_service(
    verb: str,
    body: Any,
    service: str,
    asked: Any,
    status: int,
    alice: Any,
    api_of: Any,
    asks: Any,
    a_sandbox: Sandbox,
) -> None:
    done = asks(f"services.{service}", a_sandbox)
    answer = api_of(alice).post(at(a_sandbox, verb), body)
    assert (answer.status_code, answer.json()["id"]) == (status, a_sandbox.pk)
    assert done.calls == [{"sandbox": a_sandbox, "by": alice, **asked}]


@pytest.mark.parametrize(
    ("verb", "body", "field"),
    [
        ("limits", {"cpu_limit": 0}, "cpu_limit"),
        ("limits", {"cpu": 5}, "cpu"),
        ("limits", {"memory_limit": None}, "memory_limit"),
        ("policy", {"network_policy": []}, "network_policy"),
        ("policy", {"capabilities": []}, "capabilities"),
        ("extend", {}, "seconds"),
        ("extend", {"seconds": -1}, "seconds"),
        ("extend", {"seconds": 10**30}, "seconds"),
        ("environment", {}, "env"),
        ("run", {}, "command"),
        ("run", {"command": ""}, "command"),
        ("run", {"command": "a\0b"}, "command"),
        ("run", {"command": "ls", "timeout": 0}, "timeout"),
        ("run", {"command": "ls", "user": "root"}, "user"),
        ("cells", {"code": "1", "session": "x" * 65}, "session"),
        ("terminals", {"working_dir": "x" * 300}, "working_dir"),
        ("ports", {"container_port": 70_000}, "container_port"),
        ("ports", {"container_port": 80, "published": True}, "published"),
        ("restore", {}, "snapshot"),
        ("clone", {"snapshot": "nothing"}, "snapshot"),
        ("files/mkdir", {}, "path"),
        ("files/move", {"source": "a"}, "target"),
    ],
)
def test_a_verb_names_the_field_that_is_wrong(
    verb: str, body: Any, field: str, alice: Any, api_of: Any, a_sandbox: Sandbox
) -> None:
    answer = api_of(alice).post(at(a_sandbox, verb), body)
    assert (answer.status_code, list(answer.json()["errors"])) == (400, [field])


def test_it_may_be_extended_and_let_stand_for_ever(
    alice: Any, api_of: Any, asks: Any, a_sandbox: Sandbox
) -> None:
    extended = asks("services.extend_sandbox", None)
    answer = api_of(alice).post(at(a_sandbox, "extend"), {"seconds": None})
    assert (answer.status_code, answer.json()["expires_at"]) == (200, None)
    assert extended.last == {"sandbox": a_sandbox, "by": alice, "seconds": None}


def test_a_sandbox_begins_with_the_files_of_a_snapshot_that_outlived_its_own(
    alice: Any, bob: Any, api_of: Any, asks: Any, recipe: SandboxTemplate, filled: Any
) -> None:
    fill = asks("snapshots.fill_sandbox")
    kept = SandboxSnapshot.objects.create(user=alice, status="ready", size_bytes=4 << 30)
    answer = api_of(alice).post(URL, {"template": recipe.pk, "snapshot": kept.pk})
    assert answer.status_code == 201
    made = Sandbox.objects.get(pk=answer.json()["id"])
    assert fill.last == {"sandbox": made, "snapshot": kept, "by": alice}
    assert made.resource.disk_limit == 5 << 30  # they fit into it
    refused = api_of(bob).post(URL, {"template": recipe.pk, "snapshot": kept.pk})
    assert (refused.status_code, list(refused.json()["errors"])) == (400, ["snapshot"])


def test_its_name_is_the_only_thing_written_directly(
    alice: Any, api_of: Any, asks: Any, a_sandbox: Sandbox
) -> None:
    renamed = asks("services.rename_sandbox", a_sandbox)
    assert api_of(alice).patch(at(a_sandbox), {"name": "new"}).status_code == 200
    assert renamed.last == {"sandbox": a_sandbox, "by": alice, "name": "new"}
    assert api_of(alice).patch(at(a_sandbox), {"status": "deleted"}).json()["errors"] == {
        "status": ["There is no such field here. Those there are: name."]
    }
    assert api_of(alice).put(at(a_sandbox), {"name": "new"}).status_code == 405


# --- Work -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("verb", "body", "service", "asked"),
    [
        (
            "run",
            {"command": " ls \n", "stdin": "in", "timeout": 5},
            "run_command",
            {"command": " ls \n", "stdin": "in", "stdin_open": False, "working_dir": "", "timeout": 5},
        ),
        ("cells", {"code": "x"}, "run_cell", {"code": "x", "session": "", "working_dir": ""}),
        ("terminals", {"env": {}}, "open_terminal", {"command": "", "working_dir": "", "env": {}}),
    ],
)
def test_work_is_queued_and_answered_with_its_execution(
    verb: str,
    body: Any,
    service: str,
    asked: Any,
    alice: Any,
    api_of: Any,
    asks: Any,
    a_sandbox: Sandbox,
    an_execution: SandboxExecution,
) -> None:
    begun = asks(f"services.{service}", an_execution)
    answer = api_of(alice).post(at(a_sandbox, verb), body)
    assert (answer.status_code, answer.json()["id"]) == (202, an_execution.pk)
    assert answer.json()["events"] == f"/events/sandbox-executions/{an_execution.pk}/?after=0-0"
    assert answer.json()["socket"] is None
    assert begun.last == {"sandbox": a_sandbox, "by": alice, **asked}


def test_an_execution_shows_its_output_and_hides_its_secrets(
    alice: Any, api_of: Any, an_execution: SandboxExecution
) -> None:
    body = api_of(alice).get(f"/api/v1/sandbox-executions/{an_execution.pk}/").json()
    assert (body["stdout"], body["cause"], body["exit_code"]) == ("hello\n", "exit", 0)
    assert list(body["environment"]) == ["KEY"]
    assert "a secret" not in str(body)
    assert "stdin" not in body


def test_a_list_of_executions_leaves_the_output_in_the_database(
    alice: Any, api_of: Any, an_execution: SandboxExecution, django_assert_max_num_queries: Any
) -> None:
    api = api_of(alice)
    with django_assert_max_num_queries(4) as captured:
        rows = api.get("/api/v1/sandbox-executions/", {"sandbox": an_execution.sandbox_id}).json()["results"]
    assert [row["id"] for row in rows] == [an_execution.pk]
    assert "stdout" not in rows[0]
    assert not any('."stdout"' in q["sql"] or "`stdout`" in q["sql"] for q in captured.captured_queries)


def test_executions_are_cancelled_typed_into_and_waited_for(
    alice: Any, api_of: Any, asks: Any, an_execution: SandboxExecution
) -> None:
    address = f"/api/v1/sandbox-executions/{an_execution.pk}/"
    api = api_of(alice)
    cancelled, typed = asks("services.cancel_execution", an_execution), asks("services.send_input")
    waited = asks("services.wait_for", an_execution)
    assert api.post(f"{address}cancel/").status_code == 202
    assert cancelled.last == {"execution": an_execution, "by": alice}
    assert api.post(f"{address}input/", {"data": "yes\n", "eof": True}).status_code == 204
    assert typed.last == {"execution": an_execution, "by": alice, "data": b"yes\n", "eof": True}
    assert api.get(f"{address}wait/", {"seconds": 3}).json()["id"] == an_execution.pk
    assert waited.last["timeout"] == 3
    for seconds in ("31", "-1", "x", "1e1", "٣"):
        assert api.get(f"{address}wait/", {"seconds": seconds}).json()["errors"]["seconds"]


def test_ports_are_opened_by_the_sandbox_and_closed_by_themselves(
    alice: Any, bob: Any, api_of: Any, asks: Any, a_sandbox: Sandbox
) -> None:
    port = SandboxPort.objects.create(sandbox=a_sandbox, container_port=8000, host_port=0)
    added, removed = asks("services.add_port", port), asks("services.remove_port")
    answer = api_of(alice).post(at(a_sandbox, "ports"), {"container_port": 8000, "description": "page"})
    assert (answer.status_code, answer.json()["id"]) == (201, port.pk)
    assert added.last == {
        "sandbox": a_sandbox,
        "by": alice,
        "container_port": 8000,
        "protocol": "tcp",
        "description": "page",
    }
    assert api_of(bob).delete(f"/api/v1/sandbox-ports/{port.pk}/").status_code == 404
    assert api_of(alice).delete(f"/api/v1/sandbox-ports/{port.pk}/").status_code == 204
    assert removed.calls == [{"port": port, "by": alice}]


# --- What it tells ----------------------------------------------------------------------------------------
def test_isolation_is_told_in_plain_words(
    alice: Any, api_of: Any, a_sandbox: Sandbox, django_assert_max_num_queries: Any
) -> None:
    security = SandboxSecurity.objects.create(sandbox=a_sandbox)
    api = api_of(alice)
    with django_assert_max_num_queries(4):
        body = api.get(at(a_sandbox, "isolation")).json()
    points = {point["name"]: point["text"] for point in body["points"]}
    assert (body["level"], body["runtime"], points["network"]) == (1, "runc", "No network at all.")
    security.network_policy = {"allow": [{"host": "example.com", "port": 443}, {"ip": "10.0.0.1"}]}
    security.save()
    Sandbox.objects.update(config={"runtime": "runsc"})
    body = api.get(at(a_sandbox, "isolation")).json()
    points = {point["name"]: point["text"] for point in body["points"]}
    assert (body["level"], points["network"]) == (2, "Only this can be reached: example.com:443, 10.0.0.1.")


def test_usage_is_told_sample_by_sample(alice: Any, api_of: Any, a_sandbox: Sandbox) -> None:
    for seconds in (1.0, 1.5):
        told = {"cpu_percent": 50 * seconds, "memory": 1000, "pids": 3, "disk_used": 7, "rx_bytes": 0}
        events.publish(sandbox_channel(a_sandbox.pk), "usage", told)
    body = api_of(alice).get(at(a_sandbox, "usage")).json()
    assert [(row["cpu"], row["memory"], row["disk"]) for row in body] == [(50, 1000, 7), (75, 1000, 7)]


def test_a_port_is_opened_by_an_address_of_its_own(
    alice: Any, bob: Any, api_of: Any, settings: Any, a_sandbox: Sandbox
) -> None:
    settings.SANDBOX_DOMAIN = "ports.example.com"
    port = SandboxPort.objects.create(sandbox=a_sandbox, container_port=8000, host_port=0)
    address = f"/api/v1/sandbox-ports/{port.pk}/open/"
    given = api_of(alice).post(address).json()["address"]
    assert given.startswith(f"http://8000-{a_sandbox.pk}.ports.example.com/")
    assert api_of(bob).post(address).status_code == 404
    settings.SANDBOX_DOMAIN = ""
    assert api_of(alice).post(address).status_code == 503
    settings.SANDBOX_DOMAIN = "ports.example.com"
    Sandbox.objects.update(status=SandboxStatus.STOPPED)
    assert api_of(alice).post(address).json()["code"] == "not_running"


def test_the_quota_tells_what_is_used_and_what_there_is(alice: Any, api_of: Any, asks: Any) -> None:
    asks("services.quota_of", Quota(1, 10, 20, 3600))
    assert api_of(alice).get(f"{URL}quota/").json() == {
        "count": 1,
        "most_count": 10,
        "seconds": 20,
        "most_seconds": 3600,
    }


def test_the_list_leaves_deleted_ones_out_unless_they_are_asked_for(
    alice: Any, api_of: Any, a_sandbox: Sandbox
) -> None:
    gone = Sandbox.objects.create(user=alice, image_name="python", status=SandboxStatus.DELETED)
    api = api_of(alice)
    assert [row["id"] for row in api.get(URL).json()["results"]] == [a_sandbox.pk]
    assert [row["id"] for row in api.get(URL, {"status": "deleted"}).json()["results"]] == [gone.pk]
    assert api.get(at(gone)).json()["status"] == "deleted"


@pytest.mark.parametrize("rows", [3, 40])
def test_a_list_takes_the_same_queries_however_long(
    rows: int, alice: Any, api_of: Any, a_template: SandboxTemplate, django_assert_max_num_queries: Any
) -> None:
    Sandbox.objects.bulk_create(
        Sandbox(user=alice, template=a_template, image_name="python") for _number in range(rows)
    )
    api = api_of(alice)
    with django_assert_max_num_queries(3):
        assert len(api.get(URL).json()["results"]) == rows


# --- Snapshots --------------------------------------------------------------------------------------------
def test_a_snapshot_is_asked_for_and_comes_back(
    alice: Any, bob: Any, api_of: Any, asks: Any, a_sandbox: Sandbox
) -> None:
    row = SandboxSnapshot.objects.create(user=alice, sandbox=a_sandbox, name="before")
    made, restored = asks("snapshots.create_snapshot", row), asks("snapshots.restore_snapshot", a_sandbox)
    api = api_of(alice)
    answer = api.post(at(a_sandbox, "snapshots"), {"name": "before"})
    assert (answer.status_code, answer.json()["id"]) == (202, row.pk)
    assert made.last == {"sandbox": a_sandbox, "by": alice, "name": "before"}
    answer = api.post(at(a_sandbox, "restore"), {"snapshot": row.pk, "end_executions": True})
    assert (answer.status_code, answer.json()["id"]) == (202, a_sandbox.pk)
    assert restored.last == {"sandbox": a_sandbox, "by": alice, "snapshot": row, "end_executions": True}
    own = Sandbox.objects.create(user=bob, image_name="python", status=SandboxStatus.RUNNING)
    refused = api_of(bob).post(at(own, "restore"), {"snapshot": row.pk})
    assert (refused.status_code, list(refused.json()["errors"])) == (400, ["snapshot"])


def test_a_snapshot_is_renamed_and_deleted_by_its_services(
    alice: Any, bob: Any, api_of: Any, asks: Any, a_sandbox: Sandbox
) -> None:
    row = SandboxSnapshot.objects.create(user=alice, sandbox=a_sandbox)
    renamed, deleted = asks("snapshots.rename_snapshot", row), asks("snapshots.delete_snapshot")
    address = f"/api/v1/sandbox-snapshots/{row.pk}/"
    assert api_of(bob).delete(address).status_code == 404
    assert api_of(bob).get(f"{address}download/").status_code == 404
    assert api_of(alice).patch(address, {"name": "new"}).status_code == 200
    assert renamed.last == {"snapshot": row, "by": alice, "name": "new"}
    assert api_of(alice).patch(address, {}).status_code == 200
    assert len(renamed.calls) == 1  # what is not said is no name taken away
    assert api_of(alice).delete(address).status_code == 204
    assert deleted.calls == [{"snapshot": row, "by": alice}]


# --- With the services themselves, and an engine of paper --------------------------------------------------
def test_a_claim_and_a_command_take_few_queries(
    mine: Sandbox, recipe: SandboxTemplate, alice: Any, api_of: Any, django_assert_max_num_queries: Any
) -> None:
    api = api_of(alice)
    with django_assert_max_num_queries(18):
        assert api.post(URL, {"template": recipe.pk}).json()["status"] == "running"
    with django_assert_max_num_queries(6):
        assert api.post(at(mine, "run"), {"command": "ls"}).json()["status"] == "queued"


def test_the_run_under_way_counts_while_it_runs_and_while_it_is_paused(
    mine: Sandbox, alice: Any, api_of: Any
) -> None:
    Sandbox.objects.update(started_at=timezone.now() - timedelta(seconds=90), running_seconds=10)
    for status in (SandboxStatus.RUNNING, SandboxStatus.PAUSED):
        Sandbox.objects.update(status=status)
        assert 100 <= api_of(alice).get(at(mine)).json()["running_seconds"] < 110
    Sandbox.objects.update(status=SandboxStatus.STOPPED)
    assert api_of(alice).get(at(mine)).json()["running_seconds"] == 10


def test_what_a_paused_one_wants_is_said(mine: Sandbox, alice: Any, api_of: Any) -> None:
    api = api_of(alice)
    for now in ({"verb": "pause"}, {"status": SandboxStatus.PAUSED, "verb": None}):
        Sandbox.objects.update(**now)
        told = api.post(at(mine, "run"), {"command": "ls"}).json()
        assert (told["code"], told["title"]) == ("not_running", "This sandbox is paused. Resume it first.")
    Sandbox.objects.update(verb="delete")
    assert api.post(at(mine, "run"), {"command": "ls"}).json()["title"] == "This sandbox was deleted."


def test_a_verb_that_is_not_possible_now_says_which_are(mine: Sandbox, alice: Any, api_of: Any) -> None:
    api = api_of(alice)
    answer = api.post(at(mine, "resume"))
    assert (answer.status_code, answer.headers["Content-Type"]) == (409, "application/problem+json")
    assert api.post(at(mine, "stop")).json()["verb"] == "stop"
    assert api.get(at(mine)).json()["verbs"] == ["delete"]
    assert api.post(at(mine, "run"), {"command": "ls"}).json()["code"] == "not_running"
    assert api.delete(at(mine)).json()["verb"] == "delete"
    assert api.delete(at(mine)).status_code == 202


def test_limits_beyond_what_the_site_allows_are_named(mine: Sandbox, alice: Any, api_of: Any) -> None:
    api = api_of(alice)
    answer = api.post(at(mine, "limits"), {"memory_limit": 64 << 20, "tmp_limit": 64 << 20})
    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["memory_limit"])
    assert api.post(at(mine, "limits"), {"cpu_limit": 50}).status_code == 202
    refused = api.post(at(mine, "policy"), {"syscall_policy": {"allow": ["mount"]}})
    assert (refused.status_code, list(refused.json()["errors"])) == (400, ["syscall_policy"])
