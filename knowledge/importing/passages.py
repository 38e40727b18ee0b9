"""Cutting a document into passages: within its sections, between paragraphs, then between sentences."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..options import LONGEST_TITLE
from .extractors import Extracted, Section
from .places import LONGEST_HEADING

ENOUGH = 1_000  # characters: a passage this long takes no further paragraph
MOST = 1_500
LEAST = 200  # a last piece shorter than this stays with the one before it
_PARAGRAPH = re.compile(r"\n[ \t]*\n\s*")
# The end of a sentence (Korean ones end in a full stop, too), or of a line.
_SENTENCE = re.compile(r"[.!?。！？…][\"'”’)\]」』]*\s+|\n")


@dataclass(frozen=True, slots=True)
class Draft:
    """A passage that is to be. `hash` is that of its words, and of the title that a record has of its own."""

    title: str
    content: str
    hash: str
    place: dict[str, Any]


def content_hash(content: str, title: str = "") -> str:
    """What tells whether two passages say the same: SHA-256 of the words, white space aside.

    `title` is that of a row or an entry, whose words alone say little: many questions have the answer "Yes".
    """
    said = f"{' '.join(title.split())}\n" if title else ""
    return hashlib.sha256((said + " ".join(content.split())).encode()).hexdigest()


def cut(document: Extracted) -> Iterator[Draft]:
    """The passages of a document in their order, each with its place; the same each time."""
    lines = _Lines(document.text)
    for section in document.sections:
        pieces = _pieces(document.text, section.start, section.end)
        for number, (begin, end) in enumerate(pieces, 1):
            content = document.text[begin:end]
            start = begin + len(content) - len(content.lstrip("\n"))
            content = content.strip("\n").rstrip()
            if not content.strip():
                continue
            place = dict(section.place)
            if section.heading:
                place["heading"] = section.heading[:LONGEST_HEADING]
            place |= {"start": start, "end": start + len(content)}
            if section.by_line:
                place |= {"line": lines.at(start), "last_line": lines.at(start + len(content))}
            part = f" ({number})" if section.title and len(pieces) > 1 else ""
            hash_ = content_hash(content, section.title)
            yield Draft(_title(document.title, section, part), content, hash_, place)


def _title(document: str, section: Section, part: str) -> str:
    title = f"{section.title[: LONGEST_TITLE - len(part)]}{part}" if section.title else document
    if section.heading and not section.title:
        path = section.heading.split(" › ")
        below = path[1:] if path[0] == document else path  # a title is said once
        title = " · ".join([document[:100], *filter(None, [" › ".join(below)])])
    return " ".join(title.split())[:LONGEST_TITLE]


def _pieces(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """The parts of `text[start:end]`: as many whole paragraphs, or sentences, as fit into one."""
    if end - start <= MOST:
        return [(start, end)]
    pieces: list[tuple[int, int]] = []
    begin = last = start
    for unit_end in _units(text, start, end):
        if last > begin and (unit_end - begin > MOST or last - begin >= ENOUGH):
            pieces.append((begin, last))
            begin = last
        last = unit_end
    pieces.append((begin, last))
    if len(pieces) > 1 and pieces[-1][1] - pieces[-1][0] < LEAST:
        (first, _end), (_start, last) = pieces[-2:]
        if last - first <= MOST + LEAST:
            pieces[-2:] = [(first, last)]
    return pieces


def _units(text: str, start: int, end: int) -> Iterator[int]:
    """Where paragraphs end; within longer ones where sentences end; within longer ones between words."""
    for paragraph_end in _ends(_PARAGRAPH, text, start, end):
        if paragraph_end - start <= MOST:
            yield paragraph_end
        else:
            at = start
            for sentence_end in _ends(_SENTENCE, text, start, paragraph_end):
                while sentence_end - at > MOST:
                    space = text.rfind(" ", at + 1, at + MOST)
                    at = space + 1 if space > at else at + MOST
                    yield at
                at = sentence_end
                yield at
        start = paragraph_end


def _ends(pattern: re.Pattern[str], text: str, start: int, end: int) -> Iterator[int]:
    for found in pattern.finditer(text, start, end):
        if found.end() < end:
            yield found.end()
    yield end


class _Lines:
    """The line of an offset; offsets are asked for in their order, or nearly so."""

    def __init__(self, text: str) -> None:
        self._text, self._offset, self._line = text, 0, 1

    def at(self, offset: int) -> int:
        if offset < self._offset:
            self._offset, self._line = 0, 1
        self._line += self._text.count("\n", self._offset, offset)
        self._offset = offset
        return self._line
