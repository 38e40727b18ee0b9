"""Taking forgotten memories out of the records of runs."""

from collections.abc import Collection

from knowledge.services import without_memories_in

from ..models import PlanExecution, PlanStepExecution

SEARCH = "memory_search"


def take_out_memories(*, user_id: int, ids: Collection[str]) -> int:
    """Take the memories out of what searches of one person's runs have found; returns how many rows changed.

    Only what stands there as a search gave it can be told apart: what a prompt has made of it stays, as what
    was said in a conversation does.
    """
    steps = PlanStepExecution.objects.filter(execution__user=user_id)
    runs = list(
        steps.filter(tool_execution__tool__name=SEARCH).values_list("execution", flat=True).distinct()
    )
    changed = 0
    for model, rows, columns in (
        (PlanStepExecution, PlanStepExecution.objects.filter(execution__in=runs), ("input", "output")),
        (PlanExecution, PlanExecution.objects.filter(pk__in=runs), ("result",)),
    ):
        for pk, *held in rows.order_by("pk").values_list("pk", *columns).iterator(chunk_size=200):
            found = [without_memories_in(value, ids) for value in held]
            if any(taken for _value, taken in found):
                values = {name: value for name, (value, _taken) in zip(columns, found, strict=True)}
                changed += model.objects.filter(pk=pk).update(**values)
    return changed
