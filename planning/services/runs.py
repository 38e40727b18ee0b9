"""Runs of plans: started, paused, resumed, canceled, taken up again; steps skipped."""

from collections.abc import Callable, Mapping
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from agi_site.lib.problems import Conflict, Invalid
from system.services import audit

from .. import engine
from ..models import Plan, PlanExecution, PlanStepExecution
from .checking import check_budget

LONGEST_REASON = 500


@transaction.atomic
def start_plan(
    *,
    plan: Plan,
    by: Any,
    inputs: Mapping[str, Any] | None = None,
    budget: Mapping[str, Any] | None = None,
    unattended: bool = False,
    trigger: tuple[str, str] | None = None,
    language: str = "en",
) -> PlanExecution:
    """Run a plan: its row and the task that begins it are stored in the caller's transaction.

    The run keeps the steps as they are when it begins. `inputs` stand over the plan's own values, `budget`
    (steps, seconds, tokens, sandbox_seconds) in place of the plan's, {} for none; texts are in `language`.
    `unattended`: nobody is there to be asked. Raises Conflict (a plan without steps) or Invalid (inputs
    missing, budget).
    """
    execution = engine.create(
        plan=plan,
        user=by,
        inputs=inputs,
        budget=None if budget is None else check_budget(budget) or {},
        unattended=unattended,
        trigger=trigger,
        language=language,
    )
    audit(component="planning", message=f"plan {plan.pk} was started as run {execution.pk}", by=by)
    return execution


def run_again(*, execution: PlanExecution, by: Any, inputs: Mapping[str, Any] | None = None) -> PlanExecution:
    """Run the plan of a run anew, as it is now, with the run's inputs or those given over them."""
    return start_plan(
        plan=execution.plan,
        by=by,
        inputs={**(execution.inputs or {}), **(inputs or {})},
        budget=execution.budget,
        unattended=execution.unattended,
        language=execution.language or "en",
    )


def pause_plan(*, execution: PlanExecution, by: Any) -> PlanExecution:
    """Begin no further steps; those that run come to their end. Raises Conflict if the run has ended."""
    return _done(lambda: engine.pause(execution.pk), f"run {execution.pk} was paused", by=by)


def resume_plan(*, execution: PlanExecution, by: Any) -> PlanExecution:
    """Go on after a pause. Raises Conflict if the run has ended."""
    return _done(lambda: engine.resume(execution.pk), f"run {execution.pk} was resumed", by=by)


def cancel_plan(*, execution: PlanExecution, by: Any) -> PlanExecution:
    """End a run; running tools are stopped within about a second, what waits is called off.

    Raises Conflict if it has ended already.
    """
    return _done(lambda: engine.cancel(execution.pk), f"run {execution.pk} was canceled", by=by)


def retry_plan(
    *, execution: PlanExecution, by: Any, budget: Mapping[str, Any] | None = None
) -> PlanExecution:
    """Take up a failed or canceled run where it stopped; completed steps and their outputs stay.

    `budget` takes the place of the run's, for one that has used up its own. Raises Conflict for a run that
    has not ended so, Invalid for a budget that is none.
    """
    given = None if budget is None else check_budget(budget) or {}
    message = f"run {execution.pk} was taken up again"
    return _done(lambda: engine.retry(execution.pk, budget=given), message, by=by)


def skip_step(*, step: PlanStepExecution, by: Any, reason: str) -> PlanExecution:
    """Go on without a step, for a reason that is kept; returns its run.

    A run that failed because of it is taken up again. Raises Conflict for a step that has come to its end,
    Invalid without a reason.
    """
    reason = reason.strip()
    if not reason or len(reason) > LONGEST_REASON:
        message = _("Say why in at most %(most)d characters.")
        raise Invalid(errors={"reason": [message % {"most": LONGEST_REASON}]})
    if step.parent_id is not None:
        message = _("Items are not skipped one by one. Skip the whole step.")
        raise Conflict(message, code="step_is_item")
    message = f"step {step.pk} of run {step.execution_id} was skipped"
    return _done(lambda: engine.skip(step.pk, reason), message, by=by)


def _done(deed: Callable[[], PlanExecution], message: str, *, by: Any) -> PlanExecution:
    """Do something to a run, with its line in the audit: both or neither, tried again as the engine does."""

    def work() -> PlanExecution:
        with transaction.atomic():
            execution = deed()
            audit(component="planning", message=message, by=by)
        return execution

    return engine.transact(work)
