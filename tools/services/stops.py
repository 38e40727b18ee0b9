"""How a running tool hears that it is to stop: from its caller, from this process, or from its row."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from django.db import connections

from ..models import ToolExecution, ToolExecutionStatus

LOOK_SECONDS = 1.0
_here: dict[str, "Stopping"] = {}
_lock = threading.Lock()


class Stopping:
    """Whether one attempt is to stop; looks at its row about every second, from the first second on."""

    def __init__(self, execution: ToolExecution, asked: Callable[[], bool]) -> None:
        self.id = str(execution.pk)
        self.event = threading.Event()
        self._execution = execution
        self._asked = asked
        self._look_at = time.monotonic() + LOOK_SECONDS

    def __call__(self) -> bool:
        """Cheap enough to be asked between any two steps."""
        if self.event.is_set():
            return True
        if self._asked() or self._row_says_so():
            self.event.set()
        return self.event.is_set()

    def _row_says_so(self) -> bool:
        now = time.monotonic()
        if now < self._look_at:
            return False
        self._look_at = now + LOOK_SECONDS
        return not (_in_another_thread(self._goes_on) if _in_event_loop() else self._goes_on())

    def _goes_on(self) -> bool:
        rows = ToolExecution.objects.filter(
            pk=self.id,
            status=ToolExecutionStatus.RUNNING,
            attempt=self._execution.attempt,
            stop_requested_at=None,
        )
        return bool(rows.exists())


def _in_event_loop() -> bool:
    """Whether the tool asks from within an event loop, where Django refuses to ask the database."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _in_another_thread(look: Callable[[], bool]) -> bool:
    with ThreadPoolExecutor(1, thread_name_prefix="stop") as threads:
        return threads.submit(_closing, look).result()


def _closing(look: Callable[[], bool]) -> bool:
    try:
        return look()
    finally:
        connections.close_all()


@contextmanager
def listening(stopping: Stopping) -> Iterator[Stopping]:
    """Let this process's `stop_here` reach it, for the time it runs."""
    with _lock:
        _here[stopping.id] = stopping
    try:
        yield stopping
    finally:
        with _lock:
            if _here.get(stopping.id) is stopping:
                del _here[stopping.id]


def stop_here(execution_id: str) -> None:
    """Stop an attempt of this very process, without waiting for its next look at the row."""
    with _lock:
        stopping = _here.get(execution_id)
    if stopping is not None:
        stopping.event.set()
