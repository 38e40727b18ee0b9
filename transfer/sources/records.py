"""Files and answers as items: documents as imports read them, rows of tables and records by their columns."""

import csv
import io
import json
from collections.abc import Iterator, Mapping
from typing import Any

from knowledge.importing.extractors import decoding
from knowledge.importing.passages import Draft
from knowledge.importing.places import place_words
from knowledge.importing.reading import passages_of
from knowledge.importing.reasons import Unreadable

from ..reasons import SourceFault
from .base import Item, Stop, passages

_TITLES, _CONTENTS, _KEYS = ("title", "name", "subject"), ("content", "text", "body"), ("id", "key", "uuid")


def items_of(
    external_id: str,
    name: str,
    data: bytes,
    source: str,
    fields: Mapping[str, Any],
    *,
    media_type: str = "",
    charset: str = "",
    stop: Stop,
) -> Iterator[Item]:
    """The items in `data`; `fields` names the columns id, title, content and the way to the records.

    Raises SourceFault where it cannot be read as what it says it is, and whatever `stop` raises.
    """
    try:
        if not data.strip():
            raise Unreadable("empty")
        ending = decoding.ending_of(name, media_type, data)
        if ending in decoding.TABLES | decoding.RECORDS:
            text = decoding.decoded(data, charset=charset)
            yield from _rows_of(external_id, name, ending, text, source, fields)
        else:
            kind = {"media_type": media_type, "charset": charset}
            yield from _parts_of(external_id, passages_of(name=name, data=data, stop=stop, **kind), source)
    except Unreadable as fault:
        raise SourceFault(fault.code, **fault.values) from fault


def _rows_of(
    external_id: str, name: str, ending: str, text: str, source: str, fields: Mapping[str, Any]
) -> Iterator[Item]:
    is_table = ending in decoding.TABLES
    rows = _table(text, ending) if is_table else _records(text, ending, name, fields)
    for number, row in enumerate(rows, 1):
        place = {"row": number + 1} if is_table else {"entry": number}  # row 1 names the columns
        yield from record(row, f"{external_id}#{number}", source, fields, place)


def _parts_of(external_id: str, drafts: list[Draft], source: str) -> Iterator[Item]:
    """A document's passages; where nothing is known of their place, they are told apart by a number."""
    if len(drafts) == 1:
        yield Item(external_id, drafts[0].title, drafts[0].content, source[:255], place=drafts[0].place)
        return
    for number, draft in enumerate(drafts, 1):
        title = draft.title if place_words(draft.place) else f"{draft.title[:240]} ({number})"
        yield Item(f"{external_id}#{number}", title, draft.content, source[:255], place=draft.place)


def record(
    row: Mapping[str, Any],
    fallback: str,
    source: str,
    fields: Mapping[str, Any],
    place: Mapping[str, Any] | None = None,
) -> list[Item]:
    """The items a record becomes: title and content from the named columns, or from usual ones."""
    title = _cell(row, fields.get("title"), _TITLES)
    key = _cell(row, fields.get("id"), _KEYS)
    wanted = fields.get("content")
    columns = wanted if isinstance(wanted, list) else [wanted] if wanted else []
    content = "\n\n".join(filter(None, (_cell(row, str(name), ()) for name in columns)))
    content = content or _cell(row, None, _CONTENTS)
    if not content:
        content = "\n".join(
            f"{name}: {_plain(value)}" for name, value in row.items() if value not in (None, "")
        )
    identity = f"{fallback.partition('#')[0]}#{key}" if key else fallback
    return passages(identity, title or content.split("\n", 1)[0][:120], content, source, place)


def _cell(row: Mapping[str, Any], name: Any, usual: tuple[str, ...]) -> str:
    for column in [name] if name else usual:
        if row.get(column) not in (None, ""):
            return _plain(row[column])
    return ""


def _plain(value: Any) -> str:
    return (
        json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, dict | list) else str(value)
    )


def _table(text: str, ending: str) -> Iterator[dict[str, Any]]:
    first = text.split("\n", 1)[0]
    delimiter = "\t" if ending == ".tsv" else max(",;\t", key=first.count)
    try:
        for row in csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter):
            yield {str(name): value for name, value in row.items() if name is not None}
    except csv.Error as error:
        raise SourceFault("not_valid", format="CSV", fault=str(error)) from error


def _records(text: str, ending: str, name: str, fields: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    try:
        if ending == ".json":
            found = json.loads(text)
        else:
            found = [json.loads(line) for line in text.splitlines() if line.strip()]
    except (ValueError, RecursionError) as error:
        raise SourceFault("not_valid", format=f"JSON ({name})", fault=str(error)) from error
    for step in filter(None, str(fields.get("records") or "").split(".")):
        found = found.get(step) if isinstance(found, dict) else None
    if isinstance(found, dict):
        found = [found]
    if not isinstance(found, list):
        raise SourceFault("no_records", name=name)
    yield from (row if isinstance(row, dict) else {"content": row} for row in found)
