"""Hybrid search over knowledge and memory."""

from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from agi_site.lib import engines, fulltext, vectors
from agi_site.lib.engines.base import EngineError
from knowledge import services, vector_sets
from knowledge.models import Knowledge, Memory
from knowledge.search import search_knowledge, search_memory
from knowledge.search.fusion import fuse, off_the_middle

from .learning import learn_from

pytestmark = pytest.mark.django_db(transaction=True)


def test_added_knowledge_is_found_by_its_words_at_once(alice: Any) -> None:
    row = services.add_knowledge(
        author=alice, title="연차", content="연차는 매년 3월에 소멸됩니다.", source="HR"
    )
    services.add_knowledge(author=alice, title="Coffee", content="The coffee machine is on the second floor.")

    assert search_knowledge(user=alice, query="연차가 언제 소멸돼?")[0].id == row.pk
    [hit] = search_knowledge(user=alice, query="소멸")
    assert (hit.kind, hit.title, hit.source) == ("knowledge", "연차", "HR")
    assert hit.parts["text"] == 1.0
    assert ("소멸", True) in hit.highlights[0]
    assert 0 < hit.score <= 1


def test_what_came_by_two_ways_is_found_once_and_takes_no_others_place(alice: Any, run_tasks: Any) -> None:
    text = "The printer on floor 3 takes A3 paper."
    services.add_knowledge(author=alice, title="Printer", content=text)
    copies = [services.Passage("Printer", text, source) for source in ("a", "b", "c")]
    more = [services.Passage("Paper", "A3 paper is in the cellar."), services.Passage("Scanner", text)]
    services.add_many(author=alice, passages=[*copies, *more])
    run_tasks()
    titles = [hit.title for hit in search_knowledge(user=alice, query="A3 paper of the printer", limit=3)]
    assert sorted(titles) == ["Paper", "Printer", "Scanner"]


def test_the_vector_follows_by_a_task(alice: Any, run_tasks: Any) -> None:
    row = services.add_knowledge(author=alice, title="Coffee", content="The machine is on the second floor.")
    run_tasks()
    row.refresh_from_db()

    assert row.embedding_model == "fake/64"
    [hit] = search_knowledge(user=alice, query="machine")
    assert hit.parts["vector"] > 0


def test_a_row_in_the_middle_of_all_does_not_stand_before_the_one_that_answers() -> None:
    def unit(*values: float) -> vectors.Vector:
        return np.array(values, np.float32) / np.float32(np.linalg.norm(values))

    others = [unit(1, 0, np.cos(at), np.sin(at)) for at in range(60)]
    middling, answer, query = unit(1, 0, 0, 0), unit(0.6, 0.5, 0, 0), unit(0.9, 0.3, 0, 0)
    assert middling @ query > answer @ query
    left = off_the_middle(query, vectors.Middle.among(np.stack([*others, middling, answer])))
    assert answer @ left > middling @ left


