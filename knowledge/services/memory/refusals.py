"""What the write gate kept out: kept for some days, so that a person can see why, then removed."""

from datetime import timedelta
from typing import Any

from django.db.models import Q
from django.utils import timezone

from ... import likeness, options
from ...extraction import Candidate
from ...models import Memory, MemoryRefusal

MOST_LOOKED_AT = 5_000
BATCH = 1_000


def keep_refusal(
    *,
    owner: Any,
    candidate: Candidate,
    reason: str,
    memory: Memory | None = None,
    source_message: str = "",
    source_conversation: str = "",
) -> MemoryRefusal:
    """Write down what was refused and why; `memory` is the one that says it already."""
    refusal: MemoryRefusal = MemoryRefusal.objects.create(
        user=owner,
        type=candidate.type,
        content=candidate.content[: options.LONGEST_MEMORY],
        reason=reason,
        memory=memory,
        source_message=source_message,
        source_conversation=source_conversation,
        extractor=candidate.extractor[:100],
    )
    return refusal


def forget_refusals_like(memory: Memory) -> int:
    """Remove the refusals that hold what `memory` says: its duplicates, and all that say the same."""
    own = MemoryRefusal.objects.filter(user=memory.user_id)
    keys = [
        refusal.pk
        for refusal in own.order_by("-pk")[:MOST_LOOKED_AT]
        if refusal.memory_id == memory.pk or _holds(refusal.content, memory.content)
    ]
    messages = {memory.source_message, *(str(one.get("message", "")) for one in memory.sources)} - {""}
    gone, _kinds = own.filter(Q(pk__in=keys) | Q(memory=memory) | _said_in(messages)).delete()
    return int(gone)


def _holds(refused: str, content: str) -> bool:
    """Whether a refused text says what the memory says, or most of it."""
    return likeness.same(refused, content) or likeness.share_said(content, refused) >= likeness.SAME


def _said_in(messages: set[str]) -> Q:
    """What else was refused of the same messages; nothing where there are none."""
    return Q(source_message__in=messages) if messages else Q(pk__in=[])


def remove_old_refusals() -> int:
    """Remove refusals that are older than the setting says; returns how many."""
    before = timezone.now() - timedelta(days=options.refusal_days())
    removed = 0
    while keys := list(
        MemoryRefusal.objects.filter(created_at__lt=before).values_list("pk", flat=True)[:BATCH]
    ):
        removed += MemoryRefusal.objects.filter(pk__in=keys).delete()[0]
    return removed
