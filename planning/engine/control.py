"""What people do to a run: pause, resume, cancel, retry, skip. Each holds the run alone, and is one move."""

from typing import Any

from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from agi_site.lib.problems import Conflict

from ..models import (
    OnFailure,
    Plan,
    PlanExecution,
    PlanExecutionStatus,
    PlanStatus,
    PlanStepExecution,
    StepState,
)
from . import endings, moves, waking
from .bulk import update_each
from .database import holding, transact
from .moves import COLUMNS, Outcome, Step
from .skeleton import REVIVED, revive
from .telling import tell, tell_run, tell_standing, tell_steps

ENDED = (PlanExecutionStatus.FAILED, PlanExecutionStatus.CANCELED)


def pause(execution_id: str) -> PlanExecution:
    """Begin no further steps; those that run come to their end. Raises Conflict if the run has ended."""
    return transact(lambda: _pause(execution_id, pause=True))


def resume(execution_id: str) -> PlanExecution:
    """Go on after a pause. Raises Conflict if the run has ended."""
    return transact(lambda: _pause(execution_id, pause=False))


def _pause(execution_id: str, *, pause: bool) -> PlanExecution:
    with holding(execution_id) as execution:
        if execution.status not in (PlanExecutionStatus.PENDING, PlanExecutionStatus.RUNNING):
            raise Conflict(_("This run has ended already."), code="run_ended")
        if pause != (execution.paused_at is not None):
            execution.paused_at = timezone.now() if pause else None
            PlanExecution.objects.filter(pk=execution.pk).update(paused_at=execution.paused_at)
            tell_run(execution, change="paused" if pause else "resumed")
        if not pause:
            waking.wake(execution.pk)
        transaction.on_commit(lambda: tell_standing(execution), robust=True)
    return execution


def cancel(execution_id: str) -> PlanExecution:
    """End a run: what runs is stopped within about a second. Raises Conflict if it has ended already."""

    def work() -> PlanExecution:
        with holding(execution_id) as execution:
            if not endings.cancel(execution):
                raise Conflict(_("This run has ended already."), code="run_ended")
        return execution

    execution = transact(work)
    execution.refresh_from_db()
    return execution


def retry(execution_id: str, *, budget: dict[str, Any] | None = None) -> PlanExecution:
    """Take up a failed or canceled run where it stopped; what was completed stays, and its outputs.

    `budget` takes the place of the run's; what it has used counts against that, too. Raises Conflict where
    nothing is to be taken up, or something is still being stopped.
    """

    def work() -> PlanExecution:
        with holding(execution_id) as execution:
            _check_still(execution)
            _reset_failed(execution.pk)
            if budget is not None:
                execution.budget = budget
                PlanExecution.objects.filter(pk=execution.pk).update(budget=budget)
            _go_on(execution)
        return execution

    return _told(transact(work))


def skip(step_id: int, reason: str) -> PlanExecution:
    """Go on without a step that has not been completed; what waits for it goes on with no output of it.

    A run that failed because of it is taken up again. Raises Conflict for a step that has come to an end.
    """
    execution_id = PlanStepExecution.objects.values_list("execution", flat=True).get(pk=step_id)
    return _told(transact(lambda: _skip(execution_id, step_id, reason)))


def _skip(execution_id: str, step_id: int, reason: str) -> PlanExecution:
    with holding(execution_id) as execution:
        row = PlanStepExecution.objects.filter(pk=step_id)
        step = Step(*row.values_list(*COLUMNS).get())
        outcome = Outcome(StepState.SKIPPED, error=reason, code=moves.PERSON, usage=step.usage)
        if step.status == StepState.FAILED and execution.status in (*ENDED, PlanExecutionStatus.RUNNING):
            if execution.status in ENDED:
                _check_still(execution)
            moves.apply(execution.pk, [(step, outcome)], token="", held=StepState.FAILED)
            tell_steps(execution, [(step, outcome)])
            if execution.status in ENDED:
                _go_on(execution)
            else:
                revive(execution.pk)
                waking.wake(execution.pk)
            return execution
        if execution.status != PlanExecutionStatus.RUNNING or step.status in moves.ENDED:
            raise Conflict(_("Only a step that has not come to its end can be skipped."), code="step_ended")
        _skip_live(execution, step, outcome)
    return execution


