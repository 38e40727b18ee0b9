"""How runs end: completed, failed, out of budget, canceled; and who is told. The caller holds the run."""

import logging
from typing import Any

from django.db import transaction
from django.utils import timezone

from agi_site.lib.problems import Problem
from system import queue
from tools.models import Approval, ApprovalStatus, ToolExecution, ToolExecutionStatus
from tools.services import cancel_execution
from tools.services.approvals import close

from ..models import (
    Plan,
    PlanExecution,
    PlanExecutionStatus,
    PlanStatus,
    PlanStepExecution,
    StepKind,
    StepState,
)
from ..reasons import because, text_of
from . import budget, moves, waking
from .run import outputs_of_ends
from .starting import SUB_PLAN
from .telling import tell_run, tell_standing

logger = logging.getLogger(__name__)

ENDED = "plan_execution.ended"


def finish(execution: PlanExecution) -> None:
    """End a run whose steps have all ended: as failed if one of them failed for good."""
    failures = list(
        PlanStepExecution.objects.filter(execution=execution.pk, parent=None, status=StepState.FAILED)
        .order_by("completed_at")
        .values_list("key", "error_message", "error_code", "spec")[:200]
    )
    stopping = [found for found in failures if found[3].get("on_failure") != "continue"]
    outputs, gone = outputs_of_ends(execution.pk)
    result: dict[str, Any] = {"outputs": outputs}
    if failures:
        result["failed"] = [key for key, _text, _code, _spec in failures]
    if not stopping:
        _close(execution, PlanExecutionStatus.COMPLETED, result=result, result_forgotten=gone)
        return
    key, text, code, _spec = stopping[0]
    why = because("step_failed", key=key, error=text)
    values = {"result": result, "result_forgotten": gone, "error_code": code[:50]}
    _close(execution, PlanExecutionStatus.FAILED, why=why, **values)


def stop(execution: PlanExecution, *, status: str, code: str, why: dict[str, Any]) -> None:
    """End a run in its middle: what has not begun is skipped, what waits is called off.

    What runs is stopped by its driver, which sees that the run has ended.
    """
    left = PlanStepExecution.objects.filter(
        execution=execution.pk, status__in=[StepState.PENDING, StepState.READY, StepState.WAITING]
    ).order_by("pk")
    rows = list(left.values_list("pk", "step_id", "status", "kind", "tool_execution_id", "parent_id"))
    moves.skip(
        {row[0]: why for row in rows},
        code=code,
        mirrored=[row[1] for row in rows if row[5] is None],
    )
    _close(execution, status, why=why, error_code=code)
    for pk, _step, state, kind, tool_execution_id, _parent in rows:
        if state == StepState.WAITING:
            call_off(pk, kind=kind, tool_execution_id=tool_execution_id, by=execution.user)


def out_of_budget(execution: PlanExecution, name: str) -> None:
    """End a run that would use more than it may."""
    stop(execution, status=PlanExecutionStatus.FAILED, code=moves.BUDGET, why=because(f"budget_{name}"))


def call_off(step_id: int, *, kind: str, tool_execution_id: str | None, by: Any) -> None:
    """End what a waiting step waits for: a question, a call, a sub-plan."""
    try:
        if kind == StepKind.APPROVAL:
            asked = Approval.objects.waiting().filter(target_type=SUB_PLAN, target_id=str(step_id))
            for approval in asked:
                close(approval, to=ApprovalStatus.CANCELED)
        elif kind == StepKind.PLAN:
            for child in PlanExecution.objects.live().filter(trigger_type=SUB_PLAN, trigger_id=str(step_id)):
                cancel(child)
        elif tool_execution_id:
            row = ToolExecution.objects.filter(pk=tool_execution_id).first()
            if row is not None and row.status in (ToolExecutionStatus.PENDING, ToolExecutionStatus.RUNNING):
                cancel_execution(execution=row, by=by)
    except Problem:  # it ended just now
        logger.info("what the step %s waited for had ended already", step_id)


def cancel(execution: PlanExecution) -> bool:
    """Cancel a run; False if it has ended already."""
    held = PlanExecution.objects.select_for_update().select_related("user").get(pk=execution.pk)
    if held.status not in (PlanExecutionStatus.PENDING, PlanExecutionStatus.RUNNING):
        return False
    stop(held, status=PlanExecutionStatus.CANCELED, code=moves.CANCELED, why=because("canceled"))
    return True


def _close(
    execution: PlanExecution, status: str, *, why: dict[str, Any] | None = None, **values: Any
) -> None:
    """The end of the run's row, of the plan's, and the news of it."""
    if why is not None:
        values |= {"why": why, "error_details": text_of(why, "")}
    now = timezone.now()
    spent = dict(execution.spent or {})
    used = PlanStepExecution.objects.filter(execution=execution.pk, usage__isnull=False)
    spent |= budget.total(used.values_list("usage", flat=True))
    spent["seconds"] = round(execution.seconds_until(now), 3)
    PlanExecution.objects.move(
        pk=execution.pk, to=status, completed_at=now, spent=spent, paused_at=None, **values
    )
    execution.status = status
    others = PlanExecution.objects.live().filter(plan=execution.plan_id).exclude(pk=execution.pk)
    if not others.exists():
        Plan.objects.filter(pk=execution.plan_id).update(status=PlanStatus(status), completed_at=now)
    tell_run(execution, error=values.get("error_details") or "", code=values.get("error_code") or "")
    queue.announce(ENDED, {
        "execution_id": execution.pk,
        "status": str(status),
        "trigger_type": execution.trigger_type,
        "trigger_id": execution.trigger_id,
    })  # fmt: skip
    if execution.trigger_type == SUB_PLAN and execution.trigger_id:
        waking.settle_later(int(execution.trigger_id))
    execution.paused_at = None
    transaction.on_commit(lambda: tell_standing(execution), robust=True)
