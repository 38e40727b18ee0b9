"""This process's indexes, and how much memory they may hold."""

import threading
from collections import OrderedDict
from collections.abc import Iterable

from django.conf import settings
from django.db import models

from .index import VectorIndex

_indexes: "OrderedDict[tuple[str, str], VectorIndex]" = OrderedDict()
_lock = threading.Lock()


def index_of(
    model: type[models.Model],
    *,
    embedding_model: str,
    dimension: int,
    owner: str = "",
    beside: type[models.Model] | None = None,
) -> VectorIndex:
    """This process's index of a table for one engine; the longest unused ones go where memory runs out."""
    wanted = (model._meta.db_table, embedding_model)
    with _lock:
        index = _indexes.get(wanted)
        if index is None or index.dimension != dimension or index.rows.beside is not beside:
            index = _indexes[wanted] = VectorIndex(model, embedding_model, dimension, owner, beside)
        _indexes.move_to_end(wanted)
        held = sum(kept.size for kept in _indexes.values())
        while held > most_bytes() and len(_indexes) > 1:
            _key, dropped = _indexes.popitem(last=False)
            held -= dropped.size
    return index


def most_bytes() -> int:
    """How much memory all matrices of this process may hold."""
    return int(settings.VECTOR_CACHE_BYTES)


def _of(model: type[models.Model]) -> list[VectorIndex]:
    with _lock:
        return [index for (table, _engine), index in _indexes.items() if table == model._meta.db_table]


def touch(model: type[models.Model]) -> None:
    """This process changed vectors of `model`: look at the table before the next search."""
    for index in _of(model):
        index.touch()


def drop(model: type[models.Model], keys: Iterable[str]) -> None:
    """These rows of `model` are gone."""
    wanted = list(keys)
    for index in _of(model):
        index.drop(wanted)


def forget() -> None:
    """Drop all matrices of this process; the next search reads them from the tables again."""
    with _lock:
        _indexes.clear()
