"""Taking over what a dead driver held: each of its steps goes where it can go without being done twice.

A step that was claimed and had opened no call had not begun. One whose call has ended has its end there. A
call that was running goes again if doing it twice is harmless, and else ends as lost: a person decides.
"""

import logging
from collections.abc import Iterable
from typing import Any

from django.utils.translation import gettext as _

from agi_site.lib.problems import Problem
from system.models import TaskQueue, TaskStatus
from tools.models import ToolExecution, ToolExecutionStatus
from tools.services import settle_lost

from ..models import PlanExecution, PlanExecutionStatus, PlanStepExecution, StepKind, StepState
from ..reasons import because
from . import budget, moves
from .kinds import TARGET, failed
from .ledger import outcome_of
from .moves import COLUMNS, Outcome, Step
from .retries import again_later
from .run import Run
from .telling import tell_steps

logger = logging.getLogger(__name__)

# So many processes may die of one step before it is given up.
MOST_LOST = 5
OPEN_CALLS = (ToolExecutionStatus.PENDING, ToolExecutionStatus.RUNNING)


def recover(run: Run, execution: PlanExecution, *, own: str) -> list[tuple[Step, Outcome]]:
    """Move the running steps that no living driver holds, and return where they went.

    The caller holds the run alone; `own` is its token, under which nothing runs that it does not know.
    """
    rows = PlanStepExecution.objects.filter(execution=run.id, status=StepState.RUNNING).order_by("pk")
    found = list(rows.values_list("claimed_by", "started_at", *COLUMNS))
    tokens = {row[0] for row in found} - {own}
    alive = TaskQueue.objects.filter(worker__in=tokens, status=TaskStatus.PROCESSING)
    dead = tokens - set(alive.values_list("worker", flat=True))
    left = [(token, _step(started, row)) for token, started, *row in found if token in dead]
    if not left:
        return []
    logger.warning("the run %s takes over %d steps of %d dead drivers", run.id, len(left), len(dead))
    calls = _calls(step for _token, step in left)
    live = execution.status == PlanExecutionStatus.RUNNING
    ends = []
    for token, step in left:
        outcome = _outcome(run, step, calls.get(step.id), execution)
        outcome = again_later(run, step, outcome) if live else outcome
        moves.apply(run.id, [(step, outcome)], token=token)
        ends.append((step, outcome))
    if execution.budget:
        budget.spend(execution, ends=ends)
    tell_steps(execution, ends)
    return ends


def _step(started: Any, row: list[Any]) -> Step:
    step = Step(*row)
    step.started_at = started
    return step


def _calls(steps: Iterable[Step]) -> dict[int, ToolExecution]:
    """The calls that this attempt at each step has opened."""
    begun = {str(step.id): step for step in steps if step.kind == StepKind.TOOL}
    rows = ToolExecution.objects.filter(trigger_type=TARGET, trigger_id__in=list(begun))
    found: dict[int, ToolExecution] = {}
    for row in rows.order_by("pk"):
        step = begun[str(row.trigger_id)]
        if step.started_at is None or row.created_at is None or row.created_at >= step.started_at:
            found[step.id] = row
    return found


def _outcome(run: Run, step: Step, call: ToolExecution | None, execution: PlanExecution) -> Outcome:
    if call is not None and call.status == ToolExecutionStatus.RUNNING and not call.awaits_type:
        (call,) = settle_lost([call.pk])  # unless it has come to its end just now
        if call.error_code == "lost":
            return _lost(run, step, call, execution)
    if call is not None and call.error_code == "lost":
        return _lost(run, step, call, execution)
    if call is not None and call.error_code != "not_started":
        return outcome_of(step, call)
    return _again(step, execution, begun=step.kind == StepKind.PROMPT)


def _lost(run: Run, step: Step, call: ToolExecution, execution: PlanExecution) -> Outcome:
    """A call whose process died in its middle."""
    try:
        repeatable = run.lookup.tool(step.spec["tool_name"]).may_run_again
    except Problem:
        repeatable = False
    if repeatable:
        return _again(step, execution, begun=True)
    text = _(
        "The program stopped while this step was running, so nobody knows how far it came. Look, and then "
        "retry the run or skip the step."
    )
    outcome = failed(text, "lost")
    outcome.tool_execution_id, outcome.input = call.pk, call.parameters
    return outcome


def _again(step: Step, execution: PlanExecution, *, begun: bool) -> Outcome:
    """Back to be claimed, but not for ever if it had `begun`; in a run that has ended it is over."""
    if execution.status != PlanExecutionStatus.RUNNING:
        return moves.left_out(moves.CANCELED, because("run_ended_within"))
    kept = {name: value for name, value in (step.usage or {}).items() if name != "reserved"}
    if begun:
        kept["lost"] = int(kept.get("lost", 0)) + 1
    if kept.get("lost", 0) > MOST_LOST:
        text = _("The program stopped again and again in this step.")
        return failed(text, "lost")
    return Outcome(StepState.READY, usage=kept or None, uncounted=True)


def take_back(execution_id: str, *, token: str, kept: Iterable[Step]) -> None:
    """Make ready again what a driver has claimed and does not know of: its connection broke at the commit."""
    rows = PlanStepExecution.objects.filter(
        execution=execution_id, status=StepState.RUNNING, claimed_by=token
    ).exclude(pk__in=[step.id for step in kept])
    ids = list(rows.values_list("pk", flat=True))
    if not ids:
        return
    calls = ToolExecution.objects.filter(
        trigger_type=TARGET, trigger_id__in=[str(pk) for pk in ids], status=ToolExecutionStatus.RUNNING
    )
    settle_lost(list(calls.values_list("pk", flat=True)))
    PlanStepExecution.objects.filter(pk__in=ids, status=StepState.RUNNING, claimed_by=token).update(
        status=StepState.READY, claimed_by="", started_at=None
    )
