"""Live events: tokens, progress and output on their way to a page, with exact resume.

A channel is a short, capped log of events with growing ids. Rows are the truth; events only say what
changed. Redis Streams carry them in the full stack, a ring in this process when embedded. A reader that
comes back with the id of the last event it saw gets everything after it, or one `reset` event if the
channel no longer reaches back so far; then it reloads what it shows from the rows.

Publishing never fails the work that publishes: while the transport is out of reach events are dropped,
and the first one after that is preceded by a `reset`.
"""

import asyncio
import contextlib
import json
import logging
import threading
import time
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Protocol

from django.conf import settings

logger = logging.getLogger(__name__)

KEPT_EVENTS = 4096
KEPT_SECONDS = 3600
KEPT_SECONDS_IN_PROCESS = 900
KEEP_ALIVE_SECONDS = 15.0
BATCH_EVENTS = 1000
START = "0-0"
RESET = "reset"
# A channel in use has its time renewed so often, and no more: it costs as much as an event.
EXPIRE_SECONDS = 60.0
MOST_REMEMBERED = 10_000
# While Redis does not answer, publishers do not wait for it at each event.
PAUSE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Event:
    """One event: `id` is `<milliseconds>-<count>`, growing within the channel; `data` is a JSON object."""

    id: str
    name: str
    data: dict[str, Any]


class Transport(Protocol):
    """What carries events; `read` and `wait` give the events after an id, in order."""

    def publish_all(self, channel: str, told: Sequence[tuple[str, dict[str, Any]]]) -> str: ...
    def read(self, channel: str, after: str) -> list[Event]: ...
    def last_id(self, channel: str) -> str: ...
    def wait(self, channel: str, after: str, quiet: float) -> AsyncGenerator[list[Event]]: ...


def position(event_id: str) -> tuple[int, int]:
    """The two numbers of an event id, for comparing; anything malformed counts as the start."""
    milliseconds, dash, count = event_id.partition("-")
    count = count if dash else "0"
    if not all(part.isascii() and part.isdigit() and len(part) < 20 for part in (milliseconds, count)):
        return 0, 0
    return int(milliseconds), int(count)


def publish(channel: str, name: str, data: dict[str, Any]) -> str:
    """Append an event to a channel; returns its id, or "" while the transport is out of reach."""
    return publish_all(channel, [(name, data)])


def publish_all(channel: str, told: Sequence[tuple[str, dict[str, Any]]]) -> str:
    """Append several events, in order, in one round trip; returns the last one's id as `publish` does."""
    return transport().publish_all(channel, told) if told else ""


def read(channel: str, after: str = START) -> list[Event]:
    """The kept events of a channel after an id."""
    return transport().read(channel, normal_id(after))


def last_id(channel: str) -> str:
    """The id of the channel's newest event; a reader that starts there misses nothing that follows."""
    return transport().last_id(channel)


def follow(channel: str, after: str) -> AsyncGenerator[list[Event]]:
    """Yield the events after an id in batches as they come, and an empty batch when it stays quiet.

    Raises ConnectionError when the transport goes away; the reader comes back with its last id.
    """
    return transport().wait(channel, normal_id(after), KEEP_ALIVE_SECONDS)


def transport() -> Transport:
    """The transport that the settings choose."""
    return _transport(settings.REDIS_URL)


@lru_cache(maxsize=4)
def _transport(redis_url: str) -> Transport:
    return RedisTransport(redis_url) if redis_url else MemoryTransport()


def normal_id(event_id: str) -> str:
    """An id as it would have been given out: what a reader sends back may be anything."""
    milliseconds, count = position(event_id)
    return f"{milliseconds}-{count}"


# --- In this process --------------------------------------------------------------------------------------
@dataclass(slots=True, eq=False)
class _Reader:
    loop: asyncio.AbstractEventLoop
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    called: bool = False  # so that many events cost one call into the reader's loop

    def call(self) -> None:
        if not self.called:
            self.called = True
            try:
                self.loop.call_soon_threadsafe(self.ready.set)
            except RuntimeError:
                logger.debug("a reader's loop is closed")


