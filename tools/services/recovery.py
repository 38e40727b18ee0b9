"""What dead processes left open: run again where that is safe, ended as lost where not."""

from datetime import timedelta

from django.db.models import Q
from django.utils import timezone, translation

from system.models import TaskQueue

from .. import registry
from ..models import ToolExecution, ToolExecutionStatus
from . import ending
from .lookup import Known
from .running import LOST, MOST_ATTEMPTS, RUN_TASK, enqueue_run, lost_text

# A process that is alive ends its row at its deadline; this much later nobody does.
GRACE = timedelta(seconds=60)
ABANDONED_AFTER = timedelta(minutes=15)
BATCH = 200


def close_abandoned(*, grace: timedelta = GRACE, older_than: timedelta = ABANDONED_AFTER) -> int:
    """Take care of rows that nobody works on any more; returns how many were ended or set going again.

    A running one whose time is over by `grace` goes to a worker once more if its tool allows that, and ends
    as lost if not; a step of a plan always ends, as the plan tries again by itself. A pending one that no
    task and no consent is coming for ends after `older_than`.
    """
    now = timezone.now()
    overdue = Q(deadline_at__lt=now - grace) | Q(deadline_at=None, created_at__lt=now - older_than)
    running = ToolExecution.objects.filter(overdue, status=ToolExecutionStatus.RUNNING, awaits_type="")
    found = [_settle(row) for row in running.select_related("tool").order_by("pk")[:BATCH]]
    return sum(found) + _end_forgotten(now - older_than)


def _settle(row: ToolExecution) -> bool:
    implementation = registry.of_row(row.tool)
    again = implementation is not None and Known(row.tool, implementation).may_run_again
    if row.stop_requested_at is not None:
        return _fail(row, "canceled")
    if again and row.attempt < MOST_ATTEMPTS and row.trigger_type != "plan_step_execution":
        enqueue_run(row)
        return True
    return _fail(row, LOST)


def _end_forgotten(limit: object) -> int:
    pending = ToolExecution.objects.filter(status=ToolExecutionStatus.PENDING, created_at__lt=limit)
    rows = list(pending.without_question().select_related("tool").order_by("pk")[:BATCH])
    keys = {f"{RUN_TASK}:{row.pk}": row for row in rows}
    alive = set(TaskQueue.objects.filter(unique_key__in=keys).values_list("unique_key", flat=True))
    return sum(_fail(row, LOST) for key, row in keys.items() if key not in alive)


def _fail(row: ToolExecution, code: str) -> bool:
    with translation.override(row.language or None):
        return ending.fail(row, code=code, text=lost_text(), attempt=row.attempt)
