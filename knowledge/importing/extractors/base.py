"""What every extractor gives: the text of a document, and the sections it is cut at."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

type Stop = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Section:
    """The part `text[start:end]` of a document; no passage goes over its ends.

    `heading` is said where the passage is cited; `title` is the passage's own name, where it has one; `place`
    holds what else is known of where it stands: page, row, entry. `by_line`: lines are told as well.
    """

    start: int
    end: int
    heading: str = ""
    title: str = ""
    place: dict[str, Any] = field(default_factory=dict)
    by_line: bool = False


@dataclass(frozen=True, slots=True)
class Extracted:
    """A document as text. Offsets count characters of `text`, whose lines end in "\\n"."""

    title: str
    text: str
    sections: list[Section]
    media_type: str


class Builder:
    """Puts a text together from pieces, each a section or a paragraph of one."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._length = 0
        self.sections: list[Section] = []

    @property
    def text(self) -> str:
        """What was put together so far."""
        return "".join(self._pieces)

    def add(self, piece: str, *, heading: str = "", title: str = "", **place: Any) -> None:
        """A piece; it goes on with the section before it if that has the same heading and place."""
        piece = piece.strip("\n").rstrip()
        if not piece.strip():
            return
        if self._pieces:
            self._put("\n\n")
        start = self._length
        self._put(piece)
        last = self.sections[-1] if self.sections else None
        if last and not title and (last.heading, last.title, last.place) == (heading, title, place):
            self.sections[-1] = Section(last.start, self._length, heading, title, place)
        else:
            self.sections.append(Section(start, self._length, heading, title, place))

    def _put(self, piece: str) -> None:
        self._pieces.append(piece)
        self._length += len(piece)


class Headings:
    """The headings above a place, as "Leave › Carried over"; the document's own title is left out."""

    def __init__(self) -> None:
        self._path: list[tuple[int, str]] = []
        self.title = ""

    def enter(self, level: int, words: str) -> None:
        """A heading was met."""
        words = " ".join(words.split())
        if not words:
            return
        self._path = [(above, name) for above, name in self._path if above < level]
        if level <= 1 and not self.title:
            self.title = words
            return
        self._path.append((level, words))

    @property
    def words(self) -> str:
        """The path to here, shortened from its beginning."""
        return " › ".join(name for _level, name in self._path)[-200:]
