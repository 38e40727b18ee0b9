"""Querysets whose SQL is written once. Django composes it anew for each call, which for a short query takes
longer than the database needs to answer it: for those that each request or each claim asks (ADR 0023).

    @prepared(token=models.CharField(), now=models.DateTimeField())
    def _live(token, now):
        return Session.objects.select_related("user").filter(token=token, expires_at__gt=now)

    session = _live.first(token="…", now=timezone.now())

The function is called once a process and database, with an expression for each argument: it must build the
same query whatever they are, and what it computes in Python stays as it was then. A list may be an argument,
too (`tokens=[models.CharField()]`): with each length it is another query, among none there is nothing. A None
equals nothing, as in SQL.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connections, models

type Fields = dict[str, models.Field[Any, Any] | list[models.Field[Any, Any]]]


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

    def __init__(self, build: Callable[..., models.QuerySet[Any, Any]], fields: Fields) -> None:
        self._build = build
        self._lists = [name for name, field in fields.items() if isinstance(field, list)]
        self._fields = {
            name: field[0] if isinstance(field, list) else field for name, field in fields.items()
        }
        self._written: dict[tuple[int, ...], _Written] = {}  # by how long lists are
        self.__doc__ = build.__doc__

    def __call__(self, **given: Any) -> list[Any]:
        lengths = tuple(len(given[name]) for name in self._lists)
        if 0 in lengths:
            return []
        values = {name: value if name in self._lists else [value] for name, value in given.items()}
        return self._of(lengths).ask(values)

    def first(self, **given: Any) -> Any:
        """The first of its rows, or None."""
        return next(iter(self(**given)), None)

    def write(self) -> None:
        """Write it before it is asked, for lists of one."""
        self._of((1,) * len(self._lists))

    def _of(self, lengths: tuple[int, ...]) -> _Written:
        return self._written.get(lengths) or self._written.setdefault(lengths, self._write(lengths))

    def _write(self, lengths: tuple[int, ...]) -> _Written:
        arguments: dict[str, Any] = {name: Argument((name, 0), field) for name, field in self._fields.items()}
        for name, length in zip(self._lists, lengths, strict=True):
            arguments[name] = [Argument((name, at), self._fields[name]) for at in range(length)]
        queryset = self._build(**arguments)
        compiler = queryset.query.get_compiler(using=queryset.db)
        sql, params = compiler.as_sql()
        compiler.connection = None  # it is this thread's
        found = {param.place[0] for param in params if isinstance(param, Argument)}
        if lost := sorted(self._fields.keys() - found):
            raise TypeError(f"the query took for its value, or never used, the argument {', '.join(lost)}")
        return _Written(queryset, compiler, sql, params)


def prepared(
    **fields: models.Field[Any, Any] | list[models.Field[Any, Any]],
) -> Callable[[Callable[..., Any]], Prepared]:
    """Make a `Prepared` of a function that builds a queryset; `fields` say what its arguments are."""

    def make(build: Callable[..., Any]) -> Prepared:
        query = Prepared(build, fields)
        _everywhere.append(query)
        return query

    return make


def write_all() -> None:
    """Write every prepared query of the modules that are loaded, so that no request has to."""
    for query in _everywhere:
        query.write()


_everywhere: list[Prepared] = []
