"""What every reader gives, and how texts become passages."""

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from agi_site.lib.plain_json import repaired

from ..reasons import SourceFault

type Position = dict[str, Any]
type Stop = Callable[[], None]

PASSAGE = 4_000  # characters; longer texts become several passages, cut between paragraphs
MOST_ITEMS = 100_000


@dataclass(frozen=True, slots=True)
class Item:
    """One thing read. `fault` is why it could not become a passage; `place` is where it stands, if known."""

    external_id: str
    title: str
    content: str
    source: str = ""
    fault: SourceFault | None = None
    place: Mapping[str, Any] = field(default_factory=dict)

    @property
    def hash(self) -> str:
        """Changes whenever the words of the passage would; its place may move without."""
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


def passages(
    external_id: str, title: str, content: str, source: str, place: Mapping[str, Any] | None = None
) -> list[Item]:
    """The items a text becomes: one, or several in order where it is long."""
    stands = dict(place or {})
    parts = _parts(repaired(content).strip())
    if len(parts) <= 1:
        return [Item(external_id, title[:255], parts[0] if parts else "", source[:255], place=stands)]
    return [
        Item(f"{external_id}#{number}", f"{title[:240]} ({number})", part, source[:255], place=stands)
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
