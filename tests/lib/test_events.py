"""Live events: order, resume and reset, in the process and through a real Redis alike."""

import asyncio
import contextlib
import threading
import time
import tracemalloc

import pytest
from redis.client import Pipeline

from agi_site.lib import events
from agi_site.lib.events import START, MemoryTransport, RedisTransport


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.redis)])
def transport(request):
    """Each of the two transports, empty."""
    if request.param == "memory":
        yield MemoryTransport()
        return
    made = RedisTransport(request.getfixturevalue("redis_url"))
    yield made
    made._client.close()


def numbers(batch):
    return [event.data.get("n", event.name) for event in batch]


async def collect(transport, channel, after, *, until, quiet=5.0):
    """What a reader gets until it has seen an event for which `until` holds."""
    got = []
    async with contextlib.aclosing(transport.wait(channel, after, quiet)) as batches:
        async for batch in batches:
            got += batch
            if batch and until(batch[-1]):
                return got
    return got


def test_a_reader_gets_what_was_published_after_its_id_in_order(transport):
    ids = [transport.publish("c", "token", {"n": n}) for n in range(5)]
    assert sorted(ids, key=events.position) == ids
    assert numbers(transport.read("c", START)) == [0, 1, 2, 3, 4]
    assert numbers(transport.read("c", ids[2])) == [3, 4]
    assert transport.read("c", ids[4]) == []
    assert transport.last_id("c") == ids[4]


def test_channels_do_not_mix(transport):
    transport.publish("a", "token", {"n": 1})
    transport.publish("b", "token", {"n": 2})
    assert numbers(transport.read("a", START)) == [1]


def test_a_reader_that_started_on_an_empty_channel_misses_nothing(transport):
    start = transport.last_id("new")
    for n in range(3):
        transport.publish("new", "token", {"n": n})
    assert numbers(transport.read("new", start)) == [0, 1, 2]


def test_a_reader_whose_place_ran_out_of_the_channel_is_told_to_reload_once(transport):
    first = transport.publish("long", "token", {"n": 0})
    for n in range(1, events.KEPT_EVENTS + 300):
        transport.publish("long", "token", {"n": n})
    (reset,) = transport.read("long", first)
    assert (reset.name, reset.id) == ("reset", transport.last_id("long"))
    newest = transport.publish("long", "token", {"n": "new"})
    assert [event.id for event in transport.read("long", reset.id)] == [newest]


def test_a_reader_near_the_end_of_a_full_channel_is_not_told_to_reload(transport):
    ids = [transport.publish("long", "token", {"n": n}) for n in range(events.KEPT_EVENTS + 300)]
    assert numbers(transport.read("long", ids[-3])) == [events.KEPT_EVENTS + 298, events.KEPT_EVENTS + 299]
    kept = transport.read("long", ids[400])
    assert len(kept) == events.KEPT_EVENTS + 300 - 401


def test_a_reader_from_before_a_restart_is_told_to_reload(transport):
    old = transport.publish("c", "token", {"n": 1})
    time.sleep(0.002)
    if isinstance(transport, RedisTransport):
        transport._client.flushdb()
        fresh = transport
    else:
        fresh = MemoryTransport()
    assert [event.name for event in fresh.read("c", old)] == ["reset"]
    fresh.publish("c", "token", {"n": 2})
    assert [event.name for event in fresh.read("c", old)] == ["reset"]


def test_an_id_from_the_future_is_answered_with_a_reset(transport):
    transport.publish("c", "token", {"n": 1})
    assert [event.name for event in transport.read("c", "99999999999999-0")] == ["reset"]


@pytest.mark.parametrize("nonsense", ["", "abc", "1-", "-", "²-0", "9" * 40, "5-6-7", "\x00"])
def test_a_malformed_id_counts_as_the_start(nonsense):
    assert events.normal_id(nonsense) in {START, "1-0"} or nonsense == "5-6-7"
    assert events.position("5-6-7") == (0, 0)


def test_a_waiting_reader_gets_an_event_at_once(transport):
    async def scenario():
        start = transport.last_id("c")
        reading = asyncio.create_task(collect(transport, "c", start, until=lambda event: True))
        await asyncio.sleep(0.2)
        sent = time.monotonic()
        await asyncio.to_thread(transport.publish, "c", "token", {"n": 1})
        got = await reading
        return numbers(got), time.monotonic() - sent

    got, seconds = asyncio.run(scenario())
    assert got == [1]
    assert seconds < 0.5


def test_a_quiet_channel_gives_empty_batches_to_keep_the_connection_alive(transport):
    async def scenario():
        async with contextlib.aclosing(transport.wait("quiet", START, 0.05)) as batches:
            return [await anext(batches) for _ in range(3)]

    assert asyncio.run(scenario()) == [[], [], []]


def test_a_waiting_reader_from_too_long_ago_is_told_to_reload_and_then_goes_on(transport):
    async def scenario():
        first = transport.publish("long", "token", {"n": 0})
        for n in range(1, events.KEPT_EVENTS + 300):
            transport.publish("long", "token", {"n": n})
        reading = asyncio.create_task(collect(transport, "long", first, until=lambda e: e.name == "end"))
        await asyncio.sleep(0.1)
        await asyncio.to_thread(transport.publish, "long", "end", {})
        return [event.name for event in await reading]

    assert asyncio.run(scenario()) == ["reset", "end"]


