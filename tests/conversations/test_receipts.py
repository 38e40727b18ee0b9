"""Receipts: what an answer retrieved, used and cited, and what is done from there; memory that is off."""

import json
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from agi_site.lib.engines.base import ToolCall
from agi_site.lib.engines.fake import FakeChat, FakeLanguage, Script
from conversations import services
from conversations.models import Conversation, Message, RecallReceipt
from conversations.receipts import keep_receipts
from explanations.models import ExplanationFeature
from knowledge import services as knowledge
from knowledge.models import Memory
from tests.conversations.conftest import fresh
from tools.models import ToolExecution
from tools.services import sync_registry

pytestmark = pytest.mark.django_db(transaction=True)
HTMX = {"HTTP_HX_REQUEST": "true"}
SECRET = "My sister Nabi plays the cello in Busan."


@pytest.fixture
def memory(alice: Any, run_tasks: Callable[..., None]) -> Memory:
    row = knowledge.remember(owner=alice, type="semantic", content=SECRET, gated=False)
    run_tasks()
    return row


def everywhere() -> str:
    """All that is kept about messages, receipts, explanations and runs, as one text."""
    kept = [
        *Message.objects.filter(role__in=["assistant", "tool"]).values_list("metadata", flat=True),
        *RecallReceipt.objects.values_list("parts", flat=True),
        *ExplanationFeature.objects.values_list("feature_value", flat=True),
        *ToolExecution.objects.values_list("result", flat=True),
        *Message.objects.filter(role="tool").values_list("content", flat=True),
    ]
    return json.dumps(kept, ensure_ascii=False)


def test_an_answer_has_a_receipt_of_what_it_retrieved_used_and_cited(
    alice: Any, memory: Memory, chat: FakeChat, ask: Callable[..., Message], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_module("conversations.turn.recall"), "KNOWLEDGE_PASSAGES", 2)
    for name in ("Ara", "Bom", "Chan", "Dan", "Eun", "Gyu", "Han", "Iseul", "Jin"):
        text = f"The instrument that {name}, a sister of Nabi, plays in the house is the cello."
        knowledge.add_knowledge(author=alice, title=f"The cello of {name}", content=text)
    chat.script(Script(tokens=("She plays the cello [3].",)))
    answer = ask("Which instrument does my sister Nabi play, the cello?")
    rows = list(answer.receipts.order_by("rank"))
    assert [row.rank for row in rows] == list(range(1, len(rows) + 1))
    about_her = next(row for row in rows if row.kind == "memory")
    assert (about_her.row_id, about_her.number, about_her.used, about_her.cited) == (memory.pk, 3, True, True)
    assert {"text", "vector", "importance", "recency"} <= about_her.parts.keys()
    passages = [row for row in rows if row.kind == "knowledge"]
    assert [row.used for row in passages] == [True] * 2 + [False] * (len(passages) - 2)
    assert len(passages) > 2
    assert not any(row.cited for row in passages)
    assert [row.number for row in passages][:3] == [1, 2, None]


def test_no_record_of_an_answer_holds_the_text_of_a_memory(
    memory: Memory, chat: FakeChat, ask: Callable[..., Message]
) -> None:
    chat.script(Script(tokens=("The cello [1].",)))
    ask("What does my sister Nabi play?")
    assert SECRET not in everywhere()


def test_a_page_of_fifty_answers_asks_once_for_all_receipts(
    alice: Any, memory: Memory, conversation: Conversation, client_of: Callable[[Any], Any]
) -> None:
    def answers(number: int) -> None:
        for _at in range(number):
            row = Message.objects.create(
                conversation=conversation, role="assistant", content="[1]", metadata={"status": "complete"}
            )
            cited = {"n": 1, "kind": "memory", "id": memory.pk, "title": ""}
            Message.objects.filter(pk=row.pk).update(metadata={"status": "complete", "citations": [cited]})
            RecallReceipt.objects.create(
                message=row,
                kind="memory",
                row_id=memory.pk,
                rank=1,
                score=0.5,
                used=True,
                cited=True,
                number=1,
            )

    def asked(number: int) -> int:
        answers(number)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            found = Message.objects.page_of(conversation, size=50)
        assert all(row.recalled.memories == 1 for row in found.rows)
        return len(queries)

    assert asked(3) == asked(47) == 5
    page = client_of(alice).get(reverse("conversations:chat", args=[conversation.pk])).content.decode()
    assert "Looked at 1 memory" in page
    assert SECRET[:40] in page  # the chip of the source says what the memory says now


