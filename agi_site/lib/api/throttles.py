"""How often a person or a visitor may ask: so many requests in each minute (or second, hour, day)."""

import time
from functools import lru_cache
from typing import Any

from rest_framework.request import Request
from rest_framework.settings import api_settings
from rest_framework.throttling import BaseThrottle

from agi_site.lib.counting import raise_by_one

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


@lru_cache
def parse_rate(rate: str) -> tuple[int, int]:
    """The number of requests and the seconds of a rate like "60/min"."""
    number, period = rate.split("/")
    return int(number), SECONDS[period.strip()[0]]


class WindowThrottle(BaseThrottle):
    """Counts in the cache: one number per person and window, raised atomically by each request.

    The framework's own throttle stores the time of every request, a list of thousands to read and write
    for each more.
    """

    scope: str

    def ident(self, request: Request) -> str | None:
        """Whom to count for; None for nobody."""
        raise NotImplementedError

    def allow_request(self, request: Request, view: Any) -> bool:
        """Count the request; False when the window is full."""
        ident, rate = self.ident(request), api_settings.DEFAULT_THROTTLE_RATES[self.scope]
        if ident is None or rate is None:
            return True
        most, seconds = parse_rate(rate)
        window, elapsed = divmod(time.time(), seconds)
        self.rest = seconds - elapsed
        return raise_by_one(f"throttle:{self.scope}:{ident}:{int(window)}", 2 * seconds) <= most

    def wait(self) -> float:
        """The seconds until the next window."""
        return self.rest


class PersonThrottle(WindowThrottle):
    """So many requests per person; visitors have a throttle of their own."""

    scope = "person"

    def ident(self, request: Request) -> str | None:
        return str(request.user.pk) if request.user.is_authenticated else None


class VisitorThrottle(WindowThrottle):
    """So many requests per address before sign-in."""

    scope = "visitor"

    def ident(self, request: Request) -> str | None:
        return None if request.user.is_authenticated else self.get_ident(request)
