"""The REST door of those who run the site: templates, images and builds, hosts, quarantine."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Permission, Role, RolePermission, UserRole
from agi_site.lib import events
from agi_site.lib.problems import Conflict
from sandbox import services
from sandbox.channels import build_channel
from sandbox.lifecycle import building
from sandbox.models import (
    HostStatus,
    Sandbox,
    SandboxHost,
    SandboxImage,
    SandboxImageBuild,
    SandboxQuarantine,
    SandboxTemplate,
)
from system.models import TaskQueue, TaskStatus

from .test_api_files import Bytes, sent

API = "/api/v1/"


@pytest.fixture
def host(db: None) -> SandboxHost:
    return SandboxHost.objects.create(name="one", status=HostStatus.ACTIVE)


@pytest.fixture
def image(db: None) -> SandboxImage:
    return SandboxImage.objects.create(name="python")


@pytest.fixture
def held(a_sandbox: Sandbox) -> SandboxQuarantine:
    return SandboxQuarantine.objects.create(
        user=a_sandbox.user,
        sandbox=a_sandbox,
        path="bad.bin",
        direction="in",
        scanner="yara",
        rule="EICAR",
        content_hash="0" * 64,
    )


# --- Templates --------------------------------------------------------------------------------------------
def test_an_operator_writes_templates_of_images_on_the_list(
    operator: Any, api_of: Any, image: SandboxImage
) -> None:
    api = api_of(operator)
    given = {"name": "New", "image_name": "python", "resource_config": {"cpu_limit": 50}}
    answer = api.post(f"{API}sandbox-templates/", given)
    assert answer.status_code == 201
    address = f"{API}sandbox-templates/{answer.json()['id']}/"
    assert api.patch(address, {"description": "better"}).json()["description"] == "better"
    assert api.delete(address).status_code == 204


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"resource_config": {"memory_limit": 1}}, "memory_limit"),
        ({"resource_config": {"memory": 1}}, "memory"),
        ({"resource_config": [1]}, "resource_config"),
        ({"security_config": {"network_policy": {"default": "maybe"}}}, "network_policy"),
        ({"security_config": {"syscall_policy": {"allow": ["mount"]}}}, "syscall_policy"),
        ({"config": {"env": {"1": "a"}}}, "env"),
        ({"config": {"pool": {"min": -1}}}, "config"),
        ({"config": {"pool": {"minimum": 3}}}, "config"),
        ({"config": {"pool": [3]}}, "config"),
        ({"name": "A recipe"}, "name"),
    ],
)
def test_a_template_that_cannot_work_is_refused_by_name(
    given: Any, field: str, operator: Any, api_of: Any, image: SandboxImage, a_template: SandboxTemplate
) -> None:
    body = {"name": "New", "image_name": "python", **given}
    answer = api_of(operator).post(f"{API}sandbox-templates/", body)
    assert (answer.status_code, list(answer.json()["errors"])) == (400, [field])


def test_an_image_that_is_not_on_the_list_is_refused(operator: Any, api_of: Any) -> None:
    body = {"name": "New", "image_name": "anything"}
    answer = api_of(operator).post(f"{API}sandbox-templates/", body)
    assert (answer.status_code, answer.json()["code"]) == (409, "image_not_allowed")


def test_people_read_templates_and_do_not_write_them(
    alice: Any, api_of: Any, a_template: SandboxTemplate
) -> None:
    address = f"{API}sandbox-templates/{a_template.pk}/"
    api = api_of(alice)
    assert api.get(address).status_code == 200
    assert api.post(f"{API}sandbox-templates/", {"name": "x", "image_name": "x"}).status_code == 403
    assert api.patch(address, {"name": "x"}).status_code == 403
    assert api.delete(address).status_code == 403


# --- Images and builds ------------------------------------------------------------------------------------
def test_an_operator_keeps_the_list_of_images(operator: Any, alice: Any, api_of: Any) -> None:
    api = api_of(operator)
    answer = api.post(f"{API}sandbox-images/", {"name": "node", "tag": "22", "description": "for pages"})
    assert (answer.status_code, answer.json()["is_active"]) == (201, True)
    address = f"{API}sandbox-images/{answer.json()['id']}/"
    body = api.patch(address, {"is_active": False, "name": "other"}).json()
    assert (body["is_active"], body["name"]) == (False, "node")
    refused = api.post(f"{API}sandbox-images/", {"name": "Not an image!", "digest": "sha1:0"})
    assert (refused.status_code, set(refused.json()["errors"])) == (400, {"name", "digest"})
    assert api_of(alice).get(address).status_code == 403
    assert api_of(alice).post(f"{API}sandbox-images/", {"name": "x"}).status_code == 403


def test_a_build_is_queued_and_its_log_is_read(
    operator: Any, alice: Any, auditor: Any, api_of: Any, image: SandboxImage, host: SandboxHost
) -> None:
    api = api_of(operator)
    given = {"image": image.pk, "dockerfile": "FROM scratch\n"}
    answer = api.post(f"{API}sandbox-image-builds/", given)
    assert (answer.status_code, answer.json()["status"]) == (202, "queued")
    assert answer.json()["events"] == f"/events/sandbox-image-builds/{answer.json()['id']}/?after=0-0"
    SandboxImageBuild.objects.update(log="Step 1")
    address = f"{API}sandbox-image-builds/{answer.json()['id']}/"
    assert api_of(auditor).get(address).json()["log"] == "Step 1"
    assert "log" not in api.get(f"{API}sandbox-image-builds/").json()["results"][0]
    for person in (alice, auditor):
        assert api_of(person).post(f"{API}sandbox-image-builds/", given).status_code == 403


def test_an_image_that_may_not_be_kept_off_the_list_is_not_put_on_it(bob: Any, api_of: Any) -> None:
    role = Role.objects.create(name="adds images")
    adds, _made = Permission.objects.get_or_create(name="sandbox.add_sandboximage")
    RolePermission.objects.create(role=role, permission=adds)
    UserRole.objects.create(user=bob, role=role)
    given = {"name": "node", "is_active": False}
    assert api_of(bob).post(f"{API}sandbox-images/", given).status_code == 403
    assert not SandboxImage.objects.exists()
    assert api_of(bob).post(f"{API}sandbox-images/", {"name": "node"}).status_code == 201


@pytest.fixture
def build(operator: Any, image: SandboxImage, host: SandboxHost) -> SandboxImageBuild:
    """A build that waits since two minutes."""
    made = services.build_image(image=image, by=operator, dockerfile="FROM scratch\n")
    SandboxImageBuild.objects.update(created_at=timezone.now() - timedelta(minutes=2))
    made.refresh_from_db()
    return made


def ends_of(build: SandboxImageBuild) -> list[str]:
    """What those who follow a build are told of its end."""
    told = events.read(build_channel(build.pk))
    return [event.data["status"] for event in told if event.name == "ended"]


def test_a_build_whose_worker_died_is_said_to_have_failed(build: SandboxImageBuild) -> None:
    SandboxImageBuild.objects.update(status="running", log="Step 1\n")
    TaskQueue.objects.update(status=TaskStatus.PROCESSING)
    assert building.end_lost() == 0
    TaskQueue.objects.update(status=TaskStatus.FAILED)
    assert building.end_lost() == 1
    build.refresh_from_db()
    assert (build.status, build.digest) == ("failed", None)
    assert build.log == "Step 1\nIts task was given up.\n"
    assert build.completed_at is not None
    assert ends_of(build) == ["failed"]
    assert building.end_lost() == 0


def test_a_build_that_breaks_off_unexpectedly_has_failed(
    build: SandboxImageBuild, run_tasks: Any, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    monkeypatch.setattr(building, "engine_of", lambda _host: None)
    run_tasks()
    build.refresh_from_db()
    assert build.status == "failed"
    assert "unexpected error" in str(build.log)
    assert ends_of(build) == ["failed"]
    assert TaskQueue.objects.get().status == TaskStatus.FAILED


@pytest.mark.parametrize(
    ("given", "field"),
    [({"image": "none", "dockerfile": "FROM x"}, "image"), ({"dockerfile": "FROM x"}, "image")],
)
def test_a_build_of_nothing_is_refused(
    given: Any, field: str, operator: Any, api_of: Any, host: SandboxHost
) -> None:
    answer = api_of(operator).post(f"{API}sandbox-image-builds/", given)
    assert (answer.status_code, list(answer.json()["errors"])) == (400, [field])


def test_without_a_host_nothing_can_be_built(operator: Any, api_of: Any, image: SandboxImage) -> None:
    given = {"image": image.pk, "dockerfile": "FROM x"}
    answer = api_of(operator).post(f"{API}sandbox-image-builds/", given)
    assert (answer.status_code, answer.json()["code"]) == (503, "no_host")


# --- Hosts ------------------------------------------------------------------------------------------------
def test_an_operator_drains_a_host_and_uses_it_again(
    operator: Any, alice: Any, auditor: Any, api_of: Any, asks: Any, host: SandboxHost
) -> None:
    drained, activated = asks("services.drain_host", host), asks("services.activate_host", host)
    address = f"{API}sandbox-hosts/{host.pk}/"
    for person in (alice, auditor):
        assert api_of(person).post(f"{address}drain/").status_code == 403
    assert api_of(operator).post(f"{address}drain/").json()["name"] == "one"
    assert drained.calls == [{"host": host, "by": operator}]
    assert api_of(operator).post(f"{address}activate/").status_code == 200
    assert activated.calls == [{"host": host, "by": operator}]
    assert "gateway" not in api_of(operator).get(address).json()


# --- Quarantine -------------------------------------------------------------------------------------------
def test_the_owner_sees_what_was_held_back_and_does_not_decide(
    alice: Any, bob: Any, auditor: Any, api_of: Any, held: SandboxQuarantine
) -> None:
    address = f"{API}sandbox-quarantine/{held.pk}/"
    assert api_of(alice).get(address).json()["rule"] == "EICAR"
    assert api_of(bob).get(address).status_code == 404
    for person in (alice, bob, auditor):
        for verb in ("release", "remove"):
            assert api_of(person).post(f"{address}{verb}/").status_code == 403
        assert api_of(person).get(f"{address}download/").status_code == 403


def test_an_operator_decides_on_everybodys(
    operator: Any, api_of: Any, asks: Any, held: SandboxQuarantine
) -> None:
    released, removed = asks("files.release_quarantined", held), asks("files.remove_quarantined", held)
    asks("files.open_quarantined", Bytes("bad.bin", b"bad"))
    api = api_of(operator)
    rows = api.get(f"{API}sandbox-quarantine/").json()["results"]
    assert [row["id"] for row in rows] == [held.pk]
    address = f"{API}sandbox-quarantine/{held.pk}/"
    assert api.post(f"{address}release/").status_code == 200
    assert api.post(f"{address}remove/").status_code == 200
    assert released.calls == removed.calls == [{"quarantined": held, "by": operator}]
    assert sent(api.get(f"{address}download/")) == b"bad"
    asks("files.release_quarantined", Conflict("It was removed.", code="removed"))
    assert api.post(f"{address}release/").json()["code"] == "removed"
