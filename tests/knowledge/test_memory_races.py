"""What an answer, a newer memory or a forgetting does to memories loses no edit made at the same moment."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connections, transaction

from agi_site.lib import engines
from agi_site.lib.engines.embeddings import HashedEmbedding
from knowledge import indexing, services
from knowledge.models import Memory, MemoryQuestion, MemoryRelation
from knowledge.services.memory import add_access, supersede, upkeep

pytestmark = pytest.mark.django_db(transaction=True)

REACHED = 0.6  # seconds in which the other thread comes to the rows that are held


def remember(owner: Any, content: str) -> Memory:
    return services.remember(owner=owner, type="semantic", content=content)


def at_once(*acts: Callable[[], Any]) -> list[Exception]:
    """Do these things in threads with connections of their own; returns what they raised."""
    raised: list[Exception] = []

    def run(act: Callable[[], Any]) -> None:
        try:
            act()
        except Exception as error:
            raised.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=[act]) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return raised


def during(edit: Callable[[], Any], act: Callable[[], Any]) -> None:
    """`act` begins while the transaction of `edit` is still open, and can only end after it."""
    edited = threading.Event()

    def holding() -> None:
        with transaction.atomic():
            edit()
            edited.set()
            time.sleep(REACHED)

    def following() -> None:
        assert edited.wait(20)
        act()

    assert at_once(holding, following) == []


@pytest.mark.parametrize("answer", ["keep_new", "keep_old", "keep_both"])
@pytest.mark.parametrize("side", ["newer", "older"])
def test_an_answer_keeps_a_pin_set_at_the_same_moment(alice: Any, answer: str, side: str) -> None:
    older, newer = remember(alice, "Leo is my brother"), remember(alice, "I paint birds on Sundays")
    question = MemoryQuestion.objects.create(user=alice, newer=newer, older=older)
    pinned = {"newer": newer, "older": older}[side]
    during(
        lambda: services.change_memory(memory=Memory.objects.get(pk=pinned.pk), by=alice, pinned=True),
        lambda: services.answer_question(question=question, by=alice, answer=answer),
    )
    pinned.refresh_from_db()
    assert pinned.pinned
    question.refresh_from_db()
    assert question.answer == answer


@pytest.mark.parametrize("earlier", ["keep", "restore"])
def test_forgetting_keeps_a_pin_set_on_an_earlier_memory_at_the_same_moment(alice: Any, earlier: str) -> None:
    older, newer = remember(alice, "I live in Busan"), remember(alice, "I live in Seoul")
    assert MemoryRelation.objects.filter(source_memory=newer, relation_type="supersedes").exists()
    during(
        lambda: services.change_memory(memory=Memory.objects.get(pk=older.pk), by=alice, pinned=True),
        lambda: services.forget_memory(memory=newer, by=alice, earlier=earlier),
    )
    older.refresh_from_db()
    assert older.pinned
    assert older.state == ("current" if earlier == "restore" else "replaced")
    assert not Memory.objects.filter(pk=newer.pk).exists()


def test_a_contradiction_keeps_what_was_changed_since_its_memories_were_read(alice: Any) -> None:
    older, newer = remember(alice, "Leo is my brother"), remember(alice, "I paint birds on Sundays")
    for row in (older, newer):
        services.change_memory(memory=Memory.objects.get(pk=row.pk), by=alice, pinned=True)
    supersede(newer=newer, older=older)
    for row in Memory.objects.for_user(alice):
        assert row.pinned
        assert row.history


def test_a_memory_corrected_at_the_same_moment_is_judged_by_what_it_says_now(alice: Any) -> None:
    older = remember(alice, "I live in Busan")
    during(
        lambda: services.change_memory(
            memory=Memory.objects.get(pk=older.pk), by=alice, content="Leo is my brother", pinned=True
        ),
        lambda: remember(alice, "I live in Seoul"),
    )
    older.refresh_from_db()
    assert (older.state, older.pinned) == ("current", True)


def test_answers_to_questions_that_share_their_memories_never_wait_for_each_other(alice: Any) -> None:
    rows = [remember(alice, f"{text} on Sundays") for text in ("I paint", "Leo sleeps", "The shop is shut")]
    pairs = [(rows[0], rows[1]), (rows[1], rows[0]), (rows[2], rows[0]), (rows[1], rows[2])]
    asked = [MemoryQuestion.objects.create(user=alice, newer=one, older=other) for one, other in pairs]
    answers = [
        lambda one=one: services.answer_question(question=one, by=alice, answer="keep_both") for one in asked
    ]
    assert at_once(*answers) == []
    kept = sum(len(row.history) for row in Memory.objects.for_user(alice))
    assert kept == 2 * len(pairs)


def merge(one: Memory, other: Memory) -> None:
    upkeep._merge(one.user_id, *((row.pk, row.type, row.content) for row in (one, other)))


def count(one: Memory, other: Memory) -> None:
    with transaction.atomic():  # as its task does
        add_access({one.pk: 2, other.pk: 2})


def relate(one: Memory, other: Memory) -> None:
    services.relate_memories(source=one, target=other, by=one.user, relation_type="supports")


def embed(one: Memory, other: Memory) -> None:
    indexing.embed(Memory, [one.pk, other.pk], HashedEmbedding())


@pytest.mark.parametrize("write", [merge, count, relate, embed])
def test_who_writes_several_memories_waits_for_a_message_that_is_learnt_from(
    alice: Any, monkeypatch: pytest.MonkeyPatch, write: Callable[[Memory, Memory], None]
) -> None:
    """What is learnt takes memories as its sentences name them, the others take them by their keys."""
    monkeypatch.setattr(engines, "embedding", HashedEmbedding)
    one, other = remember(alice, "My brother is called Leo"), remember(alice, "I live in Busan")
    Memory.objects.update(access_count=None)
    began = threading.Event()

    def learn() -> None:
        with transaction.atomic():
            remember(alice, "I live in Seoul")
            began.set()
            time.sleep(REACHED)
            remember(alice, "My brother is called Max")

    def act() -> None:
        assert began.wait(20)
        write(one, other)

    assert at_once(learn, act) == []
    assert Memory.objects.for_user(alice).count() == 4
