"""Requests under ASGI: a plain view has one thread for the whole answer, and looks after its connection."""

from typing import Any

import pytest
from asgiref.sync import async_to_sync
from asgiref.testing import ApplicationCommunicator
from django.test import override_settings
from django.urls import reverse

from agi_site.asgi_threads import Connected, ThreadedHandler


def ask(path: str) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of the answer to a GET."""

    async def talk() -> tuple[int, dict[str, str], bytes]:
        scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": [],
                 "http_version": "1.1", "scheme": "http", "server": ("testserver", 80)}  # fmt: skip
        line = ApplicationCommunicator(ThreadedHandler(kept=0), scope)
        await line.send_input({"type": "http.request", "body": b"", "more_body": False})
        start = await line.receive_output(10)
        body = b""
        while True:
            piece = await line.receive_output(10)
            body += piece.get("body", b"")
            if not piece.get("more_body"):
                break
        await line.wait()
        headers = {name.decode().lower(): value.decode() for name, value in start["headers"]}
        return int(start["status"]), headers, body

    found: tuple[int, dict[str, str], bytes] = async_to_sync(talk)()
    return found


@pytest.mark.django_db(transaction=True)
def test_a_page_is_answered_with_all_its_middleware() -> None:
    status, headers, body = ask(reverse("accounts:sign_in"))
    assert status == 200
    assert b"<form" in body
    assert headers["x-frame-options"] == "DENY"
    assert headers["content-security-policy"]
    assert headers["x-request-id"]


@pytest.mark.django_db(transaction=True)
def test_visitors_are_sent_to_sign_in_and_unknown_addresses_are_404() -> None:
    assert ask(reverse("accounts:sessions"))[0] == 302
    assert ask("/api/v1/no-such-thing/")[0] == 404


@pytest.mark.django_db(transaction=True)
@override_settings(DEBUG=False)
def test_streams_refuse_strangers_whether_their_views_are_plain_or_coroutines() -> None:
    nobody = "00000000-0000-7000-8000-000000000000"
    for path in (f"/events/sandboxes/{nobody}/", f"/events/conversations/{nobody}/"):
        assert ask(path)[0] == 401


class Recorded:
    """Stands in for a thread's connection."""

    def __init__(self, *, broken: bool = False) -> None:
        self.vendor, self.connection = "sqlite", object()
        self.errors_occurred, self.in_atomic_block, self.closed = broken, False, 0
        self.health_check_done, self.queries_log = False, list[Any]()

    def get_autocommit(self) -> bool:
        return True

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def mine(monkeypatch: pytest.MonkeyPatch) -> Any:
    def have(found: Recorded) -> Recorded:
        monkeypatch.setattr("agi_site.asgi_threads.connections.all", lambda **_options: [found])
        return found

    return have


def test_a_connection_is_kept_in_so_many_threads_and_closed_in_the_others(mine: Any) -> None:
    found = mine(Recorded())
    Connected(1).after()
    assert not found.closed
    Connected(0).after()
    assert found.closed == 1


def test_a_connection_that_failed_is_not_kept(mine: Any) -> None:
    found = mine(Recorded(broken=True))
    Connected(1).after()
    assert found.closed == 1


def test_a_connection_is_asked_whether_it_lives_unless_it_was_used_a_moment_ago(
    mine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, connected = mine(Recorded()), Connected(1)
    connected.before()
    assert not found.health_check_done
    connected.after()
    connected.before()
    assert found.health_check_done
    connected.after()
    monkeypatch.setattr("agi_site.asgi_threads.CHECKED_SECONDS", 0.0)
    connected.before()
    assert not found.health_check_done
