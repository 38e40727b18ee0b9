"""The end of a run that the assistant started: the tool's execution, which waited for it, ends with it."""

from typing import Any

from django.utils import translation
from django.utils.translation import gettext as _

from system import queue
from system.queue import TaskRun
from tools.services import finish_execution

from .models import PlanExecution, PlanExecutionStatus, PlanStepExecution, StepState


@queue.on_event("plan_execution.ended", transactional=True, max_retries=100)
def finish_tool(
    _task: TaskRun, execution_id: str, trigger_type: str | None, trigger_id: str | None, **_more: Any
) -> None:
    """Give the outputs of a run, or its error, to the call of `run_plan` that waits for it."""
    if trigger_type != "tool_execution" or not trigger_id:
        return
    execution = PlanExecution.objects.select_related("plan").filter(pk=execution_id).first()
    if execution is None:
        return
    with translation.override(execution.language or "en"):
        if execution.status == PlanExecutionStatus.COMPLETED:
            finish_execution(execution_id=trigger_id, result=result_of(execution))
        elif execution.status in (PlanExecutionStatus.FAILED, PlanExecutionStatus.CANCELED):
            error = execution.error_text or _("The plan was canceled.")
            canceled = execution.status == PlanExecutionStatus.CANCELED
            code = "canceled" if canceled else execution.error_code or "failed"
            finish_execution(execution_id=trigger_id, error=error, error_code=code)


def result_of(execution: PlanExecution) -> dict[str, Any]:
    """What the assistant is told of a run that came to a good end."""
    result = execution.result if isinstance(execution.result, dict) else {}
    done = PlanStepExecution.objects.filter(
        execution=execution, parent=None, status=StepState.COMPLETED
    ).count()
    return {
        "plan_id": execution.plan_id,
        "plan_execution_id": execution.pk,
        "title": execution.plan.title,
        "status": str(execution.status),
        "steps_completed": done,
        "steps_total": execution.steps_total,
        "outputs": result.get("outputs", {}),
    }
