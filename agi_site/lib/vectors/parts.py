"""What a comparison is put together from: rows in memory, and rows that were built into an index."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, Self

import numpy as np
import numpy.typing as npt

from .packing import Matrix, Places, Vector
from .rows import Row

type Cosines = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Usual:
    """Of how many rows, their average cosine, and the standard deviation."""

    rows: int
    average: float
    deviation: float

    @classmethod
    def among(cls, cosines: Cosines) -> Self:
        """Of these cosines."""
        return (
            cls(len(cosines), float(cosines.mean()), float(cosines.std())) if len(cosines) else cls(0, 0, 0)
        )

    @classmethod
    def together(cls, several: Iterable[Self]) -> Self:
        """Of all rows of several."""
        held = [usual for usual in several if usual.rows]
        if rows := sum(usual.rows for usual in held):
            average = sum(usual.rows * usual.average for usual in held) / rows
            squares = sum(usual.rows * (usual.deviation**2 + usual.average**2) for usual in held) / rows
            return cls(rows, average, math.sqrt(max(squares - average**2, 0.0)))
        return cls(0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Middle:
    """Of how many rows, and the average of their vectors, shape (d,)."""

    rows: int
    vector: Vector

    @classmethod
    def among(cls, vectors: Matrix) -> Self:
        """Of these rows, shape (n, d)."""
        width = vectors.shape[1]
        return cls(len(vectors), vectors.mean(axis=0) if len(vectors) else np.zeros(width, np.float32))

    @classmethod
    def together(cls, several: Sequence[Self]) -> Self:
        """Of all rows of several."""
        rows = sum(middle.rows for middle in several)
        total = np.sum([middle.rows * middle.vector for middle in several], axis=0)
        return cls(rows, np.asarray(total / max(rows, 1), np.float32))


class Part(Protocol):
    """A vector compared with the rows of one place."""

    def nearest(self, limit: int) -> dict[str, float]:
        """The cosines of the `limit` nearest rows by key."""

    def of(self, keys: Sequence[str]) -> dict[str, float]:
        """The cosines of these rows, of those that were compared."""

    def usual(self) -> Usual:
        """What is usual among the rows compared."""


class Built(Protocol):
    """Many rows as they were up to some moment; a row that changed since is left out, `without` it."""

    @property
    def newest(self) -> datetime:
        """Rows written after this moment may be missing."""

    def __len__(self) -> int: ...

    def compare(self, vector: Vector, owner: int | None, among: frozenset[str] | None) -> Part:
        """A vector with all rows, or with exactly those of `owner` and with the keys `among`."""

    def middle(self, owner: int | None, among: frozenset[str] | None) -> Middle:
        """The average of the rows that `compare` would compare with; of all, rows left out still count."""

    def known(self, keys: Iterable[str]) -> set[str]:
        """Those of these rows that are here."""

    def differing(self, rows: Iterable[Row]) -> list[Row]:
        """Of these rows those that are not here with this vector and owner, as far as that can be told."""

    def without(self, keys: Iterable[str]) -> "Built":
        """The same, these rows left out."""


class Held(Protocol):
    """Rows by their places: row i of `vectors`, shape (n, d)."""

    @property
    def vectors(self) -> Matrix: ...

    def keys_at(self, places: Places) -> list[str]:
        """The keys of the rows there."""

    def places_of(self, keys: Iterable[str]) -> dict[str, int]:
        """Where these rows are, of those that are here."""


class Exact:
    """Each of certain rows compared; `places` is sorted, None means all."""

    def __init__(self, held: Held, places: Places | None, vector: Vector) -> None:
        self._held = held
        self._cosines = (held.vectors if places is None else held.vectors[places]) @ vector
        self._places = np.arange(len(self._cosines)) if places is None else places

    def nearest(self, limit: int) -> dict[str, float]:
        """See Part."""
        best = _largest(self._cosines, limit)
        return dict(zip(self._held.keys_at(self._places[best]), self._cosines[best].tolist(), strict=True))

    def of(self, keys: Sequence[str]) -> dict[str, float]:
        """See Part."""
        there = self._held.places_of(keys)
        if not there or not len(self._places):
            return {}
        places = np.fromiter(there.values(), np.int64)
        at = np.minimum(np.searchsorted(self._places, places), len(self._places) - 1)
        right = self._places[at] == places
        return {key: float(self._cosines[i]) for key, i, fits in zip(there, at, right, strict=True) if fits}

    def usual(self) -> Usual:
        """See Part."""
        return Usual.among(self._cosines)


def _largest(cosines: Cosines, limit: int) -> Places:
    """Places of the largest, in no order."""
    if len(cosines) <= limit:
        return np.arange(len(cosines))
    return np.argpartition(-cosines, limit - 1)[:limit] if limit > 0 else np.zeros(0, np.int64)
