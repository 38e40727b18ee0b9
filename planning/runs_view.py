"""A run, or a plan that has not run, as its page shows it: the graph, the list, how far it is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from agi_site.lib import events, keyset

from . import words
from .engine.telling import channel_of
from .graph.drawing import MOST_STEPS, Drawing, draw
from .graph.order import critical_path
from .models import Plan, PlanExecution, PlanExecutionStatus, PlanStepExecution, StepState
from .services.drafts import StepDraft, drafts_of
from .services.estimates import Progress, expected_seconds, progress_of, seconds_of_steps

LISTED = 100
LIVE = (PlanExecutionStatus.PENDING, PlanExecutionStatus.RUNNING)


@dataclass(frozen=True, slots=True)
class Line:
    """A step in the list beside the graph; `id` is that of the step in the run, or of the plan's step."""

    id: int
    key: str
    title: str
    kind: str
    state: words.State
    seconds: float | None = None
    expected: float | None = None
    attempt: int = 0
    error: str = ""
    items: int = 0
    critical: bool = False


@dataclass(slots=True)
class RunView:
    """Everything the template needs; `execution` is None for a plan that has not run."""

    plan: Plan
    execution: PlanExecution | None
    drawing: Drawing
    lines: Sequence[Line]
    progress: Progress
    page: keyset.Page[Any] | None = None
    counts: Sequence[tuple[words.State, int]] = ()
    ids: Mapping[str, int] = field(default_factory=dict)
    state: words.State | None = None
    after: str = ""
    verbs: Sequence[str] = ()
    budget: Sequence[tuple[str, str]] = ()
    chosen: str = ""

    @property
    def is_live(self) -> bool:
        """Whether it may still change by itself."""
        return self.execution is not None and self.execution.status in LIVE


def of_plan(plan: Plan) -> RunView:
    """A plan as it stands, without a run."""
    drafts = drafts_of(plan)
    waits_for = {draft.key: draft.depends_on for draft in drafts}
    expected = expected_seconds(drafts, seconds_of_steps(plan), owner_id=plan.user_id)
    longest, critical = critical_path(waits_for, expected)
    critical = critical if longest else []
    lines = [
        Line(
            id=draft.id or 0,
            key=draft.key,
            title=draft.description or draft.key,
            kind=draft.kind,
            state=words.state_of_step(""),
            expected=expected.get(draft.key),
            critical=draft.key in critical,
        )
        for draft in drafts[: 2 * LISTED]
    ]
    return RunView(
        plan=plan,
        execution=None,
        drawing=draw(waits_for, titles={d.key: d.description for d in drafts}, critical=critical),
        lines=lines,
        progress=Progress(0, len(drafts), None),
        ids={draft.key: draft.id or 0 for draft in drafts},
    )


def of_run(execution: PlanExecution, *, state: str = "", cursor: str | None = None) -> RunView:
    """A run as it stands: `state` keeps the list to steps in that state, `cursor` pages it."""
    # read before anything else, so that no event falls between the rows and the stream
    after = events.last_id(channel_of(execution.pk))
    graph = _graph(execution)
    if not graph.states:  # it has not begun: its steps are still the plan's
        view = of_plan(execution.plan)
        view.execution, view.state, view.after = execution, words.state_of_run(execution), after
        view.verbs = verbs_of(execution)
        return view
    expected = _expected(execution, graph)
    _longest, critical = critical_path(graph.waits_for, expected)
    critical = critical if any(expected.get(key) for key in critical) else []
    rows = PlanStepExecution.objects.filter(execution=execution, parent=None)
    if state in StepState.values:
        rows = rows.filter(status=state)
    found = keyset.paginate(
        rows.defer("input", "output", "dependents"), order=["order_index", "pk"], size=LISTED, cursor=cursor
    )
    return RunView(
        plan=execution.plan,
        execution=execution,
        drawing=draw(graph.waits_for, states=graph.states, titles=graph.titles, critical=critical),
        lines=[_line(row, expected, set(critical)) for row in found.rows],
        page=found,
        progress=progress_of(
            execution=execution,
            states=graph.states,
            started=graph.started,
            waits_for=graph.waits_for,
            expected=expected,
        ),
        counts=_counts(graph.states),
        ids=graph.ids,
        state=words.state_of_run(execution),
        after=after,
        verbs=verbs_of(execution),
        budget=words.budget_lines(execution.budget, execution.spent),
        chosen=state,
    )


