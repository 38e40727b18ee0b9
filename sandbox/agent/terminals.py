"""What a terminal has shown lately, for the viewers that come, go and come back."""

import threading
from collections import deque
from dataclasses import dataclass
from typing import Any

KEPT_BYTES = 256 << 10


@dataclass(frozen=True, slots=True)
class View:
    """What a viewer gets: bytes up to the place `at`. `gap`: what it had before does not continue in them."""

    data: bytes
    at: int
    gap: bool = False


class Ring:
    """The last bytes of a terminal; places count the terminal's own bytes.

    Masked text may be shorter or longer than what it stands for, so a place within a piece counts as its end.
    """

    def __init__(self) -> None:
        self._pieces: deque[tuple[int, bytes]] = deque()  # (place after it, bytes)
        self._size = 0
        self._start = self._last = 0
        self._changed = threading.Condition()
        self._ended = False
        self._how: dict[str, Any] | None = None

    def begin(self, place: int, shown: bytes) -> None:
        """Go on at `place`, after a screen that is known from the row."""
        with self._changed:
            self._pieces = deque([(place, shown[-KEPT_BYTES:])] if shown else [])
            self._size = len(shown[-KEPT_BYTES:])
            self._start = self._last = place

    def add(self, place: int, data: bytes) -> None:
        """More was shown; it ends at `place`."""
        with self._changed:
            self._pieces.append((place, data))
            self._last = place
            self._size += len(data)
            while self._size > KEPT_BYTES and len(self._pieces) > 1:
                self._start, gone = self._pieces.popleft()
                self._size -= len(gone)
            self._changed.notify_all()

    def end(self, how: dict[str, Any] | None) -> None:
        """It is over; without `how`, only for this agent."""
        with self._changed:
            self._ended, self._how = True, how
            self._changed.notify_all()

    def view(self, after: int) -> View:
        """What follows the place `after` by now."""
        with self._changed:
            return self._view(after)

    def _view(self, after: int) -> View:
        gap = after > self._last or (after < self._start and self._last > after)
        new = [data for place, data in self._pieces if gap or place > after]
        return View(b"".join(new), self._last, gap)

    def wait(self, after: int, seconds: float) -> View | dict[str, Any] | None:
        """What follows, or how it ended; None for nothing yet. Raises EOFError when this agent lets go."""
        with self._changed:
            self._changed.wait_for(lambda: self._last > after or self._ended, seconds)
            found = self._view(after)
            if found.at > after or found.gap:
                return found
            if self._ended:
                if self._how is None:
                    raise EOFError
                return self._how
            return None
