"""Keeping a memory, and correcting it."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils import timezone

from system.services import drop_terms_later

from ... import gate, indexing
from ...holding import hold_memory
from ...models import Memory, MemorySearch
from ..anew import take_anew
from .checks import check_owner, check_type, importance_of
from .refusals import forget_refusals_like
from .relating import relate_later, relate_new


@transaction.atomic
def remember(
    *,
    owner: Any,
    type: str,  # noqa: A002 - the schema's word
    content: str,
    importance: float | Decimal | str | None = None,
    metadata: Mapping[str, Any] | None = None,
    gated: bool = True,
    near: Mapping[str, float] | None = None,
    related: bool = True,
) -> Memory:
    """Keep a memory of `owner`; found by its words after the commit, by its meaning about a second later.

    The gate refuses what is not worth keeping (Invalid with the code of a `RefusalReason`), and always, also
    with `gated=False`, which is for what a person writes down themselves, "duplicate", "too_long", "empty".
    `metadata` may hold "source_message", "source_conversation", "extractor", "confidence". `near` holds
    cosines with memories there are, by key. Unless `related` says no, relations to them are found: a
    memory that says otherwise is replaced, or the person is asked.
    """
    content = gate.normalised(content)
    check_type(type)
    gate.check_form(content)
    if gated:
        gate.check_worth(content)
    if related:
        hold_memory(user_id=owner.pk)
    gate.check_duplicate(content, owner=owner, near=near)
    memory = Memory(
        user=owner,
        type=type,
        content=content,
        importance=importance_of(importance),
        metadata=dict(metadata or {}),
        valid_from=timezone.now(),
    )
    memory.save(force_insert=True)
    indexing.index(memory)
    if related:
        relate_new(memory, near=near or {})
        relate_later(memory)
    return memory


@transaction.atomic
def change_memory(
    *,
    memory: Memory,
    by: Any,
    type: str | None = None,  # noqa: A002 - the schema's word
    content: str | None = None,
    importance: float | Decimal | str | None = None,
    pinned: bool | None = None,
) -> Memory:
    """Correct what is not None; raises NotFound for another's memory, or Invalid.

    What it said before is kept nowhere.
    """
    check_owner(memory, by)
    hold_memory(user_id=by.pk)
    take_anew(memory)
    changed = False
    given = {"type": type, "content": content, "importance": importance, "metadata": pinned}
    if type is not None:
        check_type(type)
        memory.type = type
    if content is not None:
        content = gate.normalised(content)
        gate.check_form(content)
        if changed := content != memory.content:
            gate.check_duplicate(content, owner=memory.user, besides=memory.pk)
            forget_refusals_like(memory)
        memory.content = content
    if importance is not None:
        memory.importance = importance_of(importance)
    if pinned is not None:
        memory.metadata = (memory.metadata or {}) | {"pinned": pinned}
    memory.save(update_fields=[*(name for name in given if given[name] is not None), "updated_at"])
    if changed:
        indexing.index(memory)
        drop_terms_later(MemorySearch)
    return memory
