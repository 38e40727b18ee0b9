"""Work of this app outside of requests: vectors, counts, and what clears up by the clock."""

from collections.abc import Mapping, Sequence
from typing import Any

from agi_site.lib import engines
from system import queue
from system.queue import TaskRun

from . import access, indexing
from .services.context import remove_expired_contexts
from .services.memory import add_access


@queue.task_type("knowledge.embed", time_limit=900, max_retries=8)
def embed(task: TaskRun, *, table: str, ids: Sequence[str]) -> dict[str, Any]:
    """Give the rows their vectors; a row that has one of the configured engine is left alone."""
    model = indexing.TABLES[table]
    return {"embedded": indexing.embed(model, ids, engines.embedding(), check=task.check)}


@queue.task_type("knowledge.count_access", transactional=True)
def count_access(task: TaskRun, *, counts: Mapping[str, int]) -> dict[str, Any]:
    """Add to the memories' access counts what a process has counted."""
    add_access(counts)
    return {"memories": len(counts)}


@queue.periodic("knowledge.flush_access", every=60)
def flush_access() -> None:
    """Write what this process has counted even if nobody searches again."""
    access.flush()


@queue.periodic("knowledge.catch_up", every=300)
def catch_up() -> None:
    """Index what came by another way than the services, and embed what waits: new rows, or a new engine."""
    for model in indexing.TABLES.values():
        indexing.index_missing(model)
        indexing.embed_waiting(model)


@queue.periodic("knowledge.expire_contexts", every=3600)
def expire_contexts() -> None:
    """Delete contexts whose session has been silent for too long."""
    remove_expired_contexts()
