"""The log table as a logging handler: lines go there in batches from a thread, never in anybody's way."""

import atexit
import logging
import os
import queue
import threading
import time
from typing import Any

from agi_site.lib.request_context import origin

MOST_WAITING = 5000
BATCH = 200
PAUSE_SECONDS = 0.5
LONGEST_TEXT = 20_000


class TableHandler(logging.Handler):
    """Writes records to table `log`, secrets removed, with the request, person and session they belong to.

    `emit` only puts the line into a queue; when that is full, or the database stays away, lines are dropped
    and their number is told by a line of its own.
    """

    def __init__(self, level: int | str = logging.WARNING) -> None:
        super().__init__(level)
        self._reset()
        os.register_at_fork(after_in_child=self._reset)
        atexit.register(self.flush)

    def _reset(self) -> None:
        self._lines: queue.Queue[dict[str, Any]] = queue.Queue(MOST_WAITING)
        self._writer: threading.Thread | None = None
        self._starting = threading.Lock()
        self._dropped = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Queue a record; what the writing thread itself logs is left to the other handlers."""
        if threading.current_thread() is self._writer or _is_visitors_mistake(record):
            return
        try:
            self._lines.put_nowait(line_of(record))
        except queue.Full:
            self._dropped += 1
        except Exception:
            self.handleError(record)
        self._start()

    def flush(self, seconds: float = 2.0) -> None:
        """Wait until what is queued has been written, or the time is over."""
        end = time.monotonic() + seconds
        while self._lines.unfinished_tasks and self._writer and time.monotonic() < end:
            time.sleep(0.02)

    def _start(self) -> None:
        if self._writer is not None and self._writer.is_alive():
            return
        with self._starting:
            if self._writer is None or not self._writer.is_alive():
                self._writer = threading.Thread(target=self._write, name="log-writer", daemon=True)
                self._writer.start()

    def _write(self) -> None:
        from django.apps import apps

        while True:
            batch = [self._lines.get()]
            time.sleep(PAUSE_SECONDS)  # more may come; a batch costs what a line costs
            while len(batch) < BATCH:
                try:
                    batch.append(self._lines.get_nowait())
                except queue.Empty:
                    break
            if apps.ready:
                self._store(batch)
            for _line in batch:
                self._lines.task_done()

    def _store(self, batch: list[dict[str, Any]]) -> None:
        from django.db import connection

        from .models import Log, LogLevel

        dropped, self._dropped = self._dropped, 0
        lines = [Log(**line) for line in batch]
        if dropped:
            text = f"{dropped} lines of the log were dropped"
            lines.append(Log(level=LogLevel.WARN, component=__name__, message=text))
        try:
            Log.objects.bulk_create(lines)
        except Exception:  # the database is away: the console has the lines
            self._dropped += dropped + len(batch)
        finally:
            connection.close()


def line_of(record: logging.LogRecord) -> dict[str, Any]:
    """The columns of a record's line in table `log`."""
    from datetime import UTC, datetime

    from .redact import redact

    here = origin()
    trace = logging.Formatter().formatException(record.exc_info) if record.exc_info else record.stack_info
    return {
        "level": _level(record.levelno),
        "message": redact(record.getMessage())[:LONGEST_TEXT],
        "timestamp": datetime.fromtimestamp(record.created, UTC),
        "component": str(getattr(record, "component", record.name))[:100],
        "user_id": getattr(record, "user_id", None) or here.user_id,
        "session_id": here.session_id,
        "request_id": here.request_id,
        "stack_trace": redact(trace)[-LONGEST_TEXT:] if trace else None,
    }


def _level(number: int) -> str:
    for least, level in ((50, "fatal"), (40, "error"), (30, "warn"), (20, "info"), (10, "debug")):
        if number >= least:
            return level
    return "trace"


def _is_visitors_mistake(record: logging.LogRecord) -> bool:
    """Whether it is a 404 or the like: anybody could fill the table with those."""
    return record.name == "django.request" and int(getattr(record, "status_code", 500)) < 500
