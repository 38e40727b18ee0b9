"""Finding conversations by their titles and by what was said in them."""

from __future__ import annotations

from dataclasses import dataclass

from accounts.models import User
from agi_site.lib import fulltext

from ..models import Conversation, Message, MessageSearch

MOST_CONVERSATIONS = 100
HITS_PER_CONVERSATION = 4


@dataclass(frozen=True, slots=True)
class Found:
    """A conversation that answers a search: the message that does, or None where the title does.

    `excerpt` is made of (text, whether it answers the query).
    """

    conversation: Conversation
    message: Message | None
    excerpt: list[tuple[str, bool]]


def search_conversations(*, user: User, q: str, limit: int = 30) -> list[Found]:
    """The person's conversations that fit `q`, titles first, each once; [] for an empty query."""
    query, limit = " ".join(q.split())[:200], min(limit, MOST_CONVERSATIONS)
    if not query:
        return []
    mine = Conversation.objects.for_user(user)
    titled = mine.filter(title__icontains=query).newest()[:limit]
    found = {row.pk: Found(row, None, [(row.title or "", True)]) for row in titled}
    for message in _messages(user, query, limit):
        if message.conversation_id not in found:
            excerpts = fulltext.highlights(message.content, query, most=1)
            excerpt = excerpts[0] if excerpts else [(message.content[:120], False)]
            found[message.conversation_id] = Found(message.conversation, message, excerpt)
    return list(found.values())[:limit]


def _messages(user: User, query: str, limit: int) -> list[Message]:
    rows = MessageSearch.objects.for_user(user).filter(message__superseded_at__isnull=True)
    matches = fulltext.match(rows, query, key="message_id", limit=limit * HITS_PER_CONVERSATION, prefix=True)
    messages = Message.objects.select_related("conversation").light().in_bulk([hit.key for hit in matches])
    return [messages[hit.key] for hit in matches if hit.key in messages]
