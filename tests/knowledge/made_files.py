"""Real small files, made here: a PDF byte by byte, a Word document by its library."""

from collections.abc import Sequence
from io import BytesIO

from docx import Document

_TO_UNICODE = b"""/CIDInit /ProcSet findresource begin 12 dict begin begincmap
/CMapName /Plain def /CMapType 2 def
1 begincodespacerange <0000> <FFFF> endcodespacerange
1 beginbfrange <0000> <FFFF> <0000> endbfrange
endcmap end end"""


def pdf_of(pages: Sequence[str], *, title: str = "", bookmarks: Sequence[tuple[int, str]] = ()) -> bytes:
    """A PDF with these texts; `bookmarks` are (page from 1, words). Any letters of 16 bits."""
    objects: dict[int, bytes] = {}
    kids = [10 + 2 * number for number in range(len(pages))]
    outline = _outline(objects, kids, bookmarks)
    objects[1] = b"<</Type/Catalog/Pages 2 0 R%s>>" % outline
    objects[2] = b"<</Type/Pages/Count %d/Kids[%s]>>" % (
        len(pages),
        b" ".join(b"%d 0 R" % kid for kid in kids),
    )
    objects[3] = (
        b"<</Type/Font/Subtype/Type0/BaseFont/Plain/Encoding/Identity-H"
        b"/ToUnicode 4 0 R/DescendantFonts[5 0 R]>>"
    )
    objects[4] = _stream(_TO_UNICODE)
    objects[5] = (
        b"<</Type/Font/Subtype/CIDFontType2/BaseFont/Plain/DW 500"
        b"/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)/Supplement 0>>>>"
    )
    objects[7] = b"<</Title %s>>" % _text(title)
    for kid, text in zip(kids, pages, strict=True):
        lines = b"".join(
            b"<%s> Tj 0 -14 Td\n" % line.encode("utf-16-be").hex().encode() for line in text.split("\n")
        )
        objects[kid] = (
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents %d 0 R"
            b"/Resources<</Font<</F1 3 0 R>>>>>>" % (kid + 1)
        )
        objects[kid + 1] = _stream(b"BT /F1 11 Tf 50 780 Td\n" + lines + b"ET")
    return _file(objects)


def _outline(objects: dict[int, bytes], kids: Sequence[int], bookmarks: Sequence[tuple[int, str]]) -> bytes:
    """Add the bookmarks; returns what the catalogue says of them."""
    if not bookmarks:
        return b""
    first, last = 1000, 999 + len(bookmarks)
    for at, (page, words) in enumerate(bookmarks, first):
        after = b"/Next %d 0 R" % (at + 1) if at < last else b""
        objects[at] = b"<</Title %s/Parent 6 0 R/Dest [%d 0 R/Fit]%s>>" % (
            _text(words),
            kids[page - 1],
            after,
        )
    objects[6] = b"<</Type/Outlines/First %d 0 R/Last %d 0 R/Count %d>>" % (first, last, len(bookmarks))
    return b"/Outlines 6 0 R"


def _text(words: str) -> bytes:
    return b"<feff%s>" % words.encode("utf-16-be").hex().encode()


def _stream(data: bytes) -> bytes:
    return b"<</Length %d>>stream\n%s\nendstream" % (len(data), data)


def _file(objects: dict[int, bytes]) -> bytes:
    out = bytearray(b"%PDF-1.7\n")
    places = {}
    for number in sorted(objects):
        places[number] = len(out)
        out += b"%d 0 obj\n%s\nendobj\n" % (number, objects[number])
    table = len(out)
    out += b"xref\n0 1\n0000000000 65535 f \n"
    for number, place in places.items():
        out += b"%d 1\n%010d 00000 n \n" % (number, place)
    out += b"trailer<</Size %d/Root 1 0 R/Info 7 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (max(objects) + 1, table)
    return bytes(out)


def docx_of(pieces: Sequence[tuple[int, str] | list[list[str]]], *, title: str = "") -> bytes:
    """A Word document: (level, words), where level 0 is a plain paragraph, or a table's rows."""
    document = Document()
    document.core_properties.title = title
    for piece in pieces:
        if isinstance(piece, list):
            table = document.add_table(rows=len(piece), cols=len(piece[0]))
            for row, cells in zip(table.rows, piece, strict=True):
                for cell, words in zip(row.cells, cells, strict=True):
                    cell.text = words
        elif piece[0]:
            document.add_heading(piece[1], level=piece[0])
        else:
            document.add_paragraph(piece[1])
    held = BytesIO()
    document.save(held)
    return held.getvalue()
