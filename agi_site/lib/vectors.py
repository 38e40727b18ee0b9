"""Nearest vectors by exact cosine, over the vectors kept in a table's own `embedding` column.

Each process holds one matrix per (table, embedding engine) and keeps it fresh from the table: rows changed
since the last look are read again (by `updated_at`), rows gone are noticed by their number. The table is
asked at most once a second, so what another process wrote is seen within about a second (later where asking
itself takes long: at most a twentieth of the time goes into it); what this process wrote is seen at once
after `touch`. Vectors of another engine are never compared: a row without a vector of the asked engine is
not in its matrix.

A searchable model has the columns `embedding` (float32, little-endian, length one), `embedding_model` and
`updated_at`, and an index on the latter two.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
from django.conf import settings
from django.db import models

type Vector = npt.NDArray[np.float32]
type Matrix = npt.NDArray[np.float32]

LITTLE_ENDIAN = np.dtype("<f4")
LOOK_SECONDS = 1.0
# A transaction may commit some time after it took its timestamp, so each look reaches back this far.
OVERLAP = timedelta(seconds=30)
READ_ROWS = 2_000
# With fewer rows than this, the background helps to say what is usual.
FEW_ROWS = 200
# A row is a clear match when it stands this many standard deviations above the usual.
UNUSUAL = 3.0


def pack(vector: Vector) -> bytes:
    """A vector, shape (d,), as the bytes of a BLOB column: float32, little-endian."""
    return np.ascontiguousarray(vector, LITTLE_ENDIAN).tobytes()


def unpack(blob: bytes | memoryview) -> Vector:
    """The vector in a BLOB column, shape (d,)."""
    return np.frombuffer(blob, LITTLE_ENDIAN).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The vectors at one moment: row i of `matrix`, shape (n, d), belongs to `keys[i]` and `owners[i]`."""

    matrix: Matrix
    keys: list[str]
    owners: npt.NDArray[np.int64]
    places: dict[str, int] = field(repr=False)

    @property
    def size(self) -> int:
        """Bytes held, roughly: the matrix and about 200 for each key."""
        return self.matrix.nbytes + len(self.keys) * 200


class VectorIndex:
    """The matrix of one table for one engine. `owner` names the column to filter by, if rows have owners."""

    def __init__(
        self, model: type[models.Model], embedding_model: str, dimension: int, owner: str = ""
    ) -> None:
        self.model, self.embedding_model, self.dimension, self.owner = (
            model,
            embedding_model,
            dimension,
            owner,
        )
        self._lock = threading.Lock()
        self._next_look = 0.0
        self._newest: datetime | None = None
        self._now = self._empty()

    def _empty(self) -> Snapshot:
        return Snapshot(np.zeros((0, self.dimension), np.float32), [], np.zeros(0, np.int64), {})

    @property
    def size(self) -> int:
        """Bytes held, roughly."""
        return self._now.size

    def touch(self) -> None:
        """Look at the table before the next search."""
        self._next_look = 0.0

    def snapshot(self) -> Snapshot:
        """The vectors, looked after if it is time; readers keep what they hold."""
        if time.monotonic() >= self._next_look:
            with self._lock:
                if time.monotonic() >= self._next_look:
                    self._refresh()
        return self._now

    def _rows(self) -> "models.QuerySet[Any, Any]":
        return self.model._base_manager.filter(embedding_model=self.embedding_model)

    def _refresh(self) -> None:
        started = time.monotonic()
        self._read_changed()
        if self._rows().count() != len(self._now.keys):
            self._reconcile()
        took = time.monotonic() - started
        self._next_look = time.monotonic() + max(LOOK_SECONDS, 20 * took)

    def _read_changed(self) -> None:
        rows = self._rows()
        if self._newest is not None:
            rows = rows.filter(updated_at__gt=self._newest - OVERLAP)
        newest = rows.aggregate(newest=models.Max("updated_at"))["newest"]
        if newest is None:
            return
        if self._newest is not None and newest <= self._newest:
            # Only rows of the overlap: they were read, unless one came late, which the count tells.
            return
        self._newest = newest
        self._put(list(rows.values_list("pk", "embedding", *self._owner_column()).iterator(READ_ROWS)))

    def _reconcile(self) -> None:
        """Compare the keys: drop rows that are gone, read rows that were missed."""
        there = set(self._rows().values_list("pk", flat=True).iterator(READ_ROWS))
        if gone := self._now.places.keys() - there:
            self._now = self._without(gone)
        missed = sorted(there - self._now.places.keys())
        for at in range(0, len(missed), 500):
            chunk = self._rows().filter(pk__in=missed[at : at + 500])
            self._put(list(chunk.values_list("pk", "embedding", *self._owner_column())))

    def _owner_column(self) -> list[str]:
        return [self.owner] if self.owner else []

    def _put(self, rows: Sequence[Sequence[Any]]) -> None:
        """Take rows in, new or changed; a vector of the wrong length is left out."""
        rows = [row for row in rows if row[1] is not None and len(row[1]) == 4 * self.dimension]
        if not rows:
            return
        now = self._now
        new = [row for row in rows if row[0] not in now.places]
        matrix = np.concatenate([now.matrix, np.zeros((len(new), self.dimension), np.float32)])
        owners = np.concatenate([now.owners, np.zeros(len(new), np.int64)])
        keys = [*now.keys, *(row[0] for row in new)]
        places = dict(zip(keys, range(len(keys)), strict=True))
        for key, blob, *owner in rows:
            matrix[places[key]] = np.frombuffer(blob, LITTLE_ENDIAN)
            owners[places[key]] = owner[0] if owner else 0
        self._now = Snapshot(matrix, keys, owners, places)

    def _without(self, gone: set[str]) -> Snapshot:
        kept = [at for at, key in enumerate(self._now.keys) if key not in gone]
        keys = [self._now.keys[at] for at in kept]
        places = dict(zip(keys, range(len(keys)), strict=True))
        return Snapshot(self._now.matrix[kept], keys, self._now.owners[kept], places)

    def compare(
        self,
        vector: Vector,
        *,
        owner: int | None = None,
        among: Sequence[str] | None = None,
        background: Matrix | None = None,
    ) -> "Comparison":
        """`vector`, shape (d,), against the rows of `owner` or with the keys `among` (default: all); exact.

        `background`, shape (b, d), are vectors of texts about nothing in particular: they say what
        "unrelated" looks like where there are too few rows to tell. Raises ValueError where the vector has
        another length.
        """
        if vector.shape != (self.dimension,):
            raise ValueError(f"a vector of {self.dimension} numbers is needed, not of shape {vector.shape}")
        now = self.snapshot()
        places = _places(now, owner, among)
        cosines = (now.matrix if places is None else now.matrix[places]) @ vector
        unrelated = background @ vector if background is not None and len(cosines) < FEW_ROWS else cosines[:0]
        return Comparison(now, places, cosines, np.concatenate([cosines, unrelated]))


