"""Moves of steps: how one ends, what its end makes ready or skips, and which are claimed next.

Every function here runs inside a transaction that shares or holds the run (`database`).
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import F
from django.utils import timezone

from ..models import OnFailure, PlanStep, PlanStepExecution, PlanStepStatus, StepState
from ..reasons import because, text_of
from .bulk import CHUNK, update_each
from .whole import is_large

ENDED = frozenset({StepState.COMPLETED, StepState.FAILED, StepState.SKIPPED})
OPEN = (StepState.PENDING, StepState.READY, StepState.RUNNING, StepState.WAITING)
# Why a step was skipped. What waits for it goes on in the first two cases, and is skipped with it in others.
CONDITION, PERSON = "condition", "person"
DEPENDENCY, CANCELED, BUDGET = "dependency", "canceled", "budget"
MIRROR = {
    StepState.PENDING: PlanStepStatus.PENDING,
    StepState.READY: PlanStepStatus.PENDING,
    StepState.WAITING: PlanStepStatus.RUNNING,
    StepState.RUNNING: PlanStepStatus.RUNNING,
    StepState.COMPLETED: PlanStepStatus.COMPLETED,
    StepState.FAILED: PlanStepStatus.FAILED,
    StepState.SKIPPED: PlanStepStatus.SKIPPED,
}
COLUMNS = (
    "id",
    "step_id",
    "parent_id",
    "item_index",
    "order_index",
    "key",
    "kind",
    "spec",
    "status",
    "remaining",
    "dependents",
    "attempt",
    "available_at",
    "usage",
    "tool_execution_id",
)


# What a step uses: its row has the sum of all its attempts.
USED = ("tokens", "sandbox_seconds", "steps")


class Displaced(Exception):
    """Somebody else has moved steps that this driver held; what it did with them must not count."""


@dataclass(slots=True)
class Step:
    """A step of a run as a driver holds it. `ahead`: not ready yet, but when others of its batch end."""

    id: int
    step_id: int | None
    parent_id: int | None
    item_index: int | None
    order_index: int
    key: str
    kind: str
    spec: dict[str, Any]
    status: str
    remaining: int
    dependents: list[int]
    attempt: int
    available_at: datetime | None
    usage: dict[str, Any] | None
    tool_execution_id: str | None
    ahead: bool = False
    started_at: datetime | None = None
    # Its arguments, once they are known; and what was written before it may begin.
    work: "Work | None" = None
    opened: Any = None

    @property
    def goes_on(self) -> bool:
        """Whether what waits for it goes on when it has failed."""
        return self.parent_id is not None or self.spec.get("on_failure") == OnFailure.CONTINUE

    @property
    def name(self) -> str:
        """How people read it: the key, and the number of the item."""
        return self.key if self.item_index is None else f"{self.key}[{self.item_index}]"


@dataclass(slots=True)
class Work:
    """What a step has to do that takes time; `repeatable`: doing it twice is the same as once."""

    arguments: dict[str, Any]
    repeatable: bool

    @property
    def alone(self) -> bool:
        """Whether it is written apart from others, as its arguments are large."""
        return is_large(self.arguments)


@dataclass(slots=True)
class Outcome:
    """Where a step goes from `running`, and what is written with it.

    `act` runs in the same transaction: whatever the step started that is made of rows. `used` is what this
    attempt used (of USED), which the row adds to that of those before; the rest of `usage` stands as it is.
    """

    status: StepState
    output: Any = None
    input: Any = None
    error: str = ""
    code: str = ""
    why: dict[str, Any] | None = None
    usage: dict[str, Any] | None = None
    used: Mapping[str, float] | None = None
    tool_execution_id: str | None = None
    available_at: datetime | None = None
    remaining: int = 0
    # How often it began by now is counted one lower: it never came to its work.
    uncounted: bool = False
    # Whether another attempt may do better.
    again: bool = False
    # Whether something was forgotten out of the output.
    forgotten: bool = False
    act: Callable[[], None] | None = None
    completed_at: datetime = field(default_factory=timezone.now)


def left_out(code: str, why: dict[str, Any]) -> Outcome:
    """The end of a step that is skipped for a reason of `reasons`."""
    return Outcome(StepState.SKIPPED, error=text_of(why, ""), code=code, why=why)


type Ends = Sequence[tuple[Step, Outcome]]


def apply(
    execution_id: str,
    ends: Ends,
    *,
    token: str,
    held: str = StepState.RUNNING,
    ahead: Iterable[Step] = (),
) -> tuple[list[Step], Counter[int]]:
    """Write where steps go, and what follows for others; raises Displaced if they are not in our hand.

    They are fenced by `token` while they run; one that is `held` in another state is by that state. Of the
    steps `ahead` that the driver still holds, those that wait for nothing more are now claimed. Returns
    them, and how many steps fewer each of the others waits for.
    """
    if not ends:
        return [], Counter()
    _write(ends, token=token, held=held)
    for _step, outcome in ends:
        if outcome.act is not None:
            outcome.act()
    written = {step.id for step, _outcome in ends}
    counts: Counter[int] = Counter()
    doomed: dict[int, str] = {}
    for step, outcome in ends:
        if satisfies(step, outcome):
            counts.update(pk for pk in step.dependents if pk not in written)
        elif outcome.status == StepState.FAILED:
            doomed.update(dict.fromkeys(step.dependents, step.key))
    arrived = Counter({step.id: counts[step.id] for step in ahead if step.ahead and counts[step.id]})
    adopted = [step for step in ahead if step.ahead and 0 < step.remaining <= arrived[step.id]]
    _adopt(adopted, token)
    release(counts - Counter({step.id: counts[step.id] for step in adopted}))
    if doomed:
        skip_behind(execution_id, doomed)
    mirror({step.step_id: _seen(step, outcome) for step, outcome in ends if step.parent_id is None})
    return adopted, arrived


def satisfies(step: Step, outcome: Outcome) -> bool:
    """Whether what waits for the step may go on."""
    if outcome.status == StepState.COMPLETED:
        return True
    if outcome.status == StepState.SKIPPED:
        return outcome.code in (CONDITION, PERSON) or step.parent_id is not None
    return outcome.status == StepState.FAILED and step.goes_on


def _adopt(steps: Sequence[Step], token: str) -> None:
    """Claim steps that were read ahead and are ready now."""
    if not steps:
        return
    rows = PlanStepExecution.objects.filter(pk__in=[step.id for step in steps], status=StepState.PENDING)
    values = {"status": StepState.RUNNING, "claimed_by": token, "remaining": 0, "started_at": timezone.now()}
    if rows.update(attempt=F("attempt") + 1, **values) != len(steps):
        raise Displaced


def _write(ends: Ends, *, token: str, held: str) -> None:
    """The rows of the steps themselves."""
    groups: dict[bool, dict[int, dict[str, Any]]] = {False: {}, True: {}}
    for step, outcome in ends:
        groups[step.ahead][step.id] = _columns(step, outcome, token)
    if groups[False]:
        fence, values = "AND status = %s", [held]
        if held == StepState.RUNNING:
            fence, values = "AND status = %s AND claimed_by = %s", [held, token]
        _update(groups[False], fence, values)
    if groups[True]:
        _update(groups[True], "AND status = %s", [StepState.PENDING])


def _update(rows: dict[int, dict[str, Any]], fence: str, values: list[Any]) -> None:
    if update_each(PlanStepExecution, rows, also=fence, params=values) != len(rows):
        raise Displaced


def _columns(step: Step, outcome: Outcome, token: str) -> dict[str, Any]:
    ended = outcome.status in ENDED
    return {
        "status": outcome.status,
        "remaining": outcome.remaining,
        "attempt": max(0, step.attempt - outcome.uncounted),
        "available_at": outcome.available_at,
        # Kept with an end: it tells a driver whose connection broke that the end is written.
        "claimed_by": "" if outcome.status in (StepState.READY, StepState.PENDING) else token,
        "input": outcome.input,
        "output": outcome.output,
        "output_forgotten": outcome.forgotten,
        "usage": _usage(step, outcome),
        "error_message": outcome.error,
        "why": outcome.why,
        "error_code": outcome.code,
        "tool_execution": outcome.tool_execution_id,
        "started_at": None if outcome.status == StepState.READY else step.started_at,
        "completed_at": outcome.completed_at if ended else None,
    }


def _usage(step: Step, outcome: Outcome) -> dict[str, Any] | None:
    if not outcome.used and not step.usage:
        return outcome.usage
    before, used = step.usage or {}, outcome.used or {}
    sums = {name: before.get(name, 0) + used.get(name, 0) for name in USED if name in before or name in used}
    return {**(outcome.usage or {}), **sums} or None


def release(counts: Counter[int]) -> None:
    """Let steps wait for so many steps fewer; those that wait for none any more are ready."""
    ids = sorted(pk for pk, count in counts.items() if count)
    for at in range(0, len(ids), CHUNK):
        chunk = ids[at : at + CHUNK]
        less, values = "%s", [counts[chunk[0]]]
        if len({counts[pk] for pk in chunk}) > 1:
            less = f"CASE id {'WHEN %s THEN %s ' * len(chunk)}END"
            values = [part for pk in chunk for part in (pk, counts[pk])]
        # The state comes first: MySQL would else compare with the new count.
        sql = (
            f"UPDATE plan_step_execution SET status = CASE WHEN remaining <= {less} THEN %s ELSE status END,"  # noqa: S608
            f" remaining = remaining - {less}"
            f" WHERE id IN ({','.join(['%s'] * len(chunk))}) AND status IN (%s, %s)"
        )
        waiting = [StepState.PENDING.value, StepState.WAITING.value]
        with connection.cursor() as cursor:
            cursor.execute(sql, [*values, StepState.READY.value, *values, *chunk, *waiting])


def skip_behind(execution_id: str, doomed: dict[int, str]) -> int:
    """Skip what waits, over however many others, for steps that have failed; returns how many.

    `doomed` maps the first of them to the key of the step that failed.
    """
    waiting = PlanStepExecution.objects.filter(pk__in=list(doomed), status=StepState.PENDING)
    if not waiting.exists():
        return 0
    pending = PlanStepExecution.objects.filter(
        execution=execution_id, status=StepState.PENDING, parent=None
    ).values_list("pk", "dependents", "step_id")
    known = {pk: (dependents, step_id) for pk, dependents, step_id in pending}
    reasons = {pk: key for pk, key in doomed.items() if pk in known}
    frontier = list(reasons)
    while frontier:
        pk = frontier.pop()
        for other in known[pk][0]:
            if other in known and other not in reasons:
                reasons[other] = reasons[pk]
                frontier.append(other)
    skip(
        {pk: because("dependency", key=key) for pk, key in reasons.items()},
        code=DEPENDENCY,
        mirrored=[known[pk][1] for pk in reasons],
    )
    return len(reasons)


def skip(reasons: Mapping[int, dict[str, Any] | str], *, code: str, mirrored: Iterable[int | None]) -> None:
    """Mark steps as skipped, each with its reason: one of `reasons`, or a person's own words."""
    now = timezone.now()
    rows = {
        pk: {
            "status": StepState.SKIPPED,
            "error_code": code,
            "error_message": why if isinstance(why, str) else text_of(why, ""),
            "why": None if isinstance(why, str) else why,
            "completed_at": now,
            "available_at": None,
            "claimed_by": "",
        }
        for pk, why in reasons.items()
    }
    if rows:
        from .telling import tell_skipped

        update_each(PlanStepExecution, rows)
        mirror(dict.fromkeys(mirrored, (StepState.SKIPPED, None, now)))
        tell_skipped(rows)


