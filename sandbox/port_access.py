"""The way from a page of the site to a port of a sandbox, which is an origin of its own.

`https://<port>-<sandbox>.<SANDBOX_DOMAIN>`: code in a sandbox thus shares no cookies, storage or rights
with the site. The site's page hands over a signed note, good once and for seconds; the proxy turns it into a
cookie of that origin alone, which says which sandbox, port and session it is for. The site's own cookie
never goes there.
"""

import re
import secrets
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.core import signing
from django.core.cache import cache
from django.utils.translation import gettext as _

from agi_site.lib.problems import Conflict, Unavailable

from .models import Protocol, SandboxPort, SandboxStatus

ENTER = "/.agi-site/enter"
ENTER_SALT, COOKIE_SALT = "sandbox.port.enter", "sandbox.port.cookie"
ENTER_SECONDS = 30
COOKIE_SECONDS = 12 * 3600
LABEL = re.compile(r"(?P<port>[1-9]\d{0,4})-(?P<sandbox>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")


@dataclass(frozen=True, slots=True)
class Pass:
    """Whom a cookie (or a note) lets in, and where: the key of the session's row, not its token."""

    sandbox: str
    port: int
    user: int
    session: str

    def as_list(self) -> list[Any]:
        return [self.sandbox, self.port, self.user, self.session]


def domain() -> str:
    """The name (with a port, if any) below which the origins lie; "" when ports in pages are switched off."""
    return str(settings.SANDBOX_DOMAIN).lower().strip(".")


def place_of(host: str) -> tuple[int, str] | None:
    """The port and the sandbox that a Host header means; None for any other host."""
    below = domain()
    host = host.lower()
    if not below or not host.endswith(f".{below}"):
        return None
    found = LABEL.fullmatch(host[: -len(below) - 1])
    if found is None or int(found["port"]) > 65535:
        return None
    return int(found["port"]), found["sandbox"]


def is_below_domain(host: str) -> bool:
    """Whether a Host header is some name below the sandboxes' domain, of a port or not."""
    below = domain()
    return bool(below) and host.lower().endswith(f".{below}")


def origin_of(port: SandboxPort, *, secure: bool) -> str:
    """The origin of a port, or "" where it has none."""
    if not domain() or port.protocol != Protocol.TCP:
        return ""
    return f"{'https' if secure else 'http'}://{port.container_port}-{port.sandbox_id}.{domain()}"


def hand_over(*, port: SandboxPort, by: Any, session: Any, secure: bool) -> str:
    """The address that lets `by` into a port's origin, good once and for seconds.

    `session` is the row of the session that asks: where that ends, what was handed over ends too. Raises
    Conflict for a sandbox that does not run or a port of UDP, Unavailable where ports are switched off.
    """
    origin = origin_of(port, secure=secure)
    if not domain():
        raise Unavailable(
            _("Ports cannot be opened here: an operator has to set SANDBOX_DOMAIN."), code="no_sandbox_domain"
        )
    if not origin:
        raise Conflict(_("Only TCP ports can be opened in a browser."), code="not_tcp")
    if port.sandbox.status == SandboxStatus.PAUSED:
        raise Conflict(_("This sandbox is paused. Resume it first."), code="not_running")
    if port.sandbox.status != SandboxStatus.RUNNING:
        raise Conflict(_("The sandbox does not run. Start it first."), code="not_running")
    note = Pass(str(port.sandbox_id), port.container_port, by.pk, str(session.pk) if session else "")
    token = signing.dumps([*note.as_list(), secrets.token_urlsafe(12)], salt=ENTER_SALT)
    return f"{origin}{ENTER}?note={quote(token)}"


def take_note(token: str) -> Pass | None:
    """Whom a note lets in; None when it is false, too old, or was used before."""
    try:
        sandbox, port, user, session, nonce = signing.loads(token, salt=ENTER_SALT, max_age=ENTER_SECONDS)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    try:
        is_first = cache.add(f"sandbox:port-note:{nonce}", 1, ENTER_SECONDS * 2)
    except Exception as error:
        raise Unavailable from error
    return Pass(sandbox, port, user, session) if is_first else None


def make_cookie(given: Pass) -> str:
    """The value of the cookie for a port's origin."""
    return signing.dumps(given.as_list(), salt=COOKIE_SALT)


def read_cookie(value: str) -> Pass | None:
    """Whom a cookie lets in; None when it is false or too old."""
    try:
        sandbox, port, user, session = signing.loads(value, salt=COOKIE_SALT, max_age=COOKIE_SECONDS)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    return Pass(sandbox, port, user, session)
