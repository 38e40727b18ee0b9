"""Which device is asking: its address and its program, as the session row keeps them and people read them."""

import ipaddress
import re

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext as _

# The first that fits names it; browsers claim to be their ancestors, so the specific stand first.
_PROGRAMS = [
    ("Edg", "Edge"),
    ("OPR", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Whale", "Whale"),
    ("Firefox", "Firefox"),
    ("FxiOS", "Firefox"),
    ("CriOS", "Chrome"),
    ("Chromium", "Chromium"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
]
_SYSTEMS = [
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
]


NAMED = "token: "  # before the name that a person gave to a program's token


def address_of(request: HttpRequest) -> str:
    """The visitor's IP address, "" if unknown.

    Each trusted proxy appends the address it saw to `X-Forwarded-For`; what stands before those was written
    by the visitor and proves nothing.
    """
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "")
    hops = [hop.strip() for hop in forwarded.split(",")] if forwarded else []
    trusted = settings.TRUSTED_PROXIES
    address = hops[-trusted] if 0 < trusted <= len(hops) else request.META.get("REMOTE_ADDR", "")
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        return ""


def user_agent_of(request: HttpRequest) -> str:
    """What the program calls itself, cut to what the column holds."""
    return str(request.META.get("HTTP_USER_AGENT", "")).replace("\x00", "")[:255]


def describe(user_agent: str | None) -> str:
    """A user agent as people say it: “Firefox on Linux”; of a program's token, its name."""
    text = user_agent or ""
    if text.startswith(NAMED):
        return text.removeprefix(NAMED)
    program = next((name for mark, name in _PROGRAMS if mark in text), "")
    system = next((name for mark, name in _SYSTEMS if mark in text), "")
    if program and system:
        return _("%(program)s on %(system)s") % {"program": program, "system": system}
    first_word = re.match(r"[\w.+-]{1,40}", text)
    return program or (first_word[0] if first_word else _("Unknown device"))
