"""The turn and what follows it, as outbox tasks. Each takes ids, reads the rows itself, and may run twice."""

from __future__ import annotations

from system.queue import TaskRun, periodic, task_type

from . import purge, settle, turn
from .models import Message
from .turn import summary
from .turn.aftermath import index_messages, remember_message

TURN_SECONDS = 600.0


@task_type("conversations.turn", time_limit=TURN_SECONDS)
def run_turn(task: TaskRun, *, answer_id: str, language: str, session_id: str | None) -> None:
    """Write an answer."""
    turn.run(task, answer_id=answer_id, language=language, session_id=session_id)


@task_type("conversations.follow_up", time_limit=120)
def follow_up(task: TaskRun, *, answer_id: str) -> None:
    """Make question and answer searchable, and keep what the question tells about the person."""
    answer = Message.objects.filter(pk=answer_id).select_related("conversation__user").light().first()
    if answer is None:
        return
    question = Message.objects.filter(pk=answer.facts["reply_to"]).light().first()
    index_messages([row for row in (question, answer) if row is not None])
    if question is not None:
        remember_message(question, user=answer.conversation.user)


@task_type("conversations.summarise", time_limit=300)
def summarise(task: TaskRun, *, conversation_id: str, before: str) -> None:
    """Bring the summary of what no longer fits the model's window up to the message `before`."""
    summary.summarise(conversation_id=conversation_id, before=before)


@task_type("conversations.purge", time_limit=600)
def purge_conversation(task: TaskRun, *, conversation_id: str) -> None:
    """Remove a deleted conversation's rows."""
    purge.purge(conversation_id=conversation_id)


@periodic("conversations.settle_abandoned", every=15)
def settle_abandoned() -> None:
    """Close the answers of turns that ended without closing them."""
    settle.settle_abandoned()