def test_the_receipt_shows_three_groups_and_is_the_persons_own(
    alice: Any,
    bob: Any,
    memory: Memory,
    chat: FakeChat,
    ask: Callable[..., Message],
    client_of: Callable[[Any], Any],
    api_of: Callable[[Any], Any],
) -> None:
    knowledge.add_knowledge(author=bob, title="Cello", content="The cello has four strings.")
    chat.script(Script(tokens=("The cello [2].",)))
    answer = ask("What does my sister Nabi play, the cello?")
    address = reverse("conversations:receipts", args=[answer.conversation_id, answer.pk])
    page = client_of(alice).get(address).content.decode()
    for said in ("Cited", "Read for the answer, not cited", SECRET, "Cello", "importance"):
        assert said in page
    panel = client_of(alice).get(address, **HTMX).content.decode()
    assert "<html" not in panel
    assert client_of(bob).get(address).status_code == 404

    told = api_of(alice).get(f"/api/v1/messages/{answer.pk}/receipts/").json()["receipts"]
    mine = next(line for line in told if line["kind"] == "memory")
    assert (mine["content"], mine["state"], mine["cited"], mine["used"]) == (SECRET, "current", True, True)
    assert mine["may_change"] is True
    assert next(line for line in told if line["kind"] == "knowledge")["may_change"] is False
    assert api_of(bob).get(f"/api/v1/messages/{answer.pk}/receipts/").status_code == 404
    rows = api_of(alice).get("/api/v1/recall-receipts/", {"row_id": memory.pk}).json()["results"]
    assert [row["message"] for row in rows] == [answer.pk]
    assert api_of(bob).get("/api/v1/recall-receipts/").json()["results"] == []


def _receipt(client: Any, answer: Message, memory: Memory, **said: str) -> Any:
    receipt = answer.receipts.get(row_id=memory.pk)
    args = [answer.conversation_id, answer.pk, receipt.pk]
    return client.post(reverse("conversations:change_receipt", args=args), said, **HTMX)


def test_what_is_corrected_from_a_receipt_is_what_the_next_turn_reads(
    alice: Any,
    memory: Memory,
    chat: FakeChat,
    ask: Callable[..., Message],
    client_of: Callable[[Any], Any],
) -> None:
    answer = ask("What does my sister Nabi play?")
    part = _receipt(client_of(alice), answer, memory, do="correct", content="My sister Nabi plays the harp.")
    assert "My sister Nabi plays the harp." in part.content.decode()
    assert "<html" not in part.content.decode()
    ask("And what does my sister Nabi play?")
    read = [passage.content for passage in chat.requests[-1].passages if passage.kind == "memory"]
    assert read == ["My sister Nabi plays the harp."]


def test_the_model_is_told_when_earlier_answers_cite_what_was_forgotten(
    alice: Any, memory: Memory, chat: FakeChat, ask: Callable[..., Message]
) -> None:
    chat.script(
        Script(tokens=("The cello [1].",)), Script(tokens=("Yes.",)), Script(tokens=("I do not know.",))
    )
    ask("What does my sister Nabi play?")
    ask("Is that so?")
    assert "no longer count" not in chat.requests[-1].messages[0].content
    knowledge.forget_memory(memory=memory, by=alice)
    ask("What does my sister Nabi play?")
    assert "no longer count" in chat.requests[-1].messages[0].content


