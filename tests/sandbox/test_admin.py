"""The admin of sandboxes: what operators steer, what they read, and what nobody reads."""

from typing import Any

import pytest
from django.urls import reverse

from agi_site.lib.problems import Conflict
from sandbox.models import (
    HostStatus,
    InstanceStatus,
    Sandbox,
    SandboxExecution,
    SandboxHost,
    SandboxImage,
    SandboxImageBuild,
    SandboxInstance,
    SandboxQuarantine,
    SandboxSecurity,
    SandboxSnapshot,
    SandboxStatus,
    SandboxTemplate,
)

from .test_api_files import Bytes, sent


def page(model: str, name: str, *args: Any) -> str:
    return reverse(f"admin:sandbox_{model}_{name}", args=args)


def act(client: Any, model: str, action: str, *rows: Any) -> str:
    """The text of the list after an action on rows."""
    asked = {"action": action, "_selected_action": [row.pk for row in rows]}
    return client.post(page(model, "changelist"), asked, follow=True).content.decode()


@pytest.fixture
def host(db: None) -> SandboxHost:
    return SandboxHost.objects.create(name="one", status=HostStatus.ACTIVE)


@pytest.fixture
def image(db: None) -> SandboxImage:
    return SandboxImage.objects.create(name="python")


# --- Sandboxes --------------------------------------------------------------------------------------------
def test_an_operator_destroys_any_sandbox(
    operator: Any, client_of: Any, asks: Any, a_sandbox: Sandbox
) -> None:
    done = asks("services.do_verb", a_sandbox)
    gone = Sandbox.objects.create(user=a_sandbox.user, image_name="x", status=SandboxStatus.DELETED)
    assert "1 row was changed." in act(client_of(operator), "sandbox", "destroy", a_sandbox, gone)
    assert done.calls == [{"sandbox": a_sandbox, "verb": "delete", "by": operator, "cause": "operator"}]


def test_what_a_service_refuses_is_told_and_the_others_are_done(
    operator: Any, alice: Any, client_of: Any, asks: Any, a_sandbox: Sandbox
) -> None:
    other = Sandbox.objects.create(user=alice, name="stopped", image_name="x", status=SandboxStatus.STOPPED)

    def stop(*, sandbox: Sandbox, **_given: Any) -> Sandbox:
        if sandbox == other:
            raise Conflict("It does not run.")
        return sandbox

    asks("services.do_verb", stop)
    text = act(client_of(operator), "sandbox", "stop", a_sandbox, other)
    assert "1 row was changed." in text
    assert "stopped: It does not run." in text


def test_an_auditor_reads_sandboxes_and_is_offered_no_verbs(
    auditor: Any, client_of: Any, asks: Any, a_sandbox: Sandbox
) -> None:
    done = asks("services.do_verb", a_sandbox)
    client = client_of(auditor)
    assert "Destroy the selected" not in client.get(page("sandbox", "changelist")).content.decode()
    act(client, "sandbox", "destroy", a_sandbox)
    assert done.calls == []


def test_the_row_of_a_sandbox_is_never_deleted_by_hand(
    admin_user: Any, client_of: Any, a_sandbox: Sandbox
) -> None:
    client = client_of(admin_user)
    assert client.post(page("sandbox", "delete", a_sandbox.pk), {"post": "yes"}).status_code == 403
    assert "delete_selected" not in client.get(page("sandbox", "changelist")).content.decode()
    assert Sandbox.objects.filter(pk=a_sandbox.pk).exists()


def test_a_sandbox_tells_its_isolation_and_leads_to_its_history(
    operator: Any, client_of: Any, a_sandbox: Sandbox
) -> None:
    text = client_of(operator).get(page("sandbox", "change", a_sandbox.pk)).content.decode()
    assert "No network at all." in text
    events = page("sandboxevent", "changelist") + f"?sandbox__id__exact={a_sandbox.pk}"
    assert events in text
    assert client_of(operator).get(events).status_code == 200


def test_nobody_reads_secrets_in_the_admin(
    admin_user: Any, client_of: Any, a_sandbox: Sandbox, an_execution: SandboxExecution
) -> None:
    security = SandboxSecurity.objects.create(sandbox=a_sandbox, env_variables={"TOKEN": "a secret"})
    client = client_of(admin_user)
    for address, name in (
        (page("sandboxsecurity", "change", security.pk), "TOKEN"),
        (page("sandboxexecution", "change", an_execution.pk), "KEY"),
    ):
        text = client.get(address).content.decode()
        assert name in text
        assert "a secret" not in text


# --- Executions -------------------------------------------------------------------------------------------
def test_the_history_of_executions_leaves_the_output_in_the_database(
    operator: Any, client_of: Any, an_execution: SandboxExecution, django_assert_max_num_queries: Any
) -> None:
    client = client_of(operator)
    with django_assert_max_num_queries(16) as captured:
        assert "echo hello" in client.get(page("sandboxexecution", "changelist")).content.decode()
    assert not any('."stdout"' in q["sql"] or "`stdout`" in q["sql"] for q in captured.captured_queries)
    shown = client.get(page("sandboxexecution", "change", an_execution.pk)).content.decode()
    assert "hello" in shown


