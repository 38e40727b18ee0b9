"""The REST door with all real parts behind it: the services, the agent, and a container on a real engine."""

import asyncio
import io
import json
import tarfile
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.test import AsyncClient

from agi_site.lib import events
from agi_site.lib.problems import Unavailable
from sandbox import gateway
from sandbox.channels import build_channel
from sandbox.lifecycle import hosts
from sandbox.models import Sandbox, SandboxFile, SandboxHost, SandboxImage, SandboxTemplate

from .fixtures_agent import wait_until

pytestmark = [pytest.mark.docker_engine, pytest.mark.django_db(transaction=True)]
OCTETS = "application/octet-stream"


@pytest.fixture
def running(agent_world: Any) -> Sandbox:
    """Alice's sandbox with a container of its own, and an agent that follows it."""
    sandbox = agent_world.sandbox(env={"GREETING": "a very secret word"})
    agent_world.leading()
    wait_until(lambda: attached(sandbox))
    return sandbox


def attached(sandbox: Sandbox) -> bool:
    """Whether the agent holds the stream into its container."""
    try:
        return bool(gateway.call(sandbox.instance, "info"))
    except Unavailable:
        return False


@pytest.fixture
def ask(running: Sandbox, alice: Any, api_of: Any) -> Callable[..., Any]:
    """`ask("post", "run", {…})` asks Alice's sandbox for something."""
    api = api_of(alice)

    def go(method: str, verb: str, *args: Any, **options: Any) -> Any:
        return getattr(api, method)(f"/api/v1/sandboxes/{running.pk}/{verb}", *args, **options)

    return go


@pytest.fixture
def ended(alice: Any, api_of: Any) -> Callable[[Any], dict[str, Any]]:
    """`ended(answer)` is the execution that was answered, once it has ended."""
    api = api_of(alice)

    def wait(answer: Any) -> dict[str, Any]:
        assert answer.status_code == 202, answer.content
        return api.get(f"/api/v1/sandbox-executions/{answer.json()['id']}/wait/").json()

    return wait


def sent(answer: Any) -> bytes:
    assert answer.status_code == 200, answer.content
    return b"".join(answer.streaming_content)


def test_a_command_is_run_and_tells_all_about_its_end(ask: Any, ended: Any) -> None:
    body = ended(ask("post", "run/", {"command": "echo out; echo err >&2; exit 3"}))
    assert (body["status"], body["cause"], body["exit_code"]) == ("ended", "exit", 3)
    assert (body["stdout"], body["stderr"]) == ("out\n", "err\n")
    assert body["resource_usage"]["wall_seconds"] >= 0
    secret = ended(ask("post", "run/", {"command": "echo $GREETING"}))
    assert "secret" not in secret["stdout"]
    slow = ended(ask("post", "run/", {"command": "sleep 100", "timeout": 1}))
    assert slow["cause"] == "timeout"


def test_the_address_of_the_stream_gives_all_of_the_output(ask: Any, ended: Any, alice: Any) -> None:
    body = ended(ask("post", "run/", {"command": "for n in 1 2 3; do echo $n; sleep 0.1; done"}))

    async def follow() -> bytes:
        client, heard = AsyncClient(), b""
        await client.aforce_login(alice)
        answer = await client.get(body["events"])
        async with asyncio.timeout(10):
            async for piece in answer.streaming_content:
                heard += piece
                if b"event: ended" in heard:
                    break
        return heard

    told = async_to_sync(follow)().decode()
    data = [json.loads(line[6:]) for line in told.splitlines() if line.startswith("data: ")]
    assert "".join(one["text"] for one in data if one.get("stream") == "stdout") == "1\n2\n3\n"


def test_a_running_command_is_typed_into_and_cancelled(ask: Any, ended: Any, alice: Any, api_of: Any) -> None:
    begun = ask("post", "run/", {"command": "read line; echo got $line; sleep 100", "stdin_open": True})
    address = f"/api/v1/sandbox-executions/{begun.json()['id']}/"
    api = api_of(alice)
    for _attempt in range(50):
        typed = api.post(f"{address}input/", {"data": "hello\n"})
        if typed.status_code == 204:
            break
        assert typed.status_code == 409, typed.content
    for _attempt in range(50):
        if "got hello" in (api.get(f"{address}wait/", {"seconds": 0}).json()["stdout"] or ""):
            break
        api.get(f"{address}wait/", {"seconds": 1})
    assert api.post(f"{address}cancel/").status_code == 202
    body = ended(begun)
    assert (body["cause"], body["stdout"]) == ("cancelled", "got hello\n")
    late = api.post(f"{address}input/", {"data": "more"})
    assert late.status_code == 409