@dataclass(frozen=True, slots=True)
class Comparison:
    """The cosines of one query with many rows, and what is usual among them."""

    now: Snapshot
    places: npt.NDArray[np.int64] | None
    cosines: npt.NDArray[np.float32]
    usual: npt.NDArray[np.float32]

    def best(self, limit: int) -> dict[str, float]:
        """The shares of the `limit` nearest rows by key, best first."""
        if not len(self.cosines):
            return {}
        best = np.argpartition(-self.cosines, min(limit, len(self.cosines)) - 1)[:limit]
        best = best[np.argsort(-self.cosines[best], kind="stable")]
        return dict(zip(self._keys(best), self._shares(self.cosines[best]), strict=True))

    def of(self, keys: Iterable[str]) -> dict[str, float]:
        """The shares of certain rows; a row without a vector has none."""
        there = [self.now.places[key] for key in keys if key in self.now.places]
        if self.places is not None:
            at = np.searchsorted(self.places, there)
            at = np.minimum(at, max(len(self.places) - 1, 0))
            found = [
                int(i)
                for i, place in zip(at, there, strict=True)
                if len(self.places) and self.places[i] == place
            ]
        else:
            found = there
        return dict(zip(self._keys(found), self._shares(self.cosines[found]), strict=True))

    def _keys(self, at: Iterable[Any]) -> list[str]:
        return [self.now.keys[int(i) if self.places is None else int(self.places[i])] for i in at]

    def _shares(self, cosines: npt.NDArray[np.float32]) -> list[float]:
        """Where cosines lie between the usual (0) and the best (1), which may be below 1 itself."""
        if not len(cosines):
            return []
        average = float(self.usual.mean())
        spread = max(float(self.cosines.max()) - average, UNUSUAL * float(self.usual.std()), 1e-6)
        return [min(1.0, max(0.0, (float(cosine) - average) / spread)) for cosine in cosines]


def _places(now: Snapshot, owner: int | None, among: Sequence[str] | None) -> npt.NDArray[np.int64] | None:
    if owner is None and among is None:
        return None
    if among is not None:
        places = np.array(sorted(now.places[key] for key in among if key in now.places), np.int64)
    else:
        places = np.arange(len(now.keys))
    return places if owner is None else places[now.owners[places] == owner]


_indexes: "OrderedDict[tuple[str, str], VectorIndex]" = OrderedDict()
_lock = threading.Lock()


def index_of(
    model: type[models.Model], *, embedding_model: str, dimension: int, owner: str = ""
) -> VectorIndex:
    """This process's index of a table for one engine; the longest unused ones go where memory runs out."""
    wanted = (model._meta.db_table, embedding_model)
    with _lock:
        index = _indexes.get(wanted)
        if index is None or index.dimension != dimension:
            index = _indexes[wanted] = VectorIndex(model, embedding_model, dimension, owner)
        _indexes.move_to_end(wanted)
        held = sum(kept.size for kept in _indexes.values())
        while held > most_bytes() and len(_indexes) > 1:
            _key, dropped = _indexes.popitem(last=False)
            held -= dropped.size
    return index


def most_bytes() -> int:
    """How much memory all matrices of this process may hold: setting VECTOR_CACHE_BYTES, default 1 GiB."""
    return int(getattr(settings, "VECTOR_CACHE_BYTES", 1 << 30))


def touch(model: type[models.Model]) -> None:
    """This process changed vectors of `model`: look at the table before the next search."""
    with _lock:
        for (table, _engine), index in _indexes.items():
            if table == model._meta.db_table:
                index.touch()


def forget() -> None:
    """Drop all matrices of this process; the next search reads them from the tables again."""
    with _lock:
        _indexes.clear()
