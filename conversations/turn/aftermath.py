"""What follows an answer in its own good time: search rows and memories."""

from __future__ import annotations

from accounts.models import User
from agi_site.lib import fulltext
from knowledge.services import learn_from_message

from ..models import Message, MessageSearch


def index_messages(messages: list[Message]) -> None:
    """Write the search rows of these messages anew."""
    rows = [
        MessageSearch(message=message, grams=" ".join(found), length=len(found))
        for message in messages
        if (found := fulltext.terms(message.content))
    ]
    MessageSearch.objects.filter(message__in=messages).delete()
    MessageSearch.objects.bulk_create(rows)


def remember_message(question: Message, *, user: User) -> None:
    """Keep the facts and preferences a message tells, once; each memory names the message it came from."""
    if question.facts.get("remembered") is not None:
        return
    learnt = learn_from_message(
        owner=user,
        text=question.content,
        source_message=question.pk,
        source_conversation=question.conversation_id,
    )
    kept = [memory.pk for memory in learnt.kept]
    question.metadata = question.facts | {"remembered": kept}
    Message.objects.filter(pk=question.pk).update(metadata=question.metadata)