def test_an_operator_cancels_what_runs(
    operator: Any, client_of: Any, asks: Any, an_execution: SandboxExecution
) -> None:
    cancelled = asks("services.cancel_execution", an_execution)
    running = SandboxExecution.objects.create(
        sandbox=an_execution.sandbox, command="sleep 1000", status="running"
    )
    act(client_of(operator), "sandboxexecution", "cancel", an_execution, running)
    assert cancelled.calls == [{"execution": running, "by": operator}]


# --- Hosts and pools --------------------------------------------------------------------------------------
def test_an_operator_drains_hosts_and_uses_them_again(
    operator: Any, auditor: Any, client_of: Any, asks: Any, host: SandboxHost
) -> None:
    drained, activated = asks("services.drain_host", host), asks("services.activate_host", host)
    act(client_of(auditor), "sandboxhost", "drain", host)
    assert drained.calls == []
    act(client_of(operator), "sandboxhost", "drain", host)
    act(client_of(operator), "sandboxhost", "activate", host)
    assert drained.calls == activated.calls == [{"host": host, "by": operator}]


def test_pools_are_counted_by_host_and_by_template(
    operator: Any,
    client_of: Any,
    host: SandboxHost,
    a_template: SandboxTemplate,
    django_assert_max_num_queries: Any,
) -> None:
    for status, count in ((InstanceStatus.WARM, 3), (InstanceStatus.CLAIMED, 2), (InstanceStatus.GONE, 7)):
        for _number in range(count):
            SandboxInstance.objects.create(
                host=host,
                template=a_template,
                profile="p" * 64,
                status=status,
                container_id=f"{status}-{_number}",
            )
    SandboxTemplate.objects.update(config={"pool": {"min": 2, "max": 5}})
    client = client_of(operator)
    hosts = client.get(page("sandboxhost", "changelist")).content.decode()
    assert ">3<" in hosts.replace(" ", "").replace("\n", "")
    assert "3 (2–5)" in client.get(page("sandboxtemplate", "changelist")).content.decode()
    with django_assert_max_num_queries(16):
        standing = client.get(page("sandboxinstance", "changelist")).content.decode()
    assert "warm-2" in standing
    assert "gone-0" not in standing
    assert "gone-0" in client.get(page("sandboxinstance", "changelist"), {"standing": "all"}).content.decode()
    assert client.post(page("sandboxhost", "delete", host.pk), {"post": "yes"}).status_code == 403


# --- Templates --------------------------------------------------------------------------------------------
def template_form(**changes: str) -> dict[str, str]:
    return {
        "name": "New",
        "description": "",
        "image_name": "python",
        "image_tag": "latest",
        "config": "{}",
        "resource_config": "{}",
        "security_config": "{}",
        "is_active": "true",
        **changes,
    }


def test_an_operator_writes_a_template(operator: Any, client_of: Any, image: SandboxImage) -> None:
    client = client_of(operator)
    given = template_form(resource_config='{"cpu_limit": 50}')
    assert client.post(page("sandboxtemplate", "add"), given).status_code == 302
    row = SandboxTemplate.objects.get(name="New")
    assert row.resource_config == {"cpu_limit": 50}
    changed = template_form(description="better")
    assert client.post(page("sandboxtemplate", "change", row.pk), changed).status_code == 302
    row.refresh_from_db()
    assert (row.description, row.resource_config) == ("better", {})


@pytest.mark.parametrize(
    ("changes", "field", "fault"),
    [
        ({"resource_config": '{"memory_limit": 1}'}, "resource_config", "memory_limit: Choose a number from"),
        ({"security_config": '{"network_policy": {"default": "x"}}'}, "security_config", "network_policy: "),
        (
            {"security_config": '{"syscall_policy": {"allow": ["mount"]}}'},
            "security_config",
            "syscall_policy: ",
        ),
        ({"config": '{"env": {"1": "x"}}'}, "config", "env: "),
        ({"config": '{"speed": 1}'}, "config", "There is no field"),
        ({"config": "[1]"}, "config", "JSON object"),
        ({"config": "{"}, "config", "valid JSON"),
        ({"image_name": "Not an image!"}, "image_name", "not the name of an image"),
        ({"name": ""}, "name", "required"),
    ],
)
def test_a_template_that_cannot_work_is_refused_at_its_field(
    changes: dict[str, str], field: str, fault: str, operator: Any, client_of: Any, image: SandboxImage
) -> None:
    answer = client_of(operator).post(page("sandboxtemplate", "add"), template_form(**changes))
    assert answer.status_code == 200
    errors = answer.context["adminform"].form.errors
    assert fault in " ".join(errors[field])
    assert not SandboxTemplate.objects.filter(name="New").exists()


