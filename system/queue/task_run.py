"""What a handler knows of the attempt it is: how often it ran, whether to stop, where to tell progress."""

import logging
import threading
import time
from typing import Any

from agi_site.lib import events

from ..models import TaskQueue

logger = logging.getLogger(__name__)

POLL_SECONDS = 1.0


class Stopped(Exception):
    """The task was canceled, or another worker holds it by now; nothing it still writes would count."""


class TimeLimitReached(Exception):
    """The attempt took longer than its task type allows."""


class TaskRun:
    """One attempt at a task. `attempt` counts from 1.

    `stop` is set as soon as the work should end: canceled, lost to another worker, or out of time. Hand
    it to whatever blocks.
    """

    def __init__(self, row: TaskQueue, *, worker: str, time_limit: float, watched: bool) -> None:
        self.id: str = row.pk
        self.task_type: str = row.task_type
        self.queue: str = row.queue
        self.attempt: int = (row.retry_count or 0) + 1
        self.max_attempts: int = (row.max_retries or 0) + 1
        self.worker = worker
        self.stop = threading.Event()
        self.time_limit = time_limit
        self.deadline = time.monotonic() + time_limit
        self.told_progress = False
        self._watched = watched
        self._polled = time.monotonic()

    @property
    def last_attempt(self) -> bool:
        """Whether a failure now is final."""
        return self.attempt >= self.max_attempts

    @property
    def overdue(self) -> bool:
        """Whether the attempt used up its time."""
        return time.monotonic() > self.deadline

    def cancelled(self) -> bool:
        """Whether to stop now; true at most about a second after somebody canceled. Cheap."""
        if not self._watched and time.monotonic() - self._polled > POLL_SECONDS:
            self._polled = time.monotonic()
            if not TaskQueue.objects.held(self.id, self.worker).exists():
                self.stop.set()
        return self.stop.is_set() or self.overdue

    def check(self) -> None:
        """Raise Stopped or TimeLimitReached when the work should end; call it between steps."""
        if not self.cancelled():
            return
        if self.overdue:
            raise TimeLimitReached(f"the time limit of {self.time_limit:g} s was reached")
        raise Stopped

    def progress(self, data: dict[str, Any]) -> None:
        """Tell whoever follows the channel `task:<id>`; telling never fails the work."""
        self.told_progress = True
        self.tell("progress", data)

    def tell(self, name: str, data: dict[str, Any]) -> None:
        """Publish an event on the task's channel."""
        try:
            events.publish(f"task:{self.id}", name, data)
        except Exception:
            logger.warning("progress of task %s could not be told", self.id, exc_info=True)

    def release_key(self) -> None:
        """Give the key back before the attempt ends: from the caller's commit on a new task may have it.

        A handler does so in the transaction in which it sees that nothing is left to do, so that work that
        comes a moment later is not taken for work that this attempt still does.
        """
        TaskQueue.objects.held(self.id, self.worker).update(unique_key=None)
