"""A row that is held to the end of a transaction so that others wait, made where there is none yet."""

from typing import Any

from django.db import connections, models


def held_row(model: type[models.Model], pk: Any) -> Any:
    """The row of this key, held to the end of the caller's transaction; it has a column `updated_at`.

    Not `get_or_create`: of three who make a row at once, InnoDB leaves the two that come late with a shared
    lock each, and then both wait for the other.
    """
    rows = model._base_manager.select_for_update().filter(pk=pk)
    row = rows.first()
    if row is None:
        names_target = connections[rows.db].features.supports_update_conflicts_with_target
        model._base_manager.bulk_create(
            [model(pk=pk)],
            update_conflicts=True,
            update_fields=["updated_at"],
            unique_fields=["pk"] if names_target else None,
        )
        row = rows.get()
    return row
