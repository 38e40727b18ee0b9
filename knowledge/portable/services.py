"""The export of a person's memory, and the import of such a file: idempotent, owned by whoever imports it."""

import zlib
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from itertools import batched
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction
from django.utils import timezone

from agi_site.lib import vectors
from system import queue

from .. import indexing, options
from ..holding import hold_memory
from ..models import (
    Context,
    Memory,
    MemoryImport,
    MemoryImportStatus,
    MemoryQuestion,
    MemoryRefusal,
    MemoryRelation,
)
from ..services.context import get_context, save_context
from ..services.own import memory_of
from .reading import FORMAT, VERSION, Document, read
from .sections import written_sections

RUN_AT_ONCE = 100  # rows of all kinds; a larger file is taken in by a task
BATCH = 100  # rows of one transaction

type _Adding = Callable[[Any, Sequence[dict[str, Any]], dict[str, str]], int]

_MEMORY = (
    "id",
    "type",
    "content",
    "importance",
    "created_at",
    "updated_at",
    "last_accessed",
    "access_count",
    "valid_from",
    "valid_until",
    "archived_at",
    "metadata",
)
_REFUSAL = (
    "type",
    "content",
    "reason",
    "memory_id",
    "source_message",
    "source_conversation",
    "extractor",
    "created_at",
)


def export_memory(*, user: Any) -> dict[str, Any]:
    """Everything `user` is remembered by, as one object to be written with DjangoJSONEncoder."""
    relations = MemoryRelation.objects.for_user(user).order_by("pk")
    ends = ("source_memory_id", "target_memory_id", "relation_type", "strength")
    questions = MemoryQuestion.objects.for_user(user).order_by("pk")
    asked = ("newer_id", "older_id", "answer", "created_at", "answered_at")
    contexts = Context.objects.for_user(user).order_by("pk")
    refusals = MemoryRefusal.objects.for_user(user).order_by("pk")
    return {
        "format": FORMAT,
        "version": VERSION,
        "exported_at": timezone.now(),
        "settings": {"enabled": memory_of(user=user).enabled},
        "memories": list(Memory.objects.for_user(user).order_by("pk").values(*_MEMORY)),
        "relations": [
            _named(row, source_memory="source", target_memory="target") for row in relations.values(*ends)
        ],
        "refusals": [_named(row) for row in refusals.values(*_REFUSAL)],
        "questions": [_named(row) for row in questions.values(*asked)],
        "contexts": list(contexts.values("data", "created_at", "updated_at")),
        **written_sections(user),
    }


def _named(row: Mapping[str, Any], **names: str) -> dict[str, Any]:
    """The row with references called by what they refer to, and `names` for those that read better."""
    plain = {name.removesuffix("_id"): value for name, value in row.items()}
    return {names.get(name, name): value for name, value in plain.items()}


class _Gone(Exception):
    """The person forgot everything meanwhile, and the file with it."""


def accept_import(*, user: Any, data: bytes, session: Any = None) -> MemoryImport:
    """Check a file and take it in: at once if it is short, by a task otherwise; raises Invalid or TooLarge.

    `session` gets what the file's newest session carried, if it carries nothing itself.
    """
    document = read(data)
    row: MemoryImport
    # One transaction: a short file is taken in whole or was never brought.
    with transaction.atomic():
        hold_memory(user_id=user.pk)
        row = MemoryImport.objects.create(
            user=user, document=zlib.compress(data), total=len(document.memories)
        )
        if document.size > RUN_AT_ONCE:
            payload = {"import_id": row.pk, "session_id": session.pk if session else None}
            queue.enqueue(
                task_type="knowledge.import_memories", payload=payload, key=f"memory_import:{row.pk}"
            )
        else:
            take_in(row, document, session=session)
    return row


def import_memories(*, import_id: str, session: Any = None, check: Any = lambda: None) -> MemoryImport | None:
    """Take in a file that was accepted; run again after a fall, it goes on and adds nothing twice.

    None where the person has forgotten everything, before or meanwhile.
    """
    row: MemoryImport | None = MemoryImport.objects.select_related("user").filter(pk=import_id).first()
    if row is None or row.document is None:
        return row
    try:
        take_in(row, read(zlib.decompress(bytes(row.document))), session=session, check=check)
    except _Gone:
        return None
    return row


def take_in(row: MemoryImport, document: Document, *, session: Any = None, check: Any = lambda: None) -> None:
    """Add what is not there yet, in batches that each stand for themselves; then note what came of it."""
    report = {"added": 0, "known": 0, "relations": 0, "refusals": 0, "questions": 0, "context": 0}
    report["receipts"] = document.receipts
    MemoryImport.objects.filter(pk=row.pk).update(status=MemoryImportStatus.RUNNING)
    places: dict[str, str] = {}
    parts: dict[str, tuple[Sequence[dict[str, Any]], _Adding]] = {
        "added": (document.memories, _add_memories),
        "relations": (document.relations, _add_relations),
        "refusals": (document.refusals, _add_refusals),
        "questions": (document.questions, _add_questions),
    }
    for name, (told, add) in parts.items():
        for batch in batched(told, BATCH):
            check()
            with transaction.atomic():
                _hold(row)
                report[name] += add(row.user, batch, places)
                MemoryImport.objects.filter(pk=row.pk).update(done=len(places))
    report["known"] = len(document.memories) - report["added"]
    with transaction.atomic():
        _hold(row)
        report["context"] = _carry_on(document.contexts, session)
        row.status, row.report, row.document = MemoryImportStatus.COMPLETED, report, None
        row.done, row.finished_at = len(places), timezone.now()
        row.save(update_fields=["status", "report", "document", "done", "finished_at"])


