"""The answer's text on its way: to the pages in small batches, to its row twice a second."""

from __future__ import annotations

import time
from collections.abc import Callable

from agi_site.lib import events

BATCH_SECONDS = 0.03
SAVE_SECONDS = 0.4
IDLE_SECONDS = 0.2


class Draft:
    """Collects pieces of text. The first goes out at once, later ones at most every 30 ms.

    `publish(offset, text)` returns the event's id; offsets count code points. `save()` stores `text`. The
    owner calls `tick()` at least after `idle_seconds()`: nothing may lie about while the engine is silent.
    """

    def __init__(self, *, publish: Callable[[int, str], str], save: Callable[[], None]) -> None:
        self._publish, self._save = publish, save
        self._parts: list[str] = []
        self._waiting: list[str] = []
        self._sent = 0
        self._last_batch = self._last_save = 0.0
        self._unsaved = self._break = False
        self.event_id = events.START
        self.first_at: float | None = None

    @property
    def text(self) -> str:
        """What has been written and sent."""
        return "".join(self._parts)

    @property
    def is_empty(self) -> bool:
        """Whether nothing has been written yet."""
        return not (self._parts or self._waiting)

    def begin_with(self, text: str) -> None:
        """Go on after `text`, which is sent and saved; what comes next stands apart from it."""
        self._parts, self._sent, self._break = [text] if text else [], len(text), bool(text)

    def write(self, piece: str) -> None:
        """Take the next piece."""
        if not piece:
            return
        if self._break and not self.is_empty:
            piece = "\n\n" + piece.lstrip()
        self._break = False
        self._waiting.append(piece)
        self.tick()

    def new_paragraph(self) -> None:
        """What comes next stands apart from what was written (tools ran in between)."""
        self._break = True

    def tick(self) -> None:
        """Send and save what is due."""
        now = time.monotonic()
        if self._waiting and now - self._last_batch >= BATCH_SECONDS:
            self.flush()
        if self._unsaved and now - self._last_save >= SAVE_SECONDS:
            self._save_now(now)

    def flush(self) -> None:
        """Send what waits."""
        if not self._waiting:
            return
        now = time.monotonic()
        if self.first_at is None:
            self.first_at, self._last_save = now, now
        text = "".join(self._waiting)
        self._waiting.clear()
        self.event_id = self._publish(self._sent, text)
        self._parts.append(text)
        self._sent += len(text)
        self._last_batch, self._unsaved = now, True

    def idle_seconds(self) -> float:
        """How long the owner may wait before it has to call `tick()`."""
        now, waits = time.monotonic(), [IDLE_SECONDS]
        if self._waiting:
            waits.append(self._last_batch + BATCH_SECONDS - now)
        if self._unsaved:
            waits.append(self._last_save + SAVE_SECONDS - now)
        return max(0.0, min(waits))

    def _save_now(self, now: float) -> None:
        self._save()
        self._last_save, self._unsaved = now, False