def _seen(step: Step, outcome: Outcome) -> tuple[StepState, datetime | None, datetime | None]:
    ended = outcome.completed_at if outcome.status in ENDED else None
    return outcome.status, step.started_at, ended


def mirror(seen: dict[int | None, tuple[StepState, datetime | None, datetime | None]]) -> None:
    """Show steps' states, starts and ends in the plan itself too; steps that are gone from it are not."""
    rows: dict[int, dict[str, Any]] = {
        pk: {"status": MIRROR[state], "started_at": started, "completed_at": completed}
        for pk, (state, started, completed) in seen.items()
        if pk is not None
    }
    if rows:
        update_each(PlanStep, rows)


def claim(execution_id: str, *, token: str, most: int) -> tuple[list[Step], bool]:
    """Take up to `most` ready steps of a run for the driver that holds `token`; the first in order first.

    Also says whether there are more.
    """
    ready = PlanStepExecution.objects.filter(execution=execution_id, status=StepState.READY)
    ready = ready.order_by("order_index", "pk")
    if connection.features.has_select_for_update_skip_locked:
        ready = ready.select_for_update(skip_locked=True)
    found = [Step(*row) for row in ready.values_list(*COLUMNS)[: most + 1]]
    steps, more = found[:most], len(found) > most
    if steps:
        now = timezone.now()
        PlanStepExecution.objects.filter(pk__in=sorted(step.id for step in steps)).update(
            status=StepState.RUNNING, claimed_by=token, started_at=now, attempt=F("attempt") + 1
        )
        for step in steps:
            step.attempt += 1
            step.started_at = now
    return steps, more


def read_ahead(execution_id: str, batch: Sequence[Step], *, most: int) -> list[Step]:
    """Steps that wait for nothing but steps of the batch (or of each other, in order), up to `most`."""
    after = min(step.order_index for step in batch)
    rows = PlanStepExecution.objects.filter(
        execution=execution_id, status=StepState.PENDING, order_index__gt=after, parent=None
    ).order_by("order_index", "pk")
    waits = Counter(pk for step in batch for pk in step.dependents)
    found: list[Step] = []
    now = timezone.now()
    for row in rows.values_list(*COLUMNS)[: 2 * most]:
        step = Step(*row)
        if len(found) < most and waits[step.id] >= step.remaining > 0:
            step.ahead = True
            step.attempt += 1
            step.started_at = now
            waits.update(step.dependents)
            found.append(step)
    return found
