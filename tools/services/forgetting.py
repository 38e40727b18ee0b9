"""Taking out of the records of runs what was forgotten, and what people who are gone leave behind."""

from collections.abc import Collection

from django.db.models import Q
from django.utils import translation
from django.utils.translation import gettext as _

from knowledge.services import without_memories_in

from .. import results
from ..models import ToolExecution, ToolExecutionStatus
from . import ending

BATCH = 200


def take_out_memories(*, user_id: int, ids: Collection[str]) -> int:
    """Take the memories out of what searches have found for one person; returns how many runs changed."""
    runs = ToolExecution.objects.filter(user=user_id, tool__name="memory_search", result__isnull=False)
    changed = 0
    for run in runs.only("pk", "result").order_by("pk").iterator(chunk_size=200):
        result, found = without_memories_in(run.result, ids)
        if found:
            ToolExecution.objects.filter(pk=run.pk).update(result=result)
            changed += 1
    return changed


def forget_the_gone() -> int:
    """Empty the runs of people whose account was deleted; returns how many.

    Their rows stay, as the ledger counts runs: without what was asked, what came of it, and the files of
    large results. What still waits ends first, as nobody is there for whom it could run.
    """
    _end_what_waits()
    said = Q(parameters__isnull=False) | Q(result__isnull=False) | Q(error_message__isnull=False)
    kept = said | Q(idempotency_key__isnull=False) | ~Q(result_file="")
    ended = [ToolExecutionStatus.COMPLETED, ToolExecutionStatus.FAILED]
    left = ToolExecution.objects.filter(kept, user=None, status__in=ended).order_by("pk")
    emptied = 0
    while found := dict(left.values_list("pk", "result_file")[:BATCH]):
        for file in found.values():  # before its name: what breaks off between the two is done again
            results.discard(file)
        ToolExecution.objects.filter(pk__in=found).update(
            parameters=None,
            result=None,
            result_file="",
            result_size=None,
            error_message=None,
            idempotency_key=None,
        )
        emptied += len(found)
    return emptied


def _end_what_waits() -> None:
    """End what has not begun, or waits for something else; what runs comes to its end by itself."""
    waiting = Q(status=ToolExecutionStatus.PENDING)
    waiting |= Q(status=ToolExecutionStatus.RUNNING) & ~Q(awaits_type="")
    rows = ToolExecution.objects.filter(waiting, user=None).select_related("tool").order_by("pk")
    for row in rows[:BATCH]:
        with translation.override(row.language or None):
            text = _("This account is closed, so no tool runs for it.")
            ending.fail(row, code="account_closed", text=text)
