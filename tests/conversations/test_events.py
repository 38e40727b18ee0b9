"""The live stream of a conversation: who may follow it, and that it resumes."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.test import AsyncClient

from agi_site.lib import events
from conversations.models import Conversation
from conversations.querysets import channel_of


def address(conversation: Conversation) -> str:
    return f"/events/conversations/{conversation.pk}/"


async def _read(response: Any, until: bytes) -> bytes:
    heard = b""
    async with asyncio.timeout(10):
        async for piece in response.streaming_content:
            heard += piece
            if until in heard:
                break
    return heard


def test_a_stranger_gets_404_and_a_visitor_401(
    conversation: Conversation, bob: Any, client_of: Callable[[Any], Any], client: Any
) -> None:
    assert client_of(bob).get(address(conversation)).status_code == 404
    assert client.get(address(conversation)).status_code == 401
    assert client.get(address(conversation), headers={"Authorization": "Bearer nonsense"}).status_code == 401


def test_a_deleted_conversation_has_no_stream(
    conversation: Conversation, alice: Any, client_of: Callable[[Any], Any]
) -> None:
    Conversation.objects.update(status="deleted")
    assert client_of(alice).get(address(conversation)).status_code == 404


@pytest.mark.django_db(transaction=True)
def test_the_owner_follows_and_resumes_where_the_stream_broke(conversation: Conversation, alice: Any) -> None:
    async_to_sync(_follow_and_resume)(conversation, alice)


async def _follow_and_resume(conversation: Conversation, alice: Any) -> None:
    client = AsyncClient()
    await client.aforce_login(alice)
    channel = channel_of(conversation.pk)
    start = events.last_id(channel)
    first = events.publish(channel, "message.delta", {"message_id": "m", "offset": 0, "text": "안녕"})
    events.publish(channel, "message.delta", {"message_id": "m", "offset": 2, "text": "하세요"})
    response = await client.get(address(conversation), query_params={"after": start})
    assert response["Content-Type"].startswith("text/event-stream")
    heard = await _read(response, "하세요".encode())
    assert "안녕".encode() in heard
    again = await client.get(address(conversation), headers={"Last-Event-ID": first})
    heard = await _read(again, "하세요".encode())
    assert "안녕".encode() not in heard