def test_an_image_that_is_not_on_the_list_is_refused_above_the_form(operator: Any, client_of: Any) -> None:
    answer = client_of(operator).post(page("sandboxtemplate", "add"), template_form())
    assert "not among those that may be used" in answer.content.decode()


# --- Images and builds ------------------------------------------------------------------------------------
def test_an_operator_keeps_the_list_of_images(operator: Any, client_of: Any) -> None:
    client = client_of(operator)
    given = {"name": "node", "tag": "22", "digest": "", "description": "for pages"}
    assert client.post(page("sandboximage", "add"), given).status_code == 302
    row = SandboxImage.objects.get()
    act(client, "sandboximage", "forbid", row)
    row.refresh_from_db()
    assert row.is_active is False
    act(client, "sandboximage", "allow", row)
    row.refresh_from_db()
    assert row.is_active is True
    refused = client.post(page("sandboximage", "add"), given | {"digest": "sha1:0"})
    assert "digest" in refused.context["adminform"].form.errors


def test_a_build_is_begun_and_its_log_is_shown_as_it_grows(
    operator: Any, client_of: Any, image: SandboxImage, host: SandboxHost
) -> None:
    client = client_of(operator)
    add = page("sandboximagebuild", "add")
    assert f'value="{image.pk}" selected' in client.get(add, {"image": image.pk}).content.decode()
    answer = client.post(add, {"image": image.pk, "dockerfile": "FROM scratch\n"})
    build = SandboxImageBuild.objects.get()
    assert answer.url == page("sandboximagebuild", "change", build.pk)
    assert build.built_by == operator
    SandboxImageBuild.objects.update(log="Step 1 <b>", status="running")
    shown = client.get(answer.url).content.decode()
    assert f'data-events="/events/sandbox-image-builds/{build.pk}/?after=0-0"' in shown
    assert "Step 1 &lt;b&gt;" in shown
    SandboxImageBuild.objects.update(status="succeeded")
    assert "data-events" not in client.get(answer.url).content.decode()


def test_a_build_without_a_dockerfile_or_a_host_is_refused(
    operator: Any, client_of: Any, image: SandboxImage
) -> None:
    client = client_of(operator)
    add = page("sandboximagebuild", "add")
    empty = client.post(add, {"image": image.pk, "dockerfile": " "})
    assert "dockerfile" in empty.context["adminform"].form.errors
    no_host = client.post(add, {"image": image.pk, "dockerfile": "FROM scratch"})
    assert "No Docker host answers" in no_host.content.decode()
    assert not SandboxImageBuild.objects.exists()


# --- Quarantine and snapshots -----------------------------------------------------------------------------
def test_an_operator_decides_on_what_was_held_back(
    operator: Any, auditor: Any, client_of: Any, asks: Any, a_sandbox: Sandbox
) -> None:
    held = SandboxQuarantine.objects.create(
        user=a_sandbox.user,
        sandbox=a_sandbox,
        path="bad.bin",
        direction="in",
        scanner="yara",
        rule="EICAR",
        content_hash="0" * 64,
        storage_path="quarantine/1",
    )
    released, removed = asks("files.release_quarantined", held), asks("files.remove_quarantined", held)
    asks("files.open_quarantined", Bytes("bad.bin", b"bad"))
    act(client_of(auditor), "sandboxquarantine", "release", held)
    assert client_of(auditor).get(page("sandboxquarantine", "content", held.pk)).status_code == 403
    assert released.calls == []
    client = client_of(operator)
    act(client, "sandboxquarantine", "release", held)
    act(client, "sandboxquarantine", "remove", held)
    assert released.calls == removed.calls == [{"quarantined": held, "by": operator}]
    content = page("sandboxquarantine", "content", held.pk)
    assert content in client.get(page("sandboxquarantine", "change", held.pk)).content.decode()
    answer = client.get(content)
    assert (sent(answer), answer["Content-Type"]) == (b"bad", "application/octet-stream")


def test_the_list_of_what_was_held_back_says_which_rules_are_not_used(
    operator: Any, client_of: Any, settings: Any, tmp_path: Any
) -> None:
    list_page = page("sandboxquarantine", "changelist")
    settings.SANDBOX_SCAN_RULES = str(tmp_path)
    assert "does not use the rules" not in client_of(operator).get(list_page).content.decode()
    (tmp_path / "broken.yar").write_text("rule oops { condition: <nothing> }")
    shown = client_of(operator).get(list_page).content.decode()
    assert f"does not use the rules in {tmp_path}/broken.yar" in shown


def test_an_archive_goes_with_its_snapshot(
    admin_user: Any, operator: Any, client_of: Any, asks: Any, a_sandbox: Sandbox
) -> None:
    row = SandboxSnapshot.objects.create(user=a_sandbox.user, sandbox=a_sandbox)
    deleted = asks("snapshots.delete_snapshot")
    act(client_of(operator), "sandboxsnapshot", "remove", row)
    assert deleted.calls == []
    act(client_of(admin_user), "sandboxsnapshot", "remove", row)
    assert deleted.calls == [{"snapshot": row, "by": admin_user}]
