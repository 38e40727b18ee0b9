"""Making a run: its row and the task that begins it, in the caller's transaction."""

from collections.abc import Callable, Mapping
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from agi_site.lib import plain_json
from agi_site.lib.problems import Conflict, Invalid

from ..models import Plan, PlanExecution, PlanStatus, PlanStepExecution
from . import waking
from .moves import Step
from .run import Run

MAX_DEPTH = 5
SUB_PLAN = "plan_step_execution"


def create(
    *,
    plan: Plan,
    user: Any,
    inputs: Mapping[str, Any] | None = None,
    budget: Mapping[str, Any] | None = None,
    unattended: bool = False,
    trigger: tuple[str, str] | None = None,
    language: str = "en",
) -> PlanExecution:
    """Store a run that waits to begin, and wake a driver for it; raises Conflict or Invalid."""
    given = settled_inputs(plan, inputs)
    trigger_type, trigger_id = trigger or (None, None)
    execution: PlanExecution = PlanExecution.objects.create(
        plan=plan,
        user=user,
        version=plan.version,
        inputs=given,
        budget=(dict(budget) or None) if budget is not None else plan.budget,
        unattended=unattended,
        language=language[:10],
        trigger_type=trigger_type,
        trigger_id=trigger_id,
    )
    Plan.objects.filter(pk=plan.pk).update(
        status=PlanStatus.RUNNING, started_at=timezone.now(), completed_at=None
    )
    waking.wake(execution.pk)
    return execution


def settled_inputs(plan: Plan, given: Mapping[str, Any] | None) -> dict[str, Any]:
    """The plan's own values with those given over them; raises Invalid, naming what the steps miss."""
    from ..services.checking import names_of_inputs
    from ..services.drafts import drafts_of

    if given is not None and not isinstance(given, Mapping):
        raise Invalid(errors={"inputs": [_("A JSON object is expected.")]})
    values = {**(plan.inputs or {}), **(given or {})}
    plain_json.check(values, field="inputs")
    drafts = drafts_of(plan)
    if not drafts:
        raise Conflict(_("This plan has no steps yet. Add one, then run it."), code="plan_empty")
    missing = [name for name in names_of_inputs(drafts) if values.get(name) is None]
    if missing:
        message = _("The steps need these inputs: %(names)s.") % {"names": ", ".join(missing)[:300]}
        raise Invalid(message, code="inputs_missing", errors={"inputs": [message]})
    return values


def create_child(*, run: Run, step: Step, inputs: dict[str, Any]) -> Callable[[], None]:
    """What starts a step's sub-plan, to be called in the transaction in which the step begins to wait.

    Raises Conflict where the plan is gone, or runs itself by way of others, or runs go too deep.
    """
    plan = Plan.objects.for_user(run.execution.user).filter(pk=step.spec.get("sub_plan_id")).first()
    if plan is None:
        raise Conflict(_("The sub-plan of this step is gone. Choose another."), code="sub_plan_gone")
    above = ancestors(run.execution)
    if plan.pk in [pk for pk, _title in above]:
        names = " → ".join([title for _pk, title in reversed(above)] + [plan.title])
        message = _("These plans would start each other: %(names)s.")
        raise Conflict(message % {"names": names}, code="sub_plan_cycle")
    if len(above) >= MAX_DEPTH:
        message = _("Plans may start others at most %(most)d deep.")
        raise Conflict(message % {"most": MAX_DEPTH}, code="sub_plan_depth")
    settled_inputs(plan, inputs)

    def act() -> None:
        create(
            plan=plan,
            user=run.execution.user,
            inputs=inputs,
            budget=_rest(step, plan),
            unattended=run.execution.unattended,
            trigger=(SUB_PLAN, str(step.id)),
            language=run.language,
        )

    return act


def _rest(step: Step, plan: Plan) -> dict[str, Any] | None:
    """What a sub-plan may use: its own budget, and no more than its parent has set aside for it."""
    reserved = (step.usage or {}).get("reserved") or {}
    own = plan.budget or {}
    limits = {**own, **{name: min(own.get(name, most), most) for name, most in reserved.items()}}
    if seconds := step.spec.get("timeout_seconds"):
        limits["seconds"] = min(limits.get("seconds", seconds), seconds)
    return limits or None


def ancestors(execution: PlanExecution) -> list[tuple[str, str]]:
    """The plans (id, title) of a run and of those that started it, the nearest first."""
    found = [(str(execution.plan_id), str(execution.plan.title))]
    while execution.trigger_type == SUB_PLAN and len(found) <= MAX_DEPTH:
        rows = PlanStepExecution.objects.select_related("execution__plan")
        parent = rows.filter(pk=execution.trigger_id).first()
        if parent is None:
            break
        execution = parent.execution
        found.append((str(execution.plan_id), str(execution.plan.title)))
    return found
