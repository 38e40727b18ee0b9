"""Ports of sandboxes as origins of their own: HTTP and WebSocket, streamed both ways through the gateway.

A request comes in for `<port>-<sandbox>.<SANDBOX_DOMAIN>` (port_access.py says why). It is let through when
the cookie of that origin names a live session of the sandbox's owner, the sandbox runs and the port has a
row in `sandbox_port`. What goes in never carries a cookie of the site or of this proxy; what comes out cannot
set one, nor speak for TLS or for other hosts. One connection through the gateway serves one request.
"""

import html
import logging
from functools import partial
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

from asgiref.sync import sync_to_async
from django.conf import settings
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from accounts.models import Session
from agi_site.lib.problems import Problem

from . import port_access
from .doors import Headers, Receive, Scope, Send, cookies_of, header, is_secure, without_cookies
from .models import Sandbox, SandboxPort, SandboxStatus
from .port_access import ENTER, Pass
from .proxy_http import pass_request
from .proxy_ws import POLICY_VIOLATION, pass_socket

logger = logging.getLogger(__name__)

TRY_LATER = 1013


class Refusal(Exception):
    """Why a request is not let through: a status and a sentence."""

    def __init__(self, status: HTTPStatus, text: str) -> None:
        self.status, self.text = status, text
        super().__init__(text)


def is_for_a_port(scope: Scope) -> bool:
    """Whether a request's host lies below the sandboxes' domain: then nothing else may answer it."""
    return port_access.is_below_domain(header(scope, b"host"))


async def port_proxy(scope: Scope, receive: Receive, send: Send) -> None:
    """The ASGI application of all ports of all sandboxes."""
    is_socket = scope["type"] == "websocket"
    if is_socket and (await receive())["type"] != "websocket.connect":
        return
    with translation.override(_language(scope)):
        try:
            place = port_access.place_of(header(scope, b"host"))
            if place is None:
                raise Refusal(HTTPStatus.NOT_FOUND, _("There is no such place."))
            if scope["path"] == ENTER and not is_socket:
                await _enter(scope, send, place)
                return
            given, instance = await _let_in(scope, place)
            carried = (scope, receive, send, instance, place[0], _headers_inwards(scope))
            await (pass_socket if is_socket else pass_request)(*carried, check=partial(_check_stays, given))
        except Refusal as refusal:
            await (_refuse_socket if is_socket else _refuse)(scope, send, refusal)
        except Problem as problem:
            found = Refusal(_status_of(problem), _sentence(problem, place[0] if place else 0))
            await (_refuse_socket if is_socket else _refuse)(scope, send, found)


# --- Who may ------------------------------------------------------------------
async def _let_in(scope: Scope, place: tuple[int, str]) -> tuple[Pass, str]:
    """Who comes in, and the key of the instance behind the port, for those who may; raises Refusal."""
    port, sandbox = place
    if not _is_from_this_sandbox(scope, sandbox):
        raise Refusal(HTTPStatus.FORBIDDEN, _("Another site may not send requests to a sandbox."))
    given = port_access.read_cookie(cookies_of(scope).get(cookie_name(scope), ""))
    if given is None or (given.sandbox, given.port) != (sandbox, port):
        raise Refusal(
            HTTPStatus.UNAUTHORIZED, _("Open this port from the sandbox's page: it lets you in for a while.")
        )
    return given, await sync_to_async(_instance_for)(given)


async def _check_stays(given: Pass) -> None:
    """Raise Refusal when those who came in may not stay; they may while a sandbox is paused, too."""
    try:
        await sync_to_async(_instance_for)(given)
    except Refusal as refusal:
        if refusal.status != HTTPStatus.SERVICE_UNAVAILABLE:
            raise


def _instance_for(given: Pass) -> str:
    """One query for the session, one for the rest."""
    now = timezone.now()
    if not given.session or not Session.objects.live(now).filter(pk=given.session, user=given.user).exists():
        raise Refusal(
            HTTPStatus.UNAUTHORIZED,
            _("You have signed out meanwhile. Open the port from the sandbox's page."),
        )
    found = (
        Sandbox.objects.filter(pk=given.sandbox, user=given.user)
        .exclude(status=SandboxStatus.DELETED)
        .filter(
            pk__in=SandboxPort.objects.filter(sandbox=given.sandbox, container_port=given.port).values(
                "sandbox"
            )
        )
        .values_list("status", "instance__pk")
        .first()
    )
    if found is None:
        raise Refusal(HTTPStatus.NOT_FOUND, _("This port is not open any more."))
    status, instance = found
    if status != SandboxStatus.RUNNING or not instance:
        raise Refusal(HTTPStatus.SERVICE_UNAVAILABLE, _("The sandbox does not run. Start it on its page."))
    return str(instance)


