"""From one embedding engine to another: side by side, whole, and without a query that fails meanwhile."""

import logging
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from django.core.management import call_command

from agi_site.lib import engines, vectors
from agi_site.lib.engines.base import EngineError
from agi_site.lib.engines.fake import FakeEmbedding
from knowledge import indexing, services, vector_sets
from knowledge.models import Knowledge, KnowledgeNextVector, VectorSet
from knowledge.search import search_knowledge

pytestmark = pytest.mark.django_db(transaction=True)

OLD, NEW = FakeEmbedding(64), FakeEmbedding(32)


@pytest.fixture(autouse=True)
def from_the_start() -> Iterator[None]:
    vector_sets.forget_known()
    vectors.forget()
    yield
    vector_sets.forget_known()
    vectors.forget()
    engines.reset()


@pytest.fixture
def switched(alice: Any, run_tasks: Any, monkeypatch: pytest.MonkeyPatch) -> list[Knowledge]:
    """Six rows with vectors of the old engine, and the new one configured."""
    texts = ["green tea", "black coffee", "cold water", "orange juice", "warm milk", "red wine"]
    rows = [services.add_knowledge(author=alice, title=text, content=f"{text} in a cup") for text in texts]
    run_tasks()
    vector_sets.settle(Knowledge)
    monkeypatch.setattr(engines, "embedding", lambda: NEW)
    vector_sets.forget_known()
    return rows


def _vector_part(alice: Any, query: str) -> float:
    return max((hit.parts["vector"] for hit in search_knowledge(user=alice, query=query)), default=0.0)


def test_the_old_vectors_answer_until_the_new_ones_are_whole(alice: Any, switched: list[Knowledge]) -> None:
    vector_sets.settle(Knowledge)
    indexing.embed(Knowledge, [row.pk for row in switched[:4]], NEW)

    assert vector_sets.progress(Knowledge) == (4, 6)
    assert vector_sets.in_use(Knowledge) == OLD.name
    assert not vector_sets.switch_when_whole(Knowledge)
    assert search_knowledge(user=alice, query="red wine")[0].id == switched[5].pk
    assert _vector_part(alice, "red wine") > 0.9

    indexing.embed(Knowledge, [row.pk for row in switched], NEW)
    assert vector_sets.switch_when_whole(Knowledge)
    assert vector_sets.in_use(Knowledge) == NEW.name
    assert search_knowledge(user=alice, query="red wine")[0].id == switched[5].pk
    assert _vector_part(alice, "red wine") > 0.9


def test_after_the_switch_the_vectors_move_into_the_rows(alice: Any, switched: list[Knowledge]) -> None:
    call_command("reembed", "knowledge", verbosity=0)
    assert set(Knowledge.objects.values_list("embedding_model", flat=True)) == {NEW.name}
    assert not KnowledgeNextVector.objects.exists()
    kept = VectorSet.objects.get(pk="knowledge")
    assert (kept.embedding_model, kept.next_model) == (NEW.name, "")
    assert kept.switched_at is not None
    row = Knowledge.objects.get(pk=switched[0].pk)
    assert np.allclose(vectors.unpack(row.embedding), NEW.embed_documents([indexing.text_of(row)])[0])
    assert _vector_part(alice, "green tea") > 0.9


def test_a_reembedding_that_was_killed_goes_on_where_it_stopped(
    switched: list[Knowledge], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexing, "BATCH", 2)
    seen: list[int] = []

    def dies(texts: Any) -> Any:
        if len(seen) == 2:
            raise KeyboardInterrupt
        seen.append(len(texts))
        return FakeEmbedding(32).embed_documents(texts)

    monkeypatch.setattr(NEW, "embed_documents", dies)
    with pytest.raises(KeyboardInterrupt):
        call_command("reembed", "knowledge", verbosity=0)
    monkeypatch.undo()
    monkeypatch.setattr(engines, "embedding", lambda: NEW)
    vector_sets.forget_known()

    assert vector_sets.progress(Knowledge) == (4, 6)
    assert vector_sets.in_use(Knowledge) == OLD.name
    call_command("reembed", "knowledge", verbosity=0)
    assert vector_sets.in_use(Knowledge) == NEW.name


