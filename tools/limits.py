"""The time limit of a tool: it runs in a thread of its own, and its caller goes on when the time is over."""

import contextvars
import threading
from concurrent.futures import Future, wait
from typing import Any

from django.db import connection, connections, transaction
from django.utils import translation

from .registry import Implementation, Result, ToolContext

_LOOK_SECONDS = 0.1


class TimeOver(Exception):
    """The tool was stopped, or its time is over."""


def run_within(implementation: Implementation, call: ToolContext, arguments: dict[str, Any]) -> Result:
    """The tool's result; raises TimeOver, or whatever the tool raised.

    Python cannot end a thread: a tool that ignores `call.cancelled()` goes on unheard until it returns.
    Inside a transaction the tool runs right here, because another thread would not see what the
    transaction has written; its limit is then only what it asks `call` for.
    """
    if connection.in_atomic_block:
        with transaction.atomic():
            return implementation.run(call, **arguments)
    future = _started(implementation, call, arguments)
    while not wait([future], timeout=min(_LOOK_SECONDS, call.remaining())).done:
        if call.cancelled():
            raise TimeOver
    return future.result()


def _started(
    implementation: Implementation, call: ToolContext, arguments: dict[str, Any]
) -> "Future[Result]":
    future: Future[Result] = Future()
    context = contextvars.copy_context()
    language = translation.get_language()  # which does not go along with the context

    def run() -> Result:
        with translation.override(language):
            return implementation.run(call, **arguments)

    def work() -> None:
        try:
            future.set_result(context.run(run))
        except BaseException as error:
            future.set_exception(error)
        finally:
            connections.close_all()

    threading.Thread(target=work, name=f"tool {implementation.name}", daemon=True).start()
    return future