def _hold(row: MemoryImport) -> None:
    """Keep everything from being forgotten until the transaction ends; raises _Gone where it has been.

    Without it, a batch would bring back what the person was told is gone.
    """
    hold_memory(user_id=row.user_id)
    if not MemoryImport.objects.select_for_update().filter(pk=row.pk).exists():
        raise _Gone


def give_up_import(*, import_id: str) -> None:
    """Note that a file could not be taken in to its end; what was added stays, and the file goes."""
    MemoryImport.objects.filter(pk=import_id).exclude(status=MemoryImportStatus.COMPLETED).update(
        status=MemoryImportStatus.FAILED, error="broken", document=None, finished_at=timezone.now()
    )


def _add_memories(user: Any, told: Sequence[dict[str, Any]], places: dict[str, str]) -> int:
    """Store the memories of a batch that the person does not have; `places` learns where each one is now."""
    others = _taken_by_others(user, [one["id"] for one in told])
    wanted = {one["id"]: _own_id(one["id"], user.pk) if one["id"] in others else one["id"] for one in told}
    mine = set(Memory.objects.for_user(user).filter(pk__in=wanted.values()).values_list("pk", flat=True))
    same = _by_content(user, [one["content"] for one in told])
    made: list[Memory] = []
    for one in told:
        pk = wanted[one["id"]]
        twin = same.get((one["type"], one["content"]))
        places[one["id"]] = pk if pk in mine or twin is None else twin
        if pk not in mine and twin is None:
            made.append(Memory(**(one | {"id": pk}), user=user))
            same[one["type"], one["content"]] = pk
    Memory.objects.bulk_create(made)
    for memory in made:
        indexing.index_terms(memory)
    indexing.embed_later(Memory, [memory.pk for memory in made])
    if made:
        transaction.on_commit(lambda: vectors.touch(Memory))
    return len(made)


def _taken_by_others(user: Any, ids: Sequence[str]) -> set[str]:
    rows = Memory.objects.filter(pk__in=ids).exclude(user_id=user.pk)
    return set(rows.values_list("pk", flat=True))


def _own_id(pk: str, user_id: int) -> str:
    """The id under which this person has a memory whose id another person's row holds: always the same."""
    digits = sha256(f"{user_id}:{pk}".encode()).hexdigest()
    plain = pk.replace("-", "")
    made = f"{plain[:12]}7{digits[:3]}8{digits[3:18]}"
    return f"{made[:8]}-{made[8:12]}-{made[12:16]}-{made[16:20]}-{made[20:]}"


def _by_content(user: Any, contents: Sequence[str]) -> dict[tuple[str, str], str]:
    """The person's memories that say exactly one of these, by type and text."""
    rows = Memory.objects.for_user(user).filter(content__in=contents)
    return {(kind, content): pk for pk, kind, content in rows.values_list("pk", "type", "content")}


def _add_relations(_user: Any, told: Sequence[dict[str, Any]], places: Mapping[str, str]) -> int:
    wanted = {
        (places[one["source"]], places[one["target"]], one["relation_type"]): one["strength"] for one in told
    }
    rows = MemoryRelation.objects.filter(source_memory__in={source for source, _target, _kind in wanted})
    there = set(rows.values_list("source_memory", "target_memory", "relation_type"))
    made = [
        MemoryRelation(
            source_memory_id=source, target_memory_id=target, relation_type=kind, strength=strength
        )
        for (source, target, kind), strength in wanted.items()
        if source != target and (source, target, kind) not in there
    ]
    MemoryRelation.objects.bulk_create(made)
    return len(made)


def _add_refusals(user: Any, told: Sequence[dict[str, Any]], places: Mapping[str, str]) -> int:
    rows = MemoryRefusal.objects.for_user(user).filter(created_at__in={one["created_at"] for one in told})
    there = set(rows.values_list("content", "reason", "created_at"))
    made = []
    for one in told:
        key = (one["content"], one["reason"], one["created_at"])
        if key not in there:
            there.add(key)
            rest = {name: value for name, value in one.items() if name != "memory"}
            made.append(MemoryRefusal(user=user, memory_id=places.get(one["memory"] or ""), **rest))
    MemoryRefusal.objects.bulk_create(made)
    return len(made)


def _add_questions(user: Any, told: Sequence[dict[str, Any]], places: Mapping[str, str]) -> int:
    wanted = {(places[one["newer"]], places[one["older"]]): one for one in told}
    rows = MemoryQuestion.objects.for_user(user).filter(newer__in={newer for newer, _older in wanted})
    there = set(rows.values_list("newer", "older"))
    made = []
    for (newer, older), one in wanted.items():
        if newer != older and (newer, older) not in there:
            rest = {name: one[name] for name in ("answer", "created_at", "answered_at")}
            made.append(MemoryQuestion(user=user, newer_id=newer, older_id=older, **rest))
    MemoryQuestion.objects.bulk_create(made)
    return len(made)


def _carry_on(told: Sequence[dict[str, Any]], session: Any) -> int:
    """Let the session go on where the newest one of the file was, unless it carries something itself."""
    fresh = [one for one in told if one["updated_at"] is not None and _is_fresh(one["updated_at"])]
    if session is None or not fresh or get_context(session=session):
        return 0
    newest = max(fresh, key=lambda one: one["updated_at"])
    return len(save_context(session=session, data=newest["data"]))


def _is_fresh(when: Any) -> bool:
    return bool((timezone.now() - when).total_seconds() < options.context_hours() * 3600)


class Encoder(DjangoJSONEncoder):
    """Times keep their microseconds, so that a row's own time finds it again."""

    def default(self, o: Any) -> Any:
        return o.isoformat() if hasattr(o, "isoformat") else super().default(o)
