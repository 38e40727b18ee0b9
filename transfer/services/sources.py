"""Sources of knowledge: what they read from, and reading them into passages, batch by batch."""

import time
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from agi_site.lib.ids import uuid7
from agi_site.lib.problems import Conflict, Invalid, Problem
from knowledge import services as knowledge
from system import queue
from system.models import TaskStatus
from system.services.audit import audit

from .. import sources
from ..models import Contents, KnowledgeSource, ReadEvery, SourceKind, SourceStatus
from ..reasons import SourceFault, because
from ..reasons import told as told_reason
from ..sources import Item, Position
from . import clock, storing
from .ontologies import check_may, import_file

BATCH = 200
AT_ONCE = 200  # due sources looked at in one round
STORED = 100  # items between two checkpoints
STORED_AFTER = 5.0  # seconds: what a slow source has given by then is stored, too


@transaction.atomic
def add_source(
    *,
    by: Any,
    name: str,
    domain: str,
    kind: str,
    connection: dict[str, Any],
    description: str = "",
    contents: str = Contents.PASSAGES,
    read_every: str = ReadEvery.DAY,
    is_active: bool = True,
) -> KnowledgeSource:
    """A new source; raises Forbidden, Invalid (naming what its connection lacks) or Conflict (name taken).

    One that is read by the clock is read for `by`, and for the first time at once.
    """
    check_may(by, "add_knowledgesource")
    row = KnowledgeSource(created_by=by, scheduled_by=by, is_active=is_active)
    _fill(row, name=name, domain=domain, description=description)
    row.kind, row.connection_info = kind, sources.check_connection(kind, connection)
    _set_reading(row, contents=contents, read_every=read_every)
    clock.set_next(row)
    row.save(force_insert=True)
    audit(component="transfer", message=f"source {row.name} was added", by=by)
    return row


@transaction.atomic
def change_source(
    *,
    source: KnowledgeSource,
    by: Any,
    name: str | None = None,
    domain: str | None = None,
    description: str | None = None,
    connection: dict[str, Any] | None = None,
    is_active: bool | None = None,
    contents: str | None = None,
    read_every: str | None = None,
) -> KnowledgeSource:
    """Change what is not None; another connection is read from its beginning. Raises Forbidden or Invalid.

    Whoever changes how often it is read is the one that it is read for from then on; so is whoever says it
    again where the person it was read for is gone.
    """
    check_may(by, "change_knowledgesource")
    row: KnowledgeSource = KnowledgeSource.objects.select_for_update().get(pk=source.pk)
    before = (row.is_active, row.read_every, row.scheduled_by_id)
    _fill(
        row,
        name=row.name if name is None else name,
        domain=row.domain if domain is None else domain,
        description=(row.description or "") if description is None else description,
    )
    if connection is not None:
        row.connection_info, row.checkpoint = sources.check_connection(row.kind, connection), None
        audit(component="transfer", message=f"the connection of source {row.name} was changed", by=by)
    takes_over = (read_every or is_active) and clock.reader_of(row) is None
    if takes_over or read_every not in (None, row.read_every):
        row.scheduled_by = by
    _set_reading(row, contents=contents or row.contents, read_every=read_every or row.read_every)
    if is_active is not None:
        row.is_active = is_active
    if connection is not None or (row.is_active, row.read_every, row.scheduled_by_id) != before:
        clock.set_next(row)
    row.save()
    return row


@transaction.atomic
def delete_source(*, source: KnowledgeSource, by: Any, with_passages: bool = False) -> None:
    """Remove a source; its passages stay unless `with_passages`."""
    check_may(by, "delete_knowledgesource")
    if with_passages:
        keys = list(source.items.exclude(knowledge=None).values_list("knowledge_id", flat=True))
        knowledge.delete_many(keys=keys, by=by)
    audit(component="transfer", message=f"source {source.name} was deleted", by=by)
    source.delete()


