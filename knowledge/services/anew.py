"""A row as it is now, held: what a service changes is not what its caller read some time ago."""

from collections.abc import Iterable
from typing import Any

from django.db.models import QuerySet

from agi_site.lib.problems import NotFound

from ..models import Knowledge, Memory


def take_anew(row: Knowledge | Memory) -> None:
    """Read the row's values again and hold it to the end of the caller's transaction; raises NotFound.

    Two who change different things of a row at once then lose nothing of each other's.
    """
    fields = [field.attname for field in row._meta.concrete_fields if field.name not in ("embedding", "user")]
    rows: QuerySet[Any, Any] = type(row)._base_manager.select_for_update()
    try:
        row.refresh_from_db(fields=fields, from_queryset=rows)
    except type(row).DoesNotExist as gone:
        raise NotFound from gone


def take_both_anew(one: Memory, other: Memory) -> None:
    """Take two memories anew, the one with the smaller key first; raises NotFound if one of them is gone."""
    for row in sorted((one, other), key=lambda memory: str(memory.pk)):
        take_anew(row)


def take_memories(keys: Iterable[str]) -> dict[str, Memory]:
    """The memories that are still there, by key, as they are now, and held to the transaction's end.

    They are held in the order of their keys, after the person's setting (`holding.hold_memory`).
    """
    rows = Memory.objects.select_for_update().filter(pk__in=list(keys)).order_by("pk").defer("embedding")
    return {row.pk: row for row in rows}
