"""The write gate: junk is refused with a reason, facts pass."""

from typing import Any

import pytest
from django.utils import timezone

from agi_site.lib.problems import Invalid
from knowledge import services
from knowledge.models import Memory

pytestmark = pytest.mark.django_db(transaction=True)

JUNK = [
    ("Thanks!", "small_talk"),
    ("thank you so much", "small_talk"),
    ("Good morning", "small_talk"),
    ("안녕하세요", "small_talk"),
    ("네 네", "small_talk"),
    ("감사합니다!", "small_talk"),
    ("ㅋㅋㅋ", "small_talk"),
    ("알겠습니다.", "small_talk"),
    ("What is the capital of France?", "question"),
    ("How do I reset my password", "question"),
    ("연차는 언제 소멸되나요?", "question"),
    ("이 코드가 왜 느린 걸까요", "question"),
    ("Write a poem about spring", "demand"),
    ("Please summarise this document", "demand"),
    ("이 문서를 요약해 줘", "demand"),
    ("내일 날씨 알려줘", "demand"),
    ("My cat is sleeping on the keyboard", "passing"),
    ("My boss is annoying today", "passing"),
    ("Call me a taxi", "demand"),
    ("hm", "small_talk"),
    ("   ", "empty"),
    ("word " * 300, "too_long"),
]

FACTS = [
    "I prefer dark mode",
    "My name is Alice",
    "I have diabetes",
    "Call me Doctor Kim",
    "아침보다 저녁이 좋아",
    "저는 땅콩을 먹으면 안 돼요",
    "나는 매운 음식을 좋아해",
    "내 이름은 김민수야",
    "Always show the code first",
    "앞으로 표로 정리해 줘",
    "Never write more than three sentences",
    "The deploy key expires in June",
    "우리 팀은 매주 화요일 10시에 회의를 합니다",
]


@pytest.mark.parametrize(("content", "code"), JUNK)
def test_junk_is_refused_and_the_reason_is_named(alice: Any, content: str, code: str) -> None:
    with pytest.raises(Invalid) as refusal:
        services.remember(owner=alice, type="semantic", content=content)
    assert refusal.value.code == code
    assert refusal.value.errors["content"]
    assert not Memory.objects.exists()


@pytest.mark.parametrize("content", FACTS)
def test_facts_and_lasting_wishes_pass(alice: Any, content: str) -> None:
    assert services.remember(owner=alice, type="semantic", content=content).content == content


@pytest.mark.parametrize(
    "again",
    [
        "I prefer tea to coffee",
        "i prefer tea to coffee.",
        "I prefer  Tea to coffee!",
        "I preferred tea to coffee",
    ],
)
def test_what_is_remembered_already_is_refused(alice: Any, again: str) -> None:
    services.remember(owner=alice, type="preference", content="I prefer tea to coffee")
    with pytest.raises(Invalid) as refusal:
        services.remember(owner=alice, type="preference", content=again, gated=False)
    assert refusal.value.code == "duplicate"


@pytest.mark.parametrize(
    "other",
    [
        "I do not prefer tea to coffee",
        "I prefer tea to coffee at 4",
        "I prefer juice to coffee",
        "나는 차가 좋아",
    ],
)
def test_a_negation_a_number_or_another_word_makes_another_memory(alice: Any, other: str) -> None:
    services.remember(owner=alice, type="preference", content="I prefer tea to coffee")
    assert services.remember(owner=alice, type="preference", content=other)


def test_an_archived_memory_is_no_duplicate(alice: Any) -> None:
    memory = services.remember(owner=alice, type="preference", content="I prefer tea to coffee")
    Memory.objects.filter(pk=memory.pk).update(archived_at=timezone.now())
    assert services.remember(owner=alice, type="preference", content="I prefer tea to coffee.")


def test_another_persons_memory_is_no_duplicate(alice: Any, bob: Any) -> None:
    services.remember(owner=alice, type="preference", content="I prefer tea to coffee")
    assert services.remember(owner=bob, type="preference", content="I prefer tea to coffee")


def test_what_a_person_writes_down_themselves_may_be_anything_but_empty(alice: Any) -> None:
    assert services.remember(owner=alice, type="semantic", content="Why is the sky blue?", gated=False)
    with pytest.raises(Invalid):
        services.remember(owner=alice, type="semantic", content=" \n ", gated=False)
