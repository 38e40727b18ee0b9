"""Forgetting for good, and what becomes of the memories that the forgotten one had replaced."""

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from agi_site.lib import vectors
from agi_site.lib.problems import Invalid, NotFound

from ... import access
from ...holding import hold_memory
from ...models import Memory, MemoryRelation, RelationType
from ..anew import take_memories
from ..own import announce_forgotten
from .checks import check_owner, note
from .refusals import forget_refusals_like

EARLIER = ("keep", "restore", "forget")


def earlier_of(memory: Memory) -> list[Memory]:
    """The memories that only `memory` has replaced, newest first: what to ask about before forgetting it."""
    replaced = MemoryRelation.objects.filter(source_memory=memory, relation_type=RelationType.SUPERSEDES)
    keys = list(replaced.values_list("target_memory", flat=True))
    by_others = set(
        MemoryRelation.objects.filter(target_memory__in=keys, relation_type=RelationType.SUPERSEDES)
        .exclude(source_memory=memory)
        .values_list("target_memory", flat=True)
    )
    rows = Memory.objects.filter(pk__in=set(keys) - by_others, user=memory.user_id)
    return list(rows.defer("embedding").order_by("-pk"))


@transaction.atomic
def forget_memory(*, memory: Memory, by: Any, earlier: str = "keep") -> list[Memory]:
    """Forget for good: row, relations, search row, vector, and the refusals that hold its text.

    `earlier` says what becomes of the memories it had replaced: "keep" (they stay replaced, and are not
    recalled), "restore" (they are recalled again) or "forget" (they go, too, and what those had replaced).
    None comes back by itself. Returns the earlier memories that are left. Raises NotFound or Invalid.
    """
    check_owner(memory, by)
    if earlier not in EARLIER:
        raise Invalid(errors={"earlier": [_("Choose one of: %(known)s.") % {"known": ", ".join(EARLIER)}]})
    hold_memory(user_id=by.pk)
    before = earlier_of(memory)
    goes = [memory, *(_chain(before) if earlier == "forget" else [])]
    held = take_memories({row.pk for row in (*before, *goes)})
    if memory.pk not in held:
        raise NotFound
    left = [] if earlier == "forget" else [held[row.pk] for row in before if row.pk in held]
    for row in left:
        if earlier == "restore":
            row.valid_until = None
            note(row, "successor_forgotten_restored")
        else:
            note(row, "successor_forgotten")
        row.save(update_fields=["valid_until", "metadata", "updated_at"])
    _forget([held[row.pk] for row in goes if row.pk in held])
    return left


def _chain(rows: Sequence[Memory]) -> list[Memory]:
    """These memories and all that they had replaced in their turn."""
    found: dict[str, Memory] = {}
    waiting = list(rows)
    while waiting:
        row = waiting.pop()
        if row.pk not in found:
            found[row.pk] = row
            waiting += earlier_of(row)
    return list(found.values())


def _forget(rows: Sequence[Memory]) -> None:
    keys = [row.pk for row in rows]
    if not keys:
        return
    for row in rows:
        forget_refusals_like(row)
    announce_forgotten(user_id=rows[0].user_id, said={row.pk: row.content for row in rows})
    access.forget(keys)
    Memory.objects.filter(pk__in=keys).delete()
    transaction.on_commit(lambda: vectors.touch(Memory))