@transaction.atomic
def sync_source(*, source: KnowledgeSource, by: Any, contents: str | None = None) -> KnowledgeSource:
    """Queue the reading of a source; one that was interrupted goes on where it was.

    `contents`: "passages", "ontology" for a file whose concepts go into the source's domain, or None for what
    the source is set to. One that is being read goes on. Raises Forbidden, Conflict (switched off), Invalid.
    """
    check_may(by, "change_knowledgesource")
    row: KnowledgeSource = KnowledgeSource.objects.select_for_update().get(pk=source.pk)
    contents = contents or row.contents
    _check_contents(row, contents)
    if not row.is_active:
        raise Conflict(_("This source is switched off."), code="source_off")
    task = queue.enqueue(
        task_type="transfer.sync",
        payload={"source_id": row.pk, "contents": contents, "by": getattr(by, "pk", None)},
        key=f"transfer.sync:{row.pk}",
    )
    if task.status == TaskStatus.PENDING:
        KnowledgeSource.objects.filter(pk=row.pk).update(status=SourceStatus.WAITING, **storing.REASON)
    row.refresh_from_db()
    return row


def queue_due(*, now: datetime | None = None) -> int:
    """Queue the reading of every source whose time has come, and return how many.

    Each is read for the person who set its clock. Where there is none any more who may change sources, the
    source says so and is not read; it is looked at again at its next turn.
    """
    moment, queued = now or timezone.now(), 0
    due = KnowledgeSource.objects.due(moment).select_related("scheduled_by")
    for row in due.defer("connection_info", "checkpoint")[:AT_ONCE]:
        with transaction.atomic():
            if not clock.claim(row, moment):
                continue
            reader = clock.reader_of(row)
            if reader is None:
                give_up(source_id=row.pk, fault=SourceFault("nobody"))
            else:
                sync_source(source=row, by=reader)
                queued += 1
    return queued


# --- Reading: the task's part ------------------------------------------------------------------------------
class _SwitchedOff(Exception):
    """Somebody switched a source off, or deleted it, while it was read."""


def read_source(
    *,
    source: KnowledgeSource,
    by: Any,
    contents: str,
    stop: Callable[[], None],
    told: Callable[[dict[str, Any]], None],
) -> dict[str, Any]:
    """Read a source from its checkpoint to its end; each batch of items is stored in one transaction.

    A fault of the source ends in its row as state and reason; an item's fault is counted and kept beside it.
    One that is switched off is not read; one that is switched off while it is read stops after the batch, and
    goes on from there when it is asked for again.
    """
    if not source.is_active:
        return _rest(source)
    audit(component="transfer", message=f"the connection of source {source.name} was used to read it", by=by)
    _state(source, SourceStatus.RUNNING, None)
    try:
        if contents == "ontology":
            counts = _read_ontology(source, by, stop)
        else:
            counts = _read_passages(source, by, stop, told)
    except _SwitchedOff:
        return _rest(source)
    except (SourceFault, Problem) as fault:
        give_up(source_id=source.pk, fault=fault)
        return {"failed": told_reason(*because(fault))}
    failed = counts.get("failed", 0)
    some = SourceFault("some_failed", count=failed) if failed else None
    done = {"counts": counts, "checkpoint": None, "synced_at": timezone.now()}
    _end(source.pk, SourceStatus.COMPLETED, some, **done)
    return counts


def _rest(source: KnowledgeSource) -> dict[str, Any]:
    """A source that is switched off waits, with what was read of it before."""
    status = SourceStatus.COMPLETED if source.synced_at else SourceStatus.IDLE
    KnowledgeSource.objects.filter(pk=source.pk).update(status=status, **storing.REASON)
    return {"switched_off": source.pk}


def give_up(*, source_id: str, fault: Exception) -> None:
    """A source cannot be read, or the last attempt at it broke off: say so."""
    _end(source_id, SourceStatus.FAILED, fault)


@transaction.atomic
def _end(source_id: str, status: str, fault: Exception | None, **values: Any) -> None:
    """A reading has ended; what was set of the source meanwhile decides on the next one."""
    row = KnowledgeSource.objects.select_for_update().filter(pk=source_id).first()
    if row is None:
        return
    for name, value in values.items():
        setattr(row, name, value)
    clock.set_after_reading(row, failed=status == SourceStatus.FAILED)
    _state(row, status, fault, *values, "failures", "next_read_at")


def _state(source: KnowledgeSource, status: str, fault: Exception | None, *names: str) -> None:
    source.status = status
    source.explain(fault)
    source.save(update_fields=["status", *storing.REASON, *names, "updated_at"])


