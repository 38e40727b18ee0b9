"""Vectors: exact, fresh, apart by engine and by owner."""

import threading
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.utils import timezone

from agi_site.lib import vectors
from knowledge.models import Knowledge, Memory

ENGINE, DIMENSION = "test/8", 8


def _vector(*numbers: float) -> vectors.Vector:
    row = np.zeros(DIMENSION, np.float32)
    row[: len(numbers)] = numbers
    return row / np.linalg.norm(row)


def _add(title: str, *numbers: float, engine: str = ENGINE) -> Knowledge:
    return Knowledge.objects.create(
        title=title, content="-", embedding=vectors.pack(_vector(*numbers)), embedding_model=engine
    )


@pytest.fixture
def index(db: None) -> vectors.VectorIndex:
    return vectors.VectorIndex(Knowledge, ENGINE, DIMENSION)


def _best(index: vectors.VectorIndex, *numbers: float, limit: int = 10) -> list[str]:
    keys = index.compare(_vector(*numbers)).best(limit)
    titles = dict(Knowledge.objects.values_list("pk", "title"))
    return [titles.get(key, "gone") for key in keys]


def test_a_vector_survives_the_column() -> None:
    row = np.array([1.5, -2.25, 0.0], np.float32)
    assert vectors.pack(row) == b"\x00\x00\xc0\x3f\x00\x00\x10\xc0\x00\x00\x00\x00"
    assert vectors.unpack(vectors.pack(row)).tolist() == row.tolist()


def test_the_nearest_rows_come_first_and_exactly(index: vectors.VectorIndex) -> None:
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(300, DIMENSION)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    for number, row in enumerate(rows):
        Knowledge.objects.create(
            title=str(number), content="-", embedding=vectors.pack(row), embedding_model=ENGINE
        )
    query = rows[17]

    expected = [str(at) for at in np.argsort(-(rows @ query))[:10]]
    titles = dict(Knowledge.objects.values_list("pk", "title"))
    assert [titles[key] for key in index.compare(query).best(10)] == expected


def test_rows_of_another_engine_or_length_are_left_out(index: vectors.VectorIndex) -> None:
    _add("mine", 1)
    _add("other engine", 1, engine="other/8")
    Knowledge.objects.create(title="wrong length", content="-", embedding=b"\0" * 12, embedding_model=ENGINE)

    assert _best(index, 1) == ["mine"]
    with pytest.raises(ValueError, match="8 numbers"):
        index.compare(np.ones(5, np.float32))


def test_what_was_added_changed_or_deleted_is_seen_after_a_touch(index: vectors.VectorIndex) -> None:
    first, second = _add("first", 1), _add("second", 0, 1)
    assert _best(index, 1) == ["first", "second"]

    Knowledge.objects.filter(pk=first.pk).update(
        embedding=vectors.pack(_vector(0, 0, 1)), updated_at=timezone.now()
    )
    _add("third", 1)
    second.delete()
    index.touch()
    assert _best(index, 1) == ["third", "first"]
    assert _best(index, 0, 0, 1)[0] == "first"


def test_a_row_that_loses_its_vector_is_no_longer_compared(index: vectors.VectorIndex) -> None:
    row = _add("row", 1)
    assert _best(index, 1) == ["row"]
    Knowledge.objects.filter(pk=row.pk).update(embedding=None, embedding_model=None)
    index.touch()
    assert _best(index, 1) == []


def test_a_row_committed_late_is_seen_although_its_time_lies_back(index: vectors.VectorIndex) -> None:
    _add("new", 1)
    assert _best(index, 1) == ["new"]
    late = _add("late", 1)
    Knowledge.objects.filter(pk=late.pk).update(updated_at=timezone.now() - timedelta(minutes=5))
    index.touch()
    assert set(_best(index, 1)) == {"new", "late"}


def test_what_another_process_wrote_is_seen_within_a_second(
    index: vectors.VectorIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _best(index, 1) == []
    _add("theirs", 1)
    clock = vectors.index.time.monotonic() + 1.1
    monkeypatch.setattr(vectors.index.time, "monotonic", lambda: clock)
    assert _best(index, 1) == ["theirs"]


def test_searching_again_at_once_asks_the_table_nothing(
    index: vectors.VectorIndex, django_assert_num_queries: Any
) -> None:
    _add("row", 1)
    index.compare(_vector(1))
    with django_assert_num_queries(0):
        index.compare(_vector(1)).best(3)


def test_only_the_rows_of_one_owner_are_compared(alice: Any, bob: Any) -> None:
    for user in (alice, bob):
        Memory.objects.create(
            user=user,
            type="semantic",
            content="-",
            embedding=vectors.pack(_vector(1)),
            embedding_model=ENGINE,
        )
    index = vectors.VectorIndex(Memory, ENGINE, DIMENSION, "user_id")
    [key] = index.compare(_vector(1), owner=alice.pk).best(5)
    assert Memory.objects.get(pk=key).user == alice
    bobs = Memory.objects.get(user=bob).pk
    assert index.compare(_vector(1), owner=alice.pk).of([bobs]) == {}


def test_the_middle_of_no_rows_is_nothing(index: vectors.VectorIndex) -> None:
    middle = index.middle()
    assert (middle.rows, middle.vector.tolist()) == (0, [0.0] * DIMENSION)


def test_certain_rows_can_be_compared(index: vectors.VectorIndex) -> None:
    first, second = _add("first", 1), _add("second", 0, 1)
    comparison = index.compare(_vector(1), among=[first.pk, "unknown"])
    assert list(comparison.best(5)) == [first.pk]
    assert list(comparison.of([first.pk, second.pk])) == [first.pk]


def test_a_best_row_that_is_hardly_unusual_has_a_low_share(index: vectors.VectorIndex) -> None:
    _add("unrelated", 1, 1, 1, 1, 1, 1, 1, 1)
    background = np.stack([_vector(*np.roll([1, 1, 1, 0, 0, 0, 0, 0], at)) for at in range(8)])
    [far] = index.compare(_vector(1), background=background).best(1).values()
    [near] = index.compare(_vector(1, 1, 1, 1, 1, 1, 1, 1), background=background).best(1).values()
    assert far < 0.3 < 0.9 < near


def test_memory_is_bounded_by_dropping_what_was_not_used_for_longest(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors.forget()
    monkeypatch.setattr(vectors.registry, "most_bytes", lambda: 0)
    _add("row", 1)
    options = {"dimension": DIMENSION, "embedding_model": ENGINE}
    old = vectors.index_of(Knowledge, **options)
    old.compare(_vector(1))
    vectors.index_of(Memory, **options).compare(_vector(1))
    assert vectors.index_of(Knowledge, **options) is not old
    vectors.forget()


@pytest.mark.django_db(transaction=True)
def test_threads_may_search_while_rows_change() -> None:
    index = vectors.VectorIndex(Knowledge, ENGINE, DIMENSION)
    for number in range(20):
        _add(str(number), 1, number)
    failures: list[BaseException] = []

    def search() -> None:
        from django.db import connection

        try:
            for _round in range(30):
                index.touch()
                assert index.compare(_vector(1)).best(5)
        except BaseException as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=search) for _ in range(3)]
    for thread in threads:
        thread.start()
    for row in list(Knowledge.objects.all())[:10]:
        row.delete()
        _add("new", 1)
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(index.compare(_vector(1)).best(100)) == 20
