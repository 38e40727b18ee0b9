"""Work of this app outside of requests: vectors, counts, and what clears up by the clock."""

from collections.abc import Mapping, Sequence
from typing import Any

from accounts.models import Session
from agi_site.lib import engines
from system import queue
from system.queue import Stopped, TaskRun, TimeLimitReached
from system.services import drop_terms_later

from . import access, indexing, options, portable, vector_sets
from .importing import storing, work
from .importing.fetching import NotNow
from .importing.reasons import Unreadable
from .models import KnowledgeDocument, MemorySearch
from .services import documents
from .services.context import remove_expired_contexts
from .services.memory import (
    add_access,
    fade_memories,
    merge_memories,
    relate_by_meaning,
    remove_old_refusals,
)
from .tags import count_tags

NOT_NOW_ATTEMPTS = 3  # at an address that does not answer


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


@queue.task_type("knowledge.relate", time_limit=120, max_retries=5)
def relate(task: TaskRun, *, ids: Sequence[str]) -> dict[str, Any]:
    """Relate new memories to those of nearly the same meaning."""
    return {"relations": relate_by_meaning(ids=ids)}


@queue.periodic("knowledge.fade_memories", every=6 * 3600)
def fade() -> None:
    """Let memories fade that were not used for long, and archive what has faded."""
    fade_memories()


@queue.periodic("knowledge.merge_memories", every=3600)
def merge() -> None:
    """Make one memory of those that say the same."""
    if options.merges():
        merge_memories()


@queue.on_event("users.deleted")
def drop_terms_of_a_person(task: TaskRun, *, user_id: int) -> None:
    """An account was deleted, and the database deleted its memories: their words leave the index."""
    drop_terms_later(MemorySearch)


@queue.periodic("knowledge.remove_refusals", every=3600)
def remove_refusals() -> None:
    """Remove what the write gate has refused long ago."""
    remove_old_refusals()


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
        vector_sets.switch_when_whole(model)
        vector_sets.move_in(model)


@queue.periodic("knowledge.count_tags", every=60)
def count_common_tags() -> None:
    """Count the tags that the list of knowledge offers."""
    count_tags()


@queue.periodic("knowledge.build_indexes", every=120)
def build_indexes() -> None:
    """Build the vector indexes of large tables where they are missing, damaged or behind."""
    vector_sets.build_indexes()


@queue.task_type("knowledge.import_document", time_limit=7200, max_retries=5)
def import_document(task: TaskRun, *, document_id: str) -> dict[str, Any]:
    """Read a document into passages; an attempt that broke off goes on after what stands."""
    document = KnowledgeDocument.objects.filter(pk=document_id).first()
    if document is None:
        return {"gone": document_id}
    attempt = work.Attempt(check=task.check, stopped=task.cancelled, told=task.progress)
    try:
        return work.read_document(document, attempt)
    except storing.Gone:
        return {"gone": document_id}
    except NotNow as fault:
        if task.last_attempt or task.attempt >= NOT_NOW_ATTEMPTS:
            documents.fail_document(document_id=document_id, code=fault.code, values=fault.values)
            return {"failed": fault.code}
        documents.wait_document(document_id=document_id, code=fault.code, values=fault.values)
        raise
    except Unreadable as fault:
        documents.fail_document(document_id=document_id, code=fault.code, values=fault.values)
        return {"failed": fault.code}
    except Stopped:
        documents.stop_document(document_id=document_id)
        raise
    except Exception as error:
        if task.last_attempt:
            code = "too_slow" if isinstance(error, TimeLimitReached) else "broken"
            documents.fail_document(
                document_id=document_id, code=code, values={"error": type(error).__name__}
            )
        raise


@queue.periodic("knowledge.rescue_documents", every=120)
def rescue_documents() -> None:
    """Let documents go on whose task got lost, and end those that it got lost from again and again."""
    documents.rescue_documents()


@queue.periodic("knowledge.drop_files", every=86_400)
def drop_files() -> None:
    """Delete the files of documents that failed long ago and that nobody tried again."""
    documents.drop_old_files()


@queue.task_type("knowledge.import_memories", time_limit=900)
def import_memories(task: TaskRun, *, import_id: str, session_id: str | None) -> dict[str, Any] | None:
    """Take in a long file of memories, batch by batch; what was added before a fall stays."""
    session = Session.objects.filter(pk=session_id).first() if session_id else None
    try:
        row = portable.import_memories(import_id=import_id, session=session, check=task.check)
    except Exception:
        if task.last_attempt:
            portable.give_up_import(import_id=import_id)
        raise
    return None if row is None else {"status": str(row.status)}


@queue.periodic("knowledge.expire_contexts", every=3600)
def expire_contexts() -> None:
    """Delete contexts whose session has been silent for too long."""
    remove_expired_contexts()
