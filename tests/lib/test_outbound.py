"""The way out: what is refused before anything is sent, and what bounds an answer."""

import gzip
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from typing import Any

import anyio
import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agi_site.lib import outbound
from agi_site.lib.outbound import (
    AddressRefused,
    HostList,
    OutboundFailed,
    Rules,
    checked_url,
    fetch,
    is_public,
)

LOOPBACK = HostList.of(["127.0.0.1"])


class Server(ThreadingHTTPServer):
    """Answers by the path; `/to?<address>` redirects there. It remembers what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.seen: list[tuple[str, str, dict[str, str], bytes]] = []

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that gives up is part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, *args: Any) -> None:
        """Nothing to say."""

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.seen.append((self.command, self.path, headers, body))
        path, _mark, query = self.path.partition("?")
        answer = getattr(self, f"answer_{path.strip('/').split('/')[0]}", None)
        if answer:
            answer(query)
        else:
            self.send(b"hello", {"content-type": "text/plain; charset=utf-8"})

    do_POST = do_GET  # noqa: N815 - the library calls it so

    def send(self, body: bytes, headers: dict[str, str], status: int = 200) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def answer_to(self, query: str) -> None:
        self.send(b"", {"location": query}, 302)

    def answer_kept(self, query: str) -> None:
        self.send(b"", {"location": query}, 307)

    def answer_circle(self, query: str) -> None:
        self.send(b"", {"location": "/circle"}, 302)

    def answer_large(self, query: str) -> None:
        self.send(b"x" * 200_000, {})

    def answer_bomb(self, query: str) -> None:
        self.send(gzip.compress(b"\0" * 50_000_000), {"content-encoding": "gzip"})

    def answer_packed(self, query: str) -> None:
        self.send(gzip.compress("한국어".encode()), {"content-encoding": "gzip"})

    def answer_trickle(self, query: str) -> None:
        self.send_response(200)
        for number in range(200):
            self.send_header(f"x-{number}", "a")
            self.flush_headers()
            time.sleep(0.05)

    def answer_slow(self, query: str) -> None:
        self.send_response(200)
        self.send_header("content-length", "100")
        self.end_headers()
        for _letter in range(100):
            self.wfile.write(b".")
            self.wfile.flush()
            time.sleep(0.05)


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    thread = threading.Thread(target=running.serve_forever, daemon=True)
    thread.start()
    yield running
    running.shutdown()
    running.server_close()


@pytest.fixture
def rules() -> Rules:
    """Loopback is allowed by its number."""
    return Rules(private=LOOPBACK)


def at(server: Server, path: str = "/") -> str:
    return f"http://127.0.0.1:{server.port}{path}"


# --- Addresses --------------------------------------------------------------
@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1", "127.255.255.254", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254",
        "100.64.0.1", "100.100.100.200", "192.0.0.192", "192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1",
        "255.255.255.255", "168.63.129.16", "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:7f00:1",
        "::ffff:169.254.169.254", "::ffff:0:10.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::",
        "2002:c0a8:101::1", "2001:0:7f00:1::", "fe80::1", "fe80::1%eth0", "fec0::1", "fc00::1",
        "fd00:ec2::254", "ff02::1", "2001:db8::1", "100::1", "2600::5efe:10.0.0.1", "2600::200:5efe:10.0.0.1",
    ],
)  # fmt: skip
def test_an_address_that_is_not_of_the_public_internet_is_seen_through_every_form(text: str) -> None:
    assert not is_public(ip_address(text))


@pytest.mark.parametrize(
    "text", ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_a_public_address_is_one(text: str) -> None:
    assert is_public(ip_address(text))


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_judged_alike_inside_of_ipv6(address: Any) -> None:
    for carrier in (f"::ffff:{address}", f"64:ff9b::{address}"):
        assert is_public(ip_address(carrier)) == is_public(address)


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("ftp://example.com/", "bad_scheme"),
        ("file:///etc/passwd", "bad_scheme"),
        ("gopher://127.0.0.1:6379/_x", "bad_scheme"),
        ("javascript:alert(1)", "bad_scheme"),
        ("example.com", "bad_scheme"),
        ("http://", "bad_url"),
        ("http:///path", "bad_url"),
        ("http://example.com\\@127.0.0.1/", "bad_url"),
        ("http://example.com/ x", "bad_url"),
        ("http://exa\nmple.com/", "bad_url"),
        ("http://example.com@127.0.0.1/", "user_info"),
        ("http://user:password@example.com/", "user_info"),
        ("http://@example.com/", "user_info"),
        ("http://2130706433/", "odd_address"),
        ("http://0x7f000001/", "odd_address"),
        ("http://0x7f.1/", "odd_address"),
        ("http://127.1/", "odd_address"),
        ("http://0177.0.0.1/", "bad_url"),
        ("http://127.0.0.1./", "odd_address"),
        ("http://1.2.3.4.5/", "odd_address"),
        ("http://[fe80::1%25eth0]/", "bad_url"),
        (f"http://example.com/{'a' * 9000}", "bad_url"),
    ],
)
def test_only_plain_web_addresses_are_taken(url: str, code: str) -> None:
    with pytest.raises(AddressRefused) as refused:
        checked_url(url)
    assert refused.value.code == code


@pytest.mark.parametrize(
    "host",
    ["１２７.0.0.1", "127。0。0。1", "①②⑦.⓪.⓪.①", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0"],
)
def test_loopback_is_refused_however_it_is_written(host: str) -> None:
    with pytest.raises((AddressRefused, OutboundFailed)) as refused:
        fetch("GET", f"http://{host}:1/", rules=Rules(private=HostList()))
    assert refused.value.code in {"private_address", "odd_address", "bad_url"}


def test_a_list_of_hosts_knows_names_ports_domains_and_networks() -> None:
    hosts = HostList.of(["Example.com", "api.test:8443", "*.corp.test", "10.0.0.0/8", "[::1]"])

    assert hosts.has("example.com", 80)
    assert hosts.has("api.test", 8443)
    assert hosts.has("deep.down.corp.test", 80)
    assert hosts.has("10.9.9.9", 80)
    assert hosts.has("::1", 80)
    for host, port in [
        ("www.example.com", 80),
        ("api.test", 80),
        ("corp.test", 80),
        ("11.0.0.1", 80),
        ("xcorp.test", 80),
    ]:
        assert not hosts.has(host, port)
    assert HostList.of(["*"]).has("anything.test", 1)
    assert not HostList.of([""])


# --- Names ------------------------------------------------------------------
def test_a_name_of_a_private_address_is_refused_and_nothing_is_sent(server: Server) -> None:
    rules = Rules(private=HostList(), resolve=lambda host, port: ["127.0.0.1"])

    with pytest.raises(AddressRefused) as refused:
        fetch("GET", f"http://innocent.test:{server.port}/", rules=rules)

    assert refused.value.code == "private_address"
    assert server.seen == []


def test_one_bad_address_among_good_ones_spoils_the_name(server: Server) -> None:
    rules = Rules(private=HostList(), resolve=lambda host, port: ["8.8.8.8", "127.0.0.1"])

    with pytest.raises(AddressRefused):
        fetch("GET", f"http://mixed.test:{server.port}/", rules=rules)


def test_a_name_that_changes_its_answer_is_asked_once_and_the_checked_address_is_used(server: Server) -> None:
    answers = iter([["127.0.0.1"], ["169.254.169.254"]])
    asked: list[str] = []

    def rebinding(host: str, port: int) -> list[str]:
        asked.append(host)
        return next(answers)

    answer = fetch(
        "GET", f"http://rebind.test:{server.port}/x", rules=Rules(private=LOOPBACK, resolve=rebinding)
    )

    assert answer.body == b"hello"
    assert asked == ["rebind.test"]
    assert server.seen[0][2]["host"] == f"rebind.test:{server.port}"


def test_a_name_that_turns_private_before_the_redirect_is_refused_then(server: Server) -> None:
    answers = iter([["127.0.0.1"], ["10.0.0.1"]])
    rules = Rules(private=LOOPBACK, resolve=lambda host, port: next(answers))

    with pytest.raises(AddressRefused):
        fetch("GET", f"http://one.test:{server.port}/to?http://two.test:{server.port}/", rules=rules)

    assert len(server.seen) == 1


def test_a_private_host_may_be_named_and_metadata_still_is_out_of_reach(server: Server) -> None:
    named = HostList.of(["intranet.test"])
    answer = fetch(
        "GET",
        f"http://intranet.test:{server.port}/",
        rules=Rules(private=named, resolve=lambda h, p: ["127.0.0.1"]),
    )
    assert answer.status == 200

    with pytest.raises(AddressRefused):
        fetch(
            "GET",
            "http://intranet.test/",
            rules=Rules(private=named, resolve=lambda h, p: ["169.254.169.254"]),
        )


def test_the_setting_names_private_hosts(server: Server, settings: Any) -> None:
    with pytest.raises(AddressRefused):
        fetch("GET", at(server))
    settings.OUTBOUND_PRIVATE_HOSTS = ["127.0.0.0/8"]
    assert fetch("GET", at(server)).text == "hello"


def test_hosts_that_are_not_listed_are_refused(server: Server) -> None:
    rules = Rules(only=HostList.of(["docs.test"]), private=LOOPBACK)

    with pytest.raises(AddressRefused) as refused:
        fetch("GET", at(server), rules=rules)

    assert refused.value.code == "host_not_listed"
    assert server.seen == []


def test_a_name_without_an_address_says_so() -> None:
    def unknown(host: str, port: int) -> list[str]:
        raise OSError("no such name")

    with pytest.raises(OutboundFailed) as failed:
        fetch("GET", "http://nowhere.test/", rules=Rules(resolve=unknown))
    assert failed.value.code == "unknown_host"


def test_proxies_of_the_environment_are_not_used(
    server: Server, rules: Rules, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    assert fetch("GET", at(server), rules=rules).status == 200


# --- Redirects --------------------------------------------------------------
def test_a_redirect_is_followed(server: Server, rules: Rules) -> None:
    answer = fetch("GET", at(server, "/to?/there"), rules=rules)

    assert answer.url == at(server, "/there")
    assert [seen[1] for seen in server.seen] == ["/to?/there", "/there"]


@pytest.mark.parametrize(
    "target",
    [
        "http://169.254.169.254/latest/meta-data/", "http://[::ffff:169.254.169.254]/", "http://2852039166/",
        "http://metadata@127.0.0.1/", "file:///etc/passwd", "//10.0.0.1/", "http://[::1]:1/",
    ],
)  # fmt: skip
def test_a_redirect_to_where_nobody_may_go_is_refused(server: Server, rules: Rules, target: str) -> None:
    with pytest.raises(AddressRefused):
        fetch("GET", at(server, f"/to?{target}"), rules=rules)
    assert len(server.seen) == 1


def test_redirects_end(server: Server, rules: Rules) -> None:
    with pytest.raises(OutboundFailed) as failed:
        fetch("GET", at(server, "/circle"), rules=rules, max_redirects=3)
    assert failed.value.code == "redirects"
    assert len(server.seen) == 4


def test_secrets_do_not_go_to_another_origin(server: Server) -> None:
    other = Server()
    threading.Thread(target=other.serve_forever, daemon=True).start()
    secret = {"Authorization": "Bearer secret", "X-Key": "secret", "Accept": "text/html"}
    try:
        fetch("GET", at(server, f"/to?{at(other)}"), headers=secret, rules=Rules(private=LOOPBACK))
    finally:
        other.shutdown()
        other.server_close()

    assert server.seen[0][2]["authorization"] == "Bearer secret"
    assert not {"authorization", "x-key"} & set(other.seen[0][2])
    assert other.seen[0][2]["accept"] == "text/html"


def test_a_body_does_not_go_to_another_host(server: Server, rules: Rules) -> None:
    with pytest.raises(OutboundFailed):
        fetch("POST", at(server, "/kept?http://localhost:1/"), content=b"secret", rules=rules)
    kept = fetch("POST", at(server, "/kept?/here"), content=b"secret", rules=rules)
    assert kept.status == 200
    assert server.seen[-1][0] == "POST"
    assert server.seen[-1][3] == b"secret"


def test_a_posted_form_that_is_redirected_becomes_a_get(server: Server, rules: Rules) -> None:
    fetch("POST", at(server, "/to?/done"), content=b"data", rules=rules)
    assert (server.seen[-1][0], server.seen[-1][3]) == ("GET", b"")


def test_without_redirects_the_redirect_is_the_answer(server: Server, rules: Rules) -> None:
    assert fetch("GET", at(server, "/to?/x"), rules=rules, max_redirects=0).status == 302


# --- Bounds -----------------------------------------------------------------
def test_an_answer_that_is_too_large_is_given_up(server: Server, rules: Rules) -> None:
    with pytest.raises(OutboundFailed) as failed:
        fetch("GET", at(server, "/large"), rules=rules, max_bytes=100_000)
    assert failed.value.code == "too_large"


def test_a_packed_answer_is_unpacked_and_a_bomb_is_not(server: Server, rules: Rules) -> None:
    assert fetch("GET", at(server, "/packed"), rules=rules).text == "한국어"
    with pytest.raises(OutboundFailed) as failed:
        fetch("GET", at(server, "/bomb"), rules=rules, max_bytes=1_000_000)
    assert failed.value.code == "too_large"


@pytest.mark.parametrize("path", ["/trickle", "/slow"])
def test_an_answer_that_trickles_ends_with_its_time(server: Server, rules: Rules, path: str) -> None:
    began = time.monotonic()
    with pytest.raises(OutboundFailed) as failed:
        fetch("GET", at(server, path), rules=rules, timeout=0.5)
    assert failed.value.code == "timeout"
    assert time.monotonic() - began < 2


def test_nobody_there_is_an_error_that_says_so(rules: Rules) -> None:
    with pytest.raises(OutboundFailed) as failed:
        fetch("GET", "http://127.0.0.1:1/", rules=rules)
    assert failed.value.code == "unreachable"


def test_what_is_stopped_ends(server: Server, rules: Rules) -> None:
    with pytest.raises(OutboundFailed) as failed:
        fetch("GET", at(server, "/slow"), rules=rules, stopped=lambda: True)
    assert failed.value.code == "stopped"


# --- The client for libraries -----------------------------------------------
def test_the_client_for_libraries_keeps_the_same_rules(server: Server, rules: Rules) -> None:
    async def ask() -> None:
        async with outbound.async_client(rules=rules, max_bytes=1000) as client:
            assert (await client.get(at(server))).text == "hello"
            assert (await client.get(at(server, "/to?/x"))).status_code == 302
            for address in ("http://10.0.0.1/", "http://2130706433/", "http://u:p@127.0.0.1/"):
                with pytest.raises(AddressRefused):
                    await client.get(address)
            with pytest.raises(AddressRefused):
                await client.get(at(server, "/to?http://[::ffff:10.0.0.1]/"), follow_redirects=True)
            for path in ("/large", "/packed"):
                with pytest.raises(OutboundFailed):
                    await client.get(at(server, path))

    anyio.run(ask)
    assert httpx2  # the library the client is of