def test_what_is_forgotten_while_an_answer_waits_leaves_no_text_when_it_ends(
    alice: Any, memory: Memory, conversation: Conversation
) -> None:
    told = json.dumps({"results": [{"kind": "memory", "id": memory.pk, "snippet": SECRET}]})
    answer = Message.objects.create(
        conversation=conversation,
        role="assistant",
        content="",
        metadata={"status": "complete", "tools": [{"name": "memory_search", "result": told}]},
    )
    Message.objects.create(
        conversation=conversation, role="tool", content=told, metadata={"answer": answer.pk}
    )
    draft = {"kind": "memory", "id": memory.pk, "score": 0.5, "parts": {}, "tool": "memory_search"}
    knowledge.forget_memory(memory=memory, by=alice)
    keep_receipts(answer, [draft], numbers={("memory", memory.pk): 1}, cited=[])
    assert SECRET not in everywhere()


def test_a_correction_that_is_refused_says_why_and_keeps_what_was_typed(
    alice: Any, memory: Memory, ask: Callable[..., Message], client_of: Callable[[Any], Any]
) -> None:
    answer = ask("What does my sister Nabi play?")
    part = _receipt(client_of(alice), answer, memory, do="correct", content="x" * 2000).content.decode()
    assert 'role="alert"' in part
    assert "x" * 2000 in part
    memory.refresh_from_db()
    assert memory.content == SECRET


def test_pinning_from_a_receipt_works_with_and_without_a_script(
    alice: Any, memory: Memory, ask: Callable[..., Message], client_of: Callable[[Any], Any]
) -> None:
    answer = ask("What does my sister Nabi play?")
    client = client_of(alice)
    assert "Unpin" in _receipt(client, answer, memory, do="pin").content.decode()
    receipt = answer.receipts.get(row_id=memory.pk)
    args = [answer.conversation_id, answer.pk, receipt.pk]
    response = client.post(reverse("conversations:change_receipt", args=args), {"do": "unpin"})
    assert response.url == reverse("conversations:receipts", args=args[:2])
    memory.refresh_from_db()
    assert not memory.pinned


def test_nobody_changes_a_memory_by_anothers_receipt(
    alice: Any, bob: Any, memory: Memory, ask: Callable[..., Message], client_of: Callable[[Any], Any]
) -> None:
    answer = ask("What does my sister Nabi play?")
    assert _receipt(client_of(bob), answer, memory, do="forget").status_code == 404
    assert _receipt(client_of(alice), answer, memory, do="nonsense").status_code in (200, 404)
    assert Memory.objects.filter(pk=memory.pk).exists()


def test_what_is_forgotten_leaves_an_honest_line_and_no_text_anywhere(
    alice: Any,
    memory: Memory,
    chat: FakeChat,
    ask: Callable[..., Message],
    run_tasks: Callable[..., None],
    client_of: Callable[[Any], Any],
    api_of: Callable[[Any], Any],
) -> None:
    sync_registry()
    chat.script(
        Script(calls=(ToolCall("one", "memory_search", {"query": "sister Nabi cello"}),)),
        Script(tokens=("An instrument [1].",)),
    )
    answer = ask("What does my sister Nabi play?")
    assert SECRET in everywhere(), "the tool has told it"
    part = _receipt(client_of(alice), answer, memory, do="forget").content.decode()
    assert "A memory that was forgotten since" in part
    assert SECRET not in part
    run_tasks()
    assert SECRET not in everywhere()
    told = api_of(alice).get(f"/api/v1/messages/{answer.pk}/receipts/").json()["receipts"]
    assert [(line["state"], line["content"]) for line in told if line["kind"] == "memory"] == [
        ("forgotten", "")
    ]
    page = client_of(alice).get(reverse("conversations:chat", args=[answer.conversation_id]))
    assert SECRET[:30] not in page.content.decode()
    assert "a forgotten memory" in page.content.decode()
    ask("And what does my sister Nabi play?")
    assert [p for p in chat.requests[-1].passages if p.kind == "memory"] == []


