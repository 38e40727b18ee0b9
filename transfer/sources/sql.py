"""Databases, only ever read: SQLite files of the sources' folder, MySQL and MariaDB by address.

One SELECT, by keyset. What keeps it to reading: the statement is checked, SQLite is opened read-only with an
authoriser that knows nothing but reading, a server gets a read-only transaction, one statement at a time and
a time limit; and its account should have no more than SELECT, which we cannot see to.
"""

import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any
from urllib.parse import unquote, urlsplit

from ..reasons import SourceFault
from . import records
from .base import Item, Position, Reader, Stop
from .files import inside

BATCH = 200
SECONDS = 30
LONGEST_QUERY = 10_000
_FORBIDDEN = re.compile(
    r"\b(into|outfile|dumpfile|load_file|load_extension|sleep|benchmark|get_lock|for\s+update|for\s+share"
    r"|lock\s+in|procedure|writefile|readfile)\b",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"'(?:[^'\\]|''|\\.)*'|\"(?:[^\"\\]|\"\"|\\.)*\"|`(?:[^`]|``)*`", re.DOTALL)
_READS = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}
_NAME = re.compile(r"[^\W\d]\w{0,63}")


def checked_query(query: str) -> str:
    """The one SELECT in `query`, without its last semicolon; raises SourceFault for anything else."""
    text = query.strip().rstrip(";").strip()
    bare = _QUOTED.sub("''", text)
    if not re.match(r"(select|with)\b", bare, re.IGNORECASE) or len(text) > LONGEST_QUERY:
        raise SourceFault("one_select")
    if ";" in bare or "--" in bare or "/*" in bare or "#" in bare or "'" in bare.replace("''", ""):
        raise SourceFault("one_statement")
    if found := _FORBIDDEN.search(bare):
        raise SourceFault("only_reads", word=found[0])
    return text


class SQLReader(Reader):
    """The rows of a query, by the column that identifies them."""

    needed = frozenset({"url", "query", "id"})
    optional = frozenset({"title", "content"})

    def check(self) -> None:
        checked_query(self.text("query"))
        if not _NAME.fullmatch(self.text("id")):
            raise SourceFault("one_column")
        if urlsplit(self.text("url")).scheme not in ("sqlite", "mysql", "mariadb"):
            raise SourceFault("url_scheme")
        if self.text("url").startswith("sqlite"):
            inside(self._file())

    def items(self, position: Position | None, stop: Stop) -> Iterator[tuple[Item, Position]]:
        self.check()
        query, key = checked_query(self.text("query")), self.text("id")
        after = (position or {}).get("after")
        with closing(self._open()) as database:
            while True:
                stop()
                rows = self._rows(database, query, key, after)
                for row in rows:
                    before, after = after, row[key]
                    if after is None:
                        raise SourceFault("no_value", name=key)
                    row[key] = after = after if isinstance(after, int) else str(after)
                    fields = {"content": None, "title": None, **self.connection, "id": key}
                    parts = records.record(row, f"row#{after}", self._label(), fields)
                    for item in parts:  # a row is behind us when its last passage is
                        yield item, {"after": after if item is parts[-1] else before}
                if len(rows) < BATCH:
                    return

    def _label(self) -> str:
        parts = urlsplit(self.text("url"))
        return f"{parts.scheme}:{self._file() if parts.scheme == 'sqlite' else parts.path.lstrip('/')}"

    def _file(self) -> str:
        return unquote(self.text("url").split("://", 1)[-1]).lstrip("/")

    def _open(self) -> Any:
        return _sqlite(self._file()) if self.text("url").startswith("sqlite") else _server(self.text("url"))

    def _rows(self, database: Any, query: str, key: str, after: Any) -> list[dict[str, Any]]:
        mark, quote = ("?", '"') if isinstance(database, sqlite3.Connection) else ("%s", "`")
        column = f"t.{quote}{key}{quote}"
        inner = query if mark == "?" else query.replace("%", "%%")
        where = f" WHERE {column} > {mark}" if after is not None else ""
        sql = f"SELECT * FROM ({inner}) AS t{where} ORDER BY {column} LIMIT {BATCH}"  # noqa: S608 - read-only
        values: Sequence[Any] = [after] if after is not None else []
        try:
            cursor = database.cursor()
            cursor.execute(sql, values)
            names = [column[0] for column in cursor.description]
            if key not in names:
                raise SourceFault("no_column", name=key)
            return [dict(zip(names, map(_value, row), strict=True)) for row in cursor.fetchall()]
        except SourceFault:
            raise
        except Exception as error:  # whatever the driver raises
            raise SourceFault("query_refused", error=str(error)[:300]) from error


def _value(value: Any) -> Any:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _sqlite(path: str) -> sqlite3.Connection:
    place = inside(path)
    if not place.is_file():
        raise SourceFault("no_path", path=path[:200])
    database = sqlite3.connect(f"file:{place.as_posix()}?mode=ro", uri=True, timeout=5)
    database.execute("PRAGMA query_only = ON")
    database.execute("PRAGMA trusted_schema = OFF")
    database.set_authorizer(
        lambda action, *_names: sqlite3.SQLITE_OK if action in _READS else sqlite3.SQLITE_DENY
    )
    return database


def _server(url: str) -> Any:
    try:
        import MySQLdb
    except ImportError as error:
        raise SourceFault("no_driver") from error
    parts = urlsplit(url)
    try:
        database = MySQLdb.connect(
            host=parts.hostname or "",
            port=parts.port or 3306,
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            database=unquote(parts.path.lstrip("/")),
            charset="utf8mb4",
            connect_timeout=10,
            read_timeout=SECONDS + 5,
            local_infile=0,
            multi_statements=False,
            autocommit=False,
        )
    except (MySQLdb.Error, ValueError) as error:
        raise SourceFault("no_database", error=str(error)[:300]) from error
    cursor = database.cursor()
    for limit in (
        f"SET SESSION max_statement_time = {SECONDS}",
        f"SET SESSION max_execution_time = {SECONDS}000",
    ):
        try:
            cursor.execute(limit)  # the first is MariaDB's, the second MySQL's
            break
        except MySQLdb.Error:
            continue
    cursor.execute("SET SESSION TRANSACTION READ ONLY")
    cursor.execute("START TRANSACTION READ ONLY")
    return database