class _Channel:
    def __init__(self) -> None:
        self.events: deque[Event] = deque(maxlen=KEPT_EVENTS)
        # Ids below this were never here, or are gone: the process restarted or the ring ran over.
        self.floor = (time.time_ns() // 1_000_000, 0)
        self.last = self.floor
        self.touched = time.monotonic()
        self.readers: set[_Reader] = set()


class MemoryTransport:
    """Channels as rings in this process; publishers may be any thread, readers any event loop."""

    def __init__(self) -> None:
        self._channels: dict[str, _Channel] = {}
        self._lock = threading.Lock()
        self._tidied = time.monotonic()

    def publish_all(self, channel: str, told: Sequence[tuple[str, dict[str, Any]]]) -> str:
        """Append events; the last one's id."""
        return [self.publish(channel, name, data) for name, data in told][-1]

    def publish(self, channel: str, name: str, data: dict[str, Any]) -> str:
        data = json.loads(json.dumps(data))  # as it would arrive from elsewhere, and no longer shared
        with self._lock:
            ring = self._channel(channel)
            now = max(time.time_ns() // 1_000_000, ring.last[0])
            ring.last = (now, ring.last[1] + 1 if now == ring.last[0] else 0)
            event = Event(_text(ring.last), name, data)
            if len(ring.events) == KEPT_EVENTS:
                ring.floor = position(ring.events[0].id)
            ring.events.append(event)
            ring.touched = time.monotonic()
            for reader in ring.readers:
                reader.call()
        return event.id

    def read(self, channel: str, after: str) -> list[Event]:
        with self._lock:
            return self._read(self._channel(channel), after)

    def last_id(self, channel: str) -> str:
        with self._lock:
            return _text(self._channel(channel).last)

    async def wait(self, channel: str, after: str, quiet: float) -> AsyncGenerator[list[Event]]:
        reader = _Reader(asyncio.get_running_loop())
        with self._lock:
            ring = self._channel(channel)
            ring.readers.add(reader)
        try:
            while True:
                with self._lock:
                    reader.called = False
                    reader.ready.clear()
                    batch = self._read(ring, after)[:BATCH_EVENTS]
                if batch:
                    after = batch[-1].id
                    yield batch
                    continue
                try:
                    await asyncio.wait_for(reader.ready.wait(), quiet)
                except TimeoutError:
                    yield []
        finally:
            with self._lock:
                ring.readers.discard(reader)

    @staticmethod
    def _read(ring: _Channel, after: str) -> list[Event]:
        start = position(after)
        if start != (0, 0) and not ring.floor <= start <= ring.last:
            return [Event(_text(ring.last), RESET, {})]
        found: list[Event] = []
        for event in reversed(ring.events):  # a reader is mostly near the end
            if position(event.id) <= start:
                break
            found.append(event)
        found.reverse()
        return found

    def _channel(self, name: str) -> _Channel:
        if name not in self._channels:
            self._forget_idle()
            self._channels[name] = _Channel()
        return self._channels[name]

    def _forget_idle(self) -> None:
        now = time.monotonic()
        if now - self._tidied < KEPT_SECONDS_IN_PROCESS / 60:
            return
        self._tidied = now
        idle = [
            name
            for name, ring in self._channels.items()
            if now - ring.touched > KEPT_SECONDS_IN_PROCESS and not ring.readers
        ]
        for name in idle:
            del self._channels[name]


def _text(place: tuple[int, int]) -> str:
    return f"{place[0]}-{place[1]}"


# --- In Redis ---------------------------------------------------------------------------------------------
class RedisTransport:
    """Channels as Redis Streams, capped and expiring, shared by all processes.

    An empty channel's last id is START, so any other id a reader brings was once given to an event.
    """

    def __init__(self, url: str) -> None:
        import redis

        self._url = url
        self._errors = (redis.ConnectionError, redis.TimeoutError, redis.exceptions.ReadOnlyError)
        self._client = redis.Redis.from_url(
            url, decode_responses=True, socket_connect_timeout=2, socket_timeout=5
        )
        self._rests_until = 0.0
        self._gaps: set[str] = set()
        self._renewed: dict[str, float] = {}

    @staticmethod
    def _key(channel: str) -> str:
        return f"agi:events:{channel}"

    def publish(self, channel: str, name: str, data: dict[str, Any]) -> str:
        return self.publish_all(channel, [(name, data)])

    def publish_all(self, channel: str, told: Sequence[tuple[str, dict[str, Any]]]) -> str:
        """Append events in one round trip; the last one's id, or "" where Redis is away."""
        bodies = [(name, json.dumps(data)) for name, data in told]
        if time.monotonic() < self._rests_until:
            self._gaps.add(channel)
            return ""
        gap = channel in self._gaps
        try:
            event_id = self._append(channel, [(RESET, "{}")] * gap + bodies)
        except self._errors as error:
            self._rests_until = time.monotonic() + PAUSE_SECONDS
            self._gaps.add(channel)
            logger.warning("events are dropped, Redis is out of reach: %s", type(error).__name__)
            return ""
        if gap:
            self._gaps.discard(channel)
        return event_id

    def _append(self, channel: str, events: list[tuple[str, str]]) -> str:
        key = self._key(channel)
        entries: list[Any] = [{"event": name, "data": body} for name, body in events]
        if len(entries) == 1 and self._lasts(channel):
            added = self._client.xadd(key, entries[0], maxlen=KEPT_EVENTS, approximate=True, nomkstream=True)
            if added:  # the channel was not lost meanwhile
                return str(added)
        with self._client.pipeline(transaction=False) as pipeline:
            for entry in entries:
                pipeline.xadd(key, entry, maxlen=KEPT_EVENTS, approximate=True)
            pipeline.expire(key, KEPT_SECONDS)
            answers = pipeline.execute()
        self._renewed[channel] = time.monotonic()
        return str(answers[-2])

    def _lasts(self, channel: str) -> bool:
        """Whether this process said not long ago how long the channel is kept; once in a while is enough."""
        if len(self._renewed) > MOST_REMEMBERED:
            self._renewed.clear()
        return time.monotonic() - self._renewed.get(channel, -EXPIRE_SECONDS) < EXPIRE_SECONDS

    def read(self, channel: str, after: str) -> list[Event]:
        key = self._key(channel)
        with self._client.pipeline(transaction=True) as pipeline:
            pipeline.xrange(key, min=f"({after}")
            pipeline.xrange(key, count=1)
            pipeline.xrevrange(key, count=1)
            pipeline.exists(key)
            rows, oldest, newest, exists = pipeline.execute()
        trimmed = bool(exists) and after == START and self._trimmed(self._client.xinfo_stream(key))
        if trimmed or _out_of_reach(after, oldest, newest):
            return [Event(newest[0][0] if newest else START, RESET, {})]
        return [_from_redis(row) for row in rows]

    def last_id(self, channel: str) -> str:
        try:
            newest: Any = self._client.xrevrange(self._key(channel), count=1)
        except self._errors:
            # A page is shown all the same; this id makes its reader begin with a reset.
            return f"{time.time_ns() // 1_000_000}-0"
        return str(newest[0][0]) if newest else START

    async def wait(self, channel: str, after: str, quiet: float) -> AsyncGenerator[list[Event]]:
        try:
            async with contextlib.aclosing(self._wait(channel, after, quiet)) as batches:
                async for batch in batches:
                    yield batch
        except self._errors as error:
            raise ConnectionError("Redis is out of reach") from error

    async def _wait(self, channel: str, after: str, quiet: float) -> AsyncGenerator[list[Event]]:
        from redis.asyncio import Redis

        # From the start everything there is comes at once, and more than a batch of it is looked at below.
        key, behind = self._key(channel), after != START
        # The read blocks for `quiet`, so the connection may be silent for longer than that.
        # Each reader has its own, for most leave in the middle of a read, and then it is of no more use.
        # The library need not look up its version and tell it each time.
        async with Redis.from_url(
            self._url,
            decode_responses=True,
            socket_connect_timeout=2,
            socket_timeout=quiet + 10,
            driver_info=None,
        ) as client:
            while True:
                if behind:
                    rows, end = await self._catch_up(client, key, after)
                else:
                    block = max(int(quiet * 1000), 1)
                    rows = _rows(await client.xread({key: after}, block=block, count=BATCH_EVENTS))
                    # only a reader that just came, or that gets a full batch, can have been overtaken
                    full = len(rows) == BATCH_EVENTS
                    end = (await self._catch_up(client, key, after))[1] if full else ""
                if end:
                    after, behind = end, True
                    yield [Event(end, RESET, {})]
                    continue
                silent, behind = not rows and not behind, False
                if rows:
                    after, behind = rows[-1][0], len(rows) == BATCH_EVENTS
                    yield [_from_redis(row) for row in rows]
                elif silent:
                    yield []

    async def _catch_up(self, client: Any, key: str, after: str) -> tuple[list[Any], str]:
        """What there is after an id, and the id to go on from if some of it is gone by now, else ""."""
        async with client.pipeline(transaction=True) as pipeline:
            pipeline.xread({key: after}, count=BATCH_EVENTS)
            pipeline.xrange(key, count=1)
            pipeline.xrevrange(key, count=1)
            pipeline.xinfo_stream(key)  # of an empty channel there is none
            found, oldest, newest, about = await pipeline.execute(raise_on_error=False)
        for answer in (found, oldest, newest):
            if isinstance(answer, Exception):
                raise answer
        lost = (
            bool(newest) and self._trimmed(about) if after == START else _out_of_reach(after, oldest, newest)
        )
        return _rows(found), (str(newest[0][0] if newest else START) if lost else "")

    @staticmethod
    def _trimmed(info: Any) -> bool:
        """Whether a stream has lost entries since it was made (nobody deletes single ones)."""
        return int(info["entries-added"]) > int(info["length"])


def _out_of_reach(after: str, oldest: Any, newest: Any) -> bool:
    """Whether a stream no longer holds everything after an id that it gave out once.

    A reader that saw exactly the newest of the trimmed events is told so too; it reloads once for nothing.
    """
    if after == START:
        return False
    if not oldest:
        return True
    return not position(oldest[0][0]) <= position(after) <= position(newest[0][0])


def _rows(answer: Any) -> list[Any]:
    """The entries in an answer to XREAD of one stream."""
    return list(answer[0][1]) if answer else []


def _from_redis(row: Any) -> Event:
    event_id, fields = row
    return Event(event_id, fields["event"], json.loads(fields["data"]))
