"""Server-sent events: a channel of `events` as an HTTP response that a page's EventSource follows.

A view checks who asks, then returns `sse_response(request, "conversation:<id>")`. It runs on ASGI.
"""

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Sequence

from django.http import HttpRequest, StreamingHttpResponse

from . import events

logger = logging.getLogger(__name__)

# Then the client comes back and is authorised anew: a revoked session ends its streams within this time.
STREAM_SECONDS = 300.0
RETRY_MILLISECONDS = 1000
# Events that come closer together than this leave in one write; the first ones after a pause leave at once:
# the steps before an answer do not delay its first word.
COALESCE_SECONDS = 0.02
BURST_WRITES = 12


def sse_response(
    request: HttpRequest, channel: str, *, after: str | None = None, last: str = ""
) -> StreamingHttpResponse:
    """Stream a channel from where the reader left off; the stream ends after an event with the name `last`.

    That is `Last-Event-ID`, which EventSource sends when it comes back, else `after`, else `?after=`;
    without any, only what comes from now on.
    """
    start = request.headers.get("Last-Event-ID") or after or request.GET.get("after") or None
    return event_stream(_stream(channel, start, last))


def event_stream(written: AsyncIterator[bytes]) -> StreamingHttpResponse:
    """Events in the wire format as a response that nobody on the way keeps or holds back."""
    response = StreamingHttpResponse(written, content_type="text/event-stream; charset=utf-8")
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"
    return response


async def _stream(channel: str, start: str | None, last: str) -> AsyncIterator[bytes]:
    ends_at = time.monotonic() + STREAM_SECONDS
    if start is None:
        start = await asyncio.to_thread(events.last_id, channel)
    # An id without data is remembered by the client, so that even its first return resumes.
    yield f"retry: {RETRY_MILLISECONDS}\nid: {events.normal_id(start)}\n\n".encode()
    batches, pace = events.follow(channel, start), Pace()
    try:
        async for batch in batches:
            yield encode(batch) if batch else b": keep-alive\n\n"
            if time.monotonic() > ends_at or any(event.name == last for event in batch):
                break
            if batch and pace.is_fast():
                await asyncio.sleep(COALESCE_SECONDS)
    except ConnectionError as error:
        logger.warning("the stream of %s ended: %s", channel, type(error).__name__)
    finally:
        await batches.aclose()


class Pace:
    """How densely a stream writes: a burst is free, and wins its freedom back while the stream is calmer."""

    def __init__(self) -> None:
        self._free, self._at = float(BURST_WRITES), time.monotonic()

    def is_fast(self) -> bool:
        """Count a write; whether the next events should wait for company."""
        now = time.monotonic()
        won = (now - self._at) / COALESCE_SECONDS
        self._free, self._at = min(self._free + won, BURST_WRITES) - 1, now
        return self._free < 0


def encode(batch: Sequence[events.Event]) -> bytes:
    """Events in the wire format (WHATWG HTML, section 9.2)."""
    return "".join(
        f"id: {event.id}\nevent: {event.name}\ndata: {json.dumps(event.data, ensure_ascii=False)}\n\n"
        for event in batch
    ).encode()
