"""Changes of files as they happen, as server-sent events: a sandbox's own word, not the table's."""

import asyncio
import json
import logging
import threading
import time
from collections.abc import AsyncIterator
from typing import Any

from django.db import connection
from django.http import StreamingHttpResponse
from django.utils.translation import gettext as _

from agi_site.lib.problems import Problem, TooMany
from agi_site.lib.sse import RETRY_MILLISECONDS, STREAM_SECONDS, event_stream

from . import files
from .models import Sandbox

logger = logging.getLogger(__name__)

MOST_AT_ONCE = 10  # of a person, in a process: each takes a thread
MOST_WAITING = 1000  # changes that a slow reader has not taken: it is let go then, and comes back


def watch_response(*, sandbox: Sandbox, by: Any, path: str) -> StreamingHttpResponse:
    """Stream events `change` ({"event", "path"}) below `path`; raises TooMany, or what
    looking at that folder raises.

    There are no ids: whoever comes back lists the folder, since changes meanwhile are not told again.
    """
    theirs = [one for one in threading.enumerate() if isinstance(one, _Watching) and one.is_of(by)]
    if len(theirs) >= MOST_AT_ONCE:
        raise TooMany(
            _("Files are watched at most %(most)d times at once. End one, and try again in a moment.")
            % {"most": MOST_AT_ONCE},
            retry_after=15,
        )
    files.stat_file(sandbox=sandbox, by=by, path=path)
    return event_stream(_stream(sandbox, by, path))


async def _stream(sandbox: Sandbox, by: Any, path: str) -> AsyncIterator[bytes]:
    watching, ends_at = _Watching(sandbox, by, path), time.monotonic() + STREAM_SECONDS
    yield f"retry: {RETRY_MILLISECONDS}\n\n".encode()
    watching.start()
    try:
        while time.monotonic() < ends_at and (change := await watching.changes.get()) is not None:
            yield _encoded(change) if change else b": keep-alive\n\n"
    finally:
        watching.over.set()


def _encoded(change: dict[str, Any]) -> bytes:
    told = {key: files.sayable(value) if isinstance(value, str) else value for key, value in change.items()}
    return f"event: change\ndata: {json.dumps(told, ensure_ascii=False)}\n\n".encode()


class _Watching(threading.Thread):
    """Reads what the host's agent says, which takes a thread, for a reader in an event loop.

    In `changes` are dicts, an empty one now and then, and None at the end. The agent speaks at least every
    15 s, so that is how long the thread outlives its reader.
    """

    def __init__(self, sandbox: Sandbox, by: Any, path: str) -> None:
        super().__init__(name="sandbox-watch", daemon=True)
        self.changes: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self.over = threading.Event()
        self._loop, self._asked = asyncio.get_running_loop(), {"sandbox": sandbox, "by": by, "path": path}

    def is_of(self, user: Any) -> bool:
        """Whether that person watches."""
        return bool(self._asked["by"].pk == user.pk)

    def run(self) -> None:
        try:
            with files.watch(**self._asked) as changes:
                for change in changes:
                    if self.over.is_set() or self.changes.qsize() > MOST_WAITING:
                        break
                    self._say(change or {})
        except Problem as problem:
            logger.info("the watch of a sandbox's files ended: %s", problem.message)
        finally:
            self._say(None)
            connection.close()

    def _say(self, change: dict[str, Any] | None) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.changes.put_nowait, change)
