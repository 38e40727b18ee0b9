"""The rows of a large table in one build of its index, mapped into memory by all processes of a machine."""

import ctypes
import math
import os
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .packing import Matrix, Places, Vector
from .parts import Cosines, Exact, Middle, Part, Usual
from .rows import Row

KEY = np.dtype("S36")
MOST_PROBED = 4_096
# So many times the asked number, and at least so many, are taken from the lists and compared exactly.
COMPARED, LEAST_COMPARED = 1.5, 50
QUERY_BITS = 4  # of each number of the question, while lists are read
MADV_POPULATE_READ = 22  # Linux 5.14; elsewhere pages are mapped as searches come to them
MAPPED_SHARE = 4  # of the machine's memory one index may fill a quarter at once


@dataclass(frozen=True)
class Lists:
    """The inverted lists of a build, opened at the first search, and the vectors that they abridge."""

    path: Path
    vectors: Matrix
    probes: int
    effort: int

    @cached_property
    def _index(self) -> Any:
        import faiss

        faiss.omp_set_num_threads(1)  # a search is short; threads would only get in each other's way
        index: Any = faiss.read_index(str(self.path), faiss.IO_FLAG_MMAP)
        # Or each search would start up to 32 threads to read its lists ahead, which takes longer than itself.
        inner: Any = faiss.downcast_index(index.index)
        lists: Any = faiss.downcast_InvertedLists(inner.invlists)
        lists.prefetch_nthread = 0
        _map_soon(int(lists.ptr), int(lists.totsize))
        _map_soon(self.vectors.ctypes.data, self.vectors.nbytes)
        return index

    def nearest(self, vector: Vector, limit: int) -> tuple[Places, Cosines]:
        """About the `limit` nearest rows: their places and cosines, best first."""
        return nearest(self._index, self.vectors, vector, limit, self.probes, self.effort)


@dataclass(frozen=True)
class Large:
    """Row i of `vectors` belongs to `keys[i]` and `owners[i]`; `hidden` are places of rows left out."""

    lists: Lists
    newest: datetime
    names: npt.NDArray[np.bytes_]
    owners: Places
    vectors: Matrix
    order: Places
    average: Vector
    covariance: Matrix
    hidden: frozenset[int] = frozenset()

    def __len__(self) -> int:
        return len(self.names)

    def compare(self, vector: Vector, owner: int | None, among: frozenset[str] | None) -> Part:
        """See Built."""
        places = self._chosen(owner, among)
        return Probed(self, vector) if places is None else Exact(self, places, vector)

    def middle(self, owner: int | None, among: frozenset[str] | None) -> Middle:
        """See Built."""
        places = self._chosen(owner, among)
        return Middle(len(self), self.average) if places is None else Middle.among(self.vectors[places])

    def _chosen(self, owner: int | None, among: frozenset[str] | None) -> Places | None:
        """The places of certain rows in order; None means all."""
        if among is not None:
            places = np.array(sorted(self.places_of(among).values()), np.int64)
            return places if owner is None else places[self.owners[places] == owner]
        return None if owner is None else self.visible(np.flatnonzero(self.owners == owner))

    def known(self, keys: Iterable[str]) -> set[str]:
        """See Built."""
        return set(self.places_of(keys))

    def differing(self, rows: Iterable[Row]) -> list[Row]:
        """See Built."""
        asked = list(rows)
        places = self.places_of(key for key, _blob, _owner in asked)
        return [row for row in asked if row[0] not in places or not self._is_at(places[row[0]], row)]

    def _is_at(self, place: int, row: Row) -> bool:
        _key, blob, owner = row
        return int(self.owners[place]) == owner and self.vectors[place].tobytes() == blob

    def without(self, keys: Iterable[str]) -> "Large":
        """See Built."""
        gone = self.places_of(keys).values()
        return replace(self, hidden=self.hidden | frozenset(gone)) if gone else self

    def keys_at(self, places: Places) -> list[str]:
        """See Held."""
        return [name.decode() for name in self.names[places].tolist()]

    def places_of(self, keys: Iterable[str]) -> dict[str, int]:
        """See Held."""
        asked = list(keys)
        if not asked:
            return {}
        wanted = np.array([key.encode() for key in asked], KEY)
        at = np.minimum(np.searchsorted(self.names, wanted, sorter=self.order), len(self.names) - 1)
        places = self.order[at]
        there = self.names[places] == wanted
        found = zip(asked, places.tolist(), there, strict=True)
        return {key: place for key, place, right in found if right and place not in self.hidden}

    def visible(self, places: Places) -> Places:
        """Of these places those of rows that are not left out."""
        shown = self.shows(places)
        return places if shown is None else places[shown]

    def shows(self, places: Places) -> npt.NDArray[np.bool_] | None:
        """For each place whether its row is not left out; None where no row is."""
        if not self.hidden:
            return None
        left_out = self._hidden_in_order
        at = np.minimum(np.searchsorted(left_out, places), len(left_out) - 1)
        shown: npt.NDArray[np.bool_] = left_out[at] != places
        return shown

    @cached_property
    def _hidden_in_order(self) -> Places:
        return np.array(sorted(self.hidden), np.int64)

    def usual(self, vector: Vector) -> Usual:
        """Mean and standard deviation of the cosines with all rows; exact, without looking at them."""
        deviation = math.sqrt(max(float(vector @ self.covariance @ vector), 0.0))
        return Usual(len(self), float(self.average @ vector), deviation)


