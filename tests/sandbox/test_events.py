"""The live streams of sandboxes: who may follow them, and that they resume."""

import asyncio
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.test import AsyncClient

from agi_site.lib import events
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


def test_others_get_404_and_visitors_401(
    an_execution: SandboxExecution, bob: Any, client_of: Any, client: Any
) -> None:
    image = SandboxImage.objects.create(name="python")
    build = SandboxImageBuild.objects.create(image=image, dockerfile="FROM scratch")
    for address in (
        f"/events/sandboxes/{an_execution.sandbox_id}/",
        f"/events/sandbox-executions/{an_execution.pk}/",
        f"/events/sandbox-image-builds/{build.pk}/",
    ):
        assert client_of(bob).get(address).status_code == 404
        assert client.get(address).status_code == 401
