"""Vectors in this process's memory: a whole small table, or what changed since the large index was built."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from .packing import LITTLE_ENDIAN, Matrix, Places, Vector
from .parts import Exact, Middle
from .rows import Row


@dataclass(frozen=True)
class Recent:
    """Row i of `vectors`, shape (n, d), belongs to `keys[i]` and `owners[i]`. Never changed, but replaced."""

    vectors: Matrix
    keys: list[str]
    owners: Places
    places: dict[str, int] = field(repr=False)

    @classmethod
    def empty(cls, dimension: int) -> "Recent":
        """No rows."""
        return cls(np.zeros((0, dimension), np.float32), [], np.zeros(0, np.int64), {})

    @property
    def size(self) -> int:
        """Bytes held, roughly: the matrix and about 200 for each key."""
        return self.vectors.nbytes + len(self.keys) * 200

    def with_rows(self, rows: Iterable[Row]) -> "Recent":
        """These rows, too, new or changed; a vector of the wrong length is left out."""
        width = self.vectors.shape[1]
        fitting = {row[0]: row for row in rows if len(row[1]) == 4 * width}
        if not fitting:
            return self
        new = [key for key in fitting if key not in self.places]
        keys = [*self.keys, *new]
        places = dict(zip(keys, range(len(keys)), strict=True))
        matrix = np.concatenate([self.vectors, np.zeros((len(new), width), np.float32)])
        owners = np.concatenate([self.owners, np.zeros(len(new), np.int64)])
        for key, blob, owner in fitting.values():
            matrix[places[key]] = np.frombuffer(blob, LITTLE_ENDIAN)
            owners[places[key]] = owner
        return Recent(matrix, keys, owners, places)

    def without(self, gone: Iterable[str]) -> "Recent":
        """The same without these rows."""
        dropped = self.places.keys() & set(gone)
        if not dropped:
            return self
        kept = [at for at, key in enumerate(self.keys) if key not in dropped]
        keys = [self.keys[at] for at in kept]
        places = dict(zip(keys, range(len(keys)), strict=True))
        return Recent(self.vectors[kept], keys, self.owners[kept], places)

    def compare(self, vector: Vector, owner: int | None, among: frozenset[str] | None) -> Exact:
        """A vector with all rows, or with those of `owner` and with the keys `among`."""
        return Exact(self, self._chosen(owner, among), vector)

    def middle(self, owner: int | None, among: frozenset[str] | None) -> Middle:
        """The average of those rows."""
        places = self._chosen(owner, among)
        return self._middle if places is None else Middle.among(self.vectors[places])

    @cached_property
    def _middle(self) -> Middle:
        return Middle.among(self.vectors)

    def _chosen(self, owner: int | None, among: frozenset[str] | None) -> Places | None:
        """The places of those rows in order; None means all."""
        if among is None:
            return None if owner is None else np.flatnonzero(self.owners == owner)
        places = np.array(sorted(self.places_of(among).values()), np.int64)
        return places if owner is None else places[self.owners[places] == owner]

    def keys_at(self, places: Places) -> list[str]:
        """See Held."""
        return [self.keys[at] for at in places.tolist()]

    def places_of(self, keys: Iterable[str]) -> dict[str, int]:
        """See Held."""
        return {key: self.places[key] for key in keys if key in self.places}
