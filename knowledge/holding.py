"""Whoever writes memories holds their owner's setting first, and is alone with all memories of that person.

Two who write several at once, each in an order of their own, then never wait for each other. The settings of
several people are held in the order of their keys, and before any row of a memory.
"""

from collections.abc import Iterable
from typing import Any

from agi_site.lib.held import held_row

from .models import Knowledge, Memory, MemorySetting


def hold_memory(*, user_id: Any) -> MemorySetting:
    """What a person has decided about their memory, held to the end of the caller's transaction.

    Who learns from them holds it, and who forgets everything: neither sees the other half done.
    """
    found: MemorySetting = held_row(MemorySetting, user_id)
    return found


def hold_owners(keys: Iterable[str]) -> None:
    """Hold the settings of the people whose memories these are, to the end of the caller's transaction."""
    owners = Memory.objects.filter(pk__in=list(keys)).values_list("user_id", flat=True)
    for user_id in sorted(set(owners)):
        hold_memory(user_id=user_id)


def hold_rows(model: type[Knowledge] | type[Memory], keys: Iterable[str]) -> None:
    """Before several rows of a searchable table are written at once: memories by their owners."""
    if model is Memory:
        hold_owners(keys)
