"""The turn's story: what each step leaves behind."""

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import groupby
from typing import Any

import pytest

from accounts.models import Session
from accounts.webhooks import services as webhooks
from accounts.webhooks.models import WebhookDelivery
from agi_site.lib.engines.base import Analysis, EngineError, Entity, ToolCall
from agi_site.lib.engines.fake import FakeChat, FakeLanguage, Script, words
from conversations import services, turn
from conversations.models import Conversation, Message
from emotions.models import EmotionAnalysis
from explanations.models import Explanation
from system.models import TaskQueue

from .conftest import fresh, seen, streamed

SEOUL = "I am happy that we meet in Seoul on Monday!"


@pytest.fixture
def happy(language: FakeLanguage) -> None:
    language.answers[SEOUL] = Analysis(
        language="en",
        intents=[("inform", 0.8), ("small_talk", 0.15)],
        entities=[Entity("Seoul", "Seoul", "place", 27, 32)],
        sentiment_score=0.7,
        sentiment_label="positive",
        emotions={"joy": 0.8, "neutral": 0.2},
        dominant_emotion="joy",
        intensity=0.8,
    )


def names(conversation: Conversation) -> list[str]:
    return [name for name, _data in seen(conversation)]


def test_a_message_is_understood_in_all_its_tables(happy: None, ask: Callable[..., Message]) -> None:
    answer = ask(SEOUL)
    question = Message.objects.get(pk=answer.facts["reply_to"])
    assert [(row.name, float(row.confidence)) for row in question.intents.order_by("id")] == [
        ("inform", 0.8),
        ("small_talk", 0.15),
    ]
    entity = question.entities.get()
    assert (entity.value, entity.type, entity.start_pos, entity.end_pos) == ("Seoul", "place", 27, 32)
    assert question.sentiments.get().label == "positive"
    assert EmotionAnalysis.objects.get(target_id=question.pk).dominant_emotion == "joy"
    assert question.embedding_model == "fake/64"
    assert len(question.embedding) == 64 * 4


def test_the_answer_is_stored_complete_with_engine_usage_and_timings(
    chat: FakeChat, ask: Callable[..., Message]
) -> None:
    chat.say("Hello Alice, how are you?")
    answer = ask("Hello")
    assert (answer.content, answer.status) == ("Hello Alice, how are you?", "complete")
    assert (answer.engine, answer.model) == ("fake", "fake-1")
    assert answer.usage["completion_tokens"] > 0
    assert {"perceive", "recall", "decide", "answer", "explain"} <= answer.timings.keys()


def test_a_complete_answer_is_told_to_the_person_s_webhook(
    alice: Any, chat: FakeChat, ask: Callable[..., Message]
) -> None:
    webhooks.create_webhook(owner=alice, url="https://hooks.example.com/", events=["message.completed"])
    chat.say("Hello Alice.")
    answer = ask("hello")
    delivery = WebhookDelivery.objects.get()
    assert delivery.event == "message.completed"
    assert delivery.payload["data"] == {
        "message_id": answer.pk,
        "conversation_id": answer.conversation_id,
    }


def test_the_stream_tells_the_story_in_order_and_gives_the_whole_text(
    told: None, chat: FakeChat, conversation: Conversation, ask: Callable[..., Message]
) -> None:
    chat.say("이것은 꽤 긴 답입니다 😀 그리고 끝.")
    answer = ask("안녕하세요?")
    told_names = [name for name in names(conversation) if name != "message.delta"]
    stages = [data["stage"] for name, data in seen(conversation) if name == "turn.stage"]
    assert told_names[0] == "conversation.renamed"
    assert told_names[1] == "turn.started"
    assert told_names[-1] == "message.done"
    assert stages == ["perceive", "recall", "decide", "answer", "explain", "remember"]
    assert streamed(conversation, answer) == answer.content


def test_the_labels_of_the_stages_are_in_the_pages_language(
    told: None, conversation: Conversation, post: Callable[..., services.Turn], run_tasks: Callable[..., None]
) -> None:
    from django.utils import translation

    with translation.override("ko"):
        begun = post("Hello")
    assert TaskQueue.objects.get(pk=begun.task_id).payload["language"] == "ko"


