"""Keyset paging: the next page starts after the last row seen, so page 10,000 costs what page 1 costs."""

import base64
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Model, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from .plain_json import fault_in_text
from .problems import Invalid


@dataclass(frozen=True, slots=True)
class Page[Row: Model]:
    """One page: its rows, and the cursors of the pages after and before it (None at an end)."""

    rows: list[Row]
    next: str | None
    previous: str | None


def paginate(
    queryset: QuerySet[Any, Any], *, order: Sequence[str], size: int, cursor: str | None = None
) -> Page[Any]:
    """Read the page of `size` rows after (or before) `cursor`.

    `order` names columns as in `order_by`; the primary key is added so that the order is total. Raises
    Invalid for a cursor that was not made here.
    """
    order = [*order] if order and order[-1].lstrip("-") == "pk" else [*order, _pk_like(order)]
    backwards, position = _decode(cursor, queryset.model, order) if cursor else (False, None)
    steps = [_reverse(name) for name in order] if backwards else order
    rows = queryset.order_by(*steps)
    if position is not None:
        rows = rows.filter(_after(queryset.model, steps, position))
    found = list(rows[: size + 1])
    more, found = len(found) > size, found[:size]
    if backwards:
        found.reverse()
    if not found:
        return Page(rows=[], next=None, previous=None)
    forwards_more = more if not backwards else True
    backwards_more = more if backwards else position is not None
    return Page(
        rows=found,
        next=_encode(found[-1], order, backwards=False) if forwards_more else None,
        previous=_encode(found[0], order, backwards=True) if backwards_more else None,
    )


def cursor_at(row: Model, *, order: Sequence[str]) -> str:
    """The cursor of the page that begins right after `row` in `order`, whose last name is the primary key."""
    return _encode(row, order, backwards=False)


def _pk_like(order: Sequence[str]) -> str:
    return "-pk" if order and order[0].startswith("-") else "pk"


def _reverse(name: str) -> str:
    return name[1:] if name.startswith("-") else f"-{name}"


def _after(model: type[Model], order: Sequence[str], position: Sequence[Any]) -> Q:
    """The rows after `position`; NULL sorts lowest, as MySQL, MariaDB and SQLite all have it."""
    condition, equal = Q(), Q()
    for name, value in zip(order, position, strict=True):
        field, descending = name.lstrip("-"), name.startswith("-")
        if value is None:
            beyond = Q(pk__in=[]) if descending else Q(**{f"{field}__isnull": False})
        elif descending:
            beyond = Q(**{f"{field}__lt": value})
            if field != "pk" and model._meta.get_field(field).null:
                beyond |= Q(**{f"{field}__isnull": True})
        else:
            beyond = Q(**{f"{field}__gt": value})
        condition |= equal & beyond
        equal &= Q(**{f"{field}__isnull": True}) if value is None else Q(**{field: value})
    return condition


def _encode(row: Model, order: Sequence[str], *, backwards: bool) -> str:
    values = [getattr(row, name.lstrip("-")) for name in order]
    text = json.dumps([int(backwards), *values], cls=_ExactEncoder, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


class _ExactEncoder(DjangoJSONEncoder):
    """Times keep their microseconds: a cursor that rounds would show rows twice."""

    def default(self, o: Any) -> Any:
        return o.isoformat() if hasattr(o, "isoformat") else super().default(o)


def _decode(cursor: str, model: type[Model], order: Sequence[str]) -> tuple[bool, list[Any]]:
    """The direction and the position that a cursor tells, as values that the columns of `order` can hold."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        backwards, *told = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        position = [
            _column_value(model, name.lstrip("-"), value) for name, value in zip(order, told, strict=True)
        ]
    except (ValueError, TypeError, OverflowError, RecursionError, ValidationError) as error:
        raise _bad_cursor() from error
    if backwards not in (0, 1) or position[-1] is None:
        raise _bad_cursor()
    return bool(backwards), position


def _column_value(model: type[Model], name: str, value: Any) -> Any:
    """What a cursor tells of one column; raises one of several errors for what cannot stand there."""
    if value is None:
        return None
    if not isinstance(value, str | int | float) or (isinstance(value, float) and not math.isfinite(value)):
        raise ValueError(value)
    if isinstance(value, str) and fault_in_text(value):
        raise ValueError(value)
    try:
        field: Any = model._meta.pk if name == "pk" else model._meta.get_field(name)
    except FieldDoesNotExist:  # an annotation
        return value
    found = field.to_python(value)
    if isinstance(found, datetime):
        return (timezone.make_aware(found) if timezone.is_naive(found) else found).astimezone(UTC)
    return found


def _bad_cursor() -> Invalid:
    return Invalid(_("This cursor is not valid. Start again from the first page."), code="bad_cursor")
