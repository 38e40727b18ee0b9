"""What a turn tells of memories: those in doubt, and what is not kept and how it would be."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.urls import reverse

from agi_site.lib.engines.fake import FakeChat, FakeLanguage, Script
from conversations.models import Message
from knowledge import services as knowledge
from knowledge.models import MemoryQuestion

pytestmark = pytest.mark.django_db(transaction=True)
ASK = "Which one holds?"


@pytest.fixture
def question(alice: Any, run_tasks: Callable[..., None]) -> MemoryQuestion:
    """Two days for one demo."""
    for day in ("Friday", "Thursday"):
        knowledge.remember(owner=alice, type="semantic", content=f"The demo is on {day}")
    run_tasks()
    return MemoryQuestion.objects.get()


def system_text(chat: FakeChat) -> str:
    return str(chat.requests[-1].messages[0].content)


def test_the_model_is_told_which_passages_are_in_doubt_until_the_person_has_answered(
    alice: Any, question: MemoryQuestion, chat: FakeChat, ask: Callable[..., Message]
) -> None:
    chat.script(Script(tokens=("Thursday or Friday?",)), Script(tokens=("Thursday.",)))
    ask("When is the demo?")
    request = chat.requests[-1]
    numbers = {passage.id: passage.number for passage in request.passages}
    pair = (numbers[question.newer_id], numbers[question.older_id])
    assert request.doubts == [pair]
    assert f"Passages [{pair[0]}] (told later) and [{pair[1]}] (told earlier)" in system_text(chat)
    knowledge.answer_question(question=question, by=alice, answer="keep_new")
    ask("When is the demo?")
    assert chat.requests[-1].doubts == []
    assert "told later" not in system_text(chat)


def test_an_answer_that_cites_one_in_doubt_leads_to_the_question_until_it_is_answered(
    alice: Any,
    question: MemoryQuestion,
    chat: FakeChat,
    ask: Callable[..., Message],
    client_of: Callable[[Any], Any],
) -> None:
    chat.script(Script(tokens=("Thursday [1] or Friday [2].",)))
    answer = ask("When is the demo?")
    address = reverse("conversations:chat", args=[answer.conversation_id])
    assert ASK in client_of(alice).get(address).content.decode()
    knowledge.answer_question(question=question, by=alice, answer="keep_both")
    assert ASK not in client_of(alice).get(address).content.decode()


def test_an_answer_that_cites_no_memory_in_doubt_asks_nothing(
    alice: Any,
    question: MemoryQuestion,
    chat: FakeChat,
    ask: Callable[..., Message],
    client_of: Callable[[Any], Any],
) -> None:
    chat.script(Script(tokens=("I don't know.",)))
    answer = ask("When is the demo?")
    page = client_of(alice).get(reverse("conversations:chat", args=[answer.conversation_id]))
    assert ASK not in page.content.decode()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("Keep your answers short.", "Say “from now on …” if it is to hold for good."),
        ("From now on keep your answers short.", ""),
    ],
)
def test_who_says_how_to_answer_hears_how_to_have_it_kept(
    chat: FakeChat, language: FakeLanguage, ask: Callable[..., Message], text: str, why: str
) -> None:
    language.answers[text] = replace(language.analyse(text), intents=[("set_preference", 0.9)])
    ask(text)
    assert chat.requests[-1].not_kept == why