def test_the_engine_hears_instructions_the_conversation_and_the_question(
    chat: FakeChat, ask: Callable[..., Message]
) -> None:
    ask("First question")
    ask("Second question")
    request = chat.requests[-1]
    assert [message.role for message in request.messages] == ["system", "user", "assistant", "user"]
    assert "Alice" in request.messages[0].content
    assert "Answer in English" in request.messages[0].content
    assert request.last_user_text == "Second question"
    assert request.vector is not None


def test_a_korean_message_is_answered_in_korean(chat: FakeChat, ask: Callable[..., Message]) -> None:
    ask("안녕하세요")
    assert chat.requests[-1].language == "ko"
    assert "Answer in Korean" in chat.requests[-1].messages[0].content


def test_why_an_answer_was_given_is_kept(alice: Any, happy: None, ask: Callable[..., Message]) -> None:
    answer = ask(SEOUL)
    row = Explanation.objects.for_user(alice).get(target_type="message", target_id=answer.pk)
    assert row.explanation
    assert "intent" in set(row.features.values_list("feature_name", flat=True))


def test_the_session_carries_the_conversation_and_its_entities(
    alice: Any, happy: None, conversation: Conversation, ask: Callable[..., Message]
) -> None:
    from datetime import timedelta

    from django.utils import timezone

    from knowledge.services import get_context

    expires = timezone.now() + timedelta(days=1)
    session = Session.objects.create(user=alice, token="x" * 64, expires_at=expires)
    ask(SEOUL, session=session)
    carried = get_context(session=session)
    assert carried["conversation_id"] == conversation.pk
    assert carried["entities"][0]["value"] == "Seoul"


def test_the_session_carries_what_is_named_twice_once(
    alice: Any, language: FakeLanguage, ask: Callable[..., Message]
) -> None:
    from datetime import timedelta

    from django.utils import timezone

    from knowledge.services import get_context

    text = "I left Seoul for Seoul Forest."
    places = [Entity("Seoul", "Seoul", "place", 7, 12), Entity("Seoul", "Seoul", "place", 17, 22)]
    language.answers[text] = replace(language.analyse(text), entities=places)
    expires = timezone.now() + timedelta(days=1)
    session = Session.objects.create(user=alice, token="x" * 64, expires_at=expires)
    ask(text, session=session)
    ask(text, session=session)
    assert [one["value"] for one in get_context(session=session)["entities"]] == ["Seoul"]


def test_what_a_person_removes_while_an_answer_is_written_does_not_come_back(
    alice: Any, happy: None, ask: Callable[..., Message], monkeypatch: pytest.MonkeyPatch
) -> None:
    from datetime import timedelta

    from django.utils import timezone

    from knowledge.services import clear_context, get_context

    expires = timezone.now() + timedelta(days=1)
    session = Session.objects.create(user=alice, token="x" * 64, expires_at=expires)
    ask(SEOUL, session=session)
    assert get_context(session=session)["entities"]
    clear = lambda **_told: clear_context(session=session)  # noqa: E731 - what happens meanwhile
    monkeypatch.setattr("explanations.services.explain", clear)
    ask("Hello", session=session)
    assert get_context(session=session)["entities"] == []


def test_a_turn_that_runs_again_after_its_end_does_nothing(
    chat: FakeChat, conversation: Conversation, ask: Callable[..., Message], run_tasks: Callable[..., None]
) -> None:
    answer = ask("Hello")
    TaskQueue.objects.filter(task_type="conversations.turn").update(status="pending", worker=None)
    run_tasks()
    assert fresh(answer).metadata == answer.metadata
    assert len(chat.requests) == 1
    assert Message.objects.of(conversation).count() == 2


# --- Tools -------------------------------------------------------------------------------------------------
@pytest.fixture
def calculator(db: None) -> None:
    from tools.services import sync_registry

    sync_registry()


def calculate(expression: str, call_id: str = "c1") -> Script:
    return Script(tokens=["Let me see."], calls=[ToolCall(call_id, "calculator", {"expression": expression})])


