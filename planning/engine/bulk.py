"""One statement that gives many rows values of their own, which the ORM has none for that is quick."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, models

CHUNK = 500


def update_each(
    model: type[models.Model],
    rows: Mapping[int, Mapping[str, Any]],
    *,
    also: str = "",
    params: Sequence[Any] = (),
) -> int:
    """`UPDATE … SET column = CASE id WHEN … END` for rows by id; returns how many rows there were.

    All rows name the same columns. `also` (with `params`) is a further condition in SQL; rows are taken in
    the order of their ids.
    """
    ids = sorted(rows)
    return sum(
        _update_chunk(model, {pk: rows[pk] for pk in ids[at : at + CHUNK]}, also, params)
        for at in range(0, len(ids), CHUNK)
    )


def _update_chunk(
    model: type[models.Model], rows: Mapping[int, Mapping[str, Any]], also: str, params: Sequence[Any]
) -> int:
    sets: list[str] = []
    values: list[Any] = []
    for name in next(iter(rows.values())):
        field = model._meta.get_field(name)
        column = connection.ops.quote_name(str(field.column))  # type: ignore[union-attr]
        given = {pk: _prepared(field, row[name]) for pk, row in rows.items()}
        first = next(iter(given.values()))
        if all(value == first for value in given.values()):
            sets.append(f"{column} = %s")
            values.append(first)
            continue
        sets.append(f"{column} = CASE id {'WHEN %s THEN %s ' * len(given)}END")
        values += [part for pair in given.items() for part in pair]
    marks = ",".join(["%s"] * len(rows))
    table = connection.ops.quote_name(model._meta.db_table)
    condition = f"id IN ({marks}) {also}"
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {table} SET {', '.join(sets)} WHERE {condition}",  # noqa: S608 - names from models
            [*values, *rows, *params],
        )
        return int(cursor.rowcount)


def _prepared(field: Any, value: Any) -> Any:
    """A value as the driver takes it."""
    if value is None:
        return None
    if isinstance(field, models.JSONField):
        return json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False, allow_nan=False)
    if isinstance(field, models.DateTimeField):
        return connection.ops.adapt_datetimefield_value(value)
    return value
