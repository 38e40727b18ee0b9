"""What people may do with conversations."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connections

from agi_site.lib.engines.base import EngineError
from agi_site.lib.engines.fake import FakeChat, Script
from agi_site.lib.ids import uuid7
from agi_site.lib.problems import Conflict, Invalid, NotFound
from conversations import services
from conversations.models import Conversation, Message, MessageSearch
from emotions.models import EmotionAnalysis
from explanations.models import Explanation, ExplanationFeature
from learning.models import Feedback, LearningData
from sandbox.models import Sandbox
from system.models import TaskQueue

from .conftest import fill, fresh, seen

type Post = Callable[..., services.Turn]
type Ask = Callable[..., Message]


# --- Sending ----------------------------------------------------------------------------------------------
def test_a_message_comes_with_its_empty_answer_and_the_task_that_writes_it(post: Post) -> None:
    turn = post("  Hello\r\nthere ")
    assert turn.user_message.content == "Hello\nthere"
    assert (turn.assistant_message.content, turn.assistant_message.status) == ("", "streaming")
    task = TaskQueue.objects.get(pk=turn.task_id)
    assert (task.task_type, task.payload["answer_id"]) == ("conversations.turn", turn.assistant_message.pk)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("", "empty_message"),
        ("  \n", "empty_message"),
        ("\x00", "empty_message"),
        ("x" * 20_001, "message_too_long"),
    ],
)
def test_an_empty_or_endless_message_is_refused(post: Post, content: str, code: str) -> None:
    with pytest.raises(Invalid) as caught:
        post(content)
    assert caught.value.code == code
    assert "content" in caught.value.errors
    assert not Message.objects.exists()


def test_half_a_character_does_no_harm(ask: Ask) -> None:
    answer = ask("Hello \ud83d")
    assert Message.objects.get(pk=answer.facts["reply_to"]).content == "Hello"


def test_one_answer_at_a_time(post: Post) -> None:
    post("Hello")
    with pytest.raises(Conflict) as caught:
        post("Are you there?")
    assert caught.value.code == "turn_running"
    assert Message.objects.filter(role="user").count() == 1


def test_nobody_writes_in_anothers_conversation(bob: Any, conversation: Conversation) -> None:
    with pytest.raises(NotFound):
        services.post_message(conversation=conversation, author=bob, content="Hi")


def test_the_same_key_sends_once(post: Post, run_tasks: Callable[..., None]) -> None:
    first = post("Hello", idempotency_key="k1")
    again = post("Hello", idempotency_key="k1")
    assert again.assistant_message.pk == first.assistant_message.pk
    run_tasks()
    assert post("Hello", idempotency_key="k1").user_message.pk == first.user_message.pk
    assert post("Hello", idempotency_key="k2").user_message.pk != first.user_message.pk


@pytest.mark.django_db(transaction=True)
def test_a_first_message_sent_several_times_at_once_makes_one_conversation(alice: Any) -> None:
    key, made, at_once = uuid7(), [], threading.Barrier(4)

    def send() -> None:
        at_once.wait()
        try:
            made.append(services.start_with_message(owner=alice, content="Hello", key=key).pk)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=send) for _again in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert made == [key] * 4
    assert Message.objects.filter(role="user").count() == 1


def test_the_first_message_names_the_conversation(told: None, conversation: Conversation, post: Post) -> None:
    post("## Where is the   spare key of the storage room, and who has used it in the last three weeks?")
    conversation.refresh_from_db()
    assert conversation.title == "Where is the spare key of the storage room, and who has…"
    assert ("conversation.renamed", {"title": conversation.title}) in seen(conversation)


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("add.py\n```py\ndef add(): ...\n```", "add.py"),
        ("```py\nprint(1)\n```", "py print(1) ```"),
        ("**Where** is the `key`, and **which one**?", "Where is the key, and which one?"),
        ("What is 2 ** 3 ** 4?", "What is 2 ** 3 ** 4?"),
    ],
)
def test_code_and_marks_are_no_title(post: Post, conversation: Conversation, text: str, title: str) -> None:
    post(text)
    conversation.refresh_from_db()
    assert conversation.title == title


def test_a_given_title_stays(alice: Any) -> None:
    conversation = services.start_conversation(owner=alice, title=" My  trip ")
    services.post_message(conversation=conversation, author=alice, content="Hello")
    conversation.refresh_from_db()
    assert conversation.title == "My trip"


def test_writing_moves_a_conversation_to_the_top(alice: Any, conversation: Conversation, post: Post) -> None:
    services.start_conversation(owner=alice, title="later")
    post("Hello")
    assert Conversation.objects.for_user(alice).newest().first() == conversation


# --- Stopping ---------------------------------------------------------------------------------------------
def test_a_turn_that_has_not_begun_is_stopped_at_once(
    told: None,
    alice: Any,
    conversation: Conversation,
    post: Post,
    run_tasks: Callable[..., None],
    chat: FakeChat,
) -> None:
    turn = post("Hello")
    stopped = services.stop_turn(conversation=conversation, by=alice)
    assert stopped is not None
    assert stopped.status == "stopped"
    run_tasks()
    assert fresh(turn.assistant_message).status == "stopped"
    assert chat.requests == []
    assert seen(conversation)[-1] == ("turn.stopped", {"message_id": turn.assistant_message.pk})
    post("Next")


def test_stopping_when_nothing_runs_does_nothing(alice: Any, conversation: Conversation) -> None:
    assert services.stop_turn(conversation=conversation, by=alice) is None


def test_only_the_owner_stops(bob: Any, conversation: Conversation, post: Post) -> None:
    post("Hello")
    with pytest.raises(NotFound):
        services.stop_turn(conversation=conversation, by=bob)


# --- Answering again, editing -----------------------------------------------------------------------------
def test_a_new_answer_takes_the_place_of_the_old_one_which_stays_readable(
    alice: Any, conversation: Conversation, ask: Ask, run_tasks: Callable[..., None], chat: FakeChat
) -> None:
    chat.say("First answer.")
    old = ask("Hello")
    chat.say("Second answer.")
    turn = services.regenerate(message=old, by=alice)
    run_tasks()
    new = fresh(turn.assistant_message)
    visible = list(Message.objects.of(conversation).visible().order_by("pk"))
    assert [row.content for row in visible] == ["Hello", "Second answer."]
    assert new.version_count == 2
    assert [row.content for row in Message.objects.earlier_versions(new)] == ["First answer."]
    assert Message.objects.get(pk=new.facts["reply_to"]).intents.count() == 1


def test_a_failed_answer_can_be_tried_again(alice: Any, ask: Ask, run_tasks: Any, chat: FakeChat) -> None:
    chat.script(Script(error=EngineError("unreachable", "off")))
    failed = ask("Hello")
    assert failed.can_retry
    chat.say("Here I am.")
    turn = services.regenerate(message=failed, by=alice)
    run_tasks()
    assert fresh(turn.assistant_message).status == "complete"


def test_an_edited_message_starts_a_branch_and_keeps_the_old_one(
    alice: Any, conversation: Conversation, ask: Ask, run_tasks: Callable[..., None]
) -> None:
    first = ask("What is the capital of France?")
    ask("And its river?")
    question = Message.objects.get(pk=first.facts["reply_to"])
    turn = services.edit_and_resend(message=question, by=alice, content="What is the capital of Korea?")
    run_tasks()
    visible = Message.objects.of(conversation).visible().order_by("pk")
    assert [row.role for row in visible] == ["user", "assistant"]
    [earlier] = Message.objects.earlier_versions(turn.user_message)
    branch = Message.objects.of(conversation).filter(superseded_at=earlier.superseded_at).order_by("pk")
    said = [row.content for row in branch.filter(role__in=("user", "assistant"))]
    assert said[0] == "What is the capital of France?"
    assert len(said) == 4
    assert said[2] == "And its river?"


def test_what_was_replaced_cannot_be_replaced_again(alice: Any, ask: Ask, run_tasks: Any) -> None:
    old = ask("Hello")
    services.regenerate(message=old, by=alice)
    run_tasks()
    with pytest.raises(Conflict) as caught:
        services.regenerate(message=old, by=alice)
    assert caught.value.code == "superseded"


def test_only_answers_are_regenerated_and_only_own_words_edited(alice: Any, bob: Any, ask: Ask) -> None:
    answer = ask("Hello")
    question = Message.objects.get(pk=answer.facts["reply_to"])
    with pytest.raises(Invalid):
        services.regenerate(message=question, by=alice)
    with pytest.raises(Invalid):
        services.edit_and_resend(message=answer, by=alice, content="No")
    with pytest.raises(NotFound):
        services.regenerate(message=answer, by=bob)
    with pytest.raises(NotFound):
        services.edit_and_resend(message=question, by=bob, content="No")


def test_an_edit_takes_back_the_summary_that_knew_the_old_words(
    alice: Any, conversation: Conversation, ask: Ask
) -> None:
    answer = ask("Hello")
    conversation.metadata = {"summary": {"text": "They said hello.", "upto": answer.pk}, "other": 1}
    conversation.save()
    services.edit_and_resend(
        message=Message.objects.get(pk=answer.facts["reply_to"]), by=alice, content="Good bye"
    )
    conversation.refresh_from_db()
    assert conversation.metadata == {"other": 1}


# --- Keeping order ----------------------------------------------------------------------------------------
def test_rename_archive_and_back(alice: Any, bob: Any, conversation: Conversation, post: Post) -> None:
    services.rename(conversation=conversation, by=alice, title=" Trip  to Jeju ")
    assert Conversation.objects.get(pk=conversation.pk).title == "Trip to Jeju"
    services.archive(conversation=conversation, by=alice)
    assert list(Conversation.objects.for_user(alice).archived()) == [conversation]
    with pytest.raises(Conflict) as caught:
        post("Hello")
    assert caught.value.code == "conversation_archived"
    services.unarchive(conversation=conversation, by=alice)
    post("Hello")
    for refused in (services.archive, services.unarchive, services.delete_conversation):
        with pytest.raises(NotFound):
            refused(conversation=conversation, by=bob)


@pytest.mark.parametrize("title", ["", "   ", "x" * 201])
def test_a_title_has_words_and_an_end(alice: Any, conversation: Conversation, title: str) -> None:
    with pytest.raises(Invalid):
        services.rename(conversation=conversation, by=alice, title=title)


def test_a_deleted_conversation_is_gone_at_once_and_its_rows_soon(
    alice: Any, conversation: Conversation, ask: Ask, post: Post, run_tasks: Callable[..., None]
) -> None:
    ask("Hello")
    post("Still running")
    services.delete_conversation(conversation=conversation, by=alice)
    assert not Conversation.objects.for_user(alice).exists()
    assert not Message.objects.for_user(alice).exists()
    with pytest.raises(NotFound):
        post("Hello?")
    run_tasks()
    assert not Conversation.objects.filter(pk=conversation.pk).exists()
    assert not Message.objects.exists()


def test_the_sandbox_of_a_deleted_conversation_is_destroyed(
    alice: Any, conversation: Conversation, run_tasks: Callable[..., None]
) -> None:
    box = Sandbox.objects.create(
        user=alice, status="stopped", origin_type="conversation", origin_id=conversation.pk
    )
    other = Sandbox.objects.create(user=alice, status="stopped", origin_type="conversation", origin_id="x")
    services.delete_conversation(conversation=conversation, by=alice)
    run_tasks()
    box.refresh_from_db()
    other.refresh_from_db()
    assert (box.status, other.status) == ("deleted", "stopped")


def test_purging_takes_many_messages_in_batches(
    monkeypatch: pytest.MonkeyPatch, alice: Any, conversation: Conversation, run_tasks: Callable[..., None]
) -> None:
    monkeypatch.setattr("conversations.purge.BATCH", 10)
    fill(conversation, 35)
    services.delete_conversation(conversation=conversation, by=alice)
    run_tasks()
    assert not Message.objects.exists()


# --- Rating -----------------------------------------------------------------------------------------------
def test_a_thumb_becomes_feedback_and_shows_on_the_page(
    alice: Any, bob: Any, conversation: Conversation, ask: Ask
) -> None:
    answer = ask("Hello")
    services.rate_message(message=answer, by=alice, thumb="down", comment="Too short")
    feedback = Feedback.objects.get(entity_type="message", entity_id=answer.pk)
    assert (feedback.rating, feedback.comment) == (1, "Too short")
    shown = Message.objects.page_of(conversation).rows[-1]
    assert (shown.rating, shown.comment) == ("down", "Too short")
    services.rate_message(message=answer, by=alice, thumb="up")
    assert Message.objects.page_of(conversation).rows[-1].rating == "up"
    with pytest.raises(NotFound):
        services.rate_message(message=answer, by=bob, thumb="up")


def test_a_rated_answer_becomes_an_example(alice: Any, ask: Ask, run_tasks: Callable[..., None]) -> None:
    answer = ask("What is a dolmen?")
    services.rate_message(message=answer, by=alice, thumb="up")
    run_tasks()
    example = LearningData.objects.get(type="conversation")
    assert example.input_data == {"message": "What is a dolmen?"}
    assert example.output_data == {"answer": answer.content}


def test_what_others_keep_about_a_message_goes_with_it(
    alice: Any, conversation: Conversation, ask: Ask, run_tasks: Callable[..., None]
) -> None:
    answer = ask("Hello")
    services.rate_message(message=answer, by=alice, thumb="up")
    services.delete_conversation(conversation=conversation, by=alice)
    run_tasks()
    for left in (Feedback, LearningData, Explanation, ExplanationFeature, EmotionAnalysis):
        assert not left.objects.exists(), left


def test_only_answers_are_rated_with_a_thumb(alice: Any, ask: Ask) -> None:
    answer = ask("Hello")
    with pytest.raises(Invalid):
        services.rate_message(message=answer, by=alice, thumb="sideways")
    with pytest.raises(Invalid):
        services.rate_message(message=Message.objects.get(pk=answer.facts["reply_to"]), by=alice, thumb="up")


# --- Search -----------------------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_conversations_are_found_by_title_and_by_what_was_said(
    alice: Any, bob: Any, ask: Ask, conversation: Conversation
) -> None:
    services.rename(conversation=conversation, by=alice, title="주간 일정")
    ask("우리 팀의 예산 회의는 화요일입니다.")
    other = services.start_conversation(owner=alice, title="예산 계획")
    services.start_conversation(owner=bob, title="예산")
    found = services.search_conversations(user=alice, q="예산")
    assert found[0].conversation == other
    assert {hit.conversation for hit in found} == {other, conversation}
    [said] = [hit for hit in found if hit.message is not None]
    assert ("예산", True) in said.excerpt
    assert services.search_conversations(user=alice, q="   ") == []
    assert services.search_conversations(user=bob, q="회의") == []


def test_replaced_messages_are_not_found(alice: Any, ask: Ask, run_tasks: Callable[..., None]) -> None:
    answer = ask("Tell me about zebras")
    question = Message.objects.get(pk=answer.facts["reply_to"])
    services.edit_and_resend(message=question, by=alice, content="Tell me about lions")
    run_tasks()
    rows = MessageSearch.objects.for_user(alice).filter(message__superseded_at__isnull=True)
    assert not any("zebra" in row.grams for row in rows)
