"""Vectors in a Qdrant server: the answers of the table itself, a copy that goes on, a server that may fail.

The client's own engine in memory stands for the server; where TEST_QDRANT_URL names a real one, that runs all
of it as well.
"""

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.utils import timezone
from qdrant_client import QdrantClient

from agi_site.lib import ids, vectors
from agi_site.lib.vectors import store
from knowledge import services
from knowledge.models import Knowledge, Memory
from knowledge.search import search_knowledge

ENGINE, DIMENSION, ROWS = "test/16", 16, 300
SERVERS = [":memory:", *filter(None, [os.environ.get("TEST_QDRANT_URL")])]

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.filterwarnings("ignore:Payload indexes have no effect in the local Qdrant"),
]


@pytest.fixture(params=SERVERS)
def server(request: Any, settings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    settings.DATA_DIR = tmp_path
    settings.VECTOR_STORE_URL = request.param
    settings.VECTOR_STORE_PREFIX = f"test-{ids.uuid7()}-"
    client = QdrantClient(request.param)
    monkeypatch.setattr(store, "client", lambda: client)
    yield client
    for held in client.get_collections().collections:
        if held.name.startswith(settings.VECTOR_STORE_PREFIX):
            client.delete_collection(held.name)


def _random(count: int, seed: int = 1) -> vectors.Matrix:
    rows = np.random.default_rng(seed).normal(size=(count, DIMENSION)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def _add(matrix: vectors.Matrix, *, ago: timedelta = timedelta(hours=1)) -> list[Knowledge]:
    rows = Knowledge.objects.bulk_create(
        Knowledge(title=f"row {at}", content="-", embedding=vectors.pack(row), embedding_model=ENGINE)
        for at, row in enumerate(matrix)
    )
    then = timezone.now() - ago
    for at, row in enumerate(rows):
        Knowledge.objects.filter(pk=row.pk).update(updated_at=then + timedelta(milliseconds=at))
    return rows


def _copy(model: Any = Knowledge, owner: str = "") -> bool:
    return vectors.keep(vectors.Rows(model, ENGINE, owner), DIMENSION)


def _index(model: Any = Knowledge, owner: str = "") -> vectors.VectorIndex:
    return vectors.VectorIndex(model, ENGINE, DIMENSION, owner)


def test_the_server_finds_what_exact_search_finds(server: Any, settings: Any) -> None:
    matrix = _random(ROWS)
    rows = _add(matrix)
    assert _copy()
    by_server, query = _index().compare(matrix[17]), matrix[17]
    expected = [rows[at].pk for at in np.argsort(-(matrix @ query))[:10]]
    assert list(by_server.nearest(10)) == expected

    settings.VECTOR_STORE_URL = ""
    exactly = _index().compare(query)
    shares, exact = by_server.best(10), exactly.best(10)
    assert list(shares.values()) == pytest.approx(list(exact.values()), abs=0.1)
    assert by_server.of(expected[:3]) == pytest.approx({key: shares[key] for key in expected[:3]}, abs=1e-5)


def test_only_what_is_new_is_copied_and_what_is_gone_goes(server: Any) -> None:
    rows = _add(_random(50))
    copied = vectors.Rows(Knowledge, ENGINE)
    assert store.copy(copied, DIMENSION) == 50
    assert store.copy(copied, DIMENSION) == 0
    _add(_random(3, seed=2), ago=timedelta(minutes=1))
    assert store.copy(copied, DIMENSION) == 3
    rows[0].delete()
    assert store.copy(copied, DIMENSION) == 0
    [collection] = [
        held.name for held in server.get_collections().collections if held.name.startswith("test-")
    ]
    assert server.count(collection).count == 52


def test_a_copy_that_was_killed_goes_on_where_it_ended(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    _add(_random(90))
    monkeypatch.setattr(store, "COPIED_AT_ONCE", 20)
    written, upsert = 0, server.upsert

    def dies_after_two(name: str, points: list[Any], **options: Any) -> Any:
        nonlocal written
        if written >= 40:
            raise KeyboardInterrupt
        written += len(points)
        return upsert(name, points, **options)

    monkeypatch.setattr(server, "upsert", dies_after_two)
    rows = vectors.Rows(Knowledge, ENGINE)
    with pytest.raises(KeyboardInterrupt):
        store.copy(rows, DIMENSION)
    monkeypatch.setattr(server, "upsert", upsert)
    assert store.copy(rows, DIMENSION) == 50


def test_changes_since_the_copy_are_seen_beside_it(server: Any) -> None:
    matrix = _random(40)
    rows = _add(matrix)
    _copy()
    index = _index()
    assert next(iter(index.compare(matrix[3]).nearest(1))) == rows[3].pk
    [newer] = _add(matrix[3][None], ago=timedelta(0))
    Knowledge.objects.filter(pk=rows[3].pk).update(
        embedding=vectors.pack(-matrix[3]), updated_at=timezone.now()
    )
    index.touch()
    assert next(iter(index.compare(matrix[3]).nearest(1))) == newer.pk
    assert rows[3].pk not in index.compare(matrix[3]).nearest(30)
    index.drop([newer.pk])
    assert newer.pk not in index.compare(matrix[3]).nearest(41)


def test_only_the_owners_rows_are_compared(server: Any, alice: Any, bob: Any) -> None:
    matrix = _random(60)
    Memory.objects.bulk_create(
        Memory(
            user=(alice, bob)[at % 2],
            type="semantic",
            content="-",
            embedding=vectors.pack(row),
            embedding_model=ENGINE,
        )
        for at, row in enumerate(matrix)
    )
    Memory.objects.update(updated_at=timezone.now() - timedelta(hours=1))
    Memory.objects.filter(pk=Memory.objects.first().pk).update(updated_at=timezone.now())
    _copy(Memory, "user_id")
    index = _index(Memory, "user_id")
    bobs = set(Memory.objects.filter(user=bob).values_list("pk", flat=True))
    alices = Memory.objects.filter(user=alice).values_list("pk", flat=True)
    assert set(index.compare(matrix[0], owner=bob.pk).nearest(100)) == bobs
    assert index.compare(matrix[0], owner=bob.pk).of(alices) == {}


def test_certain_rows_can_be_compared(server: Any) -> None:
    matrix = _random(80)
    rows = _add(matrix)
    _copy()
    some = [row.pk for row in rows[10:30]]
    assert set(_index().compare(matrix[0], among=some).nearest(80)) == set(some)


def test_an_engine_that_is_not_in_use_any_more_leaves_nothing(server: Any, settings: Any) -> None:
    _add(_random(10))
    _copy()
    vectors.discard("knowledge", ENGINE)
    prefix = settings.VECTOR_STORE_PREFIX
    assert not [h for h in server.get_collections().collections if h.name.startswith(prefix)]


@pytest.mark.django_db(transaction=True)  # InnoDB's full text sees committed rows only
def test_while_the_server_is_down_search_goes_on_by_words(
    settings: Any, alice: Any, run_tasks: Any, free_tcp_port: int, tmp_path: Path
) -> None:
    settings.DATA_DIR, settings.VECTOR_STORE_URL = tmp_path, f"http://127.0.0.1:{free_tcp_port}"
    vectors.forget()
    row = services.add_knowledge(author=alice, title="Coffee", content="The machine is on the second floor.")
    run_tasks()
    [hit] = search_knowledge(user=alice, query="machine")
    assert (hit.id, hit.parts) == (row.pk, {"text": 1.0, "vector": 0.0})
    assert not _copy()
    with pytest.raises(vectors.Unavailable, match="a moment ago"):
        _index().compare(_random(1)[0])
