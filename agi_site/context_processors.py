"""What every page's template may use."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest


def site(request: HttpRequest) -> dict[str, Any]:
    """Facts about the installation that pages show."""
    return {"sign_up_open": settings.SIGN_UP_OPEN, "chat_engine": settings.CHAT_ENGINE}
