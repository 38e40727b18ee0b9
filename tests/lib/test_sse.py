"""Server-sent events: what a page's EventSource receives."""

import asyncio
import contextlib
import socket
import threading
import time

import pytest
import uvicorn
from django.core.handlers.asgi import ASGIHandler
from django.test import RequestFactory
from django.urls import path

from agi_site.lib import events, sse


@pytest.fixture(autouse=True)
def _own_transport(settings):
    settings.REDIS_URL = ""
    events._transport.cache_clear()


def stream(channel, *, chunks, path="/", during=lambda: None, **headers):
    """The first chunks of a stream; `during` runs after the first."""

    async def scenario():
        response = sse.sse_response(RequestFactory(headers=headers).get(path), channel)
        parts = aiter(response)
        got = [await anext(parts)]
        during()
        while len(got) < chunks:
            try:
                got.append(await anext(parts))
            except StopAsyncIteration:
                break
        with contextlib.suppress(AttributeError):
            await response._iterator.aclose()
        return response, b"".join(got).decode()

    return asyncio.run(scenario())


def test_a_stream_is_neither_kept_nor_buffered_on_its_way():
    response, text = stream("c", chunks=1)
    assert response.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Accel-Buffering"] == "no"
    assert text.startswith("retry: 1000\n")


def test_a_new_reader_gets_what_comes_from_now_on():
    events.publish("c", "token", {"text": "old"})
    _response, text = stream("c", chunks=2, during=lambda: events.publish("c", "token", {"text": "안녕"}))
    assert 'event: token\ndata: {"text": "안녕"}\n\n' in text
    assert "old" not in text


def test_a_reader_resumes_after_the_last_event_it_saw():
    seen = events.publish("c", "token", {"n": 1})
    missed = events.publish("c", "token", {"n": 2})
    _response, text = stream("c", chunks=2, **{"Last-Event-ID": seen})
    assert f'id: {missed}\nevent: token\ndata: {{"n": 2}}\n\n' in text
    assert '"n": 1' not in text


def test_a_page_names_its_place_and_the_header_wins_when_it_comes_back():
    first = events.publish("c", "token", {"n": 1})
    second = events.publish("c", "token", {"n": 2})
    events.publish("c", "token", {"n": 3})
    _response, text = stream("c", chunks=2, path=f"/?after={first}")
    assert '"n": 2' in text
    _response, text = stream("c", chunks=2, path=f"/?after={first}", **{"Last-Event-ID": second})
    assert '"n": 2' not in text


def test_events_that_come_together_leave_in_one_write():
    start = events.publish("c", "token", {"n": 0})
    for n in range(1, 50):
        events.publish("c", "token", {"n": n})
    _response, text = stream("c", chunks=2, path=f"/?after={start}")
    assert text.count("event: token") == 49


def test_a_quiet_stream_is_kept_alive(monkeypatch):
    monkeypatch.setattr(events, "KEEP_ALIVE_SECONDS", 0.02)
    _response, text = stream("c", chunks=3)
    assert text.endswith(": keep-alive\n\n: keep-alive\n\n")


def test_a_stream_ends_so_that_its_reader_is_authorised_anew(monkeypatch):
    monkeypatch.setattr(events, "KEEP_ALIVE_SECONDS", 0.02)
    monkeypatch.setattr(sse, "STREAM_SECONDS", 0.05)
    _response, text = stream("c", chunks=100)
    assert text.count("keep-alive") < 10


def test_the_end_of_a_stream_takes_its_reader_away():
    stream("c", chunks=1)
    assert not events.transport()._channels["c"].readers


def test_a_transport_that_goes_away_ends_the_stream(settings):
    settings.REDIS_URL = "redis://127.0.0.1:18399/0"
    _response, text = stream("c", chunks=10)
    assert text.count("\n\n") == 1


def test_a_line_break_in_the_data_does_not_break_the_frame():
    text = sse.encode([events.Event("1-0", "token", {"text": "a\n\nb\r"})]).decode()
    assert text == 'id: 1-0\nevent: token\ndata: {"text": "a\\n\\nb\\r"}\n\n'


@pytest.fixture
def server(settings):
    """The address of a real server with one page: the stream of channel `c`."""

    async def page(request):
        return sse.sse_response(request, "c")

    settings.MIDDLEWARE, settings.ROOT_URLCONF = [], (path("", page),)
    listener = socket.create_server(("127.0.0.1", 0))
    program = uvicorn.Server(uvicorn.Config(ASGIHandler(), lifespan="off", log_config=None))
    thread = threading.Thread(target=program.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    yield listener.getsockname()
    program.should_exit = program.force_exit = True
    thread.join(5)
    listener.close()


def test_a_real_server_passes_events_on_and_lets_a_reader_go_that_went_away(server):
    with socket.create_connection(server, timeout=5) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        text = b""
        while b"retry:" not in text:
            text += client.recv(4096)
        begun = time.monotonic()
        events.publish("c", "token", {"n": 7})
        while b'"n": 7' not in text:
            text += client.recv(4096)
        assert time.monotonic() - begun < 1
        assert len(events.transport()._channels["c"].readers) == 1
    deadline = time.monotonic() + 5
    while events.transport()._channels["c"].readers and time.monotonic() < deadline:
        events.publish("c", "token", {})
        time.sleep(0.05)
    assert not events.transport()._channels["c"].readers
