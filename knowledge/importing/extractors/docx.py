"""Word documents (python-docx): paragraphs and tables under their headings, pages where Word noted them."""

from io import BytesIO
from pathlib import PurePosixPath
from typing import Any

from docx import Document
from docx.table import Table

from agi_site.lib.plain_json import repaired

from ..reasons import Unreadable
from .base import Builder, Extracted, Headings, Stop


def docx(name: str, data: bytes, stop: Stop) -> Extracted:
    """The text of a Word document; raises Unreadable (damaged)."""
    stop()
    pages = 1
    pieces: list[tuple[int, int | None, str]] = []
    try:
        document = Document(BytesIO(data))
        for piece in document.iter_inner_content():
            pieces.append((pages, _level(piece), repaired(_text(piece))))
            pages += 0 if isinstance(piece, Table) else len(piece.rendered_page_breaks)
        title = " ".join(repaired(document.core_properties.title or "").split())
    except Exception as error:  # a damaged file fails in any way at all
        raise Unreadable("damaged", format="DOCX") from error
    built, headings = Builder(), Headings()
    headings.title = title
    for page, level, text in pieces:
        if level is not None:
            headings.enter(level, text)
        else:
            place: dict[str, Any] = {"page": page} if pages > 1 else {}
            built.add(text, heading=headings.words, **place)
    media_type = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    return Extracted(headings.title or PurePosixPath(name).stem, built.text, built.sections, media_type)


def _level(piece: Any) -> int | None:
    """1 for a title or a first heading, 2 for the next; None for what is no heading."""
    if isinstance(piece, Table):
        return None
    style = (piece.style.name or "") if piece.style is not None else ""
    if style == "Title":
        return 1
    level = style.removeprefix("Heading ")
    return int(level) if level != style and level.isdigit() else None


def _text(piece: Any) -> str:
    if not isinstance(piece, Table):
        return str(piece.text)
    rows = []
    for row in piece.rows:
        cells: list[str] = []
        for cell in row.cells:
            text = " ".join(cell.text.split())
            if not cells or cells[-1] != text:  # a merged cell is given once for each column it covers
                cells.append(text)
        rows.append(" | ".join(cells))
    return "\n".join(rows)
