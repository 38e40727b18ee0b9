"""The beginning of a run: its steps as rows, each with what it does, pinned as it is now."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from ..models import (
    Plan,
    PlanExecution,
    PlanExecutionStatus,
    PlanStatus,
    PlanStep,
    PlanStepExecution,
    PlanStepStatus,
    StepState,
)
from ..services.drafts import key_of
from .bulk import update_each
from .database import holding
from .telling import tell_run
from .waking import wake_at

CHUNK = 500


def begin(execution_id: str) -> bool:
    """Lay out a run that waits to begin, in one transaction; False if it has begun already, or ended."""
    with holding(execution_id) as execution:
        if execution.status != PlanExecutionStatus.PENDING:
            return False
        rows = list(PlanStep.objects.filter(plan=execution.plan_id).order_by("order_index", "pk"))
        _lay_out(execution, rows)
        now = timezone.now()
        PlanExecution.objects.move(
            pk=execution.pk,
            to=PlanExecutionStatus.RUNNING,
            started_at=now,
            steps_total=len(rows),
            version=Plan.objects.values_list("version", flat=True).get(pk=execution.plan_id),
        )
        PlanStep.objects.filter(plan=execution.plan_id).update(
            status=PlanStepStatus.PENDING, started_at=None, completed_at=None
        )
        Plan.objects.filter(pk=execution.plan_id).update(
            status=PlanStatus.RUNNING, started_at=now, completed_at=None
        )
        if seconds := (execution.budget or {}).get("seconds"):
            wake_at(execution.pk, now + timedelta(seconds=seconds))
        execution.status = PlanExecutionStatus.RUNNING
        tell_run(execution)
        return True


def _lay_out(execution: PlanExecution, rows: list[PlanStep]) -> None:
    """The rows of a run, then who waits for whom, now that they have ids."""
    keys = {row.pk: key_of(row) for row in rows}
    waits = {row.pk: [pk for pk in dict.fromkeys(row.dependencies) if pk in keys] for row in rows}
    PlanStepExecution.objects.bulk_create(
        [
            PlanStepExecution(
                execution=execution,
                step_id=row.pk,
                order_index=row.order_index,
                key=keys[row.pk],
                kind=row.kind,
                spec=spec_of(row, [keys[pk] for pk in waits[row.pk]]),
                status=StepState.PENDING if waits[row.pk] else StepState.READY,
                remaining=len(waits[row.pk]),
            )
            for row in rows
        ],
        batch_size=CHUNK,
    )
    made = PlanStepExecution.objects.filter(execution=execution.pk).values_list("step_id", "pk")
    place: dict[Any, int] = dict(made)
    dependents: dict[int, list[int]] = {}
    for pk, others in waits.items():
        for other in others:
            dependents.setdefault(place[other], []).append(place[pk])
    if dependents:
        update_each(PlanStepExecution, {pk: {"dependents": found} for pk, found in dependents.items()})


def spec_of(row: PlanStep, depends_on: list[str]) -> dict[str, Any]:
    """What a run keeps of a step: all that running it needs, without what is empty."""
    spec = {
        "description": row.description,
        "tool_name": row.tool_name,
        "arguments": row.arguments,
        "sub_plan_id": row.sub_plan_id,
        "condition": row.condition,
        "for_each": row.for_each,
        "max_retries": row.max_retries,
        "retry_seconds": row.retry_seconds,
        "timeout_seconds": row.timeout_seconds,
        "on_failure": str(row.on_failure),
        "depends_on": depends_on,
    }
    return {name: value for name, value in spec.items() if value not in (None, "", [], {})}
