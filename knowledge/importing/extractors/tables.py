"""Tables and records: each row or entry is a section of its own, with the names of its columns."""

import csv
import io
import json
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from agi_site.lib.plain_json import repaired

from ..reasons import Unreadable
from .base import Builder, Extracted, Stop

CONTENTS = ("content", "text", "body", "내용", "본문")
TITLES = ("title", "name", "subject", "question", "제목", "이름", "질문")
LARGEST_CELL = 1_000_000
MOST_LEVELS = 50


def table(name: str, content: str, stop: Stop) -> Extracted:
    """A CSV or TSV file: the first row names the columns, each further one is a section."""
    built = Builder()
    rows = _rows(content, name)
    head = [cell.strip() or str(number) for number, cell in enumerate(next(rows, []), 1)]
    for number, row in enumerate(rows, 2):
        if number % 500 == 0:
            stop()
        cells = {column: cell for column, cell in zip(head, row, strict=False) if cell.strip()}
        _add(built, cells, alone=len(head) == 1, row=number)
    return Extracted(PurePosixPath(name).stem, built.text, built.sections, "text/csv")


def _rows(content: str, name: str) -> Iterator[list[str]]:
    first = content.split("\n", 1)[0]
    delimiter = "\t" if name.lower().endswith(".tsv") else max(",;\t", key=first.count)
    before = csv.field_size_limit(LARGEST_CELL)
    try:
        yield from (
            row for row in csv.reader(io.StringIO(content, newline=""), delimiter=delimiter) if any(row)
        )
    except csv.Error as error:
        raise Unreadable("damaged", format="CSV") from error
    finally:
        csv.field_size_limit(before)


def records(name: str, content: str, stop: Stop) -> Extracted:
    """JSON: each entry of the list, or each member of the object; JSON lines: each line."""
    built = Builder()
    for number, (key, value) in enumerate(_entries(name, content), 1):
        if number % 500 == 0:
            stop()
        if isinstance(value, dict):
            _add(built, {str(column): _plain(cell) for column, cell in value.items()}, entry=key)
        else:
            built.add(
                repaired(_plain(value)), title="" if isinstance(key, int) else str(key)[:255], entry=key
            )
    return Extracted(PurePosixPath(name).stem, built.text, built.sections, "application/json")


def _entries(name: str, content: str) -> Iterator[tuple[int | str, Any]]:
    try:
        if name.lower().endswith(".json"):
            found = json.loads(content)
        else:
            found = [json.loads(line) for line in content.splitlines() if line.strip()]
    except (ValueError, RecursionError) as error:
        raise Unreadable("damaged", format="JSON") from error
    if isinstance(found, dict) and len(found) == 1 and isinstance(next(iter(found.values())), list):
        found = next(iter(found.values()))  # {"items": [...]}
    if isinstance(found, dict):
        yield from ((str(key)[:100], value) for key, value in found.items())
    else:
        yield from enumerate(found if isinstance(found, list) else [found], 1)


def _add(built: Builder, cells: Mapping[str, str], alone: bool = False, **place: Any) -> None:
    """A row: named by its title column; where that leaves one column, its cell `alone` is the text."""
    cells = {column: repaired(cell) for column, cell in cells.items() if cell.strip()}
    named = next((column for column in cells if column.lower() in TITLES and len(cells[column]) <= 200), "")
    rest = {column: cell for column, cell in cells.items() if column != named}
    title = " ".join(cells[named].split()) if named and rest else ""
    if not rest:
        rest = dict(cells)
    alone = alone or (len(rest) == 1 and (bool(title) or next(iter(rest)).lower() in CONTENTS))
    text = "\n".join(cell if alone else f"{column}: {cell}" for column, cell in rest.items())
    built.add(text, title=title, **place)


def _plain(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
