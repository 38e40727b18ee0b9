"""Whose vectors search compares with, and the way from one engine's to another's.

The row of a table in `vector_set` names the engine whose vectors answer. Where another engine is
configured, its vectors are made beside them (`…_next_vector`); when no row lacks one, the name in
`vector_set` is changed, which is the switch, and the new vectors are then moved into the rows a batch at a
time. Until the last has moved, an index reads both places.
"""

import logging
import time
from collections.abc import Callable, Iterator
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from agi_site.lib import engines, vectors
from agi_site.lib.engines.base import EmbeddingEngine

from .holding import hold_rows
from .models import Knowledge, KnowledgeNextVector, Memory, MemoryNextVector, VectorSet

logger = logging.getLogger(__name__)

BESIDE: dict[type[Any], type[Any]] = {Knowledge: KnowledgeNextVector, Memory: MemoryNextVector}
OWNERS: dict[type[Any], str] = {Knowledge: "", Memory: "user_id"}
KNOWN_SECONDS = 1.0
MOVED_AT_ONCE = 200

# For how long a former engine that failed is not asked again.
FAILED_SECONDS = 60.0

_failed: dict[str, float] = {}
_known: dict[str, tuple[float, str]] = {}


def in_use(model: type[Any]) -> str:
    """The name of the engine whose vectors answer; asked of the database at most once a second."""
    table = model._meta.db_table
    until, name = _known.get(table, (0.0, ""))
    if time.monotonic() < until:
        return name
    name = _stored(model)
    _known[table] = (time.monotonic() + KNOWN_SECONDS, name)
    return name


def forget_known() -> None:
    """Ask the database again at the next search."""
    _known.clear()
    _failed.clear()


def _stored(model: type[Any]) -> str:
    kept = VectorSet.objects.filter(pk=model._meta.db_table).values_list("embedding_model", flat=True).first()
    return kept or _first_of(model) or engines.embedding().name


def _first_of(model: type[Any]) -> str:
    """Before anybody has written down which: the engine of a row that has a vector."""
    rows = model._base_manager.filter(embedding_model__isnull=False)
    return rows.order_by("embedding_model").values_list("embedding_model", flat=True).first() or ""


def settle(model: type[Any]) -> VectorSet:
    """The table's row, made or brought up to date with the configured engine: from now on both are made."""
    configured = engines.embedding().name
    with transaction.atomic():
        kept, made = VectorSet.objects.select_for_update().get_or_create(
            pk=model._meta.db_table, defaults={"embedding_model": _first_of(model) or configured}
        )
        wanted = "" if kept.embedding_model == configured else configured
        if kept.next_model != wanted:
            kept.next_model, kept.started_at = wanted, timezone.now() if wanted else None
            kept.save()
            made = True
    if made:
        forget_known()
    return kept


def without_vector(model: type[Any], name: str) -> QuerySet[Any, Any]:
    """The rows that have no vector of the engine of that name, in either place."""
    beside = BESIDE[model]._base_manager.filter(embedding_model=name)
    rows = model._base_manager.exclude(pk__in=beside.values("row_id"))
    return rows.exclude(embedding_model=name, embedding_model__isnull=False).order_by("pk")


def progress(model: type[Any]) -> tuple[int, int]:
    """How many rows have the configured engine's vector, of how many."""
    total = model._base_manager.count()
    return total - without_vector(model, engines.embedding().name).count(), total


def index_of(model: type[Any], name: str, dimension: int) -> vectors.VectorIndex:
    """This process's index of the vectors of the engine of that name."""
    return vectors.index_of(
        model,
        embedding_model=name,
        dimension=dimension,
        owner=OWNERS[model],
        beside=BESIDE[model],
    )


def to_ask(model: type[Any]) -> Iterator[EmbeddingEngine]:
    """The engines to ask with, the next where one fails: that of the vectors in use, then the configured one.

    Where the former engine cannot be had any more, rows that have the new vector already answer by meaning,
    and all of them by their words.
    """
    configured, name = engines.embedding(), in_use(model)
    if name != configured.name and time.monotonic() >= _failed.get(name, 0.0):
        former = engines.embedding_named(name)
        if former is not None:
            yield former
        # Whoever comes to here got no answer from it.
        _failed[name] = time.monotonic() + FAILED_SECONDS
        logger.warning(
            "%s cannot be had any more: only rows embedded by %s answer by meaning", name, configured.name
        )
    yield configured


def build_indexes(*, anew: bool = False) -> int:
    """Build what large tables need and lack; how many were built. For the background."""
    built = 0
    for model, beside in BESIDE.items():
        for name, engine in _engines_of(model):
            rows = vectors.Rows(model, name, OWNERS[model], beside)
            built += vectors.keep(rows, engine.dimension, anew=anew)
    return built


def _engines_of(model: type[Any]) -> list[tuple[str, EmbeddingEngine]]:
    names = dict.fromkeys([in_use(model), engines.embedding().name])
    found = [(name, engines.embedding_named(name)) for name in names]
    return [(name, engine) for name, engine in found if engine is not None]


def switch_when_whole(model: type[Any]) -> bool:
    """Let the new vectors answer if no row lacks one; whether they do now."""
    kept = settle(model)
    if not kept.next_model:
        return False
    if without_vector(model, kept.next_model).exists():
        return False
    engine = engines.embedding()
    rows = vectors.Rows(model, engine.name, OWNERS[model], BESIDE[model])
    vectors.keep(rows, engine.dimension)  # so that the first search after the switch is as quick as the last
    with transaction.atomic():
        kept = VectorSet.objects.select_for_update().get(pk=kept.pk)
        if kept.next_model != engine.name:
            return False
        former, kept.embedding_model = kept.embedding_model, engine.name
        kept.next_model, kept.switched_at = "", timezone.now()
        kept.save()
    forget_known()
    vectors.discard(model._meta.db_table, former)
    logger.info("%s: vectors of %s answer now, not those of %s", model._meta.db_table, engine.name, former)
    return True


def move_in(model: type[Any], *, check: Callable[[], None] = lambda: None) -> int:
    """Move vectors that answer already from beside into the rows; how many. May be stopped at any moment."""
    name, moved = in_use(model), 0
    beside = BESIDE[model]._base_manager
    beside.exclude(embedding_model__in=[name, engines.embedding().name]).delete()
    waiting = beside.filter(embedding_model=name).order_by("pk")
    while keys := list(waiting.values_list("pk", flat=True)[:MOVED_AT_ONCE]):
        check()
        with transaction.atomic():
            hold_rows(model, keys)
            # First the rows, then what stands beside them: as a change of a text takes them.
            list(model._base_manager.select_for_update().filter(pk__in=keys).values_list("pk"))
            rows = list(waiting.filter(pk__in=keys))
            for row in rows:
                model._base_manager.filter(pk=row.pk).exclude(embedding_model=name).update(
                    embedding=row.embedding, embedding_model=name
                )
            moved += waiting.filter(pk__in=keys).delete()[0]
    return moved
