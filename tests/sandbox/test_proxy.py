"""Ports of sandboxes as origins of their own: who comes in, what goes in and out, streamed both ways."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from asgiref.testing import ApplicationCommunicator
from django.urls import reverse

from accounts.models import Session
from agi_site.asgi import application
from agi_site.lib.problems import Conflict
from sandbox import gateway, port_access, proxy_http
from sandbox.models import Sandbox, SandboxInstance, SandboxPort

from .fixtures_proxy import DOMAIN, LOST, answer_of, answering, ask, head_of, host_of, scope_of


# --- Who comes in ------------------------------------------------------------------------
def test_the_way_in_is_good_once_and_for_that_port_alone(
    port: SandboxPort, alice: Any, client_of: Any
) -> None:
    opening = reverse("sandbox:port_open", args=[port.sandbox_id, port.pk])
    response = client_of(alice).get(opening)
    assert response["Referrer-Policy"] == "no-referrer"
    at = urlsplit(response.url)
    assert at.netloc == host_of(port)
    enter = f"{at.path}?{at.query}"
    status, headers, _body = ask(scope_of(at.netloc, enter))
    assert status == 303
    assert "HttpOnly" in headers["set-cookie"]
    assert "Domain" not in headers["set-cookie"]
    assert ask(scope_of(at.netloc, enter))[0] == 403, "a second time"
    again = urlsplit(client_of(alice).get(opening).url)
    assert ask(scope_of(host_of(port, 9000), f"{again.path}?{again.query}"))[0] == 403, "for another port"
    assert ask(scope_of(at.netloc, "/.agi-site/enter?note=made-up"))[0] == 403


def test_under_tls_the_cookie_is_bound_to_its_host(port: SandboxPort, alice: Any, client_of: Any) -> None:
    address = (
        client_of(alice).get(reverse("sandbox:port_open", args=[port.sandbox_id, port.pk]), secure=True).url
    )
    at = urlsplit(address)
    assert at.scheme == "https"
    scope = scope_of(at.netloc, f"{at.path}?{at.query}") | {"scheme": "https"}
    set_cookie = ask(scope)[1]["set-cookie"]
    assert set_cookie.startswith("__Host-agi_port=")
    assert "; Secure" in set_cookie


def test_only_the_owner_is_handed_over(port: SandboxPort, bob: Any, client_of: Any) -> None:
    address = reverse("sandbox:port_open", args=[port.sandbox_id, port.pk])
    assert client_of(bob).get(address).status_code == 404


@pytest.mark.parametrize(("status", "said"), [("stopped", "Start it first."), ("paused", "Resume it first.")])
def test_a_sandbox_that_does_not_run_cannot_be_opened(
    port: SandboxPort, alice: Any, client_of: Any, status: str, said: str
) -> None:
    Sandbox.objects.update(status=status)
    response = client_of(alice).get(
        reverse("sandbox:port_open", args=[port.sandbox_id, port.pk]), follow=True
    )
    assert said in response.content.decode()


def test_nobody_comes_in_without_the_cookie(port: SandboxPort, alice: Any, client_of: Any) -> None:
    assert ask(scope_of(host_of(port)))[0] == 401
    assert ask(scope_of(host_of(port), cookie="agi_port=made-up"))[0] == 401
    session = client_of(alice).cookies["agi_session"].value
    assert ask(scope_of(host_of(port), cookie=f"agi_session={session}"))[0] == 401


def test_the_cookie_opens_no_other_port_and_no_other_sandbox(
    port: SandboxPort, cookie: str, alice: Any
) -> None:
    other = Sandbox.objects.create(user=alice, image_name="python", status="running")
    SandboxPort.objects.create(sandbox=other, container_port=8000, host_port=0)
    SandboxPort.objects.create(sandbox_id=port.sandbox_id, container_port=9000, host_port=0)
    assert ask(scope_of(host_of(port, 9000), cookie=cookie))[0] == 401
    assert ask(scope_of(f"8000-{other.pk}.{DOMAIN}", cookie=cookie))[0] == 401


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (lambda port: Session.objects.all().delete(), 401),
        (lambda port: port.delete(), 404),
        (lambda port: Sandbox.objects.update(status="paused"), 503),
        (lambda port: Sandbox.objects.update(status="deleted"), 404),
        (lambda port: SandboxInstance.objects.update(sandbox=None), 503),
    ],
    ids=["signed out", "port closed", "paused", "deleted", "no container"],
)
def test_what_was_allowed_ends_when_its_reason_ends(
    port: SandboxPort, cookie: str, change: Callable[[SandboxPort], Any], status: int
) -> None:
    change(port)
    found, headers, body = ask(scope_of(host_of(port), cookie=cookie))
    assert found == status
    assert b"<p>" in body
    assert headers["cache-control"] == "no-store"


def test_the_owner_of_the_row_decides_not_the_cookie(port: SandboxPort, cookie: str, bob: Any) -> None:
    Sandbox.objects.update(user=bob)
    assert ask(scope_of(host_of(port), cookie=cookie))[0] == 404


@pytest.mark.parametrize("origin", ["http://localhost:8000", "http://evil.example", "null", "other sandbox"])
def test_requests_of_other_origins_are_refused(port: SandboxPort, cookie: str, origin: str) -> None:
    if origin == "other sandbox":
        origin = f"http://8000-01a00000-0000-7000-8000-000000000000.{DOMAIN}"
    assert ask(scope_of(host_of(port), method="POST", cookie=cookie, origin=origin))[0] == 403


@pytest.mark.parametrize("host", ["x.boxes.test:8000", "0-x.boxes.test:8000", "99999-{0}.boxes.test:8000"])
def test_a_name_below_the_domain_that_is_no_port_reaches_nothing_of_the_site(
    port: SandboxPort, host: str
) -> None:
    status, _headers, body = ask(scope_of(host.format(port.sandbox_id), "/accounts/sign-in/"))
    assert status == 404
    assert b"password" not in body


# --- What goes in and out ---------------------------------------------------------------------
def test_a_request_goes_in_whole_but_without_the_sites_cookies(
    port: SandboxPort, cookie: str, inside: Any
) -> None:
    heard: list[str] = []

    async def go() -> Any:
        async with inside(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", heard)):
            mixed = f"mine=1; {cookie}; agi_session=secret; csrftoken=secret"
            scope = scope_of(
                host_of(port),
                "/a%20b?q=1&q=2",
                cookie=mixed,
                x_forwarded_for="1.2.3.4",
                connection="close, x-hop",
                x_hop="1",
                proxy_authorization="secret",
                accept="text/html",
            )
            return await answer_of(scope)

    status, _headers, body = async_to_sync(go)()
    assert (status, body) == (200, b"ok")
    (head,) = heard
    assert head.startswith("GET /a%20b?q=1&q=2 HTTP/1.1\r\n")
    assert f"host: {host_of(port)}" in head.lower()
    assert "cookie: mine=1\r\n" in head.lower()
    assert "x-forwarded-for: 203.0.113.9\r\n" in head.lower()
    assert "accept: text/html" in head.lower()
    for gone in ("secret", "agi_port", "x-hop", "1.2.3.4"):
        assert gone not in head, gone


def test_an_answer_cannot_speak_for_more_than_its_origin(port: SandboxPort, cookie: str, inside: Any) -> None:
    answer = (
        b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1; Domain=boxes.test; Path=/\r\nSet-Cookie: agi_port=x\r\n"
        b'Strict-Transport-Security: max-age=1\r\nAlt-Svc: h3=":443"\r\nClear-Site-Data: "cookies"\r\n'
        b"Keep-Alive: 5\r\nX-Kept: yes\r\nContent-Length: 0\r\n\r\n"
    )

    async def go() -> Any:
        async with inside(answering(answer, [])):
            return await answer_of(scope_of(host_of(port), cookie=cookie))

    _status, headers, _body = async_to_sync(go)()
    assert headers["set-cookie"] == "a=1; Path=/"
    assert headers["x-kept"] == "yes"
    assert not {"strict-transport-security", "alt-svc", "clear-site-data", "keep-alive"} & set(headers)


def test_a_body_is_streamed_in_while_the_answer_is_streamed_out(
    port: SandboxPort, cookie: str, inside: Any
) -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert "transfer-encoding: chunked" in (await head_of(reader)).lower()
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while size := int(await reader.readline(), 16):
            data = await reader.readexactly(size)
            await reader.readexactly(2)
            writer.write(b"%x\r\n%s\r\n" % (size, data.upper()))
            await writer.drain()
        writer.write(b"0\r\n\r\n")
        writer.close()

    async def go() -> None:
        async with inside(echo):
            scope = scope_of(host_of(port), method="POST", cookie=cookie, transfer_encoding="chunked")
            one = ApplicationCommunicator(application, scope)
            await one.send_input({"type": "http.request", "body": b"first", "more_body": True})
            assert (await one.receive_output(5))["status"] == 200
            assert (await one.receive_output(5))["body"] == b"FIRST"
            await one.send_input({"type": "http.request", "body": b"second", "more_body": True})
            assert (await one.receive_output(5))["body"] == b"SECOND"
            await one.send_input({"type": "http.request", "body": b"", "more_body": False})
            assert (await one.receive_output(5)) == {"type": "http.response.body", "body": b""}
            await one.wait(5)

    async_to_sync(go)()


def test_a_large_answer_does_not_pile_up_behind_a_slow_reader(
    port: SandboxPort, cookie: str, inside: Any
) -> None:
    sent = 0

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await head_of(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        with contextlib.suppress(OSError):
            while True:
                writer.write(bytes(64 << 10))
                await writer.drain()
                sent += 64 << 10

    async def go() -> None:
        taken: list[Any] = []
        asked: list[bool] = []
        held = asyncio.Event()

        async def send(message: Any) -> None:
            taken.append(message)
            if len(taken) > 4:
                await held.wait()

        async def receive() -> Any:
            if not asked:
                asked.append(True)
                return {"type": "http.request", "body": b"", "more_body": False}
            await held.wait()
            return {"type": "http.disconnect"}

        async with inside(flood):
            task = asyncio.ensure_future(application(scope_of(host_of(port), cookie=cookie), receive, send))
            await asyncio.sleep(0.7)
            assert sent < 32 << 20
            held.set()
            await asyncio.wait_for(task, 5)

    async_to_sync(go)()


def test_what_is_broken_off_does_not_look_whole(port: SandboxPort, cookie: str, inside: Any) -> None:
    async def go() -> list[Any]:
        async with inside(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", [])):
            one = ApplicationCommunicator(application, scope_of(host_of(port), cookie=cookie))
            await one.send_input({"type": "http.request", "body": b"", "more_body": False})
            told = [await one.receive_output(5), await one.receive_output(5)]
            await one.wait(5)
            assert await one.receive_nothing()
            return told

    _start, part = async_to_sync(go)()
    assert (part["body"], part["more_body"]) == (b"short", True)


async def ticking(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """An answer that says something ten times a second and never ends by itself."""
    await head_of(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
    with contextlib.suppress(OSError):
        while not reader.at_eof():
            writer.write(b"data: tick\n\n")
            await writer.drain()
            await asyncio.sleep(0.1)
    writer.close()


@pytest.mark.parametrize("what", LOST)
def test_a_long_answer_is_broken_off_with_the_right_to_it(
    port: SandboxPort, cookie: str, inside: Any, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.setattr(proxy_http, "CHECK_SECONDS", 0.2)

    async def go() -> bool:
        """Whether it ended, and not as if it were whole."""
        async with inside(ticking):
            one = ApplicationCommunicator(application, scope_of(host_of(port), cookie=cookie))
            await one.send_input({"type": "http.request", "body": b"", "more_body": False})
            assert (await one.receive_output(5))["status"] == 200
            for _tick in range(6):  # for longer than it takes to look
                assert (await one.receive_output(5))["body"] == b"data: tick\n\n"
            await sync_to_async(LOST[what])()
            ended, _going = await asyncio.wait([one.future], timeout=1)
            while not one.output_queue.empty():
                assert one.output_queue.get_nowait()["more_body"]
            await one.send_input({"type": "http.disconnect"})
            await one.wait(5)
            return bool(ended)

    assert async_to_sync(go)() == (what != "paused")


def test_who_signs_out_while_nothing_is_answered_yet_is_told(
    port: SandboxPort, cookie: str, inside: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proxy_http, "CHECK_SECONDS", 0.2)

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(reader.read(), 10)
        writer.close()

    async def go() -> Any:
        async with inside(silent):
            asked = asyncio.create_task(answer_of(scope_of(host_of(port), cookie=cookie)))
            await asyncio.sleep(0.5)
            assert not asked.done()
            await sync_to_async(LOST["signed out"])()
            return await asyncio.wait_for(asked, 5)

    status, _headers, body = async_to_sync(go)()
    assert (status, b"signed out" in body) == (401, True)


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 abc\r\n\r\n"])
def test_a_program_that_speaks_no_http_is_said(
    port: SandboxPort, cookie: str, inside: Any, answer: bytes
) -> None:
    async def go() -> Any:
        async with inside(answering(answer, [])):
            return await answer_of(scope_of(host_of(port), cookie=cookie))

    status, _headers, body = async_to_sync(go)()
    assert status == 503
    assert b"did not answer in HTTP" in body


def test_a_port_on_which_nothing_listens_is_said(
    port: SandboxPort, cookie: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_args: Any, **_options: Any) -> Any:
        raise Conflict(code="refused")

    monkeypatch.setattr(gateway, "open_tunnel", refuse)
    status, headers, body = ask(scope_of(host_of(port), cookie=cookie, accept_language="en"))
    assert status == 502
    assert b"Nothing listens on port 8000" in body
    assert headers["content-security-policy"].startswith("default-src 'none'")


# --- Names ------------------------------------------------------------------------------------------
def test_a_host_means_a_port_or_nothing(settings: Any) -> None:
    settings.SANDBOX_DOMAIN = "boxes.test"
    key = "01a00000-0000-7000-8000-000000000000"
    assert port_access.place_of(f"8000-{key}.BOXES.test") == (8000, key)
    for host in (f"8000-{key}.boxes.test.evil", f"8000-{key}.evil", f"a.8000-{key}.boxes.test", "boxes.test"):
        assert port_access.place_of(host) is None, host
    settings.SANDBOX_DOMAIN = ""
    assert port_access.place_of(f"8000-{key}.boxes.test") is None
    assert not port_access.is_below_domain("localhost")


def test_a_note_or_cookie_of_another_key_is_worth_nothing(settings: Any) -> None:
    given = port_access.Pass("s", 8000, 1, "x")
    value = port_access.make_cookie(given)
    assert port_access.read_cookie(value) == given
    assert port_access.take_note(value) is None, "a cookie is no note"
    settings.SECRET_KEY = "another key for this test, long enough as well"
    assert port_access.read_cookie(value) is None


def test_the_site_itself_is_still_there(db: None, port: SandboxPort) -> None:
    status, _headers, _body = ask(scope_of("localhost", "/accounts/sign-in/"))
    assert status == 200
