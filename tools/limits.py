"""The time limit of a tool: it runs in a thread of its own, and its caller goes on when the time is over."""

import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import Future, wait

from django.db import connection, connections, transaction
from django.utils import translation

from .registry import ToolContext

_LOOK_SECONDS = 0.1


class TimeOver(Exception):
    """The tool was stopped, or its time is over."""


def run_within[T](call: ToolContext, work: Callable[[], T], *, name: str, here: bool = False) -> T:
    """What `work` returns; raises TimeOver, or whatever it raised.

    Python cannot end a thread: a tool that ignores `call.cancelled()` goes on unheard until it returns.
    Inside a transaction the tool runs right here, because another thread would not see what the
    transaction has written; its limit is then only what it asks `call` for. So it is with `here`, for a
    caller that has a thread for it already.
    """
    if connection.in_atomic_block:
        with transaction.atomic():
            return work()
    if here:
        return work()
    future = _started(work, name)
    while not wait([future], timeout=min(_LOOK_SECONDS, call.remaining())).done:
        if call.cancelled():
            raise TimeOver
    return future.result()


def _started[T](work: Callable[[], T], name: str) -> "Future[T]":
    future: Future[T] = Future()
    context = contextvars.copy_context()
    language = translation.get_language()  # which does not go along with the context

    def run() -> T:
        with translation.override(language):
            return work()

    def thread() -> None:
        try:
            future.set_result(context.run(run))
        except BaseException as error:
            future.set_exception(error)
        finally:
            connections.close_all()

    threading.Thread(target=thread, name=f"tool {name}", daemon=True).start()
    return future
