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
