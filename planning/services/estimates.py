"""What a run would do and how long it would take: before it begins, and while it goes on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _

from tools import registry
from tools.models import Tool, ToolExecution, ToolExecutionStatus

from ..graph.order import critical_path, layers
from ..models import Plan, PlanExecution, PlanExecutionStatus, PlanStepExecution, StepKind, StepState
from .checking import names_of_inputs
from .drafts import StepDraft, drafts_of

EARLIER_RUNS = 3
EARLIER_CALLS = 200
# Seconds for what has never run here; nobody knows how long a person takes to answer.
GUESSES = {StepKind.TOOL: 2.0, StepKind.PROMPT: 8.0, StepKind.PLAN: 30.0, StepKind.NONE: 0.0}
ENDED = (StepState.COMPLETED, StepState.FAILED, StepState.SKIPPED)


@dataclass(frozen=True, slots=True)
class DryRun:
    """What a run would be: keys layer by layer, seconds, the steps that decide them, and what is in the way.

    `missing` are inputs without a value, `problems` map a key to sentences. `basis` says what the seconds
    come from: "runs" of this plan, or a "guess".
    """

    order: list[list[str]]
    seconds: float
    critical: list[str]
    missing: list[str]
    problems: dict[str, list[str]]
    basis: str
    waits_for_people: int

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "order": self.order,
            "seconds": round(self.seconds, 1),
            "critical": self.critical,
            "missing": self.missing,
            "problems": self.problems,
            "basis": self.basis,
            "waits_for_people": self.waits_for_people,
        }


def dry_run(*, plan: Plan, inputs: Mapping[str, Any] | None = None) -> DryRun:
    """Everything about a run but the run. Nothing is written, no tool is called."""
    drafts = drafts_of(plan)
    waits_for = {draft.key: draft.depends_on for draft in drafts}
    known = seconds_of_steps(plan)
    seconds = expected_seconds(drafts, known, owner_id=plan.user_id)
    longest, critical = critical_path(waits_for, seconds)
    return DryRun(
        order=layers(waits_for),
        seconds=max(longest, sum(seconds.values()) / lanes()),
        critical=critical,
        missing=missing_inputs(plan=plan, inputs=inputs, drafts=drafts),
        problems=_problems(drafts),
        basis="runs" if known else "guess",
        waits_for_people=sum(draft.kind == StepKind.APPROVAL for draft in drafts),
    )


def missing_inputs(
    *, plan: Plan, inputs: Mapping[str, Any] | None = None, drafts: Sequence[StepDraft] | None = None
) -> list[str]:
    """The inputs that the steps refer to, or the plan names, and that have no value."""
    named = names_of_inputs(drafts_of(plan) if drafts is None else drafts)
    values = {**(plan.inputs or {}), **(inputs or {})}
    return [name for name in dict.fromkeys([*values, *named]) if values.get(name) is None]


def seconds_of_steps(plan: Plan) -> dict[str, float]:
    """How long each step took in the last runs that came to a good end (the median), by key."""
    runs = PlanExecution.objects.filter(plan=plan, status=PlanExecutionStatus.COMPLETED).order_by("-pk")
    last = list(runs.values_list("pk", flat=True)[:EARLIER_RUNS])
    rows = PlanStepExecution.objects.filter(
        execution__in=last, parent=None, status=StepState.COMPLETED, started_at__isnull=False
    ).values_list("key", "started_at", "completed_at")
    found: dict[str, list[float]] = {}
    for key, started, completed in rows:
        if completed is not None:
            found.setdefault(key, []).append((completed - started).total_seconds())
    return {key: median(values) for key, values in found.items()}


def expected_seconds(
    drafts: Sequence[StepDraft], known: Mapping[str, float], *, owner_id: int
) -> dict[str, float]:
    """How long each step will take: as it took before, else as its tool took, else a guess by its kind."""
    unknown = {d.tool_name for d in drafts if d.kind == StepKind.TOOL and d.key not in known}
    tools = _seconds_of_tools(unknown, owner_id) if unknown else {}
    found = {}
    for draft in drafts:
        if draft.key in known:
            found[draft.key] = known[draft.key]
        elif draft.kind == StepKind.WAIT:
            found[draft.key] = _wait(draft)
        else:
            guess = GUESSES.get(StepKind(draft.kind), 0.0)
            found[draft.key] = tools.get(draft.tool_name, guess) if draft.tool_name else guess
    return found


def lanes() -> int:
    """How many steps of one run are worked on at a time."""
    return max(1, int(getattr(settings, "PLAN_LANES", 4)))


def _seconds_of_tools(names: set[str], owner_id: int) -> dict[str, float]:
    rows = ToolExecution.objects.filter(
        user=owner_id,
        tool__name__in=names,
        status=ToolExecutionStatus.COMPLETED,
        started_at__isnull=False,
        completed_at__isnull=False,
    ).order_by("-pk")
    found: dict[str, list[float]] = {}
    times = rows.values_list("tool__name", "started_at", "completed_at")
    for name, started, completed in times[:EARLIER_CALLS]:
        found.setdefault(name, []).append((completed - started).total_seconds())
    return {name: median(values) for name, values in found.items()}


def _wait(draft: StepDraft) -> float:
    seconds = (draft.arguments or {}).get("seconds")
    return float(seconds) if isinstance(seconds, int | float) else 0.0


def _problems(drafts: Sequence[StepDraft]) -> dict[str, list[str]]:
    """What would stop a well written step: a tool that is gone or switched off, a plan that is gone."""
    names = {draft.tool_name for draft in drafts if draft.kind == StepKind.TOOL}
    rows = {row.name: row for row in Tool.objects.filter(name__in=names)}
    found: dict[str, list[str]] = {}
    for draft in drafts:
        if draft.kind == StepKind.PLAN and not draft.sub_plan_id:
            found[draft.key] = [_("The plan that this step runs is gone. Choose another one.")]
        if draft.kind != StepKind.TOOL:
            continue
        row, shown = rows.get(draft.tool_name), {"name": draft.tool_name}
        if row is None:
            found[draft.key] = [_("There is no tool called “%(name)s”.") % shown]
        elif not row.enabled:
            found[draft.key] = [
                _("The tool “%(name)s” is switched off. An operator can switch it on.") % shown
            ]
        elif registry.of_row(row) is None:
            found[draft.key] = [_("The tool “%(name)s” is not available in this installation.") % shown]
    return found


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is. `seconds_left` is None where nobody can say: before it begins, or after its end."""

    done: int
    total: int
    seconds_left: float | None

    @property
    def percent(self) -> int:
        """Of a hundred; a run with a step left is not at a hundred."""
        return 100 * self.done // self.total if self.total else 0


def progress_of(
    *,
    execution: PlanExecution,
    states: Mapping[str, str],
    started: Mapping[str, datetime],
    waits_for: Mapping[str, Sequence[str]],
    expected: Mapping[str, float],
) -> Progress:
    """How many steps have ended, and how long the others will take (the longest way through them)."""
    done = sum(state in ENDED for state in states.values())
    total = execution.steps_total or len(states)
    if execution.status != PlanExecutionStatus.RUNNING or execution.paused_at is not None:
        return Progress(done, total, None)
    now = timezone.now()
    left = {
        key: _left(expected.get(key, 0.0), started.get(key), now)
        for key, state in states.items()
        if state not in ENDED
    }
    open_for = {key: [other for other in waits_for.get(key, ()) if other in left] for key in left}
    longest, _path = critical_path(open_for, left)
    return Progress(done, total, max(longest, sum(left.values()) / lanes()))


def _left(expected: float, started: datetime | None, now: datetime) -> float:
    """What is left of a step; one that takes longer than thought is thought to end soon."""
    if started is None:
        return expected
    return max(expected - (now - started) / timedelta(seconds=1), expected * 0.1)
