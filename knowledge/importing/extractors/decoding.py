"""Bytes as text, and what kind of document bytes are."""

import codecs
import re
import zipfile
from io import BytesIO
from pathlib import PurePosixPath

from agi_site.lib.plain_json import repaired

from ..reasons import Unreadable

MOST_UNPACKED = 200 * 1024 * 1024
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_META = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w.:-]{2,40})", re.IGNORECASE)
_TYPES = {
    "text/html": ".html",
    "application/xhtml+xml": ".html",
    "text/csv": ".csv",
    "text/tab-separated-values": ".tsv",
    "application/json": ".json",
    "application/x-ndjson": ".jsonl",
    "application/jsonl": ".jsonl",
    "text/markdown": ".md",
    "text/x-markdown": ".md",
    "application/pdf": ".pdf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
}
TEXTS = frozenset({".txt", ".text", ".log", ".rst", ".adoc", ".srt", ".vtt"})
MARKDOWN = frozenset({".md", ".markdown", ".mdx"})
PAGES = frozenset({".html", ".htm", ".xhtml"})
TABLES = frozenset({".csv", ".tsv"})
RECORDS = frozenset({".json", ".jsonl", ".ndjson"})
# fmt: off
CODE = frozenset({
    ".py", ".pyi", ".js", ".mjs", ".cjs", ".jsx", ".ts", ".tsx", ".java", ".kt", ".scala", ".go",
    ".rs", ".c", ".h", ".cc", ".cpp", ".cxx", ".hpp", ".cs", ".swift", ".m", ".rb", ".php", ".pl", ".lua",
    ".r", ".jl", ".dart", ".ex", ".exs", ".erl", ".hs", ".ml", ".clj", ".sh", ".bash", ".zsh", ".ps1", ".sql",
    ".css", ".scss", ".less", ".vue", ".svelte", ".yaml", ".yml", ".toml", ".ini", ".cfg", ".conf",
    ".xml", ".proto", ".graphql", ".tf", ".dockerfile", ".makefile", ".gradle", ".cmake",
})
# fmt: on
_NAMES = {"dockerfile": ".dockerfile", "makefile": ".makefile", "readme": ".txt", "license": ".txt"}
KNOWN = TEXTS | MARKDOWN | PAGES | TABLES | RECORDS | CODE | {".pdf", ".docx"}
# Documents that are told as not read, where pictures and the like are passed over.
OTHER_DOCUMENTS = frozenset(
    {".doc", ".odt", ".rtf", ".hwp", ".hwpx", ".xlsx", ".xls", ".pptx", ".ppt", ".epub"}
)
_PAGE = re.compile(rb"\s*(<!doctype html|<html[\s>])", re.IGNORECASE)
READABLE = "txt, md, html, pdf, docx, csv, tsv, json, jsonl"


def is_document(name: str) -> bool:
    """Whether a file of this name is one that people read, be it of a kind that is not read here."""
    return _ending(name) in KNOWN | OTHER_DOCUMENTS


def _ending(name: str) -> str:
    path = PurePosixPath(name.lower())
    return path.suffix or _NAMES.get(path.name, "")


def ending_of(name: str, media_type: str, data: bytes) -> str:
    """How to read `data`: by its first bytes, its name, its type; raises Unreadable for what is not read."""
    ending = _ending(name)
    if b"%PDF-" in data[:1024]:
        return ".pdf"
    if data.startswith(b"PK\x03\x04"):
        return _office(data, ending)
    if data.startswith(b"\xd0\xcf\x11\xe0"):
        if ending in OTHER_DOCUMENTS - {".doc"}:
            raise Unreadable("type", type=ending, readable=READABLE)
        raise Unreadable("locked" if ending == ".docx" else "old_office" if ending == ".doc" else "binary")
    if ending in (".pdf", ".docx"):
        raise Unreadable("damaged", format=ending[1:].upper())
    page = _PAGE.match(data[:512])
    if page and media_type in _TYPES and _TYPES[media_type] in PAGES:
        return ".html"  # whatever its address is called: README.md, index.php
    if media_type in _TYPES and ending not in TEXTS | MARKDOWN | PAGES | TABLES | RECORDS:
        return _TYPES[media_type]  # a program's name says how the answer was made, not what it is
    if ending in KNOWN:
        return ending
    if page:
        return ".html"
    if media_type.startswith("text/") or not ending:
        return ".txt"
    raise Unreadable("type", type=ending[:20], readable=READABLE)


def _office(data: bytes, ending: str) -> str:
    try:
        with zipfile.ZipFile(BytesIO(data)) as packed:
            entries = packed.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise Unreadable("damaged", format="DOCX") from error
    if "word/document.xml" not in {entry.filename for entry in entries}:
        raise Unreadable("type", type=ending or ".zip", readable=READABLE)
    if sum(entry.file_size for entry in entries) > MOST_UNPACKED:
        raise Unreadable("unpacks")
    return ".docx"


def decoded(data: bytes, *, charset: str = "", is_page: bool = False) -> str:
    """The text of `data` with lines that end in "\\n"; raises Unreadable (binary, encoding).

    By its byte order mark, what it says of itself, UTF-8, then the encoding of Korean Windows, then that of
    western Windows.
    """
    marked = next((name for mark, name in _MARKS if data.startswith(mark)), "")
    if not marked and b"\0" in data[:8192]:
        raise Unreadable("binary")
    said = charset
    if is_page and not said and (found := _META.search(data[:4096])):
        said = found[1].decode("ascii")
    for name in [marked] if marked else [said, "utf-8", "cp949", "cp1252"]:
        if name and (text := _as(name, data)) is not None:
            return repaired(text).replace("\r\n", "\n").replace("\r", "\n")
    raise Unreadable("encoding")


def _as(name: str, data: bytes) -> str | None:
    try:
        text = data.decode(name)
    except (UnicodeDecodeError, LookupError, ValueError):
        return None
    # Codes for machines where letters should be: this is not the encoding, or no text at all.
    odd = sum(letter < " " and letter not in "\n\r\t\f\x1b" for letter in text[:8192])
    return None if odd > len(text[:8192]) / 100 else text