def test_tools_run_until_the_engine_answers_and_leave_rows(
    told: None, calculator: None, chat: FakeChat, conversation: Conversation, ask: Callable[..., Message]
) -> None:
    chat.script(calculate("6*7"), Script(tokens=words("It is 42.")))
    answer = ask("What is 6 times 7?")
    assert answer.content == "Let me see.\n\nIt is 42."
    [entry] = answer.tools
    assert (entry["name"], entry["status"]) == ("calculator", "completed")
    assert "42" in entry["result"]
    [row] = Message.objects.of(conversation).filter(role="tool")
    assert row.facts["answer"] == answer.pk
    second = chat.requests[1].messages
    assert [message.role for message in second[-2:]] == ["assistant", "tool"]
    assert "42" in second[-1].content
    wanted = ("tool", "message.delta", "message.done")
    order = [name for name, _again in groupby(names(conversation)) if name.startswith(wanted)]
    assert order == ["message.delta", "tool.started", "tool.finished", "message.delta", "message.done"]
    assert streamed(conversation, answer) == answer.content


@pytest.mark.parametrize("lines", [2_000, 20_000])
def test_of_a_long_output_the_engine_and_the_card_get_the_beginning_and_the_end(
    lines: int, chat: FakeChat, ask: Callable[..., Message]
) -> None:
    from tools import registry
    from tools.services import sync_registry

    said = "\n".join(f"line {number}" for number in range(lines))
    registry.tool("long", category="test", description="says much", parameters=[])(
        lambda call: {"stdout": said, "exit_code": 0, "sandbox": "s1"}
    )
    try:
        sync_registry()
        chat.script(Script(calls=[ToolCall("c1", "long", {})]), Script(tokens=["Done."]))
        [entry] = ask("Count!").tools
    finally:
        registry.unregister("long")
    for text in (entry["result"], chat.requests[1].messages[-1].content):
        assert len(text) <= 6000
        told = json.loads(text)
        assert (told["exit_code"], told["sandbox"]) == (0, "s1")
        assert told["stdout"].startswith("line 0\n")
        assert told["stdout"].endswith(f"line {lines - 1}")
        assert "characters left out" in told["stdout"]


def test_a_tool_that_does_not_exist_is_told_to_the_engine(
    calculator: None, chat: FakeChat, ask: Callable[..., Message]
) -> None:
    chat.script(Script(calls=[ToolCall("c1", "no_such_tool", {})]), Script(tokens=["Sorry."]))
    answer = ask("Do magic")
    assert (answer.content, answer.tools[0]["status"]) == ("Sorry.", "failed")
    assert "no_such_tool" in chat.requests[1].messages[-1].content


def test_an_engine_that_only_wants_tools_is_made_to_answer(
    settings: Any, calculator: None, chat: FakeChat, ask: Callable[..., Message]
) -> None:
    settings.TURN_MAX_ROUNDS = 2
    chat.script(calculate("1+1", "a"), calculate("2+2", "b"), Script(tokens=["Enough."]))
    answer = ask("Calculate for ever")
    assert len(answer.tools) == 2
    assert chat.requests[-1].tools == ()
    assert answer.content.endswith("Enough.")
    assert answer.status == "complete"


def test_later_turns_remember_what_tools_said(
    calculator: None, chat: FakeChat, ask: Callable[..., Message]
) -> None:
    chat.script(calculate("6*7"), Script(tokens=["42"]))
    ask("What is 6 times 7?")
    ask("And half of it?")
    roles = [message.role for message in chat.requests[-1].messages]
    assert roles == ["system", "user", "assistant", "tool", "assistant", "user"]


# --- When it goes wrong ------------------------------------------------------------------------------------
def test_an_engine_that_fails_says_so_in_the_chat_and_keeps_what_it_wrote(
    told: None, chat: FakeChat, conversation: Conversation, ask: Callable[..., Message]
) -> None:
    chat.script(Script(tokens=["Half an "], error=EngineError("unreachable", "The model server is off.")))
    answer = ask("Hello")
    assert (answer.status, answer.content, answer.can_retry) == ("failed", "Half an ", True)
    assert answer.error == {"code": "unreachable", "text": "The model server is off."}
    assert seen(conversation)[-1] == (
        "turn.failed",
        {"message_id": answer.pk, "code": "unreachable", "text": "The model server is off."},
    )


