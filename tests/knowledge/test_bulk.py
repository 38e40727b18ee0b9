"""Knowledge by the hundred, as other apps bring it in."""

from collections.abc import Callable
from typing import Any

import pytest

from agi_site.lib.problems import Forbidden, Invalid
from knowledge.models import Knowledge
from knowledge.search import search_knowledge
from knowledge.services import bulk

pytestmark = pytest.mark.django_db(transaction=True)


def test_many_are_added_and_removed_in_few_statements(
    alice: Any, bob: Any, run_tasks: Any, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    given = [bulk.Passage(f"t{n}", f"content {n}", "s", ["b", "a"]) for n in range(150)]
    with django_assert_max_num_queries(20):
        rows = bulk.add_many(author=alice, passages=given)
    run_tasks()
    assert [row.title for row in rows] == [passage.title for passage in given]
    assert Knowledge.objects.exclude(embedding_model=None).count() == 150
    assert search_knowledge(user=alice, query="content 149", tags=["a"])[0].title == "t149"
    with pytest.raises(Forbidden):
        bulk.delete_many(keys=[row.pk for row in rows], by=bob)
    assert Knowledge.objects.count() == 150
    with django_assert_max_num_queries(12):
        assert bulk.delete_many(keys=[row.pk for row in rows], by=alice) == 150
    with pytest.raises(Invalid):
        bulk.add_many(author=alice, passages=[bulk.Passage("ok", "ok"), bulk.Passage("", "no title")])
    assert not Knowledge.objects.exists()


def test_places_are_noted_without_touching_anything_else(
    alice: Any, bob: Any, run_tasks: Any, django_assert_num_queries: Callable[..., Any]
) -> None:
    given = [bulk.Passage(f"t{n}", f"content {n}", metadata={"page": n, "own": n}) for n in range(3)]
    keys = [row.pk for row in bulk.add_many(author=alice, passages=given)]
    run_tasks()
    before = list(Knowledge.objects.order_by("pk").values("embedding_model", "updated_at", "content_hash"))
    places = {keys[0]: {"page": 0}, keys[1]: {"heading": "Leave"}, keys[2]: {"page": 7}}
    with pytest.raises(Forbidden):
        bulk.move_many(by=bob, places=places)
    assert bulk.move_many(by=alice, places=places) == 2
    found = list(Knowledge.objects.order_by("pk").values_list("metadata", flat=True))
    assert found == [{"page": 0, "own": 0}, {"heading": "Leave", "own": 1}, {"page": 7, "own": 2}]
    after = list(Knowledge.objects.order_by("pk").values("embedding_model", "updated_at", "content_hash"))
    assert after == before
    with django_assert_num_queries(1):
        assert bulk.move_many(by=alice, places=places) == 0
