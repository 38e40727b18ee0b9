"""Taking the text of forgotten memories out of what tools were given and have said in conversations.

Receipts, citations and explanations hold no text of a memory, and prompts are not stored; only what a tool
has found, or was given, stands in the answer that asked for it and in the message that told it. What a person
and the assistant have said stays.
"""

from __future__ import annotations

from collections.abc import Collection
from itertools import batched
from typing import Any

from knowledge.services import Traces

from .models import Message, MessageRole, RecalledKind, RecallReceipt

BATCH = 100


def take_out(*, user_id: int, ids: Collection[str]) -> int:
    """Take what searches have found of the memories out of the answers they were found for, at once.

    Returns how many rows changed. `take_out_all` is thorough, and takes its time.
    """
    about = RecallReceipt.objects.filter(kind=RecalledKind.MEMORY, row_id__in=list(ids))
    found = about.filter(message__conversation__user=user_id).values_list("message_id", flat=True).distinct()
    return _take_out_of(found, Traces(ids))


def take_out_all(*, user_id: int, traces: Traces) -> int:
    """Take copies of memories out of all that tools were given and have said to a person: how many rows."""
    answers = Message.objects.filter(conversation__user=user_id, role=MessageRole.ASSISTANT)
    with_tools = answers.filter(created_at__gte=traces.since, metadata__has_key="tools")
    return _take_out_of(with_tools.order_by("pk").values_list("pk", flat=True), traces)


def _take_out_of(answer_ids: Any, traces: Traces) -> int:
    return sum(_take_out_of_some(some, traces) for some in batched(list(answer_ids), BATCH))


def _take_out_of_some(answer_ids: Collection[str], traces: Traces) -> int:
    changed = 0
    answers = list(Message.objects.filter(pk__in=answer_ids).light())
    for answer in answers:
        found = [_entry(entry, traces) for entry in answer.tools]
        if any(gone for _entry, gone in found):
            # A turn at work holds its own copy; it reads memories anew when it is taken up again.
            tools = [entry for entry, _gone in found]
            Message.objects.filter(pk=answer.pk).update(metadata=answer.facts | {"tools": tools})
            changed += 1
    conversations = {answer.conversation_id for answer in answers}
    told = Message.objects.filter(conversation__in=conversations, role=MessageRole.TOOL).light()
    for row in told.filter(metadata__answer__in=[answer.pk for answer in answers]):
        content, said = traces.out_of_text(row.content)
        facts, given = traces.out_of(row.facts)
        if said or given:
            Message.objects.filter(pk=row.pk).update(content=content, metadata=facts)
            changed += 1
    return changed


def _entry(entry: dict[str, Any], traces: Traces) -> tuple[dict[str, Any], bool]:
    """A call of a tool without the copies, and whether there were any."""
    kept = dict(entry)
    arguments, gone = traces.out_of(entry.get("arguments"))
    if gone:
        kept["arguments"] = arguments
    if isinstance(result := entry.get("result"), str):
        kept["result"], said = traces.out_of_text(result)
        gone = gone or said
    return kept, gone
