"""The log table as a logging handler."""

import logging
import threading
import time
from datetime import timedelta

import pytest
from django.test import RequestFactory

from agi_site.lib.request_context import current_request
from system.logging import TableHandler, line_of
from system.models import Log
from system.redact import redact


@pytest.fixture
def handler():
    return TableHandler()


def record(message="hello", level=logging.WARNING, name="some.part", **extra):
    made = logging.LogRecord(name, level, __file__, 1, message, (), None)
    made.__dict__.update(extra)
    return made


@pytest.mark.django_db(transaction=True)
def test_lines_reach_the_table_in_batches_from_a_thread(handler, django_assert_num_queries):
    with django_assert_num_queries(0):  # on the thread of the one who logs
        for n in range(50):
            handler.handle(record(f"line {n}"))
        handler.flush(10)
    lines = Log.objects.recent(timedelta(minutes=1)).filter(component="some.part").order_by("pk")
    assert [line.message for line in lines] == [f"line {n}" for n in range(50)]
    assert {line.level for line in lines} == {"warn"}


def test_a_line_keeps_where_it_came_from_and_hides_secrets(rf: RequestFactory):
    request = rf.get("/")
    request.id = "request-1"
    token = current_request.set(request)
    try:
        raise ValueError("api_key=abcdefgh")
    except ValueError as error:
        exc_info = (type(error), error, error.__traceback__)
    line = line_of(record("Authorization: Bearer abcdefgh", logging.ERROR, exc_info=exc_info))
    current_request.reset(token)
    assert line["message"] == "Authorization: [hidden] [hidden]"
    assert (line["level"], line["component"], line["request_id"]) == ("error", "some.part", "request-1")
    assert "ValueError" in line["stack_trace"]
    assert "abcdefgh" not in line["stack_trace"].splitlines()[-1]


@pytest.mark.parametrize(
    ("number", "level"),
    [(5, "trace"), (10, "debug"), (20, "info"), (30, "warn"), (40, "error"), (50, "fatal")],
)
def test_levels_have_the_names_of_the_table(number, level):
    assert line_of(record(level=number))["level"] == level


def test_a_visitors_mistake_does_not_fill_the_table(handler):
    handler.handle(record("Not Found: /x", name="django.request", status_code=404))
    assert handler._lines.empty()
    assert handler._writer is None


def test_a_full_queue_drops_lines_without_waiting_and_counts_them(handler, monkeypatch):
    monkeypatch.setattr(handler, "_start", lambda: None)
    monkeypatch.setattr(handler, "_lines", type(handler._lines)(10))
    begun = time.monotonic()
    for _n in range(1000):
        handler.handle(record())
    assert time.monotonic() - begun < 1
    assert handler._dropped == 990


@pytest.mark.django_db(transaction=True)
def test_the_writing_thread_outlives_dropped_lines(handler):
    handler._dropped = 3
    for text in ("before", "after"):
        handler.handle(record(text))
        handler.flush(10)
    lines = Log.objects.recent(timedelta(minutes=1)).filter(component="some.part")
    assert set(lines.values_list("message", flat=True)) == {"before", "after"}
    assert handler._writer.is_alive()


@pytest.mark.django_db
def test_dropped_lines_are_told_of(handler, monkeypatch):
    from django.db import connection

    monkeypatch.setattr(connection, "close", lambda: None)
    handler._dropped = 7
    handler._store([line_of(record("kept"))])
    lines = Log.objects.recent(timedelta(minutes=1)).values_list("message", flat=True)
    assert set(lines) >= {"kept", "7 lines of the log were dropped"}
    assert handler._dropped == 0


def test_a_database_that_is_away_breaks_nobody(handler, monkeypatch):
    class Away:
        @staticmethod
        def bulk_create(_lines):
            raise OSError("gone")

    monkeypatch.setattr(Log, "objects", Away)
    handler._store([line_of(record())] * 3)
    assert handler._dropped == 3


def test_what_the_writing_thread_logs_itself_does_not_come_round_again(handler):
    handler._writer = threading.current_thread()
    handler.emit(record())
    assert handler._lines.empty()


@pytest.mark.parametrize(
    "secret",
    [
        "Authorization: Bearer {}",
        "authorization=Basic {}",
        "password={}",
        '{{"api_key": "{}"}}',
        "{{'SECRET_KEY': '{}'}}",
        "https://user:{}@example.com/path",
        "?token={}&page=2",
        "Cookie: {}",
        "the key sk-{}",
    ],
)
def test_what_looks_like_a_secret_is_hidden(secret):
    value = "Zm9vYmFyYmF6cXV4MTIzNA"
    assert value not in redact(secret.format(value))


@pytest.mark.parametrize(
    "text", ["500 tokens/s to 20 readers", "the password was changed", "GET /accounts/password/ 200"]
)
def test_ordinary_words_stay(text):
    assert redact(text) == text