def test_a_given_vector_spares_the_embedding(
    alice: Any, run_tasks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    services.add_knowledge(author=alice, title="Coffee", content="machine")
    run_tasks()
    vector = engines.embedding().embed_queries(["machine"])[0]
    search_knowledge(user=alice, query="warm up")  # the background is embedded once
    engine = engines.embedding()
    monkeypatch.setattr(engine, "embed_queries", lambda texts: pytest.fail("was embedded again"))
    assert search_knowledge(user=alice, query="machine", vector=vector)[0].parts["vector"] > 0


def test_a_vector_of_another_length_is_not_used(alice: Any, run_tasks: Any) -> None:
    services.add_knowledge(author=alice, title="Coffee", content="machine")
    run_tasks()
    [hit] = search_knowledge(user=alice, query="machine", vector=np.ones(7, np.float32))
    assert hit.parts["vector"] > 0


def test_search_goes_on_by_words_while_the_engine_is_down(
    alice: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    services.add_knowledge(author=alice, title="Coffee", content="machine")

    def down(texts: Any) -> Any:
        raise EngineError("unreachable", "No answer.", retryable=True)

    monkeypatch.setattr(engines.embedding(), "embed_queries", down)
    [hit] = search_knowledge(user=alice, query="machine")
    assert hit.parts == {"text": 1.0, "vector": 0.0}


def test_tags_and_source_narrow_both_ways_of_searching(alice: Any, run_tasks: Any) -> None:
    one = services.add_knowledge(author=alice, title="a", content="green tea", tags=["x", "y"], source="s1")
    two = services.add_knowledge(author=alice, title="b", content="more green tea", tags=["x"], source="s2")
    run_tasks()
    find = {"user": alice, "query": "green tea"}
    assert {hit.id for hit in search_knowledge(**find)} == {one.pk, two.pk}
    assert [hit.id for hit in search_knowledge(**find, tags=["x", "y"])] == [one.pk]
    assert [hit.id for hit in search_knowledge(**find, source="s2")] == [two.pk]
    assert search_knowledge(**find, tags=["z"]) == []


def test_a_time_narrows_both_ways_of_searching(alice: Any, run_tasks: Any) -> None:
    old = services.add_knowledge(author=alice, title="a", content="green tea")
    new = services.add_knowledge(author=alice, title="b", content="more green tea")
    run_tasks()
    now = timezone.now()
    Knowledge.objects.filter(pk=old.pk).update(created_at=now - timedelta(days=3))
    yesterday = now - timedelta(days=1)
    find = {"user": alice, "query": "green tea"}
    assert [hit.id for hit in search_knowledge(**find, since=yesterday)] == [new.pk]
    assert [hit.id for hit in search_knowledge(**find, until=yesterday)] == [old.pk]


def test_a_row_deleted_behind_a_large_index_gives_its_place_to_the_next(
    alice: Any, run_tasks: Any, settings: Any, tmp_path: Any
) -> None:
    settings.DATA_DIR, settings.VECTOR_INDEX_ROWS = tmp_path, 10
    vectors.forget()
    rows = [services.add_knowledge(author=alice, title="-", content=f"green tea {at}") for at in range(20)]
    run_tasks()
    Knowledge.objects.update(updated_at=timezone.now() - timedelta(hours=1))
    Knowledge.objects.filter(pk=rows[0].pk).update(updated_at=timezone.now())
    assert vector_sets.build_indexes() == 1
    vector = engines.embedding().embed_queries(["green tea"])[0]
    index = vector_sets.index_of(Knowledge, engines.embedding().name, len(vector))
    assert len(search_knowledge(user=alice, query="green tea", vector=vector, limit=8)) == 8
    assert index.is_large
    Knowledge.objects.filter(pk__in=[row.pk for row in rows[1:9]]).delete()
    assert len(search_knowledge(user=alice, query="green tea", vector=vector, limit=8)) == 8
    vectors.forget()


def test_a_narrow_search_over_very_many_rows_lists_none_of_their_keys(
    alice: Any, run_tasks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for at in range(6):
        tags = ["hot"] if at % 2 else ["cold"]
        services.add_knowledge(author=alice, title="-", content=f"green tea {at}", tags=tags)
    run_tasks()
    find: dict[str, Any] = {"user": alice, "query": "green tea", "tags": ["hot"]}
    before = [(hit.id, hit.title) for hit in search_knowledge(**find)]
    monkeypatch.setattr("knowledge.search.knowledge.MOST_AMONG", 2)
    with CaptureQueriesContext(connection) as asked:
        after = [(hit.id, hit.title) for hit in search_knowledge(**find)]
    assert sorted(after) == sorted(before)
    assert len(after) == 3
    assert any("LIMIT 3" in query["sql"] for query in asked)


def test_someone_without_the_permission_finds_nothing(alice: Any) -> None:
    from accounts.models import UserRole

    services.add_knowledge(author=alice, title="a", content="green tea")
    UserRole.objects.filter(user=alice).delete()
    nobody = type(alice).objects.get(pk=alice.pk)
    assert search_knowledge(user=nobody, query="green tea") == []


def test_a_person_finds_only_their_own_memories(alice: Any, bob: Any, run_tasks: Any) -> None:
    mine = services.remember(owner=alice, type="preference", content="I prefer tea in the morning")
    services.remember(owner=bob, type="preference", content="I prefer tea in the evening")
    run_tasks()

    assert [hit.id for hit in search_memory(user=alice, query="tea")] == [mine.pk]
    assert search_memory(user=alice, query="tea", kind="episodic") == []


def test_a_memory_forgotten_behind_a_large_index_takes_no_others_place(
    alice: Any, run_tasks: Any, settings: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.DATA_DIR, settings.VECTOR_INDEX_ROWS = tmp_path, 10
    vectors.forget()
    monkeypatch.setattr("knowledge.search.memory.POOL", 5)
    monkeypatch.setattr("knowledge.search.fusion.POOL", 5)
    said = [f"green tea number{at}" for at in range(20)]
    rows = [services.remember(owner=alice, type="semantic", content=text, gated=False) for text in said]
    run_tasks()
    Memory.objects.update(updated_at=timezone.now() - timedelta(hours=1))
    Memory.objects.filter(pk=rows[0].pk).update(updated_at=timezone.now())
    assert vector_sets.build_indexes() == 1
    find: dict[str, Any] = {"user": alice, "query": "여름", "recalled": False}
    find["vector"] = engines.embedding().embed_documents(["green tea"])[0]
    first = search_memory(**find)
    assert len(first) == 5
    Memory.objects.filter(pk__in=[hit.id for hit in first if hit.id != rows[0].pk]).delete()
    assert len(search_memory(**find)) == 5
    vectors.forget()


def test_among_equally_relevant_memories_the_important_and_recent_come_first(
    alice: Any, run_tasks: Any
) -> None:
    texts = ["I drink tea at home", "I drink tea at work", "I drink tea at night"]
    plain, weighty, old = (
        services.remember(owner=alice, type="semantic", content=text, importance=importance)
        for text, importance in zip(texts, (0.4, 0.9, 0.4), strict=True)
    )
    Memory.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(days=300))
    run_tasks()
    found = search_memory(user=alice, query="drink tea")
    assert [hit.id for hit in found] == [weighty.pk, plain.pk, old.pk]
    assert found[0].parts["importance"] == 0.9
    assert found[2].parts["recency"] < 0.01

    services.change_memory(memory=old, by=alice, pinned=True)
    assert search_memory(user=alice, query="drink tea")[0].parts["importance"] in (0.9, 1.0)


def test_a_memory_names_the_message_it_was_learnt_from(alice: Any) -> None:
    learn_from(alice, "My name is Alice.")
    [hit] = search_memory(user=alice, query="name Alice")
    assert hit.source == "message:m1"


@pytest.mark.parametrize("query", ["", "   ", "?!", "the of", "가" * 5_000, "\0", "'; --", "a" * 100_000])
def test_no_query_breaks_the_search(alice: Any, run_tasks: Any, query: str) -> None:
    services.add_knowledge(author=alice, title="Coffee", content="machine")
    services.remember(owner=alice, type="semantic", content="I live in Busan")
    run_tasks()
    assert len(search_knowledge(user=alice, query=query)) <= 1
    assert len(search_memory(user=alice, query=query)) <= 1


def test_a_search_costs_as_many_queries_over_many_rows_as_over_few(
    alice: Any, run_tasks: Any, django_assert_max_num_queries: Any
) -> None:
    for number in range(60):
        services.add_knowledge(author=alice, title="row", content=f"green tea {number}", tags=["x"])
        services.remember(owner=alice, type="semantic", content=f"I drank green tea number{number}")
    run_tasks()
    fulltext.forget_statistics()
    search_knowledge(user=alice, query="green tea")
    with django_assert_max_num_queries(6):
        assert len(search_knowledge(user=alice, query="green tea", limit=50)) == 50
    search_memory(user=alice, query="green tea", recalled=False)
    with django_assert_max_num_queries(6):
        assert len(search_memory(user=alice, query="green tea", limit=50, recalled=False)) == 50


def test_words_have_no_say_where_hardly_any_of_them_is_found() -> None:
    """A query whose words are not in the texts is answered by meaning alone."""
    by_meaning = {"meant": 1.0, "other": 0.2}
    noise = [fulltext.Match("other", 1.0, 0.02)]
    assert next(iter(fuse(noise, by_meaning))) == "meant"
    found = [fulltext.Match("other", 9.0, 0.6)]
    assert next(iter(fuse(found, by_meaning))) == "other"


def test_rows_that_answer_neither_way_are_left_out(alice: Any) -> None:
    assert fuse([], {"far": 0.05, "near": 0.8}) == {"near": (0.8, 0.0, 0.8)}
    assert Knowledge.objects.count() == 0
