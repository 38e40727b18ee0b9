"""The turn and what follows it, as outbox tasks. Each takes ids, reads the rows itself, and may run twice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from knowledge.services import Mark, Traces
from system.queue import TaskRun, enqueue, on_event, periodic, task_type
from system.services import drop_terms_later

from . import forgetting, purge, services, settle, turn, waiting
from .models import Message, MessageSearch
from .turn import summary
from .turn.aftermath import index_conversation, index_messages, remember_message

TURN_SECONDS = 600.0


@task_type("conversations.turn", time_limit=TURN_SECONDS)
def run_turn(task: TaskRun, *, answer_id: str, language: str, session_id: str | None) -> None:
    """Write an answer."""
    turn.run(task, answer_id=answer_id, language=language, session_id=session_id)


@on_event("tool_execution.ended", time_limit=60)
def take_up_turn(task: TaskRun, *, trigger_type: str, trigger_id: str, **_told: Any) -> None:
    """An execution has ended that nobody stood beside: an answer may have waited for it."""
    if trigger_type == "message":
        waiting.resume(answer_id=trigger_id)


@task_type("conversations.follow_up", time_limit=120)
def follow_up(task: TaskRun, *, answer_id: str) -> None:
    """Make question and answer searchable; what the question tells about the person is read after that."""
    answer = Message.objects.filter(pk=answer_id).select_related("conversation__user").light().first()
    if answer is None:
        return
    question = Message.objects.filter(pk=answer.facts["reply_to"]).light().first()
    index_messages([row for row in (question, answer) if row is not None])
    if question is not None and question.facts.get("remembered") is None:
        enqueue(
            task_type="conversations.remember",
            payload={"message_id": question.pk},
            priority=-1,  # the next answer goes first
            key=f"conversations.remember:{question.pk}",
        )


@task_type("conversations.index", time_limit=300)
def index(task: TaskRun, *, conversation_id: str) -> None:
    """Make the messages of a conversation that was copied or read from a file searchable."""
    index_conversation(conversation_id)


@task_type("conversations.remember", time_limit=300, max_retries=5)
def remember(task: TaskRun, *, message_id: str) -> None:
    """Keep what a message tells about the person; a model that reads it may take its time."""
    question = Message.objects.filter(pk=message_id).select_related("conversation__user").light().first()
    if question is not None:
        remember_message(question, user=question.conversation.user)


@task_type("conversations.summarise", time_limit=300)
def summarise(task: TaskRun, *, conversation_id: str, before: str) -> None:
    """Bring the summary of what no longer fits the model's window up to the message `before`."""
    summary.summarise(conversation_id=conversation_id, before=before)


@task_type("conversations.purge", time_limit=600)
def purge_conversation(task: TaskRun, *, conversation_id: str) -> None:
    """Remove a deleted conversation's rows."""
    purge.purge(conversation_id=conversation_id)


@on_event("users.deleted")
def drop_terms_of_a_person(task: TaskRun, *, user_id: int) -> None:
    """An account was deleted, and the database deleted its messages: their words leave the index."""
    drop_terms_later(MessageSearch)


@on_event("memories.forgotten", time_limit=1800)
def take_out_memories(
    task: TaskRun, *, user_id: int, ids: list[str], marks: Sequence[Mark] = ()
) -> dict[str, Any]:
    """Memories were forgotten: what tools were given and have said of them goes, too."""
    return {"changed": forgetting.take_out_all(user_id=user_id, traces=Traces(ids, marks))}


@periodic("conversations.settle_abandoned", every=15)
def settle_abandoned() -> None:
    """Close the answers of turns that ended without closing them."""
    settle.settle_abandoned()


@periodic("conversations.let_go_of_unsent", every=3600)
def let_go_of_unsent() -> None:
    """Delete pictures that were put into a message which was never sent."""
    services.let_go_of_unsent()