class Probed:
    """A vector compared with all rows, but only with those of the nearest lists to find the nearest."""

    def __init__(self, large: Large, vector: Vector) -> None:
        self._large, self._vector = large, vector

    def nearest(self, limit: int) -> dict[str, float]:
        """See Part; more are asked for where rows left out crowd the others out."""
        large, asked = self._large, limit
        if large.hidden:
            asked *= 2
        while True:
            places, cosines = large.lists.nearest(self._vector, asked)
            shown = large.shows(places)
            if shown is not None:
                places, cosines, of = places[shown], cosines[shown], len(places)
                if len(places) < limit and asked < MOST_PROBED and of >= asked:
                    asked *= 4
                    continue
            keys = large.keys_at(places[:limit])
            return dict(zip(keys, cosines[:limit].tolist(), strict=True))

    def of(self, keys: Sequence[str]) -> dict[str, float]:
        """See Part."""
        there = self._large.places_of(keys)
        cosines = self._large.vectors[list(there.values())] @ self._vector
        return dict(zip(there, cosines.tolist(), strict=True))

    def usual(self) -> Usual:
        """See Part."""
        return self._large.usual(self._vector)


def _map_soon(address: int, size: int) -> None:
    """Let a thread map the pages of a file that others have in memory, before searches come to each."""
    if size > os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // MAPPED_SHARE:
        return
    advise = ctypes.CDLL(None).madvise  # which lets other threads go on
    given = (ctypes.c_void_p(address), ctypes.c_size_t(size), MADV_POPULATE_READ)
    threading.Thread(target=advise, args=given, name="vector-mapping", daemon=True).start()


def nearest(
    lists: Any, vectors: Matrix, vector: Vector, limit: int, probes: int, effort: int
) -> tuple[Places, Cosines]:
    """Places and cosines of the rows nearest to a vector, best first, as far as the lists find them.

    The lists hold two bits of each number (RaBitQ), so they are small and quickly read; what they find is
    compared exactly, and there is more of it than was asked for, for their order is not quite right.
    """
    import faiss

    known: Any = faiss  # its type stubs do not know these
    how = known.IVFRaBitQSearchParameters()
    how.nprobe, how.qb = probes, QUERY_BITS
    if effort:
        wide = known.SearchParametersHNSW(efSearch=effort)  # `how` does not keep it alive
        how.quantizer_params = wide
    asked = np.ascontiguousarray(vector.reshape(1, -1), np.float32)
    turned = known.SearchParametersPreTransform(index_params=how)
    _inexact, found = lists.search(asked, max(LEAST_COMPARED, int(COMPARED * limit)), params=turned)
    places = found[0][found[0] >= 0]
    cosines = vectors[places] @ asked[0]
    best = np.argsort(-cosines, kind="stable")[:limit]
    return places[best], cosines[best]
