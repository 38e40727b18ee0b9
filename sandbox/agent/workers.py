"""The agent's threads: some for the database, some for what may take its time, and an alarm clock."""

import heapq
import itertools
import logging
import queue
import threading
import time
from collections.abc import Callable

from django.db import DatabaseError, InterfaceError, connection, connections

logger = logging.getLogger(__name__)

type Job = Callable[[], object]
# A connection that was idle for so long is looked at before it is used.
CONNECTION_IDLE_SECONDS = 30.0


class Pool:
    """Threads that do jobs in turn, each with a database connection of its own that it keeps."""

    def __init__(self, name: str, size: int) -> None:
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=self._work, name=f"sandbox-{name}-{number}", daemon=True)
            for number in range(size)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, job: Job) -> None:
        """Do this soon."""
        self._jobs.put(job)

    def stop(self, seconds: float = 3) -> None:
        """Do what was submitted, then end."""
        for _thread in self._threads:
            self._jobs.put(None)
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0, deadline - time.monotonic()))

    def _work(self) -> None:
        used = time.monotonic()
        try:
            while (job := self._jobs.get()) is not None:
                if time.monotonic() - used > CONNECTION_IDLE_SECONDS:
                    connection.close_if_unusable_or_obsolete()
                run_guarded(job)
                used = time.monotonic()
        finally:
            connections.close_all()


def run_guarded(job: Job) -> bool:
    """Do a job; what it raises goes to the log, and a broken connection is closed. Whether it went well."""
    try:
        job()
    except (DatabaseError, InterfaceError) as error:
        logger.warning("the database does not answer the agent: %s", error)
        connections.close_all()
        return False
    except Exception:
        logger.exception("a job of the agent failed")
        return False
    return True


class Clock:
    """Calls short functions at their time, in one thread; they must not block."""

    def __init__(self) -> None:
        self._due: list[tuple[float, int, Job]] = []
        self._count = itertools.count()
        self._changed = threading.Condition()
        self._stopped = False
        self._thread = threading.Thread(target=self._tick, name="sandbox-clock", daemon=True)
        self._thread.start()

    def after(self, seconds: float, job: Job) -> None:
        """Call `job` in so many seconds."""
        with self._changed:
            entry = (time.monotonic() + seconds, next(self._count), job)
            heapq.heappush(self._due, entry)
            if self._due[0] is entry:
                self._changed.notify()

    def stop(self) -> None:
        """End the thread; what is due later is not called any more."""
        with self._changed:
            self._stopped = True
            self._changed.notify()
        self._thread.join(2)

    def _tick(self) -> None:
        while True:
            with self._changed:
                if self._stopped:
                    return
                wait = self._due[0][0] - time.monotonic() if self._due else None
                if wait is None or wait > 0:
                    self._changed.wait(wait)
                    continue
                _when, _number, job = heapq.heappop(self._due)
            run_guarded(job)
