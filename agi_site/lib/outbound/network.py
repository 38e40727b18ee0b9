"""Connections that go to the address that was checked and to no other, within the time that is left."""

import socket
import ssl
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import anyio
import httpcore2
import httpx2
from django.conf import settings
from django.utils.translation import gettext as _

from .addresses import (
    Address,
    HostList,
    check_host,
    checked_url,
    host_of,
    is_link_local,
    is_public,
    literal_address,
    port_of,
)
from .problems import AddressRefused, OutboundFailed

type Resolver = Callable[[str, int], list[str]]

RESOLVE_SECONDS = 10.0
MAX_ADDRESSES = 8


def system_resolver(host: str, port: int) -> list[str]:
    """The IP addresses of a name, as the machine's own resolver gives them."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _private_hosts() -> HostList:
    return HostList.of(settings.OUTBOUND_PRIVATE_HOSTS)


@dataclass(frozen=True, slots=True)
class Rules:
    """Where one kind of work may go.

    `only`: nothing but these hosts (None: any). `private`: hosts that may be private or loopback; an address
    of one's own link (metadata services) has to be named by its number. `resolve` finds a name's addresses.
    """

    only: HostList | None = None
    private: HostList = field(default_factory=_private_hosts)
    resolve: Resolver = system_resolver

    def check(self, url: httpx2.URL) -> None:
        """Raise AddressRefused where the address is not one of those that may be asked for."""
        checked_url(str(url))
        if self.only is not None and not self.only.has(host_of(url), port_of(url)):
            message = _("“%(host)s” is not on the list of allowed hosts. An operator can add it.")
            raise AddressRefused(message % {"host": host_of(url)[:100]}, code="host_not_listed")

    def addresses(self, host: str, port: int) -> list[Address]:
        """The addresses to connect to, all of them checked; one bad one among them spoils them all."""
        check_host(host)
        literal = literal_address(host)
        found = [literal] if literal is not None else self._resolved(host, port)
        for address in found:
            if not self._may(host, port, address):
                message = _(
                    "“%(host)s” is a private or reserved address. An operator can allow it by the setting "
                    "OUTBOUND_PRIVATE_HOSTS."
                )
                raise AddressRefused(message % {"host": host[:100]}, code="private_address")
        return found

    def _may(self, host: str, port: int, address: Address) -> bool:
        if is_public(address) or self.private.has_address(address):
            return True
        return not is_link_local(address) and self.private.has_name(host, port)

    def _resolved(self, host: str, port: int) -> list[Address]:
        """What the resolver says within its time; Python cannot stop it, so it has a thread of its own."""
        answer: list[Any] = []

        def ask() -> None:
            try:
                answer.append(self.resolve(host, port))
            except (OSError, UnicodeError) as error:
                answer.append(error)

        thread = threading.Thread(target=ask, name="resolve", daemon=True)
        thread.start()
        thread.join(RESOLVE_SECONDS)
        texts = answer[0] if answer and isinstance(answer[0], list) else []
        found = [address for text in texts[:MAX_ADDRESSES] if (address := literal_address(text)) is not None]
        if not found:
            message = _("The name “%(host)s” has no address. Check its spelling.")
            raise OutboundFailed(message % {"host": host[:100]}, code="unknown_host")
        return found


class _Clock:
    """Caps every wait by what is left until a deadline (`time.monotonic()` seconds)."""

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline

    def cap(self, timeout: float | None) -> float:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise httpcore2.ReadTimeout("the time of the whole request is over")
        return left if timeout is None else min(timeout, left)


class _Stream(httpcore2.NetworkStream):
    """A connection none of whose waits goes beyond the deadline."""

    def __init__(self, inner: httpcore2.NetworkStream, clock: _Clock) -> None:
        self._inner, self._clock = inner, clock

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, self._clock.cap(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, self._clock.cap(timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        inner = self._inner.start_tls(ssl_context, server_hostname, self._clock.cap(timeout))
        return _Stream(inner, self._clock)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class PinnedBackend(httpcore2.NetworkBackend):
    """Connects to the addresses that the rules have checked."""

    def __init__(self, rules: Rules, deadline: float) -> None:
        self._rules, self._clock, self._inner = rules, _Clock(deadline), httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        failure: Exception | None = None
        for address in self._rules.addresses(host, port):
            try:
                inner = self._inner.connect_tcp(str(address), port, self._clock.cap(timeout))
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
            else:
                return _Stream(inner, self._clock)
        raise failure or httpcore2.ConnectError("no address")


class AsyncPinnedBackend(httpcore2.AsyncNetworkBackend):
    """The same on an event loop; names are resolved in a thread."""

    def __init__(self, rules: Rules) -> None:
        self._rules, self._inner = rules, httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the library's own signature
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        failure: Exception | None = None
        for address in await anyio.to_thread.run_sync(self._rules.addresses, host, port):
            try:
                return await self._inner.connect_tcp(str(address), port, timeout)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
        raise failure or httpcore2.ConnectError("no address")

    async def sleep(self, seconds: float) -> None:
        await anyio.sleep(seconds)


@cache
def _certificates() -> ssl.SSLContext:
    """The certificates of the environment are left out like its proxies; loading them takes a while."""
    return httpx2.create_ssl_context(trust_env=False)


class PinnedTransport(httpx2.HTTPTransport):
    """httpx's own transport over pinned connections; each request's address is checked again."""

    def __init__(self, rules: Rules, *, deadline: float) -> None:
        self._rules = rules
        self._pool = httpcore2.ConnectionPool(
            ssl_context=_certificates(), network_backend=PinnedBackend(rules, deadline)
        )

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        self._rules.check(request.url)
        return super().handle_request(request)


class AsyncPinnedTransport(httpx2.AsyncHTTPTransport):
    """The same on an event loop; of each answer at most `max_bytes` are read, and none that is packed."""

    def __init__(self, rules: Rules, *, max_bytes: int) -> None:
        self._rules, self._max_bytes = rules, max_bytes
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=_certificates(), network_backend=AsyncPinnedBackend(rules)
        )

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self._rules.check(request.url)
        response = await super().handle_async_request(request)
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            await response.aclose()
            raise OutboundFailed(
                _("The answer is packed although that was not asked for."), code="bad_answer"
            )
        response.stream = _Counted(response.stream, self._max_bytes)
        return response


class _Counted(httpx2.AsyncByteStream):
    """A stream that ends with an error where it becomes too long."""

    def __init__(self, inner: Any, most: int) -> None:
        self._inner, self._most = inner, most

    async def __aiter__(self) -> AsyncIterator[bytes]:
        read = 0
        async for part in self._inner:
            read += len(part)
            if read > self._most:
                raise too_large(self._most)
            yield part

    async def aclose(self) -> None:
        await self._inner.aclose()


def too_large(most: int) -> OutboundFailed:
    """The problem of an answer that is longer than is taken."""
    message = _("The answer is larger than %(most)s bytes.")
    return OutboundFailed(message % {"most": most}, code="too_large")


def counted(parts: Iterator[bytes], most: int) -> Iterator[bytes]:
    """The parts as they come; raises OutboundFailed where they become too many bytes."""
    read = 0
    for part in parts:
        read += len(part)
        if read > most:
            raise too_large(most)
        yield part
