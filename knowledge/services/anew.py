"""A row as it is now, held: what a service changes is not what its caller read some time ago."""

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
