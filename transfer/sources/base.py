"""What every reader gives, and how texts become passages."""

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any, ClassVar

from agi_site.lib.plain_json import repaired

type Position = dict[str, Any]
type Stop = Callable[[], None]

PASSAGE = 4_000  # characters; longer texts become several passages, cut between paragraphs
MOST_ITEMS = 100_000


class SourceFault(Exception):
    """A source cannot be read; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Item:
    """One thing read. `fault` says why it could not become a passage, "" if it can."""

    external_id: str
    title: str
    content: str
    source: str = ""
    fault: str = ""

    @property
    def hash(self) -> str:
        """Changes whenever the passage would."""
        return hashlib.sha256(f"{self.title}\0{self.content}\0{self.source}".encode()).hexdigest()


class Reader:
    """Reads one source, in the same order each time. `needed` and `optional` name its connection's fields."""

    needed: ClassVar[frozenset[str]] = frozenset()
    optional: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, connection: Mapping[str, Any]) -> None:
        self.connection = connection

    def check(self) -> None:
        """Raise SourceFault where the connection cannot be right; asks nobody."""

    def items(self, position: Position | None, stop: Stop) -> Iterator[tuple[Item, Position]]:
        """Each item after `position` with the position right after it; `stop` raises when to end.

        Raises SourceFault.
        """
        raise NotImplementedError

    def whole(self, stop: Stop) -> tuple[str, bytes]:
        """Name and bytes of the one file behind the source, for ontologies. Raises SourceFault."""
        raise NotImplementedError

    def text(self, name: str, default: str = "") -> str:
        """A field of the connection that has to be text."""
        value = self.connection.get(name, default)
        return value if isinstance(value, str) else default


def passages(external_id: str, title: str, content: str, source: str) -> list[Item]:
    """The items a text becomes: one, or several in order where it is long."""
    parts = _parts(repaired(content).strip())
    if len(parts) <= 1:
        return [Item(external_id, title[:255], parts[0] if parts else "", source[:255])]
    return [
        Item(f"{external_id}#{number}", f"{title[:240]} ({number})", part, source[:255])
        for number, part in enumerate(parts, 1)
    ]


def _parts(text: str) -> list[str]:
    parts: list[str] = []
    held = ""
    for paragraph in re.split(r"\n\s*\n", text):
        for at in range(0, max(1, len(paragraph)), PASSAGE):
            piece = paragraph[at : at + PASSAGE]
            if held and len(held) + len(piece) + 2 > PASSAGE:
                parts.append(held)
                held = ""
            held = f"{held}\n\n{piece}" if held else piece
    return [*parts, held] if held.strip() else parts


class _Text(HTMLParser):
    """The words of a page, without scripts and styles."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self.title = ""
        self._inside: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag in ("script", "style", "title", "template"):
            self._inside.append(tag)
        elif tag in ("p", "div", "li", "br", "tr", "h1", "h2", "h3", "h4", "section", "article"):
            self.pieces.append("\n\n" if tag != "br" else "\n")

    def handle_endtag(self, tag: str) -> None:
        if self._inside and self._inside[-1] == tag:
            self._inside.pop()

    def handle_data(self, data: str) -> None:
        if not self._inside:
            self.pieces.append(data)
        elif self._inside[-1] == "title":
            self.title += data


def html_text(page: str) -> tuple[str, str]:
    """(title, text) of an HTML page."""
    parser = _Text()
    parser.feed(page)
    parser.close()
    lines = (" ".join(line.split()) for line in "".join(parser.pieces).split("\n"))
    return " ".join(parser.title.split()), re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
