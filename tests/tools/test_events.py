"""The live stream of a run: who may follow it, and that it resumes."""

import asyncio
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.test import AsyncClient, Client

from system import queue
from tools import services
from tools.models import ToolExecution
from tools.registry import ToolContext


@pytest.fixture
def a_run(alice: Any, make_tool: Any) -> ToolExecution:
    """A run that a worker has made, with output."""

    def probe(call: ToolContext) -> str:
        call.progress("first")
        call.progress("second")
        return "x"

    make_tool(probe)
    row = services.start_tool(user=alice, name="probe", arguments={})
    queue.run_pending()
    return row


async def _follow(person: Any, address: str) -> bytes:
    client = AsyncClient()
    await client.aforce_login(person)
    response = await client.get(address, query_params={"after": "0-0"})
    heard = b""
    async with asyncio.timeout(10):
        async for piece in response.streaming_content:
            heard += piece
            if b"event: ended" in heard:
                break
    return heard


@pytest.mark.django_db(transaction=True)
def test_a_run_is_followed_by_its_person(a_run: ToolExecution, alice: Any) -> None:
    heard = async_to_sync(_follow)(alice, f"/events/tool-executions/{a_run.pk}/")
    assert heard.index(b"event: started") < heard.index(b"first") < heard.index(b"second")
    assert b'"status": "completed"' in heard


@pytest.mark.django_db(transaction=True)
def test_others_get_404_and_visitors_401(a_run: ToolExecution, bob: Any, client: Client) -> None:
    address = f"/events/tool-executions/{a_run.pk}/"
    stranger = Client()
    stranger.force_login(bob)
    assert stranger.get(address).status_code == 404
    assert client.get(address).status_code == 401
