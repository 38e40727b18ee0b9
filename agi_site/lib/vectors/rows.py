"""The vectors of one engine in the database: in the rows themselves, or in the table beside them."""

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import models

READ_ROWS = 2_000
CHUNK = 500

type Row = tuple[str, bytes, int]
type Written = tuple[str, bytes, int, datetime]


@dataclass(frozen=True, slots=True)
class Rows:
    """A searchable table, as one engine's vectors see it.

    The table has the columns `embedding` (float32, little-endian, length one), `embedding_model` and
    `updated_at`, and an index on the latter two; `owner` names the column of the owner's number, if rows have
    owners. `beside` is the table with the vectors of an engine that follows (one-to-one `row`, the same
    columns): a row's vector stands in one of the two, and is moved from there to here.
    """

    model: type[models.Model]
    embedding_model: str
    owner: str = ""
    beside: type[models.Model] | None = None

    def _sources(self) -> Iterator[tuple["models.QuerySet[Any, Any]", str, str]]:
        # Beside first: a row that is moved between the two reads is then seen twice, not never.
        if self.beside is not None:
            owner = f"row__{self.owner}" if self.owner else ""
            yield self.beside._base_manager.filter(embedding_model=self.embedding_model), "row_id", owner
        yield self.model._base_manager.filter(embedding_model=self.embedding_model), "pk", self.owner

    def everything(self) -> Iterator[Row]:
        """(key, vector's bytes, owner or 0) of every row, in no order; a row may come twice."""
        for rows, key, owner in self._sources():
            yield from _read(rows, key, owner)

    def among(self, keys: Iterable[str]) -> Iterator[Row]:
        """The same of certain rows."""
        wanted = list(keys)
        for rows, key, owner in self._sources():
            for at in range(0, len(wanted), CHUNK):
                yield from _read(rows.filter(**{f"{key}__in": wanted[at : at + CHUNK]}), key, owner)

    def written(self, since: datetime | None) -> Iterator[Written]:
        """(key, vector's bytes, owner or 0, moment) of rows written after `since`, in order of the moment."""
        sources = [_read_in_order(rows, key, owner, since) for rows, key, owner in self._sources()]
        return heapq.merge(*sources, key=lambda row: row[3])

    def changed(self, since: datetime) -> dict[str, datetime]:
        """Keys of rows whose vector was written after `since`, with the moment."""
        found: dict[str, datetime] = {}
        for rows, key, _owner in self._sources():
            found |= dict(rows.filter(updated_at__gt=since).values_list(key, "updated_at"))
        return found

    def emptied(self, since: datetime) -> set[str]:
        """Keys of rows that changed after `since` and have no vector now."""
        rows = self.model._base_manager.filter(embedding_model__isnull=True, updated_at__gt=since)
        return set(rows.values_list("pk", flat=True))

    def newest(self) -> datetime | None:
        """When a vector was written last."""
        newest = models.Max("updated_at")
        moments = [rows.aggregate(newest=newest)["newest"] for rows, _key, _owner in self._sources()]
        return max((moment for moment in moments if moment is not None), default=None)

    def keys(self) -> set[str]:
        """The keys of all rows with a vector; long for a large table."""
        found: set[str] = set()
        for rows, key, _owner in self._sources():
            found.update(rows.values_list(key, flat=True).iterator(READ_ROWS))
        return found

    def count(self) -> int:
        """How many rows have a vector (one that stands in both tables counts twice)."""
        return sum(rows.count() for rows, _key, _owner in self._sources())

    def more_than(self, number: int) -> bool:
        """Whether more than `number` rows have a vector, without counting all of them."""
        return any(rows.order_by().values(key)[number : number + 1] for rows, key, _owner in self._sources())


def _read(rows: "models.QuerySet[Any, Any]", key: str, owner: str) -> Iterator[Row]:
    """By pages: MySQL's driver would hold all that one query finds in memory."""
    columns: Sequence[str] = [key, "embedding", *([owner] if owner else [])]
    page = rows.order_by(key).values_list(*columns)
    while found := list(page[:READ_ROWS]):
        for row in found:
            if row[1] is not None:
                yield row[0], bytes(row[1]), row[2] if owner else 0
        if len(found) < READ_ROWS:
            return
        page = page.filter(**{f"{key}__gt": found[-1][0]})


def _read_in_order(
    rows: "models.QuerySet[Any, Any]", key: str, owner: str, since: datetime | None
) -> Iterator[Written]:
    columns: Sequence[str] = [key, "embedding", "updated_at", *([owner] if owner else [])]
    page = rows.filter(embedding__isnull=False, updated_at__isnull=False)
    page = page.order_by("updated_at", key).values_list(*columns)
    later = models.Q() if since is None else models.Q(updated_at__gt=since)
    while found := list(page.filter(later)[:READ_ROWS]):
        for row in found:
            yield row[0], bytes(row[1]), row[3] if owner else 0, row[2]
        if len(found) < READ_ROWS:
            return
        last, at = found[-1][0], found[-1][2]
        later = models.Q(updated_at__gt=at) | models.Q(updated_at=at, **{f"{key}__gt": last})
