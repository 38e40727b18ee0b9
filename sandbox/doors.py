"""What the plain ASGI doors (terminal, ports) share: who asks, from where, and cookies of raw headers."""

import io
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.http.request import split_domain_port, validate_host
from django.utils.module_loading import import_string

from accounts import cookies
from accounts.streams import person_who_asks

type Scope = MutableMapping[str, Any]
type Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
type Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
type Headers = list[tuple[bytes, bytes]]


def header(scope: Scope, name: bytes) -> str:
    """One header of a request, "" where it is not there."""
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), "")


def cookies_of(scope: Scope) -> dict[str, str]:
    """The cookies of a request; what cannot be read counts as none."""
    found: dict[str, str] = {}
    for key, value in scope["headers"]:
        if key != b"cookie":
            continue
        for part in value.decode("latin-1").split(";"):
            name, equals, text = part.strip().partition("=")
            if equals:
                found.setdefault(name, text)
    return found


def without_cookies(value: bytes, names: Iterable[str]) -> bytes:
    """A Cookie header without some cookies."""
    unwanted = {name.encode("latin-1") for name in names}
    kept = [
        part.strip() for part in value.split(b";") if part.strip().partition(b"=")[0].strip() not in unwanted
    ]
    return b"; ".join(part for part in kept if part)


def is_secure(scope: Scope) -> bool:
    """Whether the reader came by TLS, as the server (which trusts its proxy's headers) says."""
    return scope.get("scheme") in ("https", "wss")


def person_behind(scope: Scope) -> tuple[Any, bool]:
    """Who opens a socket of the site, and whether by the page's cookie (then the origin counts).

    Built on the same middleware and functions as the site's pages, so that a revoked session is one here too.
    """
    request = ASGIRequest({**scope, "method": "GET", "type": "http"}, io.BytesIO())
    store = import_string(f"{settings.SESSION_ENGINE}.SessionStore")
    request.session = store(request.COOKIES.get(settings.SESSION_COOKIE_NAME))
    request.user = cookies.load(request)
    if request.user.is_authenticated:
        return request.user, True
    return person_who_asks(request), False


def is_same_origin(scope: Scope, allowed_hosts: Iterable[str]) -> bool:
    """Whether a page of this very host opened the socket: browsers send cookies along from any page."""
    host, origin = header(scope, b"host").lower(), urlsplit(header(scope, b"origin").lower())
    name, _port = split_domain_port(host)
    return bool(host) and origin.netloc == host and validate_host(name, list(allowed_hosts))
