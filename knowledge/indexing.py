"""Keeping texts findable: terms at once, in the writer's transaction; vectors soon after, by a task."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from agi_site.lib import engines, fulltext, vectors
from agi_site.lib.engines.base import EmbeddingEngine
from system import queue

from .models import Knowledge, KnowledgeSearch, Memory, MemorySearch

type Searchable = Knowledge | Memory

TABLES: dict[str, type[Knowledge] | type[Memory]] = {"knowledge": Knowledge, "memory": Memory}
SEARCH_ROWS: dict[type[Any], tuple[type[Any], str]] = {
    Knowledge: (KnowledgeSearch, "knowledge_id"),
    Memory: (MemorySearch, "memory_id"),
}
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
    embed_later(type(row), [row.pk])
    transaction.on_commit(lambda: vectors.touch(type(row)))


def embed_later(model: type[Searchable], keys: Sequence[str]) -> None:
    """Queue the embedding of these rows, in the caller's transaction."""
    if keys:
        payload = {"table": model._meta.db_table, "ids": list(keys)}
        queue.enqueue(task_type="knowledge.embed", payload=payload, priority=1 if len(keys) == 1 else -1)


def index_terms(row: Searchable) -> None:
    """Store the terms of a row's text."""
    found = fulltext.terms(text_of(row))
    model, key = SEARCH_ROWS[type(row)]
    values = {"grams": " ".join(found), "length": len(found)}
    if not model.objects.filter(**{key: row.pk}).update(**values):
        model.objects.create(**{key: row.pk}, **values)


def waiting(model: type[Searchable], engine: EmbeddingEngine) -> QuerySet[Any, Any]:
    """The rows that have no vector of `engine`: new ones, changed ones, and all after a change of engine."""
    other = Q(embedding_model__isnull=True) | ~Q(embedding_model=engine.name)
    return model._base_manager.filter(other).order_by("pk")


def embed(
    model: type[Searchable],
    keys: Iterable[str],
    engine: EmbeddingEngine,
    *,
    check: Callable[[], None] = lambda: None,
) -> int:
    """Give those rows their vectors; returns how many got one. `check` runs between batches and may raise.

    A row that changes meanwhile is embedded anew. Raises EngineError.
    """
    keys, done = list(keys), 0
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
    done = 0
    with transaction.atomic():
        for row, vector in zip(rows, matrix, strict=True):
            unchanged = model._base_manager.filter(pk=row.pk, updated_at=row.updated_at)
            done += unchanged.update(
                embedding=vectors.pack(vector), embedding_model=engine.name, updated_at=timezone.now()
            )
    return done


def index_missing(model: type[Searchable], *, limit: int = 500) -> int:
    """Make rows findable that came by another way than the services (a script, a restored copy)."""
    rows: list[Any] = list(model._base_manager.filter(search_row__isnull=True).defer("embedding")[:limit])
    for row in rows:
        index(row)
    return len(rows)


def embed_waiting(model: type[Searchable], *, limit: int = 1_000) -> int:
    """Queue the rows that wait for a vector of the configured engine, in tasks of a hundred."""
    keys = list(waiting(model, engines.embedding()).values_list("pk", flat=True)[:limit])
    for at in range(0, len(keys), 100):
        embed_later(model, keys[at : at + 100])
    return len(keys)
