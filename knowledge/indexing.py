"""Keeping texts findable: terms at once, in the writer's transaction; vectors soon after, by a task."""

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from agi_site.lib import engines, fulltext, vectors
from agi_site.lib.engines.base import EmbeddingEngine, EngineError, Matrix
from system import queue
from system.services import drop_terms_later

from . import vector_sets
from .holding import hold_rows
from .models import BUSY, Knowledge, KnowledgeSearch, Memory, MemorySearch

logger = logging.getLogger(__name__)

type Searchable = Knowledge | Memory

TABLES: dict[str, type[Knowledge] | type[Memory]] = {"knowledge": Knowledge, "memory": Memory}
SEARCH_ROWS: dict[type[Any], tuple[type[Any], str]] = {
    Knowledge: (KnowledgeSearch, "knowledge_id"),
    Memory: (MemorySearch, "memory_id"),
}
INSERTED = 200  # rows of one statement
BATCH = 16  # texts handed to the engine at once: between two batches a task can be stopped


def text_of(row: Searchable) -> str:
    """What is searched of a row. Long content may one day be several passages; then this gives them."""
    return f"{row.title}\n{row.content}" if isinstance(row, Knowledge) else str(row.content)


@transaction.atomic
def index(row: Searchable) -> None:
    """Make a new or changed row findable by words with the commit, and by meaning about a second later.

    An old vector goes with the old text. The row itself is saved by the caller, before.
    """
    index_terms(row)
    if row.embedding_model is not None:
        type(row)._base_manager.filter(pk=row.pk).update(embedding=None, embedding_model=None)
        row.embedding = row.embedding_model = None
    vector_sets.BESIDE[type(row)]._base_manager.filter(pk=row.pk).delete()
    embed_later(type(row), [row.pk])
    transaction.on_commit(lambda: vectors.touch(type(row)))


def embed_later(model: type[Searchable], keys: Sequence[str], *, task_key: str | None = None) -> None:
    """Queue the embedding of these rows, in the caller's transaction; once at a time under a `task_key`."""
    if keys:
        payload = {"table": model._meta.db_table, "ids": list(keys)}
        priority = 1 if len(keys) == 1 else -1
        queue.enqueue(task_type="knowledge.embed", payload=payload, priority=priority, key=task_key)


def index_terms(row: Searchable) -> None:
    """Store the terms of a row's text."""
    found = fulltext.terms(text_of(row))
    model, key = SEARCH_ROWS[type(row)]
    values = {"grams": " ".join(found), "length": len(found)}
    if not model.objects.filter(**{key: row.pk}).update(**values):
        model.objects.create(**{key: row.pk}, **values)


def add_terms(model: type[Searchable], rows: Sequence[Searchable]) -> None:
    """Store the terms of rows that have none yet, in few statements."""
    search_row, key = SEARCH_ROWS[model]
    made = []
    for row in rows:
        found = fulltext.terms(text_of(row))
        made.append(search_row(**{key: row.pk}, grams=" ".join(found), length=len(found)))
    search_row.objects.bulk_create(made, batch_size=INSERTED)


@transaction.atomic
def index_anew(model: type[Searchable], rows: Sequence[Searchable]) -> None:
    """The same as `index` for many changed rows in few statements; the caller queues their vectors."""
    keys = [row.pk for row in rows]
    search_row, key = SEARCH_ROWS[model]
    search_row.objects.filter(**{f"{key}__in": keys}).delete()
    add_terms(model, rows)
    model._base_manager.filter(pk__in=keys).update(embedding=None, embedding_model=None)
    vector_sets.BESIDE[model]._base_manager.filter(pk__in=keys).delete()
    transaction.on_commit(lambda: vectors.touch(model))


def rows_deleted(model: type[Searchable]) -> None:
    """After rows were deleted: searches by meaning miss them at once, and their words leave the index."""
    drop_terms_later(SEARCH_ROWS[model][0])
    transaction.on_commit(lambda: vectors.touch(model))