def _is_from_this_sandbox(scope: Scope, sandbox: str) -> bool:
    """Pages of other sandboxes count as the same site for a browser: it sends this origin's cookie along.

    So a request that says where it comes from must come from a port of this sandbox; what only loads or
    follows a link (no Origin) cannot be read by others, as ever in the web.
    """
    origin = header(scope, b"origin").lower()
    if not origin:
        return scope["type"] != "websocket"
    place = port_access.place_of(urlsplit(origin).netloc)
    return place is not None and place[1] == sandbox


def cookie_name(scope: Scope) -> str:
    """Under TLS the prefix makes browsers refuse it from any other host."""
    return "__Host-agi_port" if is_secure(scope) else "agi_port"


async def _enter(scope: Scope, send: Send, place: tuple[int, str]) -> None:
    """Turn the note of the site's page into the cookie of this origin, once."""
    notes = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("note", [""])
    given = await sync_to_async(port_access.take_note)(notes[0])
    if given is None or (given.sandbox, given.port) != (place[1], place[0]):
        raise Refusal(
            HTTPStatus.FORBIDDEN,
            _("This way in was used or is too old. Open the port from the sandbox's page."),
        )
    secure = "; Secure" if is_secure(scope) else ""
    cookie = (
        f"{cookie_name(scope)}={port_access.make_cookie(given)}; Path=/; HttpOnly; SameSite=Lax; "
        f"Max-Age={port_access.COOKIE_SECONDS}{secure}"
    )
    headers = [
        (b"location", b"/"),
        (b"set-cookie", cookie.encode()),
        (b"cache-control", b"no-store"),
        (b"referrer-policy", b"no-referrer"),
        (b"content-length", b"0"),
    ]
    await send({"type": "http.response.start", "status": 303, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


# --- What goes in ---------------------------------------------------------------
def _headers_inwards(scope: Scope) -> Headers:
    """A request's headers as the program inside may see them: no cookie of the site's or the proxy's."""
    ours = {
        settings.SESSION_COOKIE_NAME,
        settings.CSRF_COOKIE_NAME,
        settings.LANGUAGE_COOKIE_NAME,
        "agi_theme",
        "messages",
        "agi_port",
        "__Host-agi_port",
    }
    kept: Headers = []
    for name, value in scope["headers"]:
        if name.startswith(b"x-forwarded-") or name in (b"forwarded", b"x-real-ip"):
            continue
        told = without_cookies(value, ours) if name == b"cookie" else value
        if told or name != b"cookie":
            kept.append((name, told))
    client = (scope.get("client") or ("", 0))[0]
    return [
        *kept,
        (b"x-forwarded-for", client.encode("latin-1", "ignore")),
        (b"x-forwarded-proto", b"https" if is_secure(scope) else b"http"),
        (b"x-forwarded-host", header(scope, b"host").encode("latin-1")),
    ]


# --- Saying no ------------------------------------------------------------------
def _status_of(problem: Problem) -> HTTPStatus:
    if problem.code == "refused":
        return HTTPStatus.BAD_GATEWAY
    return HTTPStatus(problem.status) if problem.status in (404, 503) else HTTPStatus.BAD_GATEWAY


def _sentence(problem: Problem, port: int) -> str:
    if problem.code == "refused":
        return _("Nothing listens on port %(port)d in the sandbox yet. Start the program, then reload.") % {
            "port": port
        }
    return str(problem.message)


async def _refuse(scope: Scope, send: Send, refusal: Refusal) -> None:
    """A small page that says what to do; it loads nothing."""
    language = translation.get_language() or settings.LANGUAGE_CODE
    body = PAGE.format(
        language=language, title=refusal.status.phrase, text=html.escape(refusal.text)
    ).encode()
    headers = [
        (b"content-type", b"text/html; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'"),
        (b"x-content-type-options", b"nosniff"),
    ]
    await send({"type": "http.response.start", "status": int(refusal.status), "headers": headers})
    await send({"type": "http.response.body", "body": body if scope["method"] != "HEAD" else b""})


async def _refuse_socket(scope: Scope, send: Send, refusal: Refusal) -> None:
    """Before it is accepted, so the browser sees a refused handshake."""
    code = TRY_LATER if refusal.status >= HTTPStatus.INTERNAL_SERVER_ERROR else POLICY_VIOLATION
    await send({"type": "websocket.close", "code": code})


def _language(scope: Scope) -> str:
    """The reader's language, of those there are; the site's choice is a cookie that does not come here."""
    for part in header(scope, b"accept-language").split(","):
        code = part.split(";")[0].strip().lower()[:2]
        if code in dict(settings.LANGUAGES):
            return code
    return settings.LANGUAGE_CODE


PAGE = """<!DOCTYPE html>
<html lang="{language}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title><style>:root{{color-scheme:light dark}}body{{font:1rem/1.6 system-ui,sans-serif;
max-width:34rem;margin:20vh auto;padding:0 1rem}}</style></head><body><main><p>{text}</p></main></body></html>
"""
