"""What an execution has said: masked, cut to what is kept, and which part of it is safe in the row by now.

The runner counts the bytes of both streams together; the row keeps a count for each. A checkpoint is always
the output up to one place in the joint count, so the two counts of a row add up to the place to go on from.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from .masking import MaskedText

STREAMS = ("stdout", "stderr")
KEPT_BYTES = 1 << 20  # of each stream's text, from its beginning; the rest is only counted
# Held-back beginnings of secrets are let go when so much came after them, or the runner would wait for ever.
MOST_WAITING = 192 << 10


@dataclass(slots=True)
class Shown:
    """Text on its way to the readers: it stands for the bytes from `at` to `end` of its stream."""

    stream: str
    text: str
    at: int
    end: int
    omitted: bool = False

    def as_event(self) -> dict[str, Any]:
        """The data of an `output` event; `omitted` says that not all of it is there."""
        data: dict[str, Any] = {"stream": self.stream, "text": self.text, "at": self.at, "end": self.end}
        return data | ({"omitted": True} if self.omitted else {})


@dataclass(slots=True)
class _Entry:
    start: int  # in the joint count
    place: int  # in the joint count, where it ends
    side: "_Side"
    text: str
    position: int  # in its stream, where it ends


@dataclass(slots=True)
class Checkpoint:
    """What is to be added to a row: text for each stream, and up to where it then reaches."""

    place: int
    texts: dict[str, str]
    positions: dict[str, int]


class _Side:
    """One of the two streams."""

    def __init__(self, name: str, secrets: Iterable[bytes], position: int, kept: int) -> None:
        self.name = name
        self.text = MaskedText(secrets, position)
        self.kept = kept
        self.saved = position
        # (place in this stream, place in the joint count, length) of bytes that are held back
        self._spans: deque[tuple[int, int, int]] = deque()

    def feed(self, place: int, data: bytes) -> str:
        self._spans.append((self.text.taken, place, len(data)))
        return self.text.feed(data)

    def held_from(self) -> int | None:
        """The first place in the joint count that this stream still holds back."""
        position = self.text.position
        while self._spans and self._spans[0][0] + self._spans[0][2] <= position:
            self._spans.popleft()
        if not self._spans:
            return None
        start, place, _length = self._spans[0]
        return place + max(position - start, 0)

    def cut(self, text: str) -> str:
        """As much of the text as is kept."""
        room = KEPT_BYTES - self.kept
        if room <= 0:
            return ""
        encoded = text.encode()
        if len(encoded) > room:
            text = encoded[:room].decode(errors="ignore")
            self.kept = KEPT_BYTES
        else:
            self.kept += len(encoded)
        return text


class Output:
    """Both streams of an execution. Not for several threads at once: its owner has the lock."""

    def __init__(
        self,
        secrets: Iterable[bytes] = (),
        *,
        positions: dict[str, int] | None = None,
        kept: dict[str, int] | None = None,
        show_all: bool = False,
    ) -> None:
        secrets = list(secrets)
        positions, kept = positions or {}, kept or {}
        self._sides = {
            name: _Side(name, secrets, positions.get(name, 0), kept.get(name, 0)) for name in STREAMS
        }
        self.taken = self.saved = sum(positions.values())  # places in the joint count
        self.acked = self.saved
        self._entries: deque[_Entry] = deque()
        self._shown: list[Shown] = []
        self._show_all = show_all  # a terminal goes on when no more of it is kept

    @property
    def positions(self) -> dict[str, int]:
        """Bytes of each stream that came."""
        return {name: side.text.taken for name, side in self._sides.items()}

    def written(self, positions: dict[str, int]) -> None:
        """The row has the streams up to here."""
        for name, position in positions.items():
            self._sides[name].saved = position
        self.saved = sum(positions.values())

    def saved_position(self, name: str) -> int:
        """Up to where the row has a stream."""
        return self._sides[name].saved

    @property
    def dirty(self) -> bool:
        """Whether there is something that the row does not have."""
        return bool(self._entries) or self.taken > self.saved

    @property
    def waiting(self) -> int:
        """Bytes that came and are not acknowledged to the runner."""
        return self.taken - self.acked

    def take(self, stream: str, offset: int, data: bytes) -> None:
        """Bytes that came at `offset` of the joint count."""
        side = self._sides[stream]
        before, held = side.text.position, side.held_from()
        text = side.feed(offset, data)
        self.taken = offset + len(data)
        self._note(side, before, offset if held is None else held, text)
        if self.taken - self._limit() > MOST_WAITING:
            self.let_go()

    def let_go(self) -> bool:
        """Show what was held back; whether there was something."""
        some = False
        for side in self._sides.values():
            before, held = side.text.position, side.held_from()
            if text := side.text.flush():
                some = self._note(side, before, self.taken if held is None else held, text) or some
        return some

    def end(self) -> None:
        """Nothing more follows: show the rest."""
        for side in self._sides.values():
            before, held = side.text.position, side.held_from()
            self._note(side, before, self.taken if held is None else held, side.text.end())

    def _note(self, side: _Side, before: int, start: int, text: str) -> bool:
        position = side.text.position
        if position == before and not text:
            return False
        kept = side.cut(text)
        held = side.held_from()
        self._entries.append(_Entry(start, self.taken if held is None else held, side, kept, position))
        shown = text if self._show_all else kept
        last = self._shown[-1] if self._shown else None
        if last is not None and last.stream == side.name and last.end == before:
            last.text += shown
            last.end, last.omitted = position, last.omitted or len(shown) < len(text)
        else:
            self._shown.append(Shown(side.name, shown, before, position, len(shown) < len(text)))
        return bool(text)

    def to_show(self) -> list[Shown]:
        """What has not been shown yet, once."""
        shown, self._shown = self._shown, []
        return shown

    def _limit(self) -> int:
        """The place up to which all is shown, with no text across it."""
        held = [place for side in self._sides.values() if (place := side.held_from()) is not None]
        limit = min([self.taken, *held])
        while across := [entry.start for entry in self._entries if entry.start < limit < entry.place]:
            limit = min(across)
        return limit

    def checkpoint(self) -> Checkpoint:
        """What the row lacks of what is complete; `done` must be told when it is written."""
        limit = self._limit()
        texts: dict[str, list[str]] = {name: [] for name in STREAMS}
        positions = {name: side.saved for name, side in self._sides.items()}
        for entry in self._entries:
            if entry.place <= limit:
                texts[entry.side.name].append(entry.text)
                positions[entry.side.name] = entry.position
        return Checkpoint(limit, {name: "".join(parts) for name, parts in texts.items()}, positions)

    def done(self, checkpoint: Checkpoint) -> None:
        """The checkpoint is in the row."""
        self._entries = deque(entry for entry in self._entries if entry.place > checkpoint.place)
        for name, position in checkpoint.positions.items():
            self._sides[name].saved = position
        self.saved = checkpoint.place

    def may_ack(self) -> int:
        """Up to where the runner may forget: what is saved, and what needs no saving."""
        limit = self._limit()
        if all(not entry.text for entry in self._entries if entry.place <= limit):
            return limit
        return self.saved
