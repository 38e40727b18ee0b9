"""Django under ASGI with a shorter way to plain views: one thread from the first middleware to the answer.

Django itself goes over to a thread and back for each middleware, and each request has a thread and so a
database connection of its own, which costs more than most answers. Views that are coroutines keep Django's
own way.
"""

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.core.handlers.asgi import ASGIHandler, ASGIRequest
from django.core.handlers.base import BaseHandler
from django.core.signals import request_started
from django.db import close_old_connections, connections, reset_queries
from django.http.response import HttpResponseBase
from django.urls import Resolver404, resolve

# A request that waits (for a model, for bytes) holds its thread meanwhile; there are as many as are needed.
THREADS = 100
# So many of them keep their connection to the database between two requests.
KEPT = 8
CHECKED_SECONDS = 1.0


class ThreadedHandler(ASGIHandler):
    """Answers a request with a plain view in a thread of a pool, the streams it returns in the event loop."""

    def __init__(self, *, kept: int = KEPT) -> None:
        """`kept`: how many threads keep their connection to the database."""
        super().__init__()
        self._plain = BaseHandler()
        self._plain.load_middleware(is_async=False)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="request")
        self._connected = Connected(kept)
        # What Django does when a request begins it does in a new thread, which has no connection yet. The
        # threads that answer do it themselves.
        for receiver in (reset_queries, close_old_connections):
            request_started.disconnect(receiver)

    async def get_response_async(self, request: Any) -> HttpResponseBase:
        """The answer of the view with its middleware, as Django gives it."""
        if _is_coroutine(request):
            answer: HttpResponseBase = await super().get_response_async(request)
            return answer
        loop, context = asyncio.get_running_loop(), copy_context()
        return await loop.run_in_executor(self._threads, context.run, self._answer, request)

    def _answer(self, request: ASGIRequest) -> HttpResponseBase:
        self._connected.before()
        try:
            answer: HttpResponseBase = self._plain.get_response(request)
            return answer
        finally:
            self._connected.after()


class Connected:
    """The database connections of threads that answer: looked at before, kept or closed after."""

    def __init__(self, kept: int) -> None:
        self._room = threading.Semaphore(kept)
        self._mine = threading.local()

    def before(self) -> None:
        """As Django does it when a request begins; one used a moment ago is not asked whether it lives."""
        reset_queries()
        was_used = time.monotonic() - getattr(self._mine, "used", -CHECKED_SECONDS) < CHECKED_SECONDS
        for connection in connections.all(initialized_only=True):
            connection.health_check_done = was_used  # type: ignore[attr-defined]
            _close_unless_good(connection)

    def after(self) -> None:
        """Keep what may be kept, if this thread is one of those that keep."""
        if not getattr(self._mine, "keeps", False):
            self._mine.keeps = self._room.acquire(blocking=False)
        self._mine.used = time.monotonic()
        for connection in connections.all(initialized_only=True):
            if self._mine.keeps:
                _close_unless_good(connection)
            else:
                connection.close()


def _close_unless_good(connection: Any) -> None:
    """A connection over the network is kept for CONN_MAX_AGE; a file that is open may stay open."""
    if connection.vendor != "sqlite":
        connection.close_if_unusable_or_obsolete()
    elif connection.connection is not None and (
        connection.errors_occurred or not connection.get_autocommit() or connection.in_atomic_block
    ):
        connection.close()


def _is_coroutine(request: ASGIRequest) -> bool:
    try:
        return bool(iscoroutinefunction(resolve(request.path_info).func))
    except Resolver404:  # the answer says so
        return False
