"""Live events: tokens, progress and output on their way to a page, with exact resume.

A channel is a short, capped log of events with growing ids. Rows are the truth; events only say what
changed. Redis Streams carry them in the full stack, a ring in this process when embedded. A reader that
comes back with the id of the last event it saw gets everything after it, or one `reset` event if the
channel no longer reaches back so far; then it reloads what it shows from the rows.
"""

import asyncio
import json
import threading
import time
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

from django.conf import settings

KEPT_EVENTS = 4096
KEPT_SECONDS = 3600
KEEP_ALIVE_SECONDS = 15.0
START = "0-0"


@dataclass(frozen=True, slots=True)
class Event:
    """One event: `id` is `<milliseconds>-<count>`, growing within the channel; `data` is a JSON object."""

    id: str
    name: str
    data: dict[str, Any]


class Transport(Protocol):
    """What carries events; `read` and `follow` give the events after an id, in order."""

    def publish(self, channel: str, name: str, data: dict[str, Any]) -> str: ...
    def read(self, channel: str, after: str) -> list[Event]: ...
    def last_id(self, channel: str) -> str: ...
    def wait(self, channel: str, after: str, quiet: float) -> "AsyncIterator[list[Event]]": ...


def position(event_id: str) -> tuple[int, int]:
    """The two numbers of an event id, for comparing; anything malformed counts as the start."""
    milliseconds, _dash, count = event_id.partition("-")
    if not (milliseconds.isdigit() and (count or "0").isdigit()):
        return 0, 0
    return int(milliseconds), int(count or 0)


def publish(channel: str, name: str, data: dict[str, Any]) -> str:
    """Append an event to a channel; returns its id."""
    return transport().publish(channel, name, data)


def read(channel: str, after: str = START) -> list[Event]:
    """The kept events of a channel after an id."""
    return transport().read(channel, after)


def last_id(channel: str) -> str:
    """The id of the channel's newest event; a reader that starts there misses nothing that follows."""
    return transport().last_id(channel)


async def follow(channel: str, after: str) -> AsyncIterator[list[Event]]:
    """Yield the events after an id in batches as they come, and an empty batch when it stays quiet."""
    async for batch in transport().wait(channel, after, KEEP_ALIVE_SECONDS):
        yield batch


def transport() -> Transport:
    """The transport that the settings choose."""
    return _transport(settings.REDIS_URL)


@lru_cache(maxsize=4)
def _transport(redis_url: str) -> Transport:
    return RedisTransport(redis_url) if redis_url else MemoryTransport()


class _Channel:
    def __init__(self) -> None:
        self.events: deque[Event] = deque(maxlen=KEPT_EVENTS)
        # Ids below this were never here, or are gone: the process restarted or the ring ran over.
        self.floor = position(f"{time.time_ns() // 1_000_000}-0")
        self.last = f"{self.floor[0]}-0"
        self.touched = time.monotonic()
        self.readers: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()


