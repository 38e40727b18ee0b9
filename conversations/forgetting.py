"""Taking the text of forgotten memories out of what tools have said in conversations.

Receipts, citations and explanations hold no text of a memory; only what a tool has found stands in the answer
that asked for it and in the message that told it.
"""

from __future__ import annotations

from collections.abc import Collection
from itertools import batched

from knowledge.services import without_memories

from .models import Message, MessageRole, RecalledKind, RecallReceipt

BATCH = 100


def take_out(*, user_id: int, ids: Collection[str]) -> int:
    """Take the memories out of every result a tool has told one person; returns how many rows changed."""
    about = RecallReceipt.objects.filter(kind=RecalledKind.MEMORY, row_id__in=list(ids))
    found = about.filter(message__conversation__user=user_id).values_list("message_id", flat=True).distinct()
    return sum(_take_out_of(answers, ids) for answers in batched(found, BATCH))


def _take_out_of(answer_ids: Collection[str], ids: Collection[str]) -> int:
    changed = 0
    answers = list(Message.objects.filter(pk__in=answer_ids).light())
    for answer in answers:
        tools = [
            entry | {"result": without_memories(entry["result"], ids)} if "result" in entry else entry
            for entry in answer.tools
        ]
        if tools != answer.tools:
            # A turn at work holds its own copy; it reads memories anew when it is taken up again.
            Message.objects.filter(pk=answer.pk).update(metadata=answer.facts | {"tools": tools})
            changed += 1
    conversations = {answer.conversation_id for answer in answers}
    told = Message.objects.filter(conversation__in=conversations, role=MessageRole.TOOL).light()
    for row in told.filter(metadata__answer__in=[answer.pk for answer in answers]):
        content = without_memories(row.content, ids)
        if content != row.content:
            Message.objects.filter(pk=row.pk).update(content=content)
            changed += 1
    return changed
