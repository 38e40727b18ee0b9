"""Reads: pages of messages by keyset, and the cost of a turn, whatever the length of the conversation."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agi_site.lib.engines.fake import FakeChat
from agi_site.lib.problems import Invalid
from conversations import services
from conversations.models import Conversation, Message
from conversations.turn import summary
from system import queue
from system.models import TaskQueue

from .conftest import fill

type Ask = Callable[..., Message]


def queries(work: Callable[[], Any]) -> int:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        work()
    return len(captured)


def test_ten_thousand_messages_page_backwards_without_gap_or_repeat(conversation: Conversation) -> None:
    fill(conversation, 10_000)
    page = Message.objects.page_of(conversation, size=50)
    assert page.rows[-1].content == "message number 9999"
    numbers: list[str] = []
    for _step in range(4):
        numbers = [row.content for row in page.rows] + numbers
        page = Message.objects.page_of(conversation, before=page.older, size=50)
    assert numbers == [f"message number {number}" for number in range(9800, 10_000)]


def test_a_page_takes_three_queries_for_ten_messages_or_ten_thousand(
    alice: Any, conversation: Conversation
) -> None:
    long = services.start_conversation(owner=alice)
    fill(conversation, 10)
    fill(long, 10_000)
    read = Message.objects.page_of
    older = read(long).older
    assert queries(lambda: read(conversation)) == queries(lambda: read(long)) == 3
    assert queries(lambda: read(long, before=older)) == 3


def test_the_first_page_of_a_short_conversation_has_nothing_older(conversation: Conversation) -> None:
    fill(conversation, 4)
    page = Message.objects.page_of(conversation)
    assert len(page.rows) == 4
    assert page.older is None


def test_a_made_up_cursor_is_refused(conversation: Conversation) -> None:
    with pytest.raises(Invalid):
        Message.objects.page_of(conversation, before="nonsense")


def test_a_page_read_in_mid_answer_knows_where_its_stream_begins(
    told: None, conversation: Conversation, alice: Any
) -> None:
    from agi_site.lib import events
    from conversations.querysets import channel_of

    services.post_message(conversation=conversation, author=alice, content="Hello")
    page = Message.objects.page_of(conversation)
    after = events.read(channel_of(conversation.pk), page.event_id)
    assert page.rows[-1].is_running
    assert all(event.name == "conversation.renamed" for event in after)


def test_strangers_and_deleted_conversations_give_nothing(
    alice: Any, bob: Any, conversation: Conversation
) -> None:
    fill(conversation, 2)
    assert Message.objects.for_user(alice).count() == 2
    assert not Message.objects.for_user(bob).exists()
    assert not Conversation.objects.for_user(bob).exists()


# --- The window --------------------------------------------------------------------------------------------
def test_a_turn_costs_the_same_after_ten_thousand_messages(alice: Any, chat: FakeChat) -> None:
    chat.context_window = 1500
    counts = []
    for length in (400, 10_000):
        conversation = services.start_conversation(owner=alice, title="x")
        fill(conversation, length)
        services.post_message(conversation=conversation, author=alice, content="Where are we?")
        counts.append(queries(lambda: queue.run_pending(limit=1)))
        assert len(chat.requests[-1].messages) < 300
    assert counts[1] <= counts[0] + 2


def test_old_messages_leave_the_window_and_enter_the_summary(
    conversation: Conversation, chat: FakeChat, ask: Ask
) -> None:
    chat.context_window = 1200
    fill(conversation, 120)
    ask("Where are we?")
    first = chat.requests[-1].messages
    assert first[1].content != "message number 0"
    conversation.refresh_from_db()
    kept = conversation.metadata["summary"]
    assert "message number" in kept["text"]
    ask("And now?")
    assert "Earlier in this conversation" in chat.requests[-1].messages[0].content
    assert sum(chat.count_tokens(message.content) for message in chat.requests[-1].messages) < 1200


def test_the_summary_goes_on_where_it_ended(
    conversation: Conversation, run_tasks: Callable[..., None]
) -> None:
    fill(conversation, 100)
    ids = list(Message.objects.of(conversation).order_by("pk").values_list("pk", flat=True))
    summary.summarise(conversation_id=conversation.pk, before=ids[90])
    conversation.refresh_from_db()
    assert conversation.metadata["summary"]["upto"] == ids[39]
    run_tasks()
    conversation.refresh_from_db()
    assert conversation.metadata["summary"]["upto"] == ids[89]
    assert len(conversation.metadata["summary"]["text"]) <= summary.MOST_CHARACTERS
    assert not TaskQueue.objects.filter(status="failed").exists()


def test_a_long_past_costs_a_few_summaries_not_hundreds(
    conversation: Conversation, run_tasks: Callable[..., None]
) -> None:
    fill(conversation, 2_000)
    last = Message.objects.of(conversation).order_by("-pk").first()
    summary.summarise(conversation_id=conversation.pk, before=last.pk)
    run_tasks()
    assert TaskQueue.objects.filter(task_type="conversations.summarise").count() <= 4
    conversation.refresh_from_db()
    rows = Message.objects.of(conversation).filter(pk__gt=conversation.metadata["summary"]["upto"])
    assert list(rows) == [last]


def test_a_short_conversation_needs_no_summary(conversation: Conversation, ask: Ask) -> None:
    ask("Hello")
    assert not TaskQueue.objects.filter(task_type="conversations.summarise").exists()


def test_the_window_begins_with_the_person_and_never_has_them_twice_running(
    conversation: Conversation, chat: FakeChat, ask: Ask
) -> None:
    Message.objects.create(conversation=conversation, role="assistant", content="Left over", metadata={})
    Message.objects.create(conversation=conversation, role="user", content="One")
    Message.objects.create(
        conversation=conversation, role="assistant", content="", metadata={"status": "failed"}
    )
    ask("Two")
    said = [(message.role, message.content) for message in chat.requests[-1].messages[1:]]
    assert said == [("user", "One\n\nTwo")]
