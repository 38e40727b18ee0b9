"""Answers that wait: for a person's word, or for what a tool has started and whose end comes from elsewhere.

What they wait for stands in the ledger of tools, with what to go on in the answer's metadata (`waits`);
nothing of it lives in a process, so it outlasts restarts.
"""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import User
from agi_site.lib import events
from agi_site.lib.problems import Problem
from system import queue
from tools.models import ToolExecution
from tools.services import cancel_execution

from .models import AnswerStatus, Conversation, ConversationStatus, Message
from .querysets import channel_of

TURN_PRIORITY = 10  # a person is waiting
TURN_RETRIES = 3


@transaction.atomic
def resume(*, answer_id: str) -> bool:
    """Take a waiting turn up if all that it waits for has ended; whether it goes on. Harmless if repeated."""
    answer = lock(answer_id)
    if answer is None or not answer.is_waiting:
        return False
    conversation = Conversation.objects.filter(pk=answer.conversation_id).only("status").first()
    if conversation is None or conversation.status == ConversationStatus.DELETED:
        return False
    return go_on_or_wait(answer)


def go_on_or_wait(answer: Message) -> bool:
    """Queue the turn of a waiting answer again, unless something still waits; whether it was queued.

    The caller holds the answer's row, so that whoever ends the last execution comes before or after.
    """
    if _ids(answer, "waiting") and _unfinished(answer).exists():
        channel, data = channel_of(answer.conversation_id), {"message_id": answer.pk}
        transaction.on_commit(lambda: events.publish(channel, "turn.waiting", data))
        return False
    waits: dict[str, Any] = answer.facts["waits"]
    task = queue.enqueue(
        task_type="conversations.turn",
        payload={
            "answer_id": answer.pk,
            "language": waits["language"],
            "session_id": waits["session_id"],
        },
        priority=TURN_PRIORITY,
        max_retries=TURN_RETRIES,
        key=f"conversations.turn:{answer.pk}:{waits['number']}",
    )
    answer.metadata = answer.facts | {"status": AnswerStatus.STREAMING, "task": task.pk}
    Message.objects.filter(pk=answer.pk).update(metadata=answer.metadata)
    return True


def cancel_calls(answer: Message, *, by: User) -> None:
    """End what an answer's tools wait for; its entries say so (the caller saves them)."""
    for execution in ToolExecution.objects.for_user(by).unfinished().filter(pk__in=_ids(answer)):
        try:
            cancel_execution(execution=execution, by=by)
        except Problem:  # it has just ended by itself
            continue
    for entry in answer.tools:
        if entry["status"] in ("waiting", "running"):
            entry |= {"status": "failed", "result": _("You stopped this.")}


def lock(answer_id: str) -> Message | None:
    """An answer, held until the transaction ends."""
    found: Message | None = Message.objects.select_for_update().light().filter(pk=answer_id).first()
    return found


def _unfinished(answer: Message) -> Any:
    return ToolExecution.objects.unfinished().filter(pk__in=_ids(answer, "waiting"))


def _ids(answer: Message, *states: str) -> list[str]:
    """The executions of the calls in these states; of those that have not ended, when none is named."""
    wanted = states or ("waiting", "running")
    found = (entry.get("execution_id") for entry in answer.tools if entry["status"] in wanted)
    return [pk for pk in found if pk]
