"""The embedded program's broker in memory."""

import threading
import time

import pytest
from kombu import Connection, Consumer, Producer, Queue
from kombu.transport import TRANSPORT_ALIASES, resolve_transport

from agi_site import celery  # noqa: F401 - names the transport
from system.queue import memory_broker


@pytest.fixture
def queue():
    with Connection(transport=memory_broker.Transport) as connection:
        yield Queue("broker-test", channel=connection.channel()), connection


def test_a_message_wakes_the_consumer_at_once(queue, monkeypatch):
    monkeypatch.setattr(memory_broker, "LONGEST_WAIT_SECONDS", 30)
    waiting, connection = queue
    heard = []
    callbacks = [lambda body, _message: heard.append(body)]

    def send():
        with Connection(transport=memory_broker.Transport) as other:
            Producer(other.channel()).publish({"n": 1}, routing_key=waiting.name, declare=[waiting])

    with Consumer(connection.default_channel, [waiting], callbacks=callbacks):
        started = time.monotonic()
        threading.Timer(0.2, send).start()
        connection.drain_events(timeout=30)
    assert heard == [{"n": 1}]
    assert time.monotonic() - started < 10


def test_a_quiet_broker_lets_the_worker_do_its_other_work(queue):
    waiting, connection = queue
    started = time.monotonic()
    with Consumer(connection.default_channel, [waiting]), pytest.raises(TimeoutError):
        connection.drain_events(timeout=30)
    assert time.monotonic() - started < 10


def test_the_embedded_program_uses_it():
    assert resolve_transport(TRANSPORT_ALIASES["memory"]) is memory_broker.Transport
