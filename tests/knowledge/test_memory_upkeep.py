"""What becomes of memories: they fade, merge, are forgotten, and say why; of the last nothing is left."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone
from django.utils.translation import override

from agi_site.lib import engines, vectors
from agi_site.lib.engines.embeddings import HashedEmbedding
from knowledge import access, gate, indexing, services
from knowledge.models import Memory, MemoryQuestion, MemoryRefusal, MemoryRelation, MemorySearch
from knowledge.search import search_memory
from knowledge.services.memory import fade_memories, merge_memories, relate_by_meaning, remove_old_refusals
from system.services.settings import set_setting

from .learning import learn_from

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _hashed(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = HashedEmbedding()
    monkeypatch.setattr(engines, "embedding", lambda: engine)
    access.forget()


def remember(owner: Any, content: str, **more: Any) -> Memory:
    return services.remember(owner=owner, **({"type": "semantic", "content": content} | more))


def aged(memory: Memory, days: int) -> Memory:
    long_ago = timezone.now() - timedelta(days=days)
    Memory.objects.filter(pk=memory.pk).update(created_at=long_ago, last_accessed=None)
    memory.refresh_from_db()
    return memory


# --- Fading ------------------------------------------------------------------------------------------------
def test_a_long_unused_memory_fades_once_in_a_period_and_says_so(alice: Any) -> None:
    memory = aged(remember(alice, "I keep bees on the roof"), 100)
    assert fade_memories() == {"faded": 1, "archived": 0}
    assert fade_memories() == {"faded": 0, "archived": 0}
    memory.refresh_from_db()
    assert memory.importance == Decimal("0.45")
    [(when, sentence)] = memory.history
    assert when is not None
    assert "0.50" in sentence
    assert "0.45" in sentence


@pytest.mark.parametrize("kept", ["pinned", "used", "new"])
def test_what_is_pinned_used_or_new_does_not_fade(alice: Any, kept: str) -> None:
    memory = remember(alice, "I keep bees on the roof", metadata={"pinned": kept == "pinned"})
    if kept != "new":
        aged(memory, 100)
    if kept == "used":
        Memory.objects.filter(pk=memory.pk).update(last_accessed=timezone.now())
    assert fade_memories() == {"faded": 0, "archived": 0}


def test_below_the_floor_it_is_archived_not_deleted_and_can_be_taken_back(
    alice: Any, bob: Any, api_of: Any
) -> None:
    memory = aged(remember(alice, "I keep bees on the roof", importance="0.2"), 100)
    assert fade_memories()["archived"] == 1
    memory.refresh_from_db()
    assert memory.state == "archived"
    assert search_memory(user=alice, query="bees roof") == []
    assert [hit.id for hit in search_memory(user=alice, query="bees roof", state="any")] == [memory.pk]
    url = f"/api/v1/memories/{memory.pk}/restore/"
    assert api_of(bob).post(url).status_code == 404
    assert api_of(alice).post(url).json()["state"] == "current"
    assert len(api_of(alice).get(f"/api/v1/memories/{memory.pk}/history/").json()) == 3
    assert [hit.id for hit in search_memory(user=alice, query="bees roof")] == [memory.pk]


def test_settings_turn_fading_and_archiving_off(alice: Any, operator: Any) -> None:
    aged(remember(alice, "I keep bees on the roof", importance="0.2"), 100)
    set_setting(category="memory", key="archive", value=False, by=operator)
    assert fade_memories() == {"faded": 1, "archived": 0}
    set_setting(category="memory", key="fade_days", value=0, by=operator)
    assert fade_memories(now=timezone.now() + timedelta(days=500)) == {"faded": 0, "archived": 0}


def test_what_need_not_fade_keeps_nobody_elses_turn(alice: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("knowledge.services.memory.upkeep.MOST_PER_RUN", 1)
    monkeypatch.setattr("knowledge.services.memory.upkeep.BATCH", 2)
    aged(remember(alice, "My locker has number seven", metadata={"pinned": True}), 100)
    rows = [aged(remember(alice, text), 100) for text in ("I keep bees on the roof", "My boat is red")]
    assert [fade_memories()["faded"] for _run in range(3)] == [1, 1, 0]
    for row in rows:
        row.refresh_from_db()
        assert row.importance == Decimal("0.45")


# --- Merging -----------------------------------------------------------------------------------------------
def twins(owner: Any) -> tuple[Memory, Memory]:
    """Two rows that say the same, as they come about where two tasks store at once."""
    one = remember(owner, "I prefer tea to coffee", metadata={"source_message": "m1"}, importance="0.4")
    other = Memory(user=owner, type="semantic", content="I prefer tea to coffee!", importance=Decimal("0.8"))
    other.metadata = {"source_message": "m2", "pinned": True}
    other.access_count = 3
    other.save(force_insert=True)
    indexing.index(other)
    indexing.embed(Memory, [one.pk, other.pk], engines.embedding())
    return one, other


def test_memories_that_say_the_same_become_one_with_the_sources_of_both(alice: Any) -> None:
    one, other = twins(alice)
    friend = remember(alice, "I drink from a blue cup")
    services.relate_memories(source=friend, target=other, by=alice, relation_type="supports")
    assert merge_memories(user_id=alice.pk) == 1
    assert merge_memories(user_id=alice.pk) == 0
    one.refresh_from_db()
    assert not Memory.objects.filter(pk=other.pk).exists()
    assert (one.importance, one.access_count, one.pinned) == (Decimal("0.80"), 3, True)
    assert [source["message"] for source in one.sources] == ["m1", "m2"]
    assert MemoryRelation.objects.filter(source_memory=friend, target_memory=one).exists()
    with override("en"):
        assert "merged" in one.history[-1][1]


@pytest.mark.parametrize("how", ["corrected", "replaced"])
def test_what_was_changed_since_it_was_compared_is_not_merged(
    alice: Any, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    _one, other = twins(alice)
    change = {"content": "I prefer juice"} if how == "corrected" else {"valid_until": timezone.now()}
    real = gate.says_the_same

    def compare(*said: Any) -> bool:
        found = real(*said)
        Memory.objects.filter(pk=other.pk).update(**change)
        return found

    monkeypatch.setattr(gate, "says_the_same", compare)
    assert merge_memories(user_id=alice.pk) == 0
    assert Memory.objects.filter(pk=other.pk).exists()


def test_a_question_about_a_merged_memory_keeps_when_it_was_asked_and_answered(alice: Any) -> None:
    one, other = twins(alice)
    older = remember(alice, "I drink from a blue cup")
    then = timezone.now() - timedelta(days=3)
    asked = MemoryQuestion.objects.create(user=alice, newer=other, older=older, answer="keep_both")
    MemoryQuestion.objects.filter(pk=asked.pk).update(created_at=then, answered_at=then)
    assert merge_memories(user_id=alice.pk) == 1
    moved = MemoryQuestion.objects.get(newer=one)
    assert (moved.answer, moved.created_at, moved.answered_at) == ("keep_both", then, then)


def test_memories_of_two_people_are_never_merged(alice: Any, bob: Any) -> None:
    one = remember(alice, "I prefer tea to coffee")
    other = remember(bob, "I prefer tea to coffee")
    indexing.embed(Memory, [one.pk, other.pk], engines.embedding())
    assert merge_memories() == 0


def test_relations_by_meaning_are_found_once(alice: Any, run_tasks: Any) -> None:
    remember(alice, "My garden has roses, tulips and lilies")
    later = remember(alice, "My garden has roses, tulips and dahlias")
    run_tasks()
    assert later.outgoing_relations.filter(relation_type="similar_to").count() == 1
    assert relate_by_meaning(ids=[later.pk]) == 0


# --- Recall ------------------------------------------------------------------------------------------------
def test_use_counts_and_its_weight_is_a_setting(alice: Any, operator: Any) -> None:
    rare = remember(alice, "The blue key opens the shed")
    often = remember(alice, "The blue key opens the cellar")
    Memory.objects.filter(pk=often.pk).update(access_count=50)
    set_setting(category="memory", key="weight_use", value=5, by=operator)
    hits = search_memory(user=alice, query="blue key", recalled=False)
    assert [hit.id for hit in hits] == [often.pk, rare.pk]
    assert hits[0].parts["use"] > hits[1].parts["use"] == 0


def test_what_happened_is_found_by_what_was_told_just_before(alice: Any, bob: Any) -> None:
    story = {"source_conversation": "c1"}
    asked = remember(alice, "Sofia wants to know about my summer holiday", type="episodic", metadata=story)
    told = remember(alice, "We rented a houseboat near Utrecht", type="episodic", metadata=story)
    remember(alice, "We rented a chainsaw near Utrecht", type="episodic", metadata={})
    hits = search_memory(user=alice, query="summer holiday", recalled=False)
    assert [hit.id for hit in hits[:2]] == [asked.pk, told.pk]
    assert hits[1].parts["context"] > 0
    assert search_memory(user=bob, query="summer holiday", recalled=False) == []


# --- Forgetting --------------------------------------------------------------------------------------------
def test_forgetting_leaves_nothing_of_the_text(alice: Any) -> None:
    secret = "My locker code is heliotrope"
    learn_from(alice, f"Remember that {secret.lower()}.", source_message="m1")
    learn_from(alice, f"Remember that {secret.lower()}!", source_message="m2")
    [memory] = Memory.objects.all()
    assert MemoryRefusal.objects.get().memory_id == memory.pk
    indexing.embed(Memory, [memory.pk], engines.embedding())
    access.note([memory.pk])
    assert search_memory(user=alice, query="heliotrope")
    services.forget_memory(memory=memory, by=alice)
    for model in (Memory, MemorySearch, MemoryRefusal, MemoryRelation):
        assert not model.objects.exists()
    assert search_memory(user=alice, query="heliotrope locker code") == []
    assert access.flush() == 0


def chain(alice: Any) -> list[Memory]:
    rows = [remember(alice, f"I live in {place}") for place in ("Busan", "Seoul", "Daegu")]
    for row in rows:
        row.refresh_from_db()
    assert [row.state for row in rows] == ["replaced", "replaced", "current"]
    return rows


@pytest.mark.parametrize(
    ("earlier", "left"),
    [("keep", ["replaced", "replaced"]), ("restore", ["replaced", "current"]), ("forget", [])],
)
def test_forgetting_what_replaced_another_says_what_happens_to_the_other(
    alice: Any, api_of: Any, earlier: str, left: list[str]
) -> None:
    newest = chain(alice)[-1]
    answer = api_of(alice).delete(f"/api/v1/memories/{newest.pk}/?earlier={earlier}")
    assert answer.status_code == 204
    rows = list(Memory.objects.order_by("pk"))
    assert [row.state for row in rows] == left
    if rows:
        assert "forgotten" in rows[-1].history[-1][1]


def test_nothing_comes_back_by_itself(alice: Any, api_of: Any) -> None:
    newest = chain(alice)[-1]
    assert [row.content for row in services.earlier_of(newest)] == ["I live in Seoul"]
    assert api_of(alice).delete(f"/api/v1/memories/{newest.pk}/?earlier=perhaps").status_code == 400
    services.forget_memory(memory=newest, by=alice)
    assert search_memory(user=alice, query="live in Seoul Busan") == []


# --- Refusals, and whose they are --------------------------------------------------------------------------
def test_refusals_go_after_some_days_and_are_their_persons_only(alice: Any, bob: Any, api_of: Any) -> None:
    remember(alice, "I prefer tea to coffee")
    learn_from(alice, "I prefer tea to coffee.")
    [shown] = api_of(alice).get("/api/v1/memory-refusals/").json()["results"]
    assert shown["reason"] == "duplicate"
    assert api_of(bob).get("/api/v1/memory-refusals/").json()["results"] == []
    assert api_of(bob).get(f"/api/v1/memory-refusals/{shown['id']}/").status_code == 404
    assert remove_old_refusals() == 0
    MemoryRefusal.objects.update(created_at=timezone.now() - timedelta(days=31))
    assert remove_old_refusals() == 1


def test_a_vector_of_a_forgotten_memory_is_in_no_index(alice: Any) -> None:
    memory = remember(alice, "My dog is called Bori")
    engine = engines.embedding()
    indexing.embed(Memory, [memory.pk], engine)
    index = vectors.index_of(Memory, embedding_model=engine.name, dimension=engine.dimension, owner="user_id")
    vector = engine.embed_documents(["My dog is called Bori"])[0]
    assert memory.pk in index.compare(vector, owner=alice.pk).best(5)
    services.forget_memory(memory=memory, by=alice)
    assert memory.pk not in index.compare(vector, owner=alice.pk).best(5)