def _skip_live(execution: PlanExecution, step: Step, outcome: Outcome) -> None:
    """Skip a step of a run that goes on; if it is running, its driver sees that and stops it."""
    items = PlanStepExecution.objects.filter(parent=step.id, status__in=moves.OPEN)
    called_off = list(
        PlanStepExecution.objects.filter(Q(pk=step.id) | Q(parent=step.id), status=StepState.WAITING)
        .order_by("pk")
        .values_list("pk", "kind", "tool_execution_id")
    )
    moves.skip(
        dict.fromkeys(items.values_list("pk", flat=True), outcome.error), code=moves.PERSON, mirrored=[]
    )
    if step.status == StepState.RUNNING:
        PlanStepExecution.objects.filter(pk=step.id).update(claimed_by="")
    moves.apply(execution.pk, [(step, outcome)], token="", held=step.status)
    tell_steps(execution, [(step, outcome)])
    for pk, kind, tool_execution_id in called_off:
        endings.call_off(pk, kind=kind, tool_execution_id=tool_execution_id, by=execution.user)
    waking.wake(execution.pk)


def _check_still(execution: PlanExecution) -> None:
    if execution.status not in ENDED:
        raise Conflict(
            _("Only a run that failed or was canceled can be taken up again."), code="run_not_ended"
        )
    if execution.steps.filter(status=StepState.RUNNING).exists():
        raise Conflict(
            _("A step of this run is still being stopped. Try again in a moment."), code="run_stopping"
        )
    if not execution.steps_total:
        raise Conflict(_("This run never began. Run the plan again."), code="run_not_begun")


def _reset_failed(execution_id: str) -> None:
    """Failed steps, and failed or canceled items of a for-each, stand before their first attempt again."""
    again = {"attempt": 0, "error_code": "", "error_message": "", "why": None}
    again |= {"completed_at": None, "claimed_by": ""}
    rows = PlanStepExecution.objects.filter(execution=execution_id)
    failed = Q(status=StepState.FAILED) | Q(status=StepState.SKIPPED, error_code__in=REVIVED)
    # Items of a step that a person skipped, or whose failure nobody minds, stay as they are, like the step.
    revived = Q(status=StepState.SKIPPED, error_code__in=REVIVED)
    whole = rows.filter(revived | Q(status=StepState.FAILED), parent=None)
    minded = whole.exclude(pk__in=list(_continuing(whole).values_list("pk", flat=True)))
    items = rows.filter(failed, parent__in=list(minded.values_list("pk", flat=True)))
    open_items = dict(items.values_list("parent").annotate(count=Count("pk")).order_by("parent"))
    items.update(status=StepState.READY, available_at=None, **again)
    # A step with items goes on waiting for them, and is then gathered.
    update = {
        pk: {"status": StepState.WAITING, "remaining": count, "available_at": None, **again}
        for pk, count in open_items.items()
    }
    if update:
        update_each(PlanStepExecution, update)
    plain = rows.filter(status=StepState.FAILED, parent=None)
    plain.exclude(pk__in=list(_continuing(plain).values_list("pk", flat=True))).update(
        status=StepState.READY, remaining=0, available_at=None, **again
    )


def _continuing(rows: QuerySet[PlanStepExecution]) -> QuerySet[PlanStepExecution]:
    """Those that have failed, and others went on all the same."""
    return rows.filter(status=StepState.FAILED, spec__on_failure=OnFailure.CONTINUE)


def _go_on(execution: PlanExecution) -> None:
    """The run runs again, with everything ready that may be."""
    revive(execution.pk)
    now, spent = timezone.now(), dict(execution.spent or {})
    if execution.completed_at is not None:  # while it had ended it used no time
        spent["idle"] = round(spent.get("idle", 0) + (now - execution.completed_at).total_seconds(), 3)
    PlanExecution.objects.move(
        pk=execution.pk,
        to=PlanExecutionStatus.RUNNING,
        completed_at=None,
        spent=spent,
        error_code="",
        error_details=None,
        why=None,
        result=None,
        result_forgotten=False,
        paused_at=None,
    )
    execution.status, execution.completed_at, execution.paused_at = PlanExecutionStatus.RUNNING, None, None
    execution.spent = spent
    tell_run(execution)
    Plan.objects.filter(pk=execution.plan_id).update(status=PlanStatus.RUNNING, completed_at=None)
    if execution.ends_at is not None:
        waking.wake_at(execution.pk, execution.ends_at)
    waking.wake(execution.pk)


def _told(execution: PlanExecution) -> PlanExecution:
    transaction.on_commit(lambda: tell_standing(execution), robust=True)
    transaction.on_commit(lambda: tell(execution.pk, "refresh", {}), robust=True)
    execution.refresh_from_db()
    return execution
