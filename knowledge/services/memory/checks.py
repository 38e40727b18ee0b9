"""What every service of memories checks, and how a memory's history is told."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from agi_site.lib.problems import Invalid, NotFound

from ...models import Memory, MemoryType, RelationType

LONGEST_HISTORY = 30


def check_owner(memory: Memory, by: Any) -> None:
    """Raise NotFound for another person's memory."""
    if memory.user_id != by.pk:
        raise NotFound


def check_type(kind: str) -> None:
    """Raise Invalid for a type that memories do not have."""
    if kind not in MemoryType.values:
        known = ", ".join(MemoryType.values)
        raise Invalid(errors={"type": [_("Choose one of: %(known)s.") % {"known": known}]})


def check_relation_type(kind: str) -> None:
    """Raise Invalid for a relation that memories do not have."""
    if kind not in RelationType.values:
        known = ", ".join(RelationType.values)
        raise Invalid(errors={"relation_type": [_("Choose one of: %(known)s.") % {"known": known}]})


def importance_of(value: float | Decimal | str | None) -> Decimal:
    """The value as the column keeps it; 0.50 for None."""
    return Decimal("0.50") if value is None else share_of(value, "importance")


def share_of(value: float | Decimal | str, name: str) -> Decimal:
    """A number from 0 to 1 with two digits; raises Invalid at the field `name`."""
    try:
        number = Decimal(str(value)).quantize(Decimal("0.01"), ROUND_HALF_UP)
    except ArithmeticError:
        number = Decimal(-1)
    if not number.is_finite() or not 0 <= number <= 1:
        raise Invalid(errors={name: [_("A number from 0 to 1.")]})
    return number


def note(memory: Memory, what: str, /, **values: Any) -> None:
    """Put an entry into a memory's history (the caller saves `metadata`). Entries hold ids and numbers only:

    what another memory says must not outlive it here.
    """
    entry = {"what": what, "at": timezone.now().isoformat(timespec="seconds"), **values}
    earlier = list((memory.metadata or {}).get("history", []))
    memory.metadata = (memory.metadata or {}) | {"history": [*earlier, entry][-LONGEST_HISTORY:]}
