"""What a run may use, and stops before it uses more: steps, seconds, tokens, seconds of sandboxes.

A step that uses tokens or sandboxes sets aside what it may use before it begins (`usage.reserved` of its
row); what it used takes that place when it ends, and stays when it is tried again. All of it is written while
the run is held alone.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from django.utils import timezone

from ..models import PlanExecution, PlanStepExecution, StepKind, StepState
from .database import holding
from .moves import Ends, Step
from .run import Run

KINDS = ("tokens", "sandbox_seconds")
LEAST = {"tokens": 16, "sandbox_seconds": 1}
# Without further word, so much is set aside for one prompt's answer.
ANSWER_TOKENS = 2048


class Exhausted(Exception):
    """What is left of `name` does not suffice. `later`: others have set some aside and may give it back."""

    def __init__(self, name: str, *, later: bool) -> None:
        super().__init__(name)
        self.name, self.later = name, later


def steps_left(execution: PlanExecution) -> int | None:
    """How many further steps may begin; None without a limit."""
    most = (execution.budget or {}).get("steps")
    return None if most is None else max(0, int(most) - int((execution.spent or {}).get("steps", 0)))


def seconds_left(run: Run) -> float | None:
    """How long the run may still go on; None without a limit."""
    ends_at = run.execution.ends_at
    return None if ends_at is None else (ends_at - timezone.now()).total_seconds()


def time_is_over(execution: PlanExecution) -> bool:
    """Whether the run has used its seconds: then no further step may begin."""
    return execution.ends_at is not None and execution.ends_at <= timezone.now()


def spend(execution: PlanExecution, *, begun: int = 0, ends: Ends = ()) -> None:
    """Add to what the run has used: steps begun, and what those that ended used."""
    spent = dict(execution.spent or {})
    if begun:
        spent["steps"] = int(spent.get("steps", 0)) + begun
    for _step, outcome in ends:
        for name in KINDS:
            if used := (outcome.used or {}).get(name):
                spent[name] = spent.get(name, 0) + used
    if spent != (execution.spent or {}):
        execution.spent = spent
        PlanExecution.objects.filter(pk=execution.pk).update(spent=spent)


def reserve(execution: PlanExecution, step: Step, wanted: Mapping[str, float]) -> dict[str, float]:
    """Set aside for a step as much of what it wants as is left, in its row; raises Exhausted.

    Of what the run has no limit for, nothing is set aside.
    """
    budget = execution.budget or {}
    granted: dict[str, float] = {}
    reserved = _reserved(execution, step)
    for name, amount in wanted.items():
        if name not in budget:
            continue
        left = budget[name] - (execution.spent or {}).get(name, 0)
        free = left - reserved.get(name, 0)
        if free < LEAST[name]:
            raise Exhausted(name, later=left >= LEAST[name])
        granted[name] = min(amount, free)
    if granted:
        step.usage = {**(step.usage or {}), "reserved": granted}
        PlanStepExecution.objects.filter(pk=step.id).update(usage=step.usage)
    return granted


def _reserved(execution: PlanExecution, step: Step) -> dict[str, float]:
    """What others have set aside."""
    holding = PlanStepExecution.objects.filter(
        execution=execution.pk, status__in=[StepState.RUNNING, StepState.WAITING], usage__isnull=False
    ).exclude(pk=step.id)
    total: dict[str, float] = {}
    for usage in holding.values_list("usage", flat=True):
        for name, amount in ((usage or {}).get("reserved") or {}).items():
            total[name] = total.get(name, 0) + amount
    return total


def wanted_by(run: Run, step: Step) -> dict[str, float]:
    """What a step may use, in the measures of the budget."""
    budget = run.budget
    if not any(name in budget for name in KINDS):
        return {}
    if step.kind == StepKind.PLAN:
        return {name: float(budget[name]) for name in KINDS if name in budget}
    if step.kind == StepKind.PROMPT and step.work is not None:
        from .prompts import tokens_of

        asked = tokens_of(step.work.arguments)
        return {"tokens": asked + float(step.work.arguments.get("max_tokens") or ANSWER_TOKENS)}
    if step.kind == StepKind.TOOL:
        known = run.lookup.tool(step.spec["tool_name"])
        if known.implementation.exec_env != "host":
            return {"sandbox_seconds": float(step.spec.get("timeout_seconds") or known.seconds)}
    return {}


def count_anew(execution_id: str) -> None:
    """Count what the steps of a run that has ended have used: some still ran then."""
    with holding(execution_id) as execution:
        if execution.completed_at is None:
            return
        used = PlanStepExecution.objects.filter(execution=execution_id, usage__isnull=False)
        spent = {**(execution.spent or {}), **total(used.values_list("usage", flat=True))}
        PlanExecution.objects.filter(pk=execution_id).update(spent=spent)


def total(usages: Iterable[Mapping[str, Any] | None]) -> dict[str, float]:
    """What steps have used together."""
    spent: dict[str, float] = {}
    for usage in usages:
        for name in KINDS:
            if used := (usage or {}).get(name):
                spent[name] = spent.get(name, 0) + used
    return spent
