"""Taking forgotten memories out of the records of runs."""

from typing import Any

from django.db.models import Q

from knowledge.services import Traces

from ..models import PlanExecution, PlanStepExecution, StepKind

BATCH = 200


def take_out_memories(*, user_id: int, traces: Traces) -> int:
    """Take copies of memories out of one person's runs: how many rows changed.

    Out of what searches have found, what steps were given (the text of a prompt above all), and what tools
    have made of it. What the assistant has answered to a prompt stays, as what was said in a conversation.
    The rows say that something is missing in them, so that no step begins with what is left of it.
    """
    lately = Q(completed_at=None) | Q(completed_at__gte=traces.since)
    runs = PlanExecution.objects.filter(lately, user=user_id)
    changed = 0
    for run in runs.order_by("pk").iterator(chunk_size=BATCH):
        changed += _take_out_of_run(run, traces)
    steps = PlanStepExecution.objects.filter(execution__in=runs.values("pk")).order_by("pk")
    for step in steps.iterator(chunk_size=BATCH):
        changed += _take_out_of_step(step, traces)
    return changed


def _take_out_of_run(run: PlanExecution, traces: Traces) -> int:
    values = _without(run, ("inputs", "error_details", "why"), traces)
    if "inputs" in values:
        values["inputs_forgotten"] = True
    kept = run.result if isinstance(run.result, dict) else {}
    if isinstance(outputs := kept.get("outputs"), dict):
        prompts = PlanStepExecution.objects.filter(execution=run, parent=None, kind=StepKind.PROMPT)
        answers = set(prompts.values_list("key", flat=True))
        result, gone = traces.out_of({key: told for key, told in outputs.items() if key not in answers})
        if gone:
            values |= {"result": kept | {"outputs": outputs | result}, "result_forgotten": True}
    return PlanExecution.objects.filter(pk=run.pk).update(**values) if values else 0


def _take_out_of_step(step: PlanStepExecution, traces: Traces) -> int:
    answers = step.kind == StepKind.PROMPT
    values = _without(step, ("input", "error_message", "why", *(() if answers else ("output",))), traces)
    if "output" in values:
        values["output_forgotten"] = True
    if "item" in step.spec:
        item, gone = traces.out_of(step.spec["item"])
        if gone:
            values["spec"] = step.spec | {"item": item, "item_forgotten": True}
    return PlanStepExecution.objects.filter(pk=step.pk).update(**values) if values else 0


def _without(row: Any, columns: tuple[str, ...], traces: Traces) -> dict[str, Any]:
    """The columns that held copies, as they are without them."""
    found = {name: traces.out_of(getattr(row, name)) for name in columns}
    return {name: value for name, (value, gone) in found.items() if gone}