def _read_ontology(source: KnowledgeSource, by: Any, stop: Callable[[], None]) -> dict[str, Any]:
    name, data = sources.reader_of(source.kind, source.connection_info).whole(stop)
    done = import_file(by=by, domain=source.domain, name=name, data=data)
    return {"added": done.added, "changed": done.changed, "unchanged": done.unchanged}


def _read_passages(
    source: KnowledgeSource, by: Any, stop: Callable[[], None], told: Callable[[dict[str, Any]], None]
) -> dict[str, Any]:
    begun = source.checkpoint or {"round": uuid7(), "position": None, "counts": {}}
    counts: dict[str, int] = (
        dict.fromkeys(("added", "changed", "unchanged", "failed", "removed"), 0) | begun["counts"]
    )
    reader = sources.reader_of(source.kind, source.connection_info)
    for items, position in _batches(reader.items(begun["position"], stop)):
        with transaction.atomic():
            for what in storing.store(source=source, by=by, items=items, pass_id=begun["round"]):
                counts[what] += 1
            begun = {**begun, "position": position, "counts": counts}
            KnowledgeSource.objects.filter(pk=source.pk).update(checkpoint=begun, counts=counts)
        told({"counts": counts})
        if not KnowledgeSource.objects.filter(pk=source.pk, is_active=True).exists():
            raise _SwitchedOff
    counts["removed"] += _remove_gone(source, by, begun["round"], stop)
    return counts


def _batches(read: Iterable[tuple[Item, Position]]) -> Iterator[tuple[list[Item], Position]]:
    """The items in batches, with the position after each; no two of a batch have one id.

    What was read before the source broke, or when reading takes long, is a batch, too. Raises SourceFault.
    """
    held: dict[str, Item] = {}
    position: Position = {}
    since = time.monotonic()
    broken: SourceFault | None = None
    try:
        for seen, (item, after) in enumerate(read, 1):
            if seen > sources.base.MOST_ITEMS:
                raise SourceFault("too_many_items", most=sources.base.MOST_ITEMS)
            full = len(held) >= STORED or time.monotonic() - since >= STORED_AFTER
            if held and (full or item.external_id in held):
                yield list(held.values()), position
                held, since = {}, time.monotonic()
            held[item.external_id], position = item, after
    except SourceFault as fault:
        broken = fault
    if held:
        yield list(held.values()), position
    if broken is not None:
        raise broken


def _remove_gone(source: KnowledgeSource, by: Any, pass_id: str, stop: Callable[[], None]) -> int:
    """Passages whose item the source no longer has."""
    removed = 0
    gone = source.items.exclude(round=pass_id).order_by("pk").values_list("pk", "knowledge_id")
    while batch := list(gone[:BATCH]):
        stop()
        with transaction.atomic():
            knowledge.delete_many(keys=[key for _item, key in batch if key], by=by)
            source.items.filter(pk__in=[item for item, _key in batch]).delete()
        removed += len(batch)
    return removed


def _fill(row: KnowledgeSource, *, name: str, domain: str, description: str) -> None:
    errors: dict[str, list[Any]] = {}
    row.name, row.domain, row.description = " ".join(name.split()), " ".join(domain.split()), description
    if not row.name or len(row.name) > 100:
        errors["name"] = [_("A source needs a name of at most 100 characters.")]
    elif KnowledgeSource.objects.filter(name=row.name).exclude(pk=row.pk).exists():
        raise Conflict(_("There is a source of this name already."), code="source_exists")
    if not row.domain or len(row.domain) > 100:
        errors["domain"] = [_("A domain needs a name of at most 100 characters.")]
    if errors:
        raise Invalid(errors=errors)


def _set_reading(row: KnowledgeSource, *, contents: str, read_every: str) -> None:
    _check_contents(row, contents)
    if read_every not in ReadEvery.values:
        known = ", ".join(ReadEvery.values)
        raise Invalid(errors={"read_every": [_("There are these choices: %(known)s.") % {"known": known}]})
    row.contents, row.read_every = contents, read_every


def _check_contents(row: KnowledgeSource, contents: str) -> None:
    if contents not in Contents.values:
        raise Invalid(errors={"contents": [_("This is “passages” or “ontology”.")]})
    if contents == Contents.ONTOLOGY and row.kind not in (SourceKind.FILE, SourceKind.HTTP):
        raise Invalid(errors={"contents": [_("Ontologies are read from files and web addresses.")]})
