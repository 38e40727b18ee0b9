"""Steps that wait: what they waited for has ended, or their time has come."""

from datetime import timedelta

from django.utils import timezone, translation

from tools.models import ToolExecution, ToolExecutionStatus

from ..models import PlanExecution, PlanStepExecution, StepKind, StepState
from . import budget, endings, moves, waking
from .database import holding
from .kinds import answer_of, child_of
from .ledger import outcome_of
from .moves import COLUMNS, Outcome, Step
from .retries import again_later
from .run import Run
from .telling import Teller, tell_steps


def settle(step_id: int) -> bool:
    """End a waiting step if what it waits for has ended; False if there is nothing to do (any more)."""
    execution_id = PlanStepExecution.objects.filter(pk=step_id).values_list("execution", flat=True).first()
    if execution_id is None:
        return False
    run = Run.load(execution_id)
    with translation.override(run.language), holding(execution_id) as execution:
        row = PlanStepExecution.objects.filter(pk=step_id, status=StepState.WAITING)
        found = row.values_list("started_at", *COLUMNS).first()
        if found is None:
            return False
        step = Step(*found[1:])
        step.started_at = found[0]
        outcome = _outcome(step)
        if outcome is None:
            return False
        outcome.input = outcome.input or row.values_list("input", flat=True).get()
        ends = [(step, again_later(run, step, outcome))]
        moves.apply(execution_id, ends, token="", held=StepState.WAITING)
        if execution.budget:  # what a sub-plan or an approved program used is not there for others any more
            budget.spend(execution, ends=ends)
        tell_steps(run.execution, ends)
        waking.wake(execution_id)
    teller = Teller(execution_id, int(run.execution.steps_total))
    teller.note(ends)
    teller.tell(now=True)
    return True


def _outcome(step: Step) -> Outcome | None:
    if step.kind == StepKind.APPROVAL:
        return answer_of(step.id)
    if step.kind == StepKind.PLAN:
        return child_of(step.id)
    if step.kind == StepKind.TOOL and step.tool_execution_id and step.available_at is None:
        call = ToolExecution.objects.filter(pk=step.tool_execution_id).first()
        if call is not None and call.status in (ToolExecutionStatus.COMPLETED, ToolExecutionStatus.FAILED):
            return outcome_of(step, call)
    return None


def look_at_clocks(execution_id: str) -> int:
    """Make ready the steps of a run whose time has come, and end the run if its own is over."""
    with holding(execution_id) as execution:
        if execution.status != "running":
            return 0
        run = Run.load(execution_id)
        if budget.time_is_over(execution):
            execution.user = run.execution.user
            with translation.override(run.language):
                endings.out_of_budget(execution, "seconds")
            return 0
        due = PlanStepExecution.objects.filter(
            execution=execution_id, status=StepState.WAITING, available_at__lte=timezone.now()
        )
        ids = sorted(due.values_list("pk", flat=True))
        PlanStepExecution.objects.filter(pk__in=ids).update(status=StepState.READY, claimed_by="")
        if ids:
            waking.wake(execution_id)
        return len(ids)


def stranded() -> list[str]:
    """Runs that go on and have steps to do, but no driver and no task that would wake one.

    That takes a task that failed for good; they are woken again.
    """
    from system.models import TaskQueue, TaskStatus

    open_states = [StepState.READY, StepState.RUNNING]
    live = PlanExecution.objects.live().filter(paused_at=None)
    waiting = list(live.filter(status="pending").values_list("pk", flat=True)[:500])
    rows = PlanStepExecution.objects.filter(status__in=open_states, execution__in=live)
    ids = [*waiting, *rows.values_list("execution", flat=True).distinct()[:500]]
    keys = {waking.key_of(pk, lane): pk for pk in ids for lane in range(waking.lanes())}
    driven = TaskQueue.objects.filter(
        unique_key__in=list(keys), status__in=[TaskStatus.PENDING, TaskStatus.PROCESSING]
    )
    found = {keys[key] for key in driven.values_list("unique_key", flat=True)}
    return [pk for pk in dict.fromkeys(ids) if pk not in found]


def rescue() -> int:
    """Wake the stranded runs, and those whose clocks nobody looks at; returns how many."""
    ids = stranded()
    for pk in ids:
        with holding(pk):
            waking.wake(pk)
    overdue = PlanStepExecution.objects.filter(
        status=StepState.WAITING, available_at__lt=timezone.now() - timedelta(seconds=30)
    )
    late = overdue.values_list("execution", flat=True).distinct()[:500]
    return len(ids) + sum(bool(look_at_clocks(pk)) for pk in list(late))
