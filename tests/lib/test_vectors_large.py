"""The index of a large table: built beside the work, mapped, looked after, and never more than a copy."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.utils import timezone

from agi_site.lib import vectors
from agi_site.lib.vectors import building, files
from knowledge.models import Knowledge, Memory

ENGINE, DIMENSION, ROWS = "test/16", 16, 600

pytestmark = pytest.mark.django_db


def _random(count: int, seed: int = 1) -> vectors.Matrix:
    rows = np.random.default_rng(seed).normal(size=(count, DIMENSION)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def _add(rows: vectors.Matrix, prefix: str = "row") -> list[Knowledge]:
    return Knowledge.objects.bulk_create(
        Knowledge(title=f"{prefix} {at}", content="-", embedding=vectors.pack(row), embedding_model=ENGINE)
        for at, row in enumerate(rows)
    )


def _written_long_ago(model: Any, rows: Any) -> None:
    """All but the last few, which a process reads again beside the index because they are so new."""
    long_ago = timezone.now() - timedelta(hours=1)
    model.objects.filter(pk__in=[row.pk for row in rows[:-5]]).update(updated_at=long_ago)


@pytest.fixture(autouse=True)
def small_is_large(settings: Any, tmp_path: Path) -> None:
    settings.VECTOR_INDEX_ROWS = 100
    settings.DATA_DIR = tmp_path


@pytest.fixture
def built() -> tuple[vectors.VectorIndex, vectors.Matrix, list[Knowledge]]:
    matrix = _random(ROWS)
    rows = _add(matrix)
    _written_long_ago(Knowledge, rows)
    assert vectors.keep(vectors.Rows(Knowledge, ENGINE), DIMENSION)
    return vectors.VectorIndex(Knowledge, ENGINE, DIMENSION), matrix, rows


def _folder() -> Path:
    return vectors.folder_of("knowledge", ENGINE)


def test_a_small_table_has_no_index() -> None:
    _add(_random(50))
    assert not vectors.keep(vectors.Rows(Knowledge, ENGINE), DIMENSION)
    assert not _folder().exists()


def test_the_built_index_finds_nearly_what_exact_search_finds(built: Any) -> None:
    index, matrix, rows = built
    found = 0
    for query in _random(40, seed=2):
        exact = {rows[at].pk for at in np.argsort(-(matrix @ query))[:10]}
        found += len(exact & index.compare(query).nearest(10).keys())
    assert index.is_large
    assert index.view().recent.keys == []
    assert found >= 0.95 * 400


def test_shares_mean_the_same_as_those_of_exact_search(built: Any, settings: Any) -> None:
    index, matrix, _rows = built
    settings.DATA_DIR = settings.DATA_DIR / "elsewhere"
    exact = vectors.VectorIndex(Knowledge, ENGINE, DIMENSION)
    query = matrix[17]
    by_index, exactly = index.compare(query).best(5), exact.compare(query).best(5)
    assert list(by_index) == list(exactly)
    assert list(by_index.values()) == pytest.approx(list(exactly.values()), abs=1e-3)
    assert not exact.is_large


def test_changes_are_seen_beside_the_index(built: Any) -> None:
    index, matrix, rows = built
    query = matrix[3]
    assert next(iter(index.compare(query).best(1))) == rows[3].pk

    [newer] = _add(query[None], "newer")
    Knowledge.objects.filter(pk=rows[3].pk).update(
        embedding=vectors.pack(-query), updated_at=newer.updated_at
    )
    index.touch()
    assert next(iter(index.compare(query).best(1))) == newer.pk
    assert rows[3].pk not in index.compare(query).best(20)
    assert index.compare(query).of([rows[3].pk]) == {rows[3].pk: 0.0}


def test_a_row_written_anew_as_it_was_is_left_to_the_index(built: Any) -> None:
    index, matrix, rows = built
    index.view()
    Knowledge.objects.filter(pk__in=[row.pk for row in rows[:300]]).update(updated_at=timezone.now())
    index.touch()
    assert list(index.compare(matrix[3]).best(1)) == [rows[3].pk]
    assert (index.view().recent.keys, index.view().built.hidden) == ([], frozenset())


def test_a_row_changed_and_changed_back_is_found_once(built: Any) -> None:
    index, matrix, rows = built
    for sign in (-1, 1):
        Knowledge.objects.filter(pk=rows[3].pk).update(
            embedding=vectors.pack(sign * matrix[3]), updated_at=timezone.now()
        )
        index.touch()
        assert (next(iter(index.compare(matrix[3]).best(1))) == rows[3].pk) is (sign == 1)
    assert index.view().recent.keys == [rows[3].pk]


def test_a_row_is_gone_from_what_is_read_anew(built: Any) -> None:
    index, matrix, rows = built
    index.view()
    Knowledge.objects.filter(pk=rows[3].pk).update(embedding_model="other/16", updated_at=timezone.now())
    index.touch()
    index._take([rows[3].pk])
    assert rows[3].pk not in index.compare(matrix[3]).best(20)


def test_a_row_that_is_gone_is_dropped_when_a_search_meets_it(built: Any) -> None:
    index, matrix, rows = built
    gone = rows[5].pk
    rows[5].delete()
    assert gone in index.compare(matrix[5]).best(3)
    index.drop([gone])
    assert gone not in index.compare(matrix[5]).best(3)
    assert index.compare(matrix[5]).of([gone]) == {}


def test_the_middle_is_that_of_the_rows_compared(built: Any) -> None:
    index, matrix, rows = built
    whole, some = index.middle(), index.middle(among=[row.pk for row in rows[100:160]])
    assert (whole.rows, some.rows) == (ROWS, 60)
    assert whole.vector == pytest.approx(matrix.mean(axis=0), abs=5e-3)
    assert some.vector == pytest.approx(matrix[100:160].mean(axis=0), abs=1e-6)


def test_certain_rows_are_compared_exactly(built: Any) -> None:
    index, matrix, rows = built
    some = [row.pk for row in rows[100:160]]
    found = index.compare(matrix[0], among=some).nearest(60)
    assert set(found) == set(some)
    expected = np.sort(matrix[100:160] @ matrix[0])[::-1]
    assert list(found.values()) == pytest.approx(expected.tolist(), abs=1e-5)


def test_only_the_owners_rows_are_compared(alice: Any, bob: Any) -> None:
    matrix = _random(240)
    rows = Memory.objects.bulk_create(
        Memory(
            user=(alice, bob)[at % 2],
            type="semantic",
            content="-",
            embedding=vectors.pack(row),
            embedding_model=ENGINE,
        )
        for at, row in enumerate(matrix)
    )
    _written_long_ago(Memory, rows)
    assert vectors.keep(vectors.Rows(Memory, ENGINE, "user_id"), DIMENSION)
    index = vectors.VectorIndex(Memory, ENGINE, DIMENSION, "user_id")
    found = index.compare(matrix[0], owner=bob.pk).best(200)
    assert index.is_large
    assert set(found) == set(Memory.objects.filter(user=bob).values_list("pk", flat=True))


def test_what_a_person_forgot_leaves_the_files_although_more_was_added(alice: Any) -> None:
    def memories(matrix: vectors.Matrix) -> list[Memory]:
        return Memory.objects.bulk_create(
            Memory(
                user=alice,
                type="semantic",
                content="-",
                embedding=vectors.pack(row),
                embedding_model=ENGINE,
            )
            for row in matrix
        )

    rows = vectors.Rows(Memory, ENGINE, "user_id")
    first = memories(_random(200))
    _written_long_ago(Memory, first)
    assert vectors.keep(rows, DIMENSION)
    memories(_random(3, seed=2))
    assert not vectors.keep(rows, DIMENSION)
    first[0].delete()
    assert vectors.keep(rows, DIMENSION)


@pytest.mark.parametrize("name", ["vectors.f4", "lists.faiss", "keys.s36"])
def test_a_file_cut_short_is_noticed_and_search_is_exact(built: Any, name: str) -> None:
    index, matrix, rows = built
    [place] = [path for path in _folder().iterdir() if path.is_dir()]
    (place / name).write_bytes((place / name).read_bytes()[:-100])

    assert next(iter(index.compare(matrix[9]).best(1))) == rows[9].pk
    assert not index.is_large
    assert vectors.keep(vectors.Rows(Knowledge, ENGINE), DIMENSION)
    index.touch()
    assert next(iter(index.compare(matrix[9]).best(1))) == rows[9].pk
    assert index.is_large


def test_a_build_of_another_version_is_made_anew(built: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    index, matrix, rows = built
    monkeypatch.setattr(files, "FORM", "another")
    assert next(iter(index.compare(matrix[9]).best(1))) == rows[9].pk
    assert not index.is_large
    assert vectors.keep(vectors.Rows(Knowledge, ENGINE), DIMENSION)
    index.touch()
    assert next(iter(index.compare(matrix[9]).best(1))) == rows[9].pk
    assert index.is_large


def test_rows_left_out_do_not_crowd_out_those_that_are_shown(built: Any) -> None:
    index, matrix, rows = built
    nearest = np.argsort(-(matrix @ matrix[9]))
    gone, left = nearest[:120], nearest[120:150]
    large = index.view().built.without([rows[at].pk for at in gone])
    found = large.compare(matrix[9], None, None).nearest(20)
    assert not {rows[at].pk for at in gone} & found.keys()
    assert len({rows[at].pk for at in left} & found.keys()) >= 15


def test_a_changed_byte_is_noticed_by_the_check(built: Any) -> None:
    [place] = [path for path in _folder().iterdir() if path.is_dir()]
    content = bytearray((place / "vectors.f4").read_bytes())
    content[1000] ^= 255
    (place / "vectors.f4").write_bytes(content)
    assert not files.check(_folder())
    assert files.stamp(_folder()) == 0


def test_files_that_were_lost_are_built_from_the_table(built: Any) -> None:
    index, matrix, rows = built
    vectors.discard("knowledge", ENGINE)
    assert next(iter(index.compare(matrix[9]).best(1))) == rows[9].pk
    assert vectors.keep(vectors.Rows(Knowledge, ENGINE), DIMENSION)


def test_nothing_is_built_while_little_has_changed(built: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = vectors.Rows(Knowledge, ENGINE)
    assert not vectors.keep(rows, DIMENSION)
    monkeypatch.setattr(building, "STALE_LEAST", 0)
    monkeypatch.setattr(building, "STALE_SHARE", 0.0)
    _add(_random(5, seed=9), "new")
    assert vectors.keep(rows, DIMENSION)


def test_another_process_that_builds_is_left_alone(built: Any) -> None:
    with building._alone(_folder()) as first, building._alone(_folder()) as second:
        assert (first, second) == (True, False)
    with building._alone(_folder()) as again:
        assert again


def test_centres_in_two_steps_are_as_many_as_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(building, "FLAT_LISTS", 16)
    points = _random(2_000)
    assert abs(len(building._centres(points, 100)) - 100) <= 15
