"""PDF, page by page (pypdf); headings come from the document's bookmarks."""

import logging
from io import BytesIO
from pathlib import PurePosixPath
from typing import Any

from pypdf import PdfReader
from pypdf.errors import DependencyError, FileNotDecryptedError, PyPdfError

from agi_site.lib.plain_json import repaired

from ..reasons import Unreadable
from .base import Builder, Extracted, Headings, Stop

logger = logging.getLogger(__name__)


def pdf(name: str, data: bytes, stop: Stop) -> Extracted:
    """The text of each page; raises Unreadable (damaged, locked, scanned)."""
    try:
        reader = PdfReader(BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise Unreadable("locked")
        pages = len(reader.pages)
    except Unreadable:
        raise
    except (FileNotDecryptedError, DependencyError) as error:
        raise Unreadable("locked") from error
    except Exception as error:  # a damaged file fails in any way at all
        raise Unreadable("damaged", format="PDF") from error
    built, headings = Builder(), Headings()
    headings.title = _title(reader)
    marks = _bookmarks(reader)
    unread = 0
    for number in range(1, pages + 1):
        stop()
        for level, words in marks.get(number, ()):
            headings.enter(level, words)
        try:
            text = reader.pages[number - 1].extract_text()
        except Exception as error:  # one page may be damaged, and the others not
            logger.warning("page %s of a PDF could not be read: %s", number, type(error).__name__)
            unread += 1
            continue
        built.add(repaired(text), heading=headings.words, page=number)
    if not built.sections:
        raise Unreadable("damaged", format="PDF") if unread else Unreadable("scanned")
    return Extracted(
        headings.title or PurePosixPath(name).stem, built.text, built.sections, "application/pdf"
    )


def _title(reader: PdfReader) -> str:
    try:
        title = reader.metadata.title if reader.metadata else ""
    except Exception:  # what stands there need not be text
        return ""
    words = " ".join(repaired(str(title or "")).split())
    # Programs write their own name, or the file's, there.
    return "" if words.lower().startswith(("microsoft word", "untitled", "제목 없음")) else words


def _bookmarks(reader: PdfReader) -> dict[int, list[tuple[int, str]]]:
    """The bookmarks that lead to each page, counted from 1: (level from 2, words)."""
    found: dict[int, list[tuple[int, str]]] = {}

    def walk(entries: Any, level: int) -> None:
        for entry in entries:
            if isinstance(entry, list):
                walk(entry, min(level + 1, 6))
                continue
            number = reader.get_destination_page_number(entry)
            if number is not None and number >= 0:
                found.setdefault(number + 1, []).append((level, repaired(str(entry.title))))

    try:
        walk(reader.outline, 2)
    except (PyPdfError, RecursionError, KeyError, TypeError, ValueError, AttributeError, IndexError):
        logger.info("the bookmarks of a PDF could not be read")
    return found