class MemoryTransport:
    """Channels as rings in this process; publishers may be any thread, readers any event loop."""

    def __init__(self) -> None:
        self._channels: dict[str, _Channel] = {}
        self._lock = threading.Lock()

    def publish(self, channel: str, name: str, data: dict[str, Any]) -> str:
        with self._lock:
            ring = self._channel(channel)
            before = position(ring.last)
            now = max(time.time_ns() // 1_000_000, before[0])
            event = Event(f"{now}-{before[1] + 1 if now == before[0] else 0}", name, data)
            if len(ring.events) == KEPT_EVENTS:
                ring.floor = position(ring.events[0].id)
            ring.events.append(event)
            ring.last, ring.touched = event.id, time.monotonic()
            readers = list(ring.readers)
        for loop, ready in readers:
            try:
                loop.call_soon_threadsafe(ready.set)
            except RuntimeError:  # its loop is closed; the reader is gone
                ring.readers.discard((loop, ready))
        return event.id

    def read(self, channel: str, after: str) -> list[Event]:
        with self._lock:
            ring = self._channel(channel)
            start = position(after)
            if start != (0, 0) and start < ring.floor:
                return [Event(ring.last, "reset", {})]
            if not ring.events or position(ring.last) <= start:
                return []
            return [event for event in ring.events if position(event.id) > start]

    def last_id(self, channel: str) -> str:
        with self._lock:
            return self._channel(channel).last

    async def wait(self, channel: str, after: str, quiet: float) -> AsyncIterator[list[Event]]:
        reader = (asyncio.get_running_loop(), asyncio.Event())
        with self._lock:
            self._channel(channel).readers.add(reader)
        try:
            while True:
                reader[1].clear()
                batch = self.read(channel, after)
                if not batch:
                    try:
                        await asyncio.wait_for(reader[1].wait(), quiet)
                    except TimeoutError:
                        yield []
                    continue
                after = batch[-1].id
                yield batch
        finally:
            with self._lock:
                ring = self._channels.get(channel)
                if ring is not None:
                    ring.readers.discard(reader)

    def _channel(self, name: str) -> _Channel:
        if name not in self._channels:
            self._forget_idle()
            self._channels[name] = _Channel()
        return self._channels[name]

    def _forget_idle(self) -> None:
        limit = time.monotonic() - KEPT_SECONDS
        for name in [n for n, ring in self._channels.items() if ring.touched < limit and not ring.readers]:
            del self._channels[name]


class RedisTransport:
    """Channels as Redis Streams, capped and expiring, shared by all processes."""

    def __init__(self, url: str) -> None:
        import redis

        self._url = url
        self._client = redis.Redis.from_url(url, decode_responses=True)

    @staticmethod
    def _key(channel: str) -> str:
        return f"agi:events:{channel}"

    def publish(self, channel: str, name: str, data: dict[str, Any]) -> str:
        key = self._key(channel)
        with self._client.pipeline(transaction=False) as pipeline:
            pipeline.xadd(
                key, {"event": name, "data": json.dumps(data)}, maxlen=KEPT_EVENTS, approximate=True
            )
            pipeline.expire(key, KEPT_SECONDS)
            event_id, _expires = pipeline.execute()
        return str(event_id)

    def read(self, channel: str, after: str) -> list[Event]:
        key = self._key(channel)
        rows: Any = self._client.xrange(key, min=f"({after}")
        if self._lost(after, self._client.xrange(key, count=1)):
            return [Event(self.last_id(channel), "reset", {})]
        return [_from_redis(row) for row in rows]

    def last_id(self, channel: str) -> str:
        newest: Any = self._client.xrevrange(self._key(channel), count=1)
        return str(newest[0][0]) if newest else f"{time.time_ns() // 1_000_000}-0"

    async def wait(self, channel: str, after: str, quiet: float) -> AsyncIterator[list[Event]]:
        from redis.asyncio import Redis

        key = self._key(channel)
        async with Redis.from_url(self._url, decode_responses=True) as client:
            if self._lost(after, await client.xrange(key, count=1)):
                newest: Any = await client.xrevrange(key, count=1)
                after = newest[0][0]
                yield [Event(after, "reset", {})]
            while True:
                answer: Any = await client.xread({key: after}, block=int(quiet * 1000), count=1000)
                batch = [_from_redis(row) for row in answer[0][1]] if answer else []
                after = batch[-1].id if batch else after
                yield batch

    @staticmethod
    def _lost(after: str, oldest: Any) -> bool:
        """Whether the stream was trimmed past `after`: a trimmed stream is full, so its length tells."""
        if position(after) == (0, 0) or not oldest:
            return False
        return position(after) < position(oldest[0][0]) and "first" not in oldest[0][1]


def _from_redis(row: Any) -> Event:
    event_id, fields = row
    return Event(event_id, fields["event"], json.loads(fields["data"]))
