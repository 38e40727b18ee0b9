"""Bytes of a file become text with sections, by what kind of file it is."""

from pathlib import PurePosixPath

from ..reasons import Unreadable
from . import decoding, html, plain, tables
from .base import Extracted, Section, Stop
from .docx import docx
from .pdf import pdf

__all__ = ["Extracted", "Section", "extract"]


def extract(*, name: str, data: bytes, media_type: str = "", charset: str = "", stop: Stop) -> Extracted:
    """The text of a document; raises Unreadable, whose code says why, and whatever `stop` raises."""
    if not data.strip():
        raise Unreadable("empty")
    ending = decoding.ending_of(name, media_type, data)
    if ending in (".pdf", ".docx"):
        found = (pdf if ending == ".pdf" else docx)(name, data, stop)
    else:
        text = decoding.decoded(data, charset=charset, is_page=ending in decoding.PAGES)
        found = _reader_of(ending)(_named(name, ending), text, stop)
    if not found.sections or not found.text.strip():
        raise Unreadable("no_text")
    return found


def _reader_of(ending: str) -> plain.Reader:
    if ending in decoding.PAGES:
        return html.page
    if ending in decoding.MARKDOWN:
        return plain.markdown
    if ending in decoding.TABLES:
        return tables.table
    if ending in decoding.RECORDS:
        return tables.records
    return plain.code if ending in decoding.CODE else plain.text


def _named(name: str, ending: str) -> str:
    """The name with the ending it is read by, which an address need not have."""
    return name if PurePosixPath(name).suffix.lower() == ending else f"{name}{ending}"
