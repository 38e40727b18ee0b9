"""How often a person or a visitor may ask."""

from typing import Any

from rest_framework.request import Request
from rest_framework.throttling import AnonRateThrottle, UserRateThrottle


class PersonThrottle(UserRateThrottle):
    """So many requests per person; visitors have a throttle of their own."""

    scope = "person"

    def get_cache_key(self, request: Request, view: Any) -> str | None:
        return super().get_cache_key(request, view) if request.user.is_authenticated else None


class VisitorThrottle(AnonRateThrottle):
    """So many requests per address before sign-in."""

    scope = "visitor"
