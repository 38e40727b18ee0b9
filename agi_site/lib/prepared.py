"""Querysets whose SQL is written once. Django composes it anew for each call, which for a short query takes
longer than the database needs to answer it: for those that each request or each claim asks (ADR 0023).

    @prepared(token=models.CharField(), now=models.DateTimeField())
    def _live(token, now):
        return Session.objects.select_related("user").filter(token=token, expires_at__gt=now)

    session = _live.first(token="…", now=timezone.now())

The function is called once a process and database, with an expression for each argument: it must build the
same query whatever they are, and what it computes in Python stays as it was then. A list may be an argument,
too: with each length it is another query, among none there is nothing. A None equals nothing, as in SQL.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connections, models


class Argument(models.Expression):
    """Where a prepared query has a value of the caller's: `place` is (its name, its place in a list)."""

    def __init__(self, place: tuple[str, int], output_field: models.Field[Any, Any]) -> None:
        super().__init__(output_field=output_field)
        self.place = place

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        """A placeholder; in place of its value stands the argument itself."""
        return "%s", (self,)

    def value(self, given: dict[str, list[Any]], connection: Any) -> Any:
        """What the database is to be given for it."""
        name, at = self.place
        return self.output_field.get_db_prep_value(given[name][at], connection=connection)


@dataclass(frozen=True, slots=True)
class _Written:
    """A query as it was written: `params` holds an Argument wherever a value is the caller's."""

    queryset: models.QuerySet[Any, Any]
    compiler: Any
    sql: str
    params: Sequence[Any]

    def ask(self, given: dict[str, list[Any]]) -> list[Any]:
        """Its rows for these values."""
        connection = connections[self.queryset.db]
        params = tuple(
            param.value(given, connection) if isinstance(param, Argument) else param for param in self.params
        )
        # What a compiler knows of its columns it learnt when it wrote the SQL: a copy gets the values only.
        compiler = copy.copy(self.compiler)
        compiler.connection = connection
        compiler.as_sql = lambda *_args, **_options: (self.sql, params)
        rows = self.queryset.all()
        rows.query.get_compiler = lambda *_args, **_options: compiler  # type: ignore[method-assign]
        return list(rows)


class Prepared:
    """A query to be asked with values by the names of `fields`; the answer is a list of its rows."""

    def __init__(
        self, build: Callable[..., models.QuerySet[Any, Any]], fields: dict[str, models.Field[Any, Any]]
    ) -> None:
        self._build, self._fields = build, fields
        self._written: dict[tuple[tuple[str, int], ...], _Written] = {}  # by how long lists are
        self.__doc__ = build.__doc__

    def __call__(self, **given: Any) -> list[Any]:
        lengths = {name: len(value) for name, value in given.items() if isinstance(value, list)}
        if 0 in lengths.values():
            return []
        key = tuple(lengths.items())
        written = self._written.get(key) or self._written.setdefault(key, self._write(lengths))
        return written.ask({name: value if name in lengths else [value] for name, value in given.items()})

    def first(self, **given: Any) -> Any:
        """The first of its rows, or None."""
        return next(iter(self(**given)), None)

    def _write(self, lengths: dict[str, int]) -> _Written:
        arguments = {
            name: [Argument((name, at), field) for at in range(lengths[name])]
            if name in lengths
            else Argument((name, 0), field)
            for name, field in self._fields.items()
        }
        queryset = self._build(**arguments)
        compiler = queryset.query.get_compiler(using=queryset.db)
        sql, params = compiler.as_sql()
        compiler.connection = None  # it is this thread's
        found = {param.place[0] for param in params if isinstance(param, Argument)}
        if lost := sorted(self._fields.keys() - found):
            raise TypeError(f"the query took for its value, or never used, the argument {', '.join(lost)}")
        return _Written(queryset, compiler, sql, params)


def prepared(**fields: models.Field[Any, Any]) -> Callable[[Callable[..., Any]], Prepared]:
    """Make a `Prepared` of a function that builds a queryset; `fields` say what its arguments are."""
    return lambda build: Prepared(build, fields)