def test_an_empty_answer_counts_as_a_failure(chat: FakeChat, ask: Callable[..., Message]) -> None:
    chat.script(Script(tokens=[]))
    assert ask("Hello").status == "failed"


def test_an_unforeseen_error_is_tried_again_and_then_leaves_the_answer_incomplete(
    monkeypatch: pytest.MonkeyPatch, post: Callable[..., services.Turn]
) -> None:
    from datetime import timedelta

    from django.utils import timezone

    from system import queue

    def broken(_state: Any) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(turn, "recall", broken)
    begun = post("Hello")
    queue.run_pending(limit=1)
    assert fresh(begun.assistant_message).status == "streaming"
    queue.run_pending(until=timezone.now() + timedelta(hours=1))
    answer = fresh(begun.assistant_message)
    assert (answer.status, answer.error["code"]) == ("incomplete", "internal")
    assert TaskQueue.objects.get(pk=begun.task_id).status == "failed"


class Killed(BaseException):
    """The worker's death, as far as a test can have it."""


def test_a_worker_that_dies_in_mid_answer_leaves_a_draft_and_one_answer(
    told: None,
    monkeypatch: pytest.MonkeyPatch,
    chat: FakeChat,
    conversation: Conversation,
    post: Callable[..., services.Turn],
    run_tasks: Callable[..., None],
) -> None:
    monkeypatch.setattr("conversations.turn.draft.SAVE_SECONDS", 0.0)
    chat.script(Script(tokens=words("This will not be"), delay=0.04, error=Killed()))  # type: ignore[arg-type]
    begun = post("Hello")
    with pytest.raises(Killed):
        run_tasks()
    half = fresh(begun.assistant_message)
    assert (half.status, half.content) == ("streaming", "This will not be")
    TaskQueue.objects.filter(pk=begun.task_id).update(status="pending", worker=None, retry_count=1)
    chat.say("This is the answer.")
    run_tasks()
    answer = fresh(begun.assistant_message)
    assert (answer.status, answer.content) == ("complete", "This is the answer.")
    assert answer.facts["drafts"] == ["This will not be"]
    assert Message.objects.of(conversation).filter(role="assistant").count() == 1
    assert "message.reset" in names(conversation)
    assert streamed(conversation, answer) == answer.content
    assert answer.content == "This is the answer."


def test_a_worker_that_lost_its_turn_writes_no_more(
    monkeypatch: pytest.MonkeyPatch, post: Callable[..., services.Turn], run_tasks: Callable[..., None]
) -> None:
    begun = post("Hello")
    decide = turn.decide

    def lose(state: Any) -> None:
        decide(state)
        Message.objects.filter(pk=state.answer.pk).update(metadata=state.facts | {"run": "another worker's"})

    monkeypatch.setattr(turn, "decide", lose)
    run_tasks()
    left = fresh(begun.assistant_message)
    assert (left.content, left.status) == ("", "streaming")


def test_an_answer_whose_task_ended_without_it_is_closed(post: Callable[..., services.Turn]) -> None:
    from datetime import timedelta

    from django.utils import timezone

    from conversations.settle import settle_abandoned

    begun = post("Hello")
    ended = timezone.now() - timedelta(minutes=1)
    TaskQueue.objects.filter(pk=begun.task_id).update(status="failed", completed_at=ended, worker="gone")
    assert settle_abandoned() == 1
    assert fresh(begun.assistant_message).status == "incomplete"
    assert settle_abandoned() == 0


@pytest.mark.parametrize("follow_up", ["And when does it start?", "그건 언제 시작해?"])
def test_a_follow_up_is_looked_up_together_with_the_question_before_it(
    ask: Callable[..., Message], monkeypatch: pytest.MonkeyPatch, follow_up: str
) -> None:
    asked: list[str] = []
    room = sys.modules["conversations.turn.recall"]  # the package's `recall` is the step itself
    monkeypatch.setattr(room, "search_knowledge", lambda *, query, **_rest: asked.append(query) or [])
    ask("Who leads the Zephyr project?")
    ask(follow_up)
    assert asked == ["Who leads the Zephyr project?", f"Who leads the Zephyr project? {follow_up}"]