def test_a_move_that_was_stopped_half_way_loses_nothing(
    alice: Any, switched: list[Knowledge], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vector_sets, "MOVED_AT_ONCE", 2)
    vector_sets.settle(Knowledge)
    indexing.embed(Knowledge, [row.pk for row in switched], NEW)
    vector_sets.switch_when_whole(Knowledge)
    rounds: list[int] = []

    def check() -> None:
        rounds.append(1)
        if len(rounds) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        vector_sets.move_in(Knowledge, check=check)
    assert KnowledgeNextVector.objects.count() == 4
    vectors.forget()
    for row in switched:
        assert search_knowledge(user=alice, query=row.title)[0].id == row.pk
        assert _vector_part(alice, row.title) > 0.5
    vector_sets.move_in(Knowledge)
    assert not KnowledgeNextVector.objects.exists()


def test_new_rows_get_both_vectors_meanwhile(alice: Any, switched: list[Knowledge], run_tasks: Any) -> None:
    vector_sets.settle(Knowledge)
    row = services.add_knowledge(author=alice, title="beer", content="dark beer")
    run_tasks()
    row.refresh_from_db()
    assert row.embedding_model == OLD.name
    assert KnowledgeNextVector.objects.get(pk=row.pk).embedding_model == NEW.name
    assert search_knowledge(user=alice, query="dark beer")[0].parts["vector"] > 0.9


def test_a_changed_text_loses_both_vectors(alice: Any, switched: list[Knowledge], run_tasks: Any) -> None:
    vector_sets.settle(Knowledge)
    indexing.embed(Knowledge, [row.pk for row in switched], NEW)
    services.change_knowledge(knowledge=switched[0], by=alice, content="mint tea")
    assert not KnowledgeNextVector.objects.filter(pk=switched[0].pk).exists()
    run_tasks()
    assert KnowledgeNextVector.objects.filter(pk=switched[0].pk).exists()
    switched[0].refresh_from_db()
    assert switched[0].embedding_model == OLD.name


def test_a_given_vector_of_the_new_engine_is_not_compared_with_old_vectors(
    alice: Any, switched: list[Knowledge], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even where both engines give as many numbers."""
    same_size = FakeEmbedding(64)
    same_size.name = "fake/other-64"
    monkeypatch.setattr(engines, "embedding", lambda: same_size)
    monkeypatch.setattr(engines, "embedding_named", lambda name: OLD if name == OLD.name else same_size)
    wrong = -OLD.embed_queries(["red wine"])[0]
    hit = search_knowledge(user=alice, query="red wine", vector=wrong)[0]
    assert hit.id == switched[5].pk
    assert hit.parts["vector"] > 0.9


def test_where_the_old_engine_is_lost_words_and_new_vectors_answer(
    alice: Any,
    switched: list[Knowledge],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    vector_sets.settle(Knowledge)
    indexing.embed(Knowledge, [switched[0].pk], NEW)

    def lost(texts: Any) -> Any:
        raise EngineError("unreachable", "No answer.", retryable=True)

    broken = FakeEmbedding(64)
    monkeypatch.setattr(broken, "embed_queries", lost)
    monkeypatch.setattr(engines, "embedding_named", lambda name: broken if name == OLD.name else NEW)
    with caplog.at_level(logging.WARNING):
        tea = search_knowledge(user=alice, query="green tea")[0]
        wine = search_knowledge(user=alice, query="red wine")[0]
    assert (tea.id, wine.id) == (switched[0].pk, switched[5].pk)
    assert tea.parts["vector"] > 0
    assert wine.parts["vector"] == 0
    assert "cannot be had" in caplog.text


def test_the_status_says_how_far_it_is(switched: list[Knowledge], capsys: pytest.CaptureFixture[str]) -> None:
    vector_sets.settle(Knowledge)
    indexing.embed(Knowledge, [switched[0].pk], NEW)
    call_command("reembed", "knowledge", "--status")
    out = capsys.readouterr().out
    assert "1 of 6 rows have a vector of fake/32" in out
    assert "those of fake/64 answer" in out


def test_the_admin_shows_the_progress(switched: list[Knowledge], admin_client: Any) -> None:
    vector_sets.settle(Knowledge)
    indexing.embed(Knowledge, [switched[0].pk], NEW)
    page = admin_client.get("/admin/knowledge/vectorset/")
    assert page.status_code == 200
    assert "1 of 6" in page.content.decode()