def test_files_go_in_and_come_out_as_they_were(ask: Any, ended: Any, running: Sandbox) -> None:
    content = bytes(range(256)) * 4096
    row = ask("put", "files/content/?path=data/한글.bin", content, content_type=OCTETS).json()
    assert (row["path"], row["size_bytes"]) == ("data/한글.bin", len(content))
    assert sent(ask("get", "files/content/?path=data/한글.bin")) == content
    counted = ended(ask("post", "run/", {"command": "wc -c < data/한글.bin"}))
    assert counted["stdout"].strip() == str(len(content))
    assert ask("put", "files/text/", {"path": "a.txt", "content": "안녕\n"}).status_code == 200
    assert ask("get", "files/text/?path=a.txt").json()["content"] == "안녕\n"
    names = [entry["path"] for entry in ask("get", "files/").json()["entries"]]
    assert names == ["data", "a.txt"]
    assert ask("post", "files/mkdir/", {"path": "x/y"}).status_code == 204
    assert ask("post", "files/move/", {"source": "a.txt", "target": "x/b.txt"}).status_code == 204
    assert ask("delete", "files/?path=data").status_code == 204
    assert [entry["path"] for entry in ask("get", "files/").json()["entries"]] == ["x"]
    assert SandboxFile.objects.filter(sandbox=running, path="data/한글.bin").count() <= 1


def test_a_folder_goes_out_as_an_archive_and_comes_in_again(ask: Any) -> None:
    for name in ("one", "deep/two"):
        ask("put", f"files/content/?path=in/{name}", name.encode(), content_type=OCTETS)
    packed = sent(ask("get", "files/archive/?path=in&kind=tar"))
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        names = archive.getnames()
    assert any(name.endswith("deep/two") for name in names)
    answer = ask("put", "files/archive/?path=out", packed, content_type="application/x-tar")
    assert (answer.status_code, answer.json()["files"]) == (200, 2)


def test_a_body_that_breaks_off_leaves_no_file(ask: Any) -> None:
    half: dict[str, Any] = {"wsgi.input": io.BytesIO(b"half")}
    ask("put", "files/content/?path=old", b"as it was", content_type=OCTETS)
    for path in ("new", "old"):
        answer = ask("put", f"files/content/?path={path}", b"announced", content_type=OCTETS, **half)
        assert (answer.status_code, answer.json()["code"]) == (400, "body_ended")
    assert ask("get", "files/content/?path=new").status_code == 404
    assert sent(ask("get", "files/content/?path=old")) == b"as it was"


@pytest.mark.parametrize("path", ["../etc/passwd", "a/../../b", "link/passwd"])
def test_no_path_leads_out_of_the_workspace(path: str, ask: Any, ended: Any) -> None:
    ended(ask("post", "run/", {"command": "ln -s /etc link"}))
    for method, verb in (("get", "content"), ("put", "content"), ("get", "text")):
        answer = ask(method, f"files/{verb}/?path={path}", content_type=OCTETS)
        assert answer.status_code in (400, 404, 409)
        assert answer.headers["Content-Type"] == "application/problem+json"
    assert b"root:" not in ask("get", f"files/?path={path}").content


def test_a_path_that_begins_with_a_slash_is_one_of_the_workspace(ask: Any, ended: Any) -> None:
    assert ask("put", "files/content/?path=/etc/passwd", b"mine", content_type=OCTETS).status_code == 200
    seen = ended(ask("post", "run/", {"command": "cat /workspace/etc/passwd; head -c 5 /etc/passwd"}))
    assert seen["stdout"] == "mineroot:"


def test_without_an_agent_it_is_said_that_nobody_answers(agent_world: Any, alice: Any, api_of: Any) -> None:
    sandbox = agent_world.sandbox()
    answer = api_of(alice).get(f"/api/v1/sandboxes/{sandbox.pk}/files/")
    assert (answer.status_code, answer.json()["code"]) == (503, "no_agent")


# --- The whole life ---------------------------------------------------------------------------------------
@pytest.fixture
def place(agent_world: Any, settings: Any, engine_site: str) -> SandboxHost:
    """A host in use that the settings name, and its agent."""
    host = agent_world.host
    settings.SANDBOX_HOSTS = {str(host.name): agent_world.engine.url}
    settings.SANDBOX_SITE = engine_site
    agent_world.leading()
    assert hosts.look(host, ready=True)
    return host


