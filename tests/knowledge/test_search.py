"""Hybrid search over knowledge and memory."""

from typing import Any

import pytest

from knowledge import services
from knowledge.search import search_knowledge, search_memory

pytestmark = pytest.mark.django_db(transaction=True)


def test_added_knowledge_is_found_by_its_words_at_once(alice: Any) -> None:
    row = services.add_knowledge(author=alice, title="연차", content="연차는 매년 3월에 소멸됩니다.")
    services.add_knowledge(author=alice, title="Coffee", content="The coffee machine is on the second floor.")

    assert search_knowledge(user=alice, query="연차가 언제 소멸돼?")[0].id == row.pk
    [hit] = search_knowledge(user=alice, query="소멸")
    assert hit.parts["text"] == 1.0
    assert ("소멸", True) in hit.highlights[0]


def test_the_vector_follows_by_a_task(alice: Any, run_tasks: Any) -> None:
    row = services.add_knowledge(author=alice, title="Coffee", content="The machine is on the second floor.")
    run_tasks()
    row.refresh_from_db()

    assert row.embedding_model == "fake/64"
    [hit] = search_knowledge(user=alice, query="machine")
    assert hit.parts["vector"] > 0


def test_a_person_finds_only_their_own_memories(alice: Any, bob: Any, run_tasks: Any) -> None:
    mine = services.remember(owner=alice, type="preference", content="I prefer tea in the morning")
    services.remember(owner=bob, type="preference", content="I prefer tea in the evening")
    run_tasks()

    assert [hit.id for hit in search_memory(user=alice, query="tea")] == [mine.pk]