def waiting(model: type[Searchable], engine: EmbeddingEngine) -> QuerySet[Any, Any]:
    """The rows that have no vector of `engine`: new ones, changed ones, and all after a change of engine."""
    return vector_sets.without_vector(model, engine.name)


def embed(
    model: type[Searchable],
    keys: Iterable[str],
    engine: EmbeddingEngine,
    *,
    check: Callable[[], None] = lambda: None,
) -> int:
    """Give those rows their vectors; returns how many got one. `check` runs between batches and may raise.

    While the vectors of another engine answer, those of `engine` are kept beside them, and rows that have no
    vector at all get one of either. A row that changes meanwhile is embedded anew. Raises EngineError.
    """
    keys = list(keys)
    in_use = vector_sets.in_use(model)
    former = engines.embedding_named(in_use) if in_use != engine.name else None
    if former is not None:
        try:
            _embed_by(model, keys, former, check)
        except EngineError as error:
            logger.warning("new rows get no vector of the former engine: %s", error)
    return _embed_by(model, keys, engine, check)


def _embed_by(
    model: type[Searchable], keys: Sequence[str], engine: EmbeddingEngine, check: Callable[[], None]
) -> int:
    done = 0
    for _round in range(3):
        rows = list(waiting(model, engine).filter(pk__in=keys).defer("embedding"))
        for at in range(0, len(rows), BATCH):
            check()
            done += _embed_batch(model, rows[at : at + BATCH], engine)
        if not rows:
            break
    if done:
        vectors.touch(model)
    return done


def _embed_batch(model: type[Searchable], rows: Sequence[Any], engine: EmbeddingEngine) -> int:
    matrix = engine.embed_documents([text_of(row) for row in rows])
    if engine.name != vector_sets.in_use(model):
        return _keep_beside(model, rows, matrix, engine.name)
    done = 0
    with transaction.atomic():
        hold_rows(model, [row.pk for row in rows])
        for row, vector in zip(rows, matrix, strict=True):
            unchanged = model._base_manager.filter(pk=row.pk, updated_at=row.updated_at)
            done += unchanged.update(
                embedding=vectors.pack(vector), embedding_model=engine.name, updated_at=timezone.now()
            )
    return done


def _keep_beside(model: type[Searchable], rows: Sequence[Any], matrix: Matrix, name: str) -> int:
    """Keep vectors beside the rows, of those that have not changed since they were read."""
    keys = [row.pk for row in rows]
    beside = vector_sets.BESIDE[model]._base_manager
    with transaction.atomic():
        hold_rows(model, keys)
        now = dict(
            model._base_manager.select_for_update().filter(pk__in=keys).values_list("pk", "updated_at")
        )
        made = [
            beside.model(row_id=row.pk, embedding=vectors.pack(vector), embedding_model=name)
            for row, vector in zip(rows, matrix, strict=True)
            if now.get(row.pk) == row.updated_at
        ]
        beside.filter(pk__in=keys).delete()
        beside.bulk_create(made)
    return len(made)


def index_missing(model: type[Searchable], *, limit: int = 500) -> int:
    """Make rows findable that came by another way than the services (a script, a restored copy)."""
    rows: list[Any] = list(model._base_manager.filter(search_row__isnull=True).defer("embedding")[:limit])
    for row in rows:
        index(row)
    return len(rows)


def embed_waiting(model: type[Searchable], *, limit: int = 1_000) -> int:
    """Queue the rows that wait for a vector of the configured engine, in tasks of a hundred."""
    rows = waiting(model, engines.embedding())
    if model is Knowledge:
        rows = rows.exclude(document__status__in=BUSY)  # the task that imports them gives them theirs
    keys = list(rows.values_list("pk", flat=True)[:limit])
    for at in range(0, len(keys), 100):
        # While no engine answers, the same rows wait each time: their task is there already.
        task_key = f"knowledge.embed:{model._meta.db_table}:{keys[at]}"
        embed_later(model, keys[at : at + 100], task_key=task_key)
    return len(keys)