def test_a_turn_that_waited_reads_memories_anew(
    alice: Any, memory: Memory, conversation: Conversation
) -> None:
    from conversations.turn.recall import _as_they_are_now
    from conversations.turn.state import State

    kept = {
        "number": 3,
        "kind": "memory",
        "id": memory.pk,
        "title": "",
        "content": "",
        "score": 0.5,
        "source": "",
    }
    question = Message.objects.create(conversation=conversation, role="user", content="Nabi?")
    state = State(None, conversation, alice, None, question, question, {}, "en")  # type: ignore[arg-type]
    knowledge.change_memory(memory=memory, by=alice, content="My sister Nabi plays the harp.")
    (passage,) = _as_they_are_now(state, [kept], True)
    assert (passage.number, passage.content) == (3, "My sister Nabi plays the harp.")
    assert _as_they_are_now(state, [kept], False) == []
    knowledge.forget_memory(memory=memory, by=alice)
    assert _as_they_are_now(state, [kept], True) == []


# --- Memory off --------------------------------------------------------------------------------------------
def test_off_in_a_conversation_nothing_is_recalled_and_nothing_formed(
    alice: Any,
    memory: Memory,
    conversation: Conversation,
    chat: FakeChat,
    ask: Callable[..., Message],
    client_of: Callable[[Any], Any],
) -> None:
    client, address = client_of(alice), reverse("conversations:memory", args=[conversation.pk])
    assert client.post(address, {"enabled": "0"}).status_code == 302
    conversation.refresh_from_db()
    answer = ask("What does my sister Nabi play? My name is Haneul and I live in Daejeon.")
    assert [p for p in chat.requests[-1].passages if p.kind == "memory"] == []
    assert not answer.receipts.filter(kind="memory").exists()
    assert list(Memory.objects.for_user(alice)) == [memory]
    page = client.get(reverse("conversations:chat", args=[conversation.pk])).content.decode()
    assert "Memory off here" in page
    assert "Turn memory on here" in page
    # Switched on again, it does not learn from what was said meanwhile.
    client.post(address, {"enabled": "1"})
    services.regenerate(message=fresh(answer), by=alice)
    assert (
        "Memory off here"
        not in client.get(reverse("conversations:chat", args=[conversation.pk])).content.decode()
    )


def test_what_was_said_while_memory_was_off_is_not_learnt_later(
    alice: Any,
    conversation: Conversation,
    chat: FakeChat,
    ask: Callable[..., Message],
    run_tasks: Callable[..., None],
) -> None:
    services.set_memory_enabled(conversation=conversation, by=alice, enabled=False)
    answer = ask("My name is Haneul and I live in Daejeon.")
    services.set_memory_enabled(conversation=conversation, by=alice, enabled=True)
    services.regenerate(message=answer, by=alice)
    run_tasks()
    assert not Memory.objects.for_user(alice).exists()
    chat.script(Script(tokens=("I see.",)))
    ask("I have two cats and I work as a nurse in Jeonju.")
    assert Memory.objects.for_user(alice).exists()


@pytest.mark.parametrize(
    ("text", "enabled", "why"),
    [
        ("Remember that my desk is number 14.", True, ""),
        ("Remember that my desk is number 14.", False, "Memory is off here."),
        ("Remember asdf", True, "too short"),
        ("Keep in mind", True, "no statement"),
    ],
)
def test_nobody_is_promised_a_memory_that_will_not_be_kept(
    alice: Any,
    conversation: Conversation,
    chat: FakeChat,
    language: FakeLanguage,
    ask: Callable[..., Message],
    text: str,
    enabled: bool,
    why: str,
) -> None:
    language.answers[text] = replace(language.analyse(text), intents=[("remember_this", 0.9)])
    services.set_memory_enabled(conversation=conversation, by=alice, enabled=enabled)
    ask(text)
    told = chat.requests[-1]
    assert why in told.not_kept
    assert bool(why) == bool(told.not_kept)
    assert ("never promise to remember" in told.messages[0].content) is not enabled
    assert Memory.objects.for_user(alice).exists() is (not why)


