"""A conversation of Alice's, and the engines her turns run with."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from rest_framework.test import APIClient

from agi_site.lib import engines, events
from agi_site.lib.engines.fake import FakeChat, FakeLanguage
from conversations import services
from conversations.models import Conversation, Message
from conversations.querysets import channel_of
from tests.sandbox.fixtures_sandbox import filled, host, paper, recipe

__all__ = ["filled", "host", "paper", "recipe"]  # sandboxes on an engine of notes


@pytest.fixture
def web(alice: Any, client_of: Callable[[Any], Client]) -> Client:
    return client_of(alice)


@pytest.fixture
def api(alice: Any, api_of: Callable[[Any], APIClient]) -> APIClient:
    return api_of(alice)


@pytest.fixture
def chat(monkeypatch: pytest.MonkeyPatch) -> FakeChat:
    """The chat engine, to be scripted; unscripted it repeats what was said."""
    fake = FakeChat()
    monkeypatch.setattr(engines, "chat", lambda: fake)
    return fake


@pytest.fixture
def language(monkeypatch: pytest.MonkeyPatch) -> FakeLanguage:
    """The language engine; `language.answers[text] = Analysis(...)` scripts it."""
    fake = FakeLanguage()
    monkeypatch.setattr(engines, "language", lambda: fake)
    return fake


@pytest.fixture(autouse=True)
def _engines(chat: FakeChat, language: FakeLanguage) -> None:
    """No test here needs a real engine."""


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits for the commit happens at once: the test's own transaction never commits."""
    monkeypatch.setattr(transaction, "on_commit", lambda work, **_options: work())


@pytest.fixture
def conversation(alice: Any) -> Conversation:
    return services.start_conversation(owner=alice)


@pytest.fixture
def post(alice: Any, conversation: Conversation) -> Callable[..., services.Turn]:
    """`post("Hello")`: Alice writes in her conversation."""

    def send(content: str, **options: Any) -> services.Turn:
        return services.post_message(conversation=conversation, author=alice, content=content, **options)

    return send


@pytest.fixture
def ask(post: Callable[..., services.Turn], run_tasks: Callable[..., None]) -> Callable[..., Message]:
    """`ask("Hello")`: Alice writes, the turn runs, and this is the answer as stored."""

    def send(content: str, **options: Any) -> Message:
        turn = post(content, **options)
        run_tasks()
        return fresh(turn.assistant_message)

    return send


def fresh(message: Message) -> Message:
    """The message as it stands in the database now."""
    return Message.objects.get(pk=message.pk)


def seen(conversation: Conversation) -> list[tuple[str, dict[str, Any]]]:
    """The events of a conversation so far, as (name, data)."""
    return [(event.name, event.data) for event in events.read(channel_of(conversation.pk))]


def streamed(conversation: Conversation, message: Message) -> str:
    """An answer put together from its events, as a careful client does it."""
    text = ""
    for name, data in seen(conversation):
        if data.get("message_id") != message.pk:
            continue
        if name == "message.reset":
            text = ""
        elif name == "message.delta":
            assert data["offset"] <= len(text), "a piece is missing"
            text += data["text"][len(text) - data["offset"] :]
    return text


def fill(conversation: Conversation, count: int) -> None:
    """Put `count` messages into a conversation, question and answer in turn."""
    Message.objects.bulk_create(
        [
            Message(
                conversation=conversation,
                role="assistant" if number % 2 else "user",
                content=f"message number {number}",
                metadata={"status": "complete"} if number % 2 else None,
            )
            for number in range(count)
        ],
        batch_size=500,
    )