def test_a_reader_overtaken_while_it_reads_is_told_to_reload(transport):
    async def scenario():
        ids = [transport.publish("c", "token", {"n": n}) for n in range(2000)]
        async with contextlib.aclosing(transport.wait("c", ids[0], 1.0)) as batches:
            first = await anext(batches)  # the reader now stalls, and the channel runs on
            for n in range(2000, 2 * events.KEPT_EVENTS + 2500):
                transport.publish("c", "token", {"n": n})
            return numbers(first), numbers(await anext(batches)), transport.last_id("c")

    first, then, _last = asyncio.run(scenario())
    assert first == list(range(1, 1001))
    assert then == ["reset"]


def test_twenty_readers_at_500_tokens_a_second_lose_nothing_and_get_nothing_twice(transport):
    seconds, rate, readers = 3, 500, 20
    total = seconds * rate
    counts = [0] * readers
    faults = []

    async def read(number, start):
        expected = 0
        async with contextlib.aclosing(transport.wait("stream", start, 5.0)) as batches:
            async for batch in batches:
                for event in batch:
                    if event.data.get("n") != expected:
                        faults.append((number, expected, event))
                        return
                    expected += 1
                counts[number] = expected
                if expected == total:
                    return
                await asyncio.sleep(0.02)  # as the response does

    def publish_all():
        begun = time.monotonic()
        for n in range(total):
            transport.publish("stream", "token", {"n": n, "text": "word "})
            time.sleep(max(begun + n / rate - time.monotonic(), 0))

    async def scenario():
        start = transport.last_id("stream")
        reading = [asyncio.create_task(read(number, start)) for number in range(readers)]
        publisher = threading.Thread(target=publish_all)
        await asyncio.sleep(0.2)
        publisher.start()
        await asyncio.wait_for(asyncio.gather(*reading), seconds * 6)
        publisher.join()

    asyncio.run(scenario())
    assert faults == []
    assert counts == [total] * readers


def test_a_channel_keeps_a_flat_amount_of_memory():
    transport = MemoryTransport()

    def publish(count):
        for n in range(count):
            transport.publish("c", "token", {"n": n, "text": "word " * 4})

    publish(events.KEPT_EVENTS)
    tracemalloc.start()
    publish(events.KEPT_EVENTS)
    before = tracemalloc.get_traced_memory()[0]
    publish(4 * events.KEPT_EVENTS)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 200_000


def test_an_idle_channel_without_readers_is_forgotten(monkeypatch):
    transport = MemoryTransport()
    old = transport.publish("idle", "token", {"n": 1})
    transport._tidied -= 10_000
    transport._channels["idle"].touched -= events.KEPT_SECONDS_IN_PROCESS + 1
    time.sleep(0.002)
    transport.publish("other", "token", {})
    assert list(transport._channels) == ["other"]
    assert [event.name for event in transport.read("idle", old)] == ["reset"]


def test_several_events_are_told_at_once_and_in_order(transport):
    first = transport.publish("c", "token", {"n": 1})
    last = transport.publish_all("c", [("token", {"n": 2}), ("end", {"n": 3})])
    found = transport.read("c", first)
    assert [(event.name, event.data["n"]) for event in found] == [("token", 2), ("end", 3)]
    assert found[-1].id == last


@pytest.mark.redis
def test_events_told_at_once_take_one_round_trip(redis_url, monkeypatch):
    transport = RedisTransport(redis_url)
    trips = []
    execute = Pipeline.execute
    monkeypatch.setattr(Pipeline, "execute", lambda self, **given: trips.append(1) or execute(self, **given))
    transport.publish_all("c", [("event", {"n": 1}), ("status", {"n": 2})])
    assert len(trips) == 1
    assert [event.name for event in transport.read("c", START)] == ["event", "status"]
    transport._client.close()


def test_what_a_publisher_changes_later_does_not_change_the_event(transport):
    data = {"n": [1]}
    transport.publish("c", "token", data)
    data["n"].append(2)
    assert transport.read("c", START)[0].data == {"n": [1]}


def test_publishing_outlives_a_redis_that_is_away(monkeypatch):
    transport = RedisTransport("redis://127.0.0.1:18399/0")
    assert transport.publish("c", "token", {"n": 1}) == ""
    begun = time.monotonic()
    assert transport.publish("c", "token", {"n": 2}) == ""
    assert time.monotonic() - begun < 0.1
    assert events.position(transport.last_id("c")) > (0, 0)


@pytest.mark.redis
def test_after_an_outage_readers_are_told_to_reload(redis_url):
    transport = RedisTransport(redis_url)
    start = transport.publish("c", "token", {"n": 1})
    transport._rests_until = time.monotonic() + 0.05
    assert transport.publish("c", "token", {"n": 2}) == ""
    time.sleep(0.06)
    transport.publish("c", "token", {"n": 3})
    transport.publish("c", "token", {"n": 4})
    assert [event.name for event in transport.read("c", start)] == ["reset", "token", "token"]
    transport._client.close()


@pytest.mark.redis
def test_a_channel_in_redis_expires(redis_url):
    transport = RedisTransport(redis_url)
    transport.publish("c", "token", {})
    assert 0 < transport._client.ttl("agi:events:c") <= events.KEPT_SECONDS
    transport._client.close()


def test_the_settings_choose_the_transport(settings):
    settings.REDIS_URL = ""
    assert isinstance(events.transport(), MemoryTransport)
    assert events.transport() is events.transport()
