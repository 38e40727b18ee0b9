"""The live streams of sandboxes: who may follow them, and that they resume."""

import asyncio
import threading
from contextlib import nullcontext
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.test import AsyncClient, Client

from accounts.services import open_session
from agi_site.lib import events
from agi_site.lib.problems import TooMany
from sandbox import file_events
from sandbox.channels import build_channel, execution_channel, sandbox_channel
from sandbox.models import Sandbox, SandboxExecution, SandboxImage, SandboxImageBuild


async def _read(response: Any, until: bytes) -> bytes:
    heard = b""
    async with asyncio.timeout(10):
        async for piece in response.streaming_content:
            heard += piece
            if until in heard:
                break
    return heard


async def _follow_and_resume(person: Any, address: str, channel: str) -> None:
    client = AsyncClient()
    await client.aforce_login(person)
    first = events.publish(channel, "output", {"text": "first"})
    events.publish(channel, "output", {"text": "second"})
    response = await client.get(address, query_params={"after": "0-0"})
    assert response["Content-Type"].startswith("text/event-stream")
    assert b"first" in await _read(response, b"second")
    again = await client.get(address, headers={"Last-Event-ID": first})
    assert b"first" not in await _read(again, b"second")


@pytest.mark.django_db(transaction=True)
def test_the_output_of_an_execution_resumes_where_the_stream_broke(
    an_execution: SandboxExecution, alice: Any
) -> None:
    address = f"/events/sandbox-executions/{an_execution.pk}/"
    async_to_sync(_follow_and_resume)(alice, address, execution_channel(an_execution.pk))


@pytest.mark.django_db(transaction=True)
def test_a_sandbox_is_followed_by_its_owner(a_sandbox: Sandbox, alice: Any) -> None:
    address = f"/events/sandboxes/{a_sandbox.pk}/"
    async_to_sync(_follow_and_resume)(alice, address, sandbox_channel(a_sandbox.pk))


@pytest.mark.django_db(transaction=True)
def test_the_log_of_a_build_is_followed_by_those_who_may_see_builds(operator: Any) -> None:
    image = SandboxImage.objects.create(name="python")
    build = SandboxImageBuild.objects.create(image=image, dockerfile="FROM scratch")
    address = f"/events/sandbox-image-builds/{build.pk}/"
    async_to_sync(_follow_and_resume)(operator, address, build_channel(build.pk))


@pytest.mark.django_db(transaction=True)
def test_changes_of_files_are_told_as_they_happen(a_sandbox: Sandbox, alice: Any, asks: Any) -> None:
    asks("files.stat_file", None)
    said = [{"event": "changed", "path": "한글/bad\udcff"}, None, {"event": "deleted", "path": "b"}]
    asks("files.watch", nullcontext(iter(said)))

    async def follow() -> bytes:
        client = AsyncClient()
        await client.aforce_login(alice)
        return await _read(await client.get(f"/events/sandboxes/{a_sandbox.pk}/files/?path=a"), b"deleted")

    heard = async_to_sync(follow)().decode()
    assert 'event: change\ndata: {"event": "changed", "path": "한글/bad�"}\n\n: keep-alive' in heard


def test_a_person_watches_so_often_at_once_and_nobody_else_is_kept_from_it(
    mine: Sandbox, alice: Any, bob: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_events.files, "stat_file", lambda **_asked: None)

    async def watched() -> list[threading.Thread]:
        return [file_events._Watching(mine, alice, "") for _one in range(file_events.MOST_AT_ONCE)]

    running = async_to_sync(watched)()
    monkeypatch.setattr("sandbox.file_events.threading.enumerate", lambda: running)
    with pytest.raises(TooMany):
        file_events.watch_response(sandbox=mine, by=alice, path="")
    assert file_events.watch_response(sandbox=mine, by=bob, path="").status_code == 200


def test_files_of_what_does_not_run_are_not_watched(a_sandbox: Sandbox, alice: Any, client_of: Any) -> None:
    Sandbox.objects.update(status="stopped")
    answer = client_of(alice).get(f"/events/sandboxes/{a_sandbox.pk}/files/")
    assert (answer.status_code, answer.json()["code"]) == (409, "not_running")


def test_others_get_404_and_visitors_401(
    an_execution: SandboxExecution, bob: Any, client_of: Any, client: Any
) -> None:
    image = SandboxImage.objects.create(name="python")
    build = SandboxImageBuild.objects.create(image=image, dockerfile="FROM scratch")
    for address in (
        f"/events/sandboxes/{an_execution.sandbox_id}/",
        f"/events/sandboxes/{an_execution.sandbox_id}/files/",
        f"/events/sandbox-executions/{an_execution.pk}/",
        f"/events/sandbox-image-builds/{build.pk}/",
    ):
        assert client_of(bob).get(address).status_code == 404
        assert client.get(address).status_code == 401


def token_of(user: Any) -> str:
    return open_session(user=user, address="127.0.0.1", user_agent="tests", seconds=3600).token


async def _run(token: str, address: str, body: dict[str, Any]) -> Any:
    return await AsyncClient().post(
        address, body, content_type="application/json", headers={"Authorization": f"Bearer {token}"}
    )


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("verb", "given"), [("run", {"command": "ls"}), ("cells", {"code": "print(1)"})])
def test_what_is_run_answers_with_its_own_stream(
    mine: Sandbox, alice: Any, verb: str, given: dict[str, str]
) -> None:
    token = token_of(alice)
    response = async_to_sync(_run)(token, f"/events/sandboxes/{mine.pk}/{verb}/", given)
    execution = SandboxExecution.objects.get()
    assert response.headers["X-Execution"] == execution.pk
    assert response.headers["Location"] == f"/api/v1/sandbox-executions/{execution.pk}/"
    events.publish(execution_channel(execution.pk), "output", {"text": "said"})
    assert b"said" in async_to_sync(_read)(response, b"said")


async def _read_all(response: Any) -> bytes:
    return b"".join([piece async for piece in response])


@pytest.mark.django_db(transaction=True)
def test_the_answer_ends_with_what_is_run(mine: Sandbox, alice: Any) -> None:
    response = async_to_sync(_run)(token_of(alice), f"/events/sandboxes/{mine.pk}/run/", {"command": "ls"})
    channel = execution_channel(SandboxExecution.objects.get().pk)
    events.publish(channel, "output", {"text": "said"})
    events.publish(channel, "ended", {"exit_code": 0})
    told = async_to_sync(_read_all)(response)
    assert told.index(b"said") < told.index(b"event: ended")


@pytest.mark.django_db(transaction=True)
def test_what_rest_refuses_is_refused_here_too(mine: Sandbox, alice: Any, bob: Any) -> None:
    address = f"/events/sandboxes/{mine.pk}/run/"
    assert async_to_sync(_run)(token_of(bob), address, {"command": "ls"}).status_code == 404
    assert async_to_sync(_run)("nonsense", address, {"command": "ls"}).status_code == 401
    refused = async_to_sync(_run)(token_of(alice), address, {"comand": "ls"})
    assert (refused.status_code, refused["Content-Type"]) == (400, "application/problem+json")
    assert not SandboxExecution.objects.exists()


def test_a_page_needs_its_csrf_token_to_run_something(mine: Sandbox, alice: Any) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    answer = client.post(
        f"/events/sandboxes/{mine.pk}/run/", {"command": "ls"}, content_type="application/json"
    )
    assert answer.status_code == 403
    assert not SandboxExecution.objects.exists()