@pytest.mark.parametrize(
    ("text", "enabled", "tells"),
    [
        ("I'm allergic to peanuts and I live in Oslo.", True, True),
        ("내 생일은 5월 3일이야", True, True),
        ("내 생일은 5월 3일이야", False, False),
        ("I live in Oslo. How do I ask for leave?", True, False),
        ("나는 개발자야. 회의실 예약 방법 알려줘", True, False),
        ("Which meeting room is free?", True, False),
    ],
)
def test_an_engine_knows_whether_a_message_only_tells_what_is_remembered(
    alice: Any,
    conversation: Conversation,
    chat: FakeChat,
    ask: Callable[..., Message],
    text: str,
    enabled: bool,
    tells: bool,
) -> None:
    services.set_memory_enabled(conversation=conversation, by=alice, enabled=enabled)
    ask(text)
    assert chat.requests[-1].only_tells is tells
    assert not tells or Memory.objects.for_user(alice).exists()


@pytest.mark.parametrize(("enabled", "why"), [(True, ""), (False, "Memory is off here.")])
def test_who_asks_what_they_have_told_hears_that_memory_is_off(
    alice: Any,
    conversation: Conversation,
    chat: FakeChat,
    language: FakeLanguage,
    ask: Callable[..., Message],
    enabled: bool,
    why: str,
) -> None:
    text = "Which desk did I tell you is mine?"
    language.answers[text] = replace(language.analyse(text), intents=[("recall_memory", 0.9)])
    services.set_memory_enabled(conversation=conversation, by=alice, enabled=enabled)
    ask(text)
    assert why in chat.requests[-1].not_kept
    assert bool(why) == bool(chat.requests[-1].not_kept)


def test_off_for_a_person_no_conversation_recalls_or_learns_and_no_tool_finds(
    alice: Any,
    memory: Memory,
    conversation: Conversation,
    chat: FakeChat,
    ask: Callable[..., Message],
    client_of: Callable[[Any], Any],
) -> None:
    knowledge.set_memory(user=alice, enabled=False)
    sync_registry()
    chat.script(
        Script(calls=(ToolCall("one", "memory_search", {"query": "sister Nabi cello"}),)),
        Script(tokens=("I do not know.",)),
    )
    answer = ask("What does my sister Nabi play? I live in Daejeon.")
    assert SECRET not in everywhere()
    assert not answer.receipts.filter(kind="memory").exists()
    assert list(Memory.objects.for_user(alice)) == [memory]
    page = client_of(alice).get(reverse("conversations:chat", args=[conversation.pk])).content.decode()
    assert "Memory off" in page


def test_a_program_switches_memory_off_in_a_conversation(
    alice: Any, bob: Any, conversation: Conversation, api_of: Callable[[Any], Any]
) -> None:
    address = f"/api/v1/conversations/{conversation.pk}/"
    assert api_of(alice).get(address).json()["memory_enabled"] is True
    assert api_of(alice).patch(address, {"memory_enabled": False}).json()["memory_enabled"] is False
    conversation.refresh_from_db()
    assert conversation.memory_enabled is False
    assert api_of(bob).patch(address, {"memory_enabled": True}).status_code == 404
    made = api_of(alice).post("/api/v1/conversations/", {"memory_enabled": False})
    assert made.json()["memory_enabled"] is False


def test_what_was_said_before_everything_was_forgotten_is_not_learnt(
    alice: Any, post: Callable[..., Any], run_tasks: Callable[..., None]
) -> None:
    post("My name is Haneul and I live in Daejeon.")
    knowledge.forget_everything(user=alice, typed="alice")
    run_tasks()
    assert not Memory.objects.for_user(alice).exists()
