"""How a running tool hears that it is to stop: from its caller, from this process, or from its row."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

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
        goes_on = ToolExecution.objects.filter(
            pk=self.id,
            status=ToolExecutionStatus.RUNNING,
            attempt=self._execution.attempt,
            stop_requested_at=None,
        )
        return not goes_on.exists()


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
