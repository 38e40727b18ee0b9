"""Vectors in a Qdrant server, for tables that outgrow a machine: setting VECTOR_STORE_URL.

A collection holds one engine's vectors of one table. A point is a row: the row's key is its id, and its
payload are `owner` and `written`, the microsecond at which the row was written. Rows are copied in the order
of these, so the latest point says how far the copy goes: nothing else is kept of it, and a copy that was
killed goes on where it ended. The table stays the truth; the server may be emptied at any time.
"""

import functools
import logging
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import batched, islice
from typing import Any

import numpy as np
from django.conf import settings

from .packing import LITTLE_ENDIAN, Matrix, Vector
from .parts import Middle, Part, Usual
from .rows import Row, Rows

logger = logging.getLogger(__name__)

TIMEOUT_SECONDS = 5
DOWN_SECONDS = 10.0  # a server that failed is not asked again for so long
COPIED_AT_ONCE = 500
ASKED_AT_ONCE = 5_000  # ids in one question
SAMPLE, SAMPLES_KEPT = 256, 64
MOST_ASKED = 4_096
OVERLAP = timedelta(seconds=30)
MICROSECOND = timedelta(microseconds=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_down_until: dict[str, float] = {}


class Unavailable(Exception):
    """The server does not answer, or not as it should."""


def configured() -> bool:
    """Whether vectors are to be searched in a server."""
    return bool(settings.VECTOR_STORE_URL)


def client() -> Any:
    """The connection of this process to the server."""
    return _client(os.getpid(), settings.VECTOR_STORE_URL, settings.VECTOR_STORE_API_KEY)


@functools.lru_cache(maxsize=1)
def _client(_process: int, url: str, key: str) -> Any:
    from qdrant_client import QdrantClient

    return QdrantClient(url, api_key=key or None, timeout=TIMEOUT_SECONDS, check_compatibility=False)


@contextmanager
def _asking() -> Iterator[Any]:
    """The connection, and its failures as Unavailable; after one nobody waits for the next for some time."""
    from qdrant_client.common.client_exceptions import QdrantException
    from qdrant_client.http.exceptions import ApiException

    if time.monotonic() < _down_until.get(settings.VECTOR_STORE_URL, 0.0):
        raise Unavailable("the vector store failed a moment ago")
    try:
        yield client()
    except (ApiException, QdrantException, OSError) as error:
        _down_until[settings.VECTOR_STORE_URL] = time.monotonic() + DOWN_SECONDS
        raise Unavailable(f"the vector store: {type(error).__name__}") from error


@dataclass(frozen=True)
class Stored:
    """The rows of a collection; `hidden` are those left out."""

    collection: str
    dimension: int
    newest: datetime
    count: int
    hidden: frozenset[str] = frozenset()
    samples: "dict[int | None, Matrix]" = field(default_factory=dict)

    def __len__(self) -> int:
        return self.count

    def compare(self, vector: Vector, owner: int | None, among: frozenset[str] | None) -> Part:
        """See Built."""
        return Asked(self, vector, owner, None if among is None else among - self.hidden)

    def middle(self, owner: int | None, among: frozenset[str] | None) -> Middle:
        """See Built; from a sample, and among certain rows from one of all."""
        sample = self.sample(owner)
        whole = len(sample) == SAMPLE and among is None
        return replace(Middle.among(sample), rows=self.count) if whole else Middle.among(sample)

    def known(self, keys: Iterable[str]) -> set[str]:
        """See Built; rows that are not there, too: to leave those out does no harm."""
        return set(keys) - self.hidden

    def differing(self, rows: Iterable[Row]) -> list[Row]:
        """See Built; all of them, as their vectors are the server's."""
        return list(rows)

    def without(self, keys: Iterable[str]) -> "Stored":
        """See Built."""
        return replace(self, hidden=self.hidden | frozenset(keys))

    def sample(self, owner: int | None) -> Matrix:
        """Vectors of some rows, of `owner` or of all, to tell what is usual: the same for some time."""
        if owner not in self.samples:
            if len(self.samples) >= SAMPLES_KEPT:
                self.samples.clear()
            self.samples[owner] = self._sample(owner)
        return self.samples[owner]

    def _sample(self, owner: int | None) -> Matrix:
        from qdrant_client import models

        with _asking() as server:
            found = server.query_points(
                self.collection,
                query=models.SampleQuery(sample=models.Sample.RANDOM),
                query_filter=_filter(owner),
                limit=SAMPLE,
                with_vectors=True,
                with_payload=False,
            )
        rows = [point.vector for point in found.points]
        return np.array(rows, np.float32).reshape(len(rows), self.dimension)


class Asked:
    """A vector compared with the rows of a collection, by the server."""

    def __init__(
        self, stored: Stored, vector: Vector, owner: int | None, among: frozenset[str] | None
    ) -> None:
        self._stored, self._vector, self._owner, self._among = stored, vector, owner, among

    def nearest(self, limit: int) -> dict[str, float]:
        """See Part; more are asked for where rows left out crowd the others out."""
        if self._among is None:
            return self._ask(limit, None)
        found: dict[str, float] = {}
        for some in batched(sorted(self._among), ASKED_AT_ONCE):
            found |= self._ask(limit, some)
        return found

    def _ask(self, limit: int, among: Sequence[str] | None) -> dict[str, float]:
        hidden = self._stored.hidden
        asked = limit if not hidden else 2 * limit
        while True:
            with _asking() as server:
                found = server.query_points(
                    self._stored.collection,
                    query=self._vector.tolist(),
                    query_filter=_filter(self._owner, among),
                    limit=asked,
                    with_payload=False,
                ).points
            kept = {point.id: point.score for point in found if point.id not in hidden}
            if len(kept) >= limit or asked >= MOST_ASKED or len(found) < asked:
                return dict(islice(kept.items(), limit))
            asked *= 4

    def of(self, keys: Sequence[str]) -> dict[str, float]:
        """See Part."""
        wanted = [
            key
            for key in keys
            if key not in self._stored.hidden and (self._among is None or key in self._among)
        ]
        found: dict[str, float] = {}
        for some in batched(wanted, COPIED_AT_ONCE):
            with _asking() as server:
                points = server.retrieve(self._stored.collection, some, with_vectors=True)
            for point in points:
                if self._owner is None or point.payload["owner"] == self._owner:
                    found[point.id] = float(np.array(point.vector, np.float32) @ self._vector)
        return found

    def usual(self) -> Usual:
        """See Part; from a sample, and among certain rows from one of all."""
        usual = Usual.among(self._stored.sample(self._owner) @ self._vector)
        return replace(usual, rows=usual.rows if usual.rows < SAMPLE else len(self._stored))


def opened(table: str, embedding_model: str, dimension: int) -> Stored | None:
    """The collection as it is now; None while nothing was copied. Raises Unavailable."""
    name = _collection(table, embedding_model)
    with _asking() as server:
        if not server.collection_exists(name):
            return None
        latest = _latest(server, name)
        if latest is None:
            return None
        return Stored(name, dimension, latest, server.count(name, exact=False).count)


def copy(rows: Rows, dimension: int, *, anew: bool = False) -> int:
    """Bring the collection up to date with the table; how many rows were written. Raises Unavailable."""
    from qdrant_client import models

    name, written = _collection(rows.model._meta.db_table, rows.embedding_model), 0
    with _asking() as server:
        if anew:
            server.delete_collection(name)
        _make(server, name, dimension)
        latest = _latest(server, name)
        for some in batched(rows.written(latest - OVERLAP if latest else None), COPIED_AT_ONCE):
            there = _moments(server, name, [row[0] for row in some]) if latest else {}
            points = [
                models.PointStruct(
                    id=key,
                    vector=np.frombuffer(blob, LITTLE_ENDIAN).tolist(),
                    payload={"owner": owner, "written": _microseconds(moment)},
                )
                for key, blob, owner, moment in some
                if len(blob) == LITTLE_ENDIAN.itemsize * dimension and there.get(key) != _microseconds(moment)
            ]
            if points:
                server.upsert(name, points, wait=True)
                written += len(points)
        if server.count(name).count != rows.count():
            _remove_gone(server, name, rows.keys())
    return written


def remove(table: str, embedding_model: str) -> None:
    """Delete the vectors of an engine that is not in use any more, if the server answers."""
    try:
        with _asking() as server:
            server.delete_collection(_collection(table, embedding_model))
    except Unavailable as error:
        logger.warning("the former vectors of %s stay in the vector store: %s", table, error)


def _collection(table: str, embedding_model: str) -> str:
    from .files import folder_of

    return f"{settings.VECTOR_STORE_PREFIX}{table}-{folder_of(table, embedding_model).name}"


def _make(server: Any, name: str, dimension: int) -> None:
    from qdrant_client import models

    if not server.collection_exists(name):
        vectors = models.VectorParams(size=dimension, distance=models.Distance.DOT, on_disk=True)
        server.create_collection(name, vectors_config=vectors)
    for payload in ("owner", "written"):
        server.create_payload_index(name, payload, models.PayloadSchemaType.INTEGER, wait=True)


def _latest(server: Any, name: str) -> datetime | None:
    """When the row that was copied last was written."""
    from qdrant_client import models

    order = models.OrderBy(key="written", direction=models.Direction.DESC)
    points, _next = server.scroll(name, limit=1, order_by=order, with_payload=["written"])
    return EPOCH + points[0].payload["written"] * MICROSECOND if points else None


def _moments(server: Any, name: str, keys: list[str]) -> dict[str, int]:
    """When those of these rows that are there were written, as they were copied."""
    found = server.retrieve(name, keys, with_payload=["written"])
    return {point.id: point.payload["written"] for point in found}


def _microseconds(moment: datetime) -> int:
    return (moment - EPOCH) // MICROSECOND


def _remove_gone(server: Any, name: str, there: set[str]) -> None:
    for some in batched([key for key in _ids(server, name) if key not in there], ASKED_AT_ONCE):
        server.delete(name, list(some), wait=True)


def _ids(server: Any, name: str) -> Iterator[str]:
    offset: Any = None
    while True:
        points, offset = server.scroll(name, limit=ASKED_AT_ONCE, offset=offset, with_payload=False)
        yield from (point.id for point in points)
        if offset is None:
            return


def _filter(owner: int | None, among: Sequence[str] | None = None) -> Any:
    from qdrant_client import models

    if owner is None and among is None:
        return None
    must: list[Any] = []
    if owner is not None:
        must.append(models.FieldCondition(key="owner", match=models.MatchValue(value=owner)))
    if among is not None:
        must.append(models.HasIdCondition(has_id=list(among)))
    return models.Filter(must=must)
