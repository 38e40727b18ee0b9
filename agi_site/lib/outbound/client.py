"""Asking and getting an answer: bounded in size, time and redirects."""

import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx2
from django.utils.translation import gettext as _

from .addresses import checked_url
from .network import AsyncPinnedTransport, PinnedTransport, Rules, counted, too_large
from .problems import OutboundFailed

MAX_BYTES = 5_000_000
MAX_REDIRECTS = 5
TIMEOUT_SECONDS = 20.0
CONNECT_SECONDS = 10.0
USER_AGENT = "agi-site/1"
# What goes along to another host; whatever else a caller sends was meant for the first one.
_HARMLESS = {"accept", "accept-language", "user-agent", "accept-encoding"}
_REDIRECTS = {301, 302, 303, 307, 308}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: `url` is where it came from after redirects, `body` is unpacked."""

    status: int
    url: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def media_type(self) -> str:
        """The type without its parameters, in small letters; "" where none is given."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def text(self) -> str:
        """The body as text, by its charset; letters that are none become �."""
        _type, _semicolon, charset = self.headers.get("content-type", "").lower().partition("charset=")
        try:
            return self.body.decode(charset.split(";")[0].strip(" \"'") or "utf-8", "replace")
        except LookupError:
            return self.body.decode("utf-8", "replace")


def fetch(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    content: bytes | None = None,
    rules: Rules | None = None,
    max_bytes: int = MAX_BYTES,
    timeout: float = TIMEOUT_SECONDS,
    max_redirects: int = MAX_REDIRECTS,
    stopped: Callable[[], bool] = lambda: False,
) -> Answer:
    """Ask once, following at most `max_redirects` redirects, all within `timeout` seconds.

    Raises AddressRefused (nothing was sent there) or OutboundFailed (unreachable, timeout, too_large,
    redirects, bad_answer, stopped). A status such as 404 or 500 is an answer.
    """
    rules = rules or Rules()
    asked = _Asked(method.upper(), checked_url(url), _headers(headers), content)
    transport = PinnedTransport(rules, deadline=time.monotonic() + timeout)
    limits = httpx2.Timeout(timeout, connect=min(CONNECT_SECONDS, timeout))
    with httpx2.Client(transport=transport, trust_env=False, timeout=limits) as client:
        for _hop in range(max_redirects + 1):
            answer = _once(client, asked, max_bytes, stopped)
            location = answer.headers.get("location")
            if answer.status not in _REDIRECTS or not location or max_redirects == 0:
                return answer
            asked = asked.redirected(answer.status, location)
    message = _("More than %(most)s redirects: the address leads in circles.")
    raise OutboundFailed(message % {"most": max_redirects}, code="redirects")


def async_client(
    *,
    headers: Mapping[str, str] | None = None,
    rules: Rules | None = None,
    max_bytes: int = MAX_BYTES,
    timeout: float = TIMEOUT_SECONDS,
    read_timeout: float = TIMEOUT_SECONDS,
) -> httpx2.AsyncClient:
    """A client for libraries that want one of their own. It follows no redirects by itself."""
    return httpx2.AsyncClient(
        transport=AsyncPinnedTransport(rules or Rules(), max_bytes=max_bytes),
        headers=_headers(headers) | {"accept-encoding": "identity"},
        timeout=httpx2.Timeout(timeout, read=read_timeout, connect=min(CONNECT_SECONDS, timeout)),
        trust_env=False,
        follow_redirects=False,
    )


@dataclass(frozen=True, slots=True)
class _Asked:
    method: str
    url: httpx2.URL
    headers: dict[str, str]
    content: bytes | None

    def redirected(self, status: int, location: str) -> "_Asked":
        """The next request; what was meant for one origin does not go to another."""
        try:
            url = checked_url(str(self.url.join(location)))
        except httpx2.InvalidURL as error:
            raise OutboundFailed(_("The redirect leads nowhere."), code="bad_answer") from error
        headers, method, content = self.headers, self.method, self.content
        if (url.scheme, url.host, url.port) != (self.url.scheme, self.url.host, self.url.port):
            if content is not None and status in (307, 308):
                raise OutboundFailed(
                    _("The address redirects to another host, which does not get what was sent."),
                    code="redirects",
                )
            headers = {name: value for name, value in headers.items() if name in _HARMLESS}
        if status in (301, 302, 303) and method not in ("GET", "HEAD"):
            method, content = "GET", None
            headers = {name: value for name, value in headers.items() if not name.startswith("content-")}
        return _Asked(method, url, headers, content)


def _headers(headers: Mapping[str, str] | None) -> dict[str, str]:
    given = {name.lower(): value for name, value in (headers or {}).items()}
    return {"user-agent": USER_AGENT, "accept-encoding": "gzip, deflate"} | given


def _once(client: httpx2.Client, asked: _Asked, max_bytes: int, stopped: Callable[[], bool]) -> Answer:
    try:
        request = client.build_request(asked.method, asked.url, headers=asked.headers, content=asked.content)
        response = client.send(request, stream=True)
        try:
            body = b"".join(_until(stopped, _unpacked(response, max_bytes)))
        finally:
            response.close()
    except httpx2.TimeoutException as error:
        raise OutboundFailed(_("The address took too long to answer."), code="timeout") from error
    except (httpx2.HTTPError, httpx2.InvalidURL, zlib.error) as error:
        message = _("The address does not answer (%(error)s).")
        raise OutboundFailed(message % {"error": str(error)[:200] or type(error).__name__}) from error
    return Answer(response.status_code, str(response.url), dict(response.headers), body)


def _until(stopped: Callable[[], bool], parts: Iterator[bytes]) -> Iterator[bytes]:
    for part in parts:
        if stopped():
            raise OutboundFailed(_("It was stopped."), code="stopped")
        yield part


def _unpacked(response: httpx2.Response, most: int) -> Iterator[bytes]:
    """The body, unpacked piece by piece: never more of it in memory than is taken."""
    packing = response.headers.get("content-encoding", "identity").strip().lower()
    raw = counted(response.iter_raw(), most)
    if packing in ("", "identity"):
        yield from raw
    elif packing in ("gzip", "x-gzip", "deflate"):
        yield from _inflated(raw, zlib.decompressobj(wbits=47 if "gzip" in packing else 15), most)
    else:
        message = _("The answer is packed in a way that is not understood (%(packing)s).")
        raise OutboundFailed(message % {"packing": packing[:40]}, code="bad_answer")


def _inflated(raw: Iterator[bytes], machine: Any, most: int) -> Iterator[bytes]:
    left = most
    for part in raw:
        rest = part
        while rest and not machine.eof:
            piece = machine.decompress(rest, max_length=left + 1)
            left -= len(piece)
            if left < 0:
                raise too_large(most)
            rest = machine.unconsumed_tail
            yield piece
