"""The thread in which a driver's tools and prompts run, so that the driver can watch them."""

import contextvars
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from django.db import connection, connections
from django.utils import translation

type _Job = tuple[Future[Any], Callable[[], Any], contextvars.Context, str]


class Helper:
    """One thread, and its database connection, for one piece of work after the other."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[_Job | None] | None = None

    def start[T](self, work: Callable[[], T]) -> "Future[T]":
        """Begin `work`. Inside a transaction it is done here: no other thread would see what it wrote."""
        future: Future[T] = Future()
        if connection.in_atomic_block:
            _settle(future, work)
            return future
        if self._jobs is None:
            self._jobs = queue.SimpleQueue()
            threading.Thread(target=_serve, args=[self._jobs], name="plan step", daemon=True).start()
        self._jobs.put((future, work, contextvars.copy_context(), translation.get_language() or "en"))
        return future

    def leave(self) -> None:
        """Wait no longer for what runs: its thread ends when it is through, and another takes its place."""
        if self._jobs is not None:
            self._jobs.put(None)
            self._jobs = None


def _serve(jobs: "queue.SimpleQueue[_Job | None]") -> None:
    try:
        while (job := jobs.get()) is not None:
            future, work, context, language = job
            with translation.override(language):
                context.run(_settle, future, work)
            del future, work, job
    finally:
        connections.close_all()


def _settle(future: "Future[Any]", work: Callable[[], Any]) -> None:
    try:
        future.set_result(work())
    except BaseException as error:
        future.set_exception(error)