def test_a_sandbox_is_made_used_kept_changed_and_destroyed(
    place: SandboxHost, alice: Any, api_of: Any, run_tasks: Any, agent_world: Any, ended: Any
) -> None:
    SandboxImage.objects.create(name="agi-sandbox-shell")
    recipe = SandboxTemplate.objects.create(
        name="Shell", image_name="agi-sandbox-shell", config={"pool": {"min": 0, "max": 0}}
    )
    api = api_of(alice)
    made = api.post("/api/v1/sandboxes/", {"template": "Shell", "env": {"WORD": "hello"}}).json()
    address = f"/api/v1/sandboxes/{made['id']}/"
    assert made["status"] == "creating"
    run_tasks()
    assert api.get(address).json()["status"] == "running"
    wrote = ended(api.post(f"{address}run/", {"command": "echo kept > file; nproc"}))
    assert wrote["stdout"] == "1\n"
    snapshot = api.post(f"{address}snapshots/", {"name": "before"}).json()
    run_tasks()
    kept = api.get(f"/api/v1/sandbox-snapshots/{snapshot['id']}/").json()
    assert (kept["status"], kept["file_count"]) == ("ready", 1)
    assert len(sent(api.get(f"/api/v1/sandbox-snapshots/{snapshot['id']}/download/"))) > 50
    ended(api.post(f"{address}run/", {"command": "echo lost > file"}))
    assert api.post(f"{address}restore/", {"snapshot": snapshot["id"]}).status_code == 202
    run_tasks()
    assert ended(api.post(f"{address}run/", {"command": "cat file"}))["stdout"] == "kept\n"
    for verb, status in (
        ("pause", "paused"),
        ("resume", "running"),
        ("stop", "stopped"),
        ("start", "running"),
    ):
        assert api.post(f"{address}{verb}/").status_code == 202
        run_tasks()
        assert api.get(address).json()["status"] == status, verb
    assert ended(api.post(f"{address}run/", {"command": "cat file"}))["stdout"] == "kept\n"
    instance = Sandbox.objects.get(pk=made["id"]).instance
    assert api.delete(address).status_code == 202
    run_tasks()
    assert api.get(address).json()["status"] == "deleted"
    assert agent_world.engine.find(str(instance.pk)) is None
    kinds = [
        row["kind"] for row in api.get("/api/v1/sandbox-events/", {"sandbox": made["id"]}).json()["results"]
    ]
    assert {"created", "paused", "stopped"} <= set(kinds), kinds
    assert recipe.is_active


def test_it_is_changed_while_it_runs_cloned_and_reached(
    place: SandboxHost, alice: Any, api_of: Any, run_tasks: Any, ended: Any
) -> None:
    SandboxImage.objects.create(name="agi-sandbox-shell")
    SandboxTemplate.objects.create(
        name="Shell", image_name="agi-sandbox-shell", config={"pool": {"min": 0, "max": 0}}
    )
    api = api_of(alice)
    made = api.post("/api/v1/sandboxes/", {"template": "Shell"}).json()
    address = f"/api/v1/sandboxes/{made['id']}/"
    run_tasks()
    ended(api.post(f"{address}run/", {"command": "echo kept > file"}))
    assert api.post(f"{address}limits/", {"cpu_limit": 50, "open_files": 256}).status_code == 202
    run_tasks()
    assert ended(api.post(f"{address}run/", {"command": "ulimit -n; cat file"}))["stdout"] == "256\nkept\n"
    assert api.post(f"{address}environment/", {"env": {"WORD": "new"}}).status_code == 200
    assert ended(api.post(f"{address}run/", {"command": "echo ${#WORD}"}))["stdout"] == "3\n"
    port = api.post(f"{address}ports/", {"container_port": 8000})
    assert port.status_code == 201, port.content
    assert api.delete(f"/api/v1/sandbox-ports/{port.json()['id']}/").status_code == 204
    copy = api.post(f"{address}clone/", {"name": "copy"})
    assert copy.status_code == 201, copy.content
    for _round in range(20):
        run_tasks()
        row = api.get(f"/api/v1/sandboxes/{copy.json()['id']}/").json()
        if row["status"] == "running" and not row["verb"]:
            break
    seen = ended(api.post(f"/api/v1/sandboxes/{copy.json()['id']}/run/", {"command": "cat file"}))
    assert seen["stdout"] == "kept\n"
    for key in (made["id"], copy.json()["id"]):
        api.delete(f"/api/v1/sandboxes/{key}/")
    run_tasks()
    assert not Sandbox.objects.exclude(status="deleted").exists()


@pytest.fixture
def new_image(place: SandboxHost, agent_world: Any) -> Iterator[str]:
    """A name for an image that is removed in the end."""
    name = f"agi-test-built-{place.name}"
    yield name
    agent_world.engine.client.call("DELETE", f"/images/{name}:latest")


def test_an_image_is_built_and_a_template_made_of_it(
    place: SandboxHost, operator: Any, api_of: Any, run_tasks: Any, new_image: str
) -> None:
    api, name = api_of(operator), new_image
    image = api.post("/api/v1/sandbox-images/", {"name": name}).json()
    given = {"image": image["id"], "dockerfile": "FROM agi-sandbox-shell\nLABEL built=yes\n"}
    build = api.post("/api/v1/sandbox-image-builds/", given).json()
    run_tasks()
    row = api.get(f"/api/v1/sandbox-image-builds/{build['id']}/").json()
    assert row["status"] == "succeeded", row["log"]
    assert "FROM agi-sandbox-shell" in row["log"]
    told = events.read(build_channel(build["id"]))
    assert "".join(event.data["text"] for event in told if event.name == "log") == row["log"]
    assert [event.data["status"] for event in told if event.name == "ended"] == ["succeeded"]
    template = {"name": "Built", "image_name": name}
    assert api.post("/api/v1/sandbox-templates/", template).status_code == 201
    given["dockerfile"] = "FROM nowhere/nothing:1\n"
    bad = api.post("/api/v1/sandbox-image-builds/", given).json()
    run_tasks()
    row = api.get(f"/api/v1/sandbox-image-builds/{bad['id']}/").json()
    assert (row["status"], row["digest"]) == ("failed", None)
    assert row["log"]
