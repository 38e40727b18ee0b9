"""Answers whose turn will not come back are given the status they ended in."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from agi_site.lib import events
from system.models import TaskQueue, TaskStatus

from .models import AnswerStatus, Message
from .querysets import channel_of
from .receipts import keep_receipts
from .waiting import resume

GRACE = timedelta(seconds=5)  # a worker that was told to stop closes its answer itself within this time
LOOK_BACK = timedelta(hours=1)


def settle(answer: Message) -> Message:
    """Close a running answer if its task has ended without closing it, and leave it alone otherwise.

    Happens when a turn was cancelled before it began (stopped), or when workers died over it until its
    retries were used up (incomplete, with what was written).
    """
    if answer.is_waiting:
        if resume(answer_id=answer.pk):  # what it waited for has ended, and nobody told it
            answer.refresh_from_db(fields=["metadata"])
        return answer
    task = TaskQueue.objects.filter(pk=answer.facts.get("task")).first()
    if task is not None and task.status in (TaskStatus.PENDING, TaskStatus.PROCESSING):
        return answer
    if task is not None and task.worker and task.completed_at > timezone.now() - GRACE:
        return answer  # its worker still has it, and closes it
    cancelled = task is not None and task.status == TaskStatus.CANCELED
    return close(answer, AnswerStatus.STOPPED if cancelled else AnswerStatus.INCOMPLETE)


def settle_abandoned() -> int:
    """Settle the answers whose turns ended lately without closing them; returns how many were closed."""
    now = timezone.now()
    tasks = TaskQueue.objects.filter(
        task_type="conversations.turn",
        status__in=[TaskStatus.FAILED, TaskStatus.CANCELED],
        completed_at__range=(now - LOOK_BACK, now - GRACE),
    )
    ids = [payload["answer_id"] for payload in tasks.values_list("payload", flat=True)[:500]]
    found = [row for row in Message.objects.filter(pk__in=ids).light() if row.is_running]
    return sum(not settle(row).is_running for row in found)


def close(answer: Message, status: AnswerStatus) -> Message:
    """Give a running answer its last status and tell the open pages."""
    passing = ("recalled", "receipts", "waits")
    kept = {name: value for name, value in answer.facts.items() if name not in passing}
    passages, drafts = answer.facts.get("recalled", []), answer.facts.get("receipts", [])
    with transaction.atomic():
        answer.metadata = kept | {"status": status}
        Message.objects.filter(pk=answer.pk).update(metadata=answer.metadata)
        keep_receipts(
            answer,
            drafts,
            numbers={(passage["kind"], passage["id"]): passage["number"] for passage in passages},
            cited=[cited["n"] for cited in answer.citations],
        )
    name = "turn.stopped" if status == AnswerStatus.STOPPED else "message.done"
    data = {"message_id": answer.pk} | ({} if name == "turn.stopped" else {"status": status})
    channel = channel_of(answer.conversation_id)
    transaction.on_commit(lambda: events.publish(channel, name, data))
    return answer
