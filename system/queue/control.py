"""What people may do to a task: cancel it, or let it try again."""

from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from agi_site.lib.problems import Conflict, NotFound

from ..models import TaskQueue, TaskStatus
from ..services.audit import audit
from . import keeper, outbox


@transaction.atomic
def cancel(*, task_id: str, by: Any) -> TaskQueue:
    """End a waiting or running task; a running handler sees it within about a second.

    Raises NotFound, or Conflict when the task has ended already.
    """
    live = TaskQueue.objects.filter(pk=task_id, status__in=[TaskStatus.PENDING, TaskStatus.PROCESSING])
    now = timezone.now()
    if not live.update(status=TaskStatus.CANCELED, completed_at=now, lease_until=None, unique_key=None):
        _get(task_id)
        raise Conflict(_("This task has ended already, so it cannot be canceled."), code="task_ended")
    transaction.on_commit(lambda: keeper.stop_here(task_id), robust=True)
    audit(component="queue", message=f"task {task_id} was canceled", by=by)
    return _get(task_id)


@transaction.atomic
def retry(*, task_id: str, by: Any) -> TaskQueue:
    """Let a failed or canceled task start anew, with all its attempts; raises NotFound or Conflict."""
    ended = TaskQueue.objects.filter(pk=task_id, status__in=[TaskStatus.FAILED, TaskStatus.CANCELED])
    now = timezone.now()
    if not ended.update(
        status=TaskStatus.PENDING,
        retry_count=0,
        error_message=None,
        result=None,
        started_at=None,
        completed_at=None,
        worker=None,
        available_at=now,
        resend_at=outbox.resend_after(now),
    ):
        _get(task_id)
        raise Conflict(_("Only a failed or canceled task can be tried again."), code="task_not_ended")
    task = _get(task_id)
    transaction.on_commit(lambda: outbox.wake(task.queue, task.pk), robust=True)
    audit(component="queue", message=f"task {task_id} was retried", by=by)
    return task


def _get(task_id: str) -> TaskQueue:
    task: TaskQueue | None = TaskQueue.objects.filter(pk=task_id).first()
    if task is None:
        raise NotFound
    return task
