"""Many calls at once, for whoever runs thousands: opened in one statement, closed in one.

opened = open_many([Call(...), ...])       # in the caller's transaction
ends = [run_opened(execution, here=True) for execution in opened]   # after its commit
close_many(ends)                           # in the caller's next transaction
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from django.utils import timezone, translation

from agi_site.lib.problems import Problem, TooMany

from .. import rates, results
from ..models import PolicyEffect, ToolExecution, ToolExecutionStatus
from ..steps import reach
from . import attempts, told
from .attempts import Heard, Job, Outcome, carry_out
from .calls import Call, Prepared, prepare, row_of
from .lookup import Lookup
from .running import ask_for

CHUNK = 100


@dataclass(frozen=True, slots=True)
class Opened:
    """A call whose row is written: `run_opened` makes it where it is `running`; else it ended or waits."""

    execution: ToolExecution
    prepared: Prepared


@dataclass(slots=True)
class End:
    """What came of an opened call; `execution` says so already, its row after `close_many`."""

    execution: ToolExecution
    outcome: Outcome


def open_many(calls: Sequence[Call], *, lookup: Lookup | None = None) -> list[Opened | Problem]:
    """Check and decide calls and write their rows, in the caller's transaction; one answer each, in order.

    An allowed one is `running`, with the time it may take; a denied one has `failed`; one that needs consent
    is `pending` with its approval. A Problem was asked wrongly, or has to wait (TooMany): of it nothing is
    written. `idempotency_key` is stored and not looked up: whoever uses keys here knows that they are new.
    """
    lookup = lookup or Lookup()
    found = [_prepared(call, lookup) for call in calls]
    with transaction.atomic():
        _keep_room(found)
        opened = [one if isinstance(one, Problem) else Opened(row_of(one), one) for one in found]
        written = [one for one in opened if isinstance(one, Opened)]
        ToolExecution.objects.bulk_create([one.execution for one in written], batch_size=CHUNK)
        for one in written:
            told.tell_state(one.execution)
            if one.prepared.decision.effect == PolicyEffect.ASK:
                ask_for(one.execution, one.prepared.decision)
    return opened


def run_opened(
    opened: Opened,
    *,
    stopped: Callable[[], bool] = lambda: False,
    heard: Heard | None = None,
    here: bool = False,
) -> End:
    """Make an opened call whose row is committed. Its end is written by `close_many`, or, of a transactional
    tool, of one that waits (`Later`), here already.

    `here`: in the calling thread, whose owner watches the time. The time a call may take counts from here.
    """
    execution, prepared = opened.execution, opened.prepared
    with translation.override(execution.language or None):
        reach("many:opened")
        job = Job(known=prepared.known, seconds=prepared.seconds, stopped=stopped, heard=heard, here=here)
        outcome = carry_out(execution, job)
        if outcome.later is not None and not outcome.written:
            outcome.written = True
            if not attempts.write(execution, outcome):
                execution.refresh_from_db()
        if not outcome.written:
            attempts.keep(execution, status=outcome.status, **outcome.columns())
    return End(execution, outcome)


def close_many(ends: Sequence[End]) -> list[ToolExecution]:
    """Write the ends, in the caller's transaction; returns the rows that somebody else had ended before.

    Those are loaded anew: what they say counts (`lost`, when the sweep took the process for dead).
    """
    unwritten = [end.execution for end in ends if not end.outcome.written]
    taken: list[ToolExecution] = []
    for start in range(0, len(unwritten), CHUNK):
        chunk = unwritten[start : start + CHUNK]
        lost = _taken(chunk) if _close(chunk) < len(chunk) else []
        taken += lost
        gone = {row.pk for row in lost}
        for row in chunk:
            if row.pk not in gone:
                told.tell_state(row)
    return taken


def settle_lost(execution_ids: Sequence[str]) -> list[ToolExecution]:
    """The rows of calls whose process is known to be dead: what had not ended is `failed` now, `lost`.

    In the caller's transaction, and not announced: the caller is who waits. Rows that wait for consent or
    for something else (`awaits_type`) stay as they are.
    """
    from .running import LOST, lost_text

    ids = list(execution_ids)
    ToolExecution.objects.filter(
        pk__in=ids, status=ToolExecutionStatus.RUNNING, awaits_type=""
    ).update(
        status=ToolExecutionStatus.FAILED,
        error_code=LOST,
        error_message=lost_text(),
        idempotency_key=None,
        completed_at=timezone.now(),
    )  # fmt: skip
    return list(ToolExecution.objects.select_related("tool").filter(pk__in=ids).order_by("pk"))


def _prepared(call: Call, lookup: Lookup) -> Prepared | Problem:
    with translation.override(call.language):
        try:
            prepared = prepare(call, lookup)
            rates.check_rate(tool=prepared.known.tool, user=call.user)
        except Problem as problem:
            return problem
        return prepared


def _keep_room(found: list[Prepared | Problem]) -> None:
    """Put TooMany in the place of those for which their tool has no room now."""
    limited: dict[str, list[int]] = {}
    for number, one in enumerate(found):
        if not isinstance(one, Prepared) or one.decision.effect != PolicyEffect.ALLOW:
            continue
        if one.known.tool.max_concurrent:
            limited.setdefault(one.known.tool.pk, []).append(number)
    for _tool, numbers in sorted(limited.items()):  # in one order, so that two batches do not wait crosswise
        first = found[numbers[0]]
        assert isinstance(first, Prepared)
        try:
            room = rates.check_room(tool=first.known.tool, wanted=len(numbers))
        except TooMany as problem:
            for number in numbers:
                found[number] = problem
            continue
        for number in numbers[room:]:
            found[number] = rates.busy(first.known.tool)


def _close(rows: Sequence[ToolExecution]) -> int:
    """Write the ends of rows; returns how many of them this was still allowed for.

    The plain ones (a first attempt, completed, with a small result) go in one statement. Django's
    `bulk_update` makes objects of every value, which costs more than the statement itself.
    """
    plain = [row for row in rows if _is_plain(row)]
    others = [row for row in rows if not _is_plain(row)]
    return (_close_plain(plain) if plain else 0) + sum(_close_one(row) for row in others)


def _is_plain(row: ToolExecution) -> bool:
    completed = row.status == ToolExecutionStatus.COMPLETED and row.attempt == 1
    return completed and not row.result_file and row.sandbox_id is None


def _close_plain(rows: Sequence[ToolExecution]) -> int:
    meta, quote = ToolExecution._meta, connection.ops.quote_name
    branches = " ".join(["WHEN %s THEN %s"] * len(rows))
    settings, parameters = ["status = %s"], [str(ToolExecutionStatus.COMPLETED)]
    for name in ("result", "completed_at"):
        field: Any = meta.get_field(name)
        settings.append(f"{quote(field.column)} = CASE id {branches} END")
        for row in rows:
            parameters += [row.pk, field.get_db_prep_save(getattr(row, name), connection)]
    keys = ", ".join(["%s"] * len(rows))
    statement = (
        f"UPDATE {quote(meta.db_table)} SET {', '.join(settings)} "  # noqa: S608 - names of columns only
        f"WHERE id IN ({keys}) AND status = %s AND attempt = 1"
    )
    parameters += [*(row.pk for row in rows), str(ToolExecutionStatus.RUNNING)]
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return int(cursor.rowcount)


def _close_one(row: ToolExecution) -> bool:
    names = ("result", "result_file", "result_size", "error_message", "error_code")
    values = {name: getattr(row, name) for name in (*names, "completed_at", "idempotency_key", "sandbox_id")}
    return ToolExecution.objects.move(pk=row.pk, to=row.status, attempt=row.attempt, **values)


def _taken(rows: Sequence[ToolExecution]) -> list[ToolExecution]:
    """Those of `rows` whose end somebody else has written, as they are now."""
    mine = {row.pk: row for row in rows}
    found = []
    for now in ToolExecution.objects.select_related("tool").filter(pk__in=mine):
        row = mine[now.pk]
        if (now.status, now.error_code, now.attempt) != (row.status, row.error_code, row.attempt):
            results.discard(row.result_file)
            found.append(now)
    return found
