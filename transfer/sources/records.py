"""Texts and tables as items: what a file or an address holds, by its type."""

import csv
import io
import json
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from django.utils.translation import gettext as _

from .base import Item, SourceFault, html_text, passages

TEXTS = {".txt", ".md", ".markdown", ".rst"}
PAGES = {".html", ".htm"}
TABLES = {".csv", ".tsv"}
RECORDS = {".json", ".jsonl", ".ndjson"}
READABLE = TEXTS | PAGES | TABLES | RECORDS
UNREAD = {".pdf", ".docx", ".doc", ".odt", ".rtf", ".hwp", ".hwpx", ".xlsx", ".xls", ".pptx", ".ppt", ".epub"}
_TYPES = {
    "text/html": ".html",
    "application/xhtml+xml": ".html",
    "text/csv": ".csv",
    "text/tab-separated-values": ".tsv",
    "application/json": ".json",
    "application/x-ndjson": ".jsonl",
    "application/jsonl": ".jsonl",
    "text/plain": ".txt",
    "text/markdown": ".md",
}
_TITLES, _CONTENTS, _KEYS = ("title", "name", "subject"), ("content", "text", "body"), ("id", "key", "uuid")


def ending_of(media_type: str, path: str) -> str:
    """How to read something: by its type, or else by its name."""
    return _TYPES.get(media_type) or PurePosixPath(path).suffix.lower()


def items_of(
    external_id: str, name: str, ending: str, data: bytes, source: str, fields: Mapping[str, Any]
) -> Iterator[Item]:
    """The items in `data`; `fields` names the columns id, title, content and the way to the records.

    Raises SourceFault where it cannot be read as what it says it is.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SourceFault(_("“%(name)s” is not UTF-8 text.") % {"name": name}) from error
    if ending in PAGES:
        title, body = html_text(text)
        yield from passages(external_id, title or name, body, source)
    elif ending in TABLES | RECORDS:
        rows = _table(text, ending) if ending in TABLES else _records(text, ending, name, fields)
        for number, row in enumerate(rows, 1):
            yield from record(row, f"{external_id}#{number}", source, fields)
    else:
        first = text.strip().split("\n", 1)[0].lstrip("# ").strip()
        title = first if ending in (".md", ".markdown") and 0 < len(first) <= 120 else name
        yield from passages(external_id, title, text, source)


def record(row: Mapping[str, Any], fallback: str, source: str, fields: Mapping[str, Any]) -> list[Item]:
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
    return passages(identity, title or content.split("\n", 1)[0][:120], content, source)


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
        raise SourceFault(
            _("This is not valid %(format)s: %(fault)s") % {"format": "CSV", "fault": error}
        ) from error


def _records(text: str, ending: str, name: str, fields: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    try:
        if ending == ".json":
            found = json.loads(text)
        else:
            found = [json.loads(line) for line in text.splitlines() if line.strip()]
    except (ValueError, RecursionError) as error:
        message = _("This is not valid %(format)s: %(fault)s")
        raise SourceFault(message % {"format": f"JSON ({name})", "fault": error}) from error
    for step in filter(None, str(fields.get("records") or "").split(".")):
        found = found.get(step) if isinstance(found, dict) else None
    if isinstance(found, dict):
        found = [found]
    if not isinstance(found, list):
        raise SourceFault(_("“%(name)s” holds no list of records there.") % {"name": name})
    yield from (row if isinstance(row, dict) else {"content": row} for row in found)
