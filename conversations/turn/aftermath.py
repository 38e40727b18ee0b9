"""What follows an answer in its own good time: search rows and memories."""

from __future__ import annotations

from django.db import transaction

from accounts.models import User
from agi_site.lib import fulltext
from knowledge.models import Memory
from knowledge.services import keep_proposals, propose_memories

from ..memory import may_be_learnt_from
from ..models import Message, MessageRole, MessageSearch, RecalledKind, RecallReceipt

BATCH = 500
ANSWERS = 3  # the assistant's newest, before a message


def index_messages(messages: list[Message]) -> None:
    """Write the search rows of these messages anew."""
    rows = [
        MessageSearch(message=message, grams=" ".join(found), length=len(found))
        for message in messages
        if (found := fulltext.terms(message.content))
    ]
    MessageSearch.objects.filter(message__in=messages).delete()
    MessageSearch.objects.bulk_create(rows)


def index_conversation(conversation_id: str) -> int:
    """Write the search rows of all its visible messages anew, in batches; returns the number of messages."""
    rows = Message.objects.filter(conversation_id=conversation_id).visible().light().order_by("pk")
    count, last = 0, ""
    while batch := list(rows.filter(pk__gt=last)[:BATCH]):
        with transaction.atomic():
            index_messages(batch)
        count, last = count + len(batch), batch[-1].pk
    return count


def remember_message(question: Message, *, user: User) -> None:
    """Keep the facts and preferences a message tells, once; each memory names the message it came from.

    The message is read first (a model may take its time), then memories, refusals and the mark that it was
    read are stored together: a task that runs twice stores nothing twice.
    """
    if question.facts.get("remembered") is not None:
        return
    # Memory is off: nor is it learnt from when it is on again. A picture alone has no words to learn from.
    if not question.content or not may_be_learnt_from(question):
        _mark(question, [])
        return
    proposals = propose_memories(owner=user, text=question.content, told=_told_before(question))
    with transaction.atomic():
        row = Message.objects.select_for_update().filter(pk=question.pk).first()
        if row is None or row.facts.get("remembered") is not None:
            return
        if not may_be_learnt_from(row):  # it was turned off, or everything forgotten, meanwhile
            _mark(row, [])
            return
        learnt = keep_proposals(
            owner=user,
            proposals=proposals,
            source_message=row.pk,
            source_conversation=row.conversation_id,
        )
        _mark(row, [memory.pk for memory in learnt.kept])
    question.metadata = row.metadata


def _mark(question: Message, kept: list[str]) -> None:
    question.metadata = question.facts | {"remembered": kept}
    Message.objects.filter(pk=question.pk).update(metadata=question.metadata)


def _told_before(question: Message) -> list[str]:
    """What the assistant said lately, and what was recalled for it: none of it is the person's word."""
    earlier = Message.objects.of(question.conversation).visible()
    answers = list(
        earlier.filter(role=MessageRole.ASSISTANT, pk__lt=question.pk).light().order_by("-pk")[:ANSWERS]
    )
    about = RecallReceipt.objects.filter(message__in=answers, used=True)
    memories = about.filter(kind=RecalledKind.MEMORY).values("row_id")
    recalled = Memory.objects.for_user(question.conversation.user).filter(pk__in=memories)
    return [row.content for row in answers] + list(recalled.values_list("content", flat=True))