def verbs_of(execution: PlanExecution) -> list[str]:
    """What may be asked of a run now."""
    if execution.status in LIVE:
        return ["resume" if execution.paused_at else "pause", "cancel"]
    if execution.status in (PlanExecutionStatus.FAILED, PlanExecutionStatus.CANCELED):
        return ["retry", "again"]
    return ["again"]


@dataclass(slots=True)
class _Graph:
    """The steps of a run by key."""

    states: dict[str, str] = field(default_factory=dict)
    waits_for: dict[str, list[str]] = field(default_factory=dict)
    started: dict[str, datetime] = field(default_factory=dict)
    took: dict[str, float] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)
    ids: dict[str, int] = field(default_factory=dict)


def _graph(execution: PlanExecution) -> _Graph:
    graph = _Graph()
    rows = PlanStepExecution.objects.filter(execution=execution, parent=None).order_by("order_index", "pk")
    dependents: dict[int, list[int]] = {}
    columns = ("pk", "key", "status", "dependents", "started_at", "completed_at")
    keys: dict[int, str] = {}
    for pk, key, status, following, started, completed in rows.values_list(*columns):
        keys[pk], graph.ids[key], graph.states[key] = key, pk, status
        graph.waits_for[key] = []
        dependents[pk] = following or []
        if started is not None:
            graph.started[key] = started
            if completed is not None:
                graph.took[key] = (completed - started).total_seconds()
    for pk, following in dependents.items():
        for other in following:
            if other in keys:
                graph.waits_for[keys[other]].append(keys[pk])
    if len(keys) <= MOST_STEPS:
        graph.titles = dict(rows.values_list("key", "spec__description"))
    return graph


def _expected(execution: PlanExecution, graph: _Graph) -> dict[str, float]:
    """How long each step took, or is expected to take."""
    if execution.status not in LIVE:
        return graph.took
    known = seconds_of_steps(execution.plan)
    open_keys = [key for key, state in graph.states.items() if key not in graph.took and key not in known]
    rows = PlanStepExecution.objects.filter(execution=execution, parent=None)
    if len(open_keys) <= MOST_STEPS:
        rows = rows.filter(key__in=open_keys)
    columns = ("key", "kind", "spec__tool_name", "spec__arguments")
    drafts = [
        StepDraft(key=key, kind=kind, tool_name=tool or "", arguments=arguments)
        for key, kind, tool, arguments in rows.values_list(*columns)[: 10 * MOST_STEPS]
    ]
    guessed = expected_seconds(drafts, known, owner_id=execution.user_id)
    return {**guessed, **known, **graph.took}


def _line(row: PlanStepExecution, expected: Mapping[str, float], critical: set[str]) -> Line:
    took = (
        (row.completed_at - row.started_at).total_seconds() if row.started_at and row.completed_at else None
    )
    return Line(
        id=row.pk,
        key=row.key,
        title=(row.spec or {}).get("description") or row.key,
        kind=str(row.kind),
        state=words.state_of_step(str(row.status)),
        seconds=took,
        expected=expected.get(row.key) if took is None else None,
        attempt=row.attempt,
        error=row.error_text,
        items=(row.usage or {}).get("items", 0) if isinstance(row.usage, dict) else 0,
        critical=row.key in critical,
    )


def _counts(states: Mapping[str, str]) -> list[tuple[words.State, int]]:
    """How many steps are in each state, in the order in which a step goes through them."""
    numbers: dict[str, int] = {}
    for state in states.values():
        numbers[state] = numbers.get(state, 0) + 1
    return [(words.state_of_step(str(state)), numbers[state]) for state in StepState if numbers.get(state)]


def drawing_of(drafts: Sequence[StepDraft]) -> Drawing | None:
    """The graph of steps that are being written; None while there are none."""
    known = {draft.key for draft in drafts}
    waits_for = {draft.key: [key for key in draft.depends_on if key in known] for draft in drafts}
    if not drafts:
        return None
    return draw(waits_for, titles={draft.key: draft.description for draft in drafts})
