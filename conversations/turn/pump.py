"""An engine's stream, read in a thread of its own, so that its listener never waits for the engine."""

from __future__ import annotations

import contextvars
import queue
import threading

from django.utils import translation

from agi_site.lib.engines.base import ChatEngine, ChatEvent, ChatRequest


class Pump:
    """Reads one request's events. Its thread touches no database and ends soon after a stop."""

    def __init__(self, engine: ChatEngine, request: ChatRequest) -> None:
        self._engine, self._request = engine, request
        self._events: queue.SimpleQueue[ChatEvent | BaseException | None] = queue.SimpleQueue()
        self._abandoned = False
        self.ended = False
        context = contextvars.copy_context()
        language = translation.get_language() or "en"
        run = threading.Thread(
            target=context.run, args=(self._read, language), name=f"turn {engine.name}", daemon=True
        )
        run.start()

    def next(self, timeout: float) -> ChatEvent | None:
        """The next event; None if none came in time or it `ended`. Raises what the engine raised."""
        try:
            event = self._events.get(timeout=timeout) if timeout > 0 else self._events.get_nowait()
        except queue.Empty:
            return None
        if isinstance(event, BaseException):
            self.ended = True
            raise event
        if event is None:
            self.ended = True
        return event

    def abandon(self) -> None:
        """Nobody listens any longer; the engine is left at its next event."""
        self._abandoned = True

    def _read(self, language: str) -> None:
        translation.activate(language)
        stream = self._engine.stream(self._request)
        try:
            for event in stream:
                self._events.put(event)
                if self._abandoned:
                    break
            self._events.put(None)
        except BaseException as error:
            self._events.put(error)
        finally:
            if callable(close := getattr(stream, "close", None)):
                close()
