"""What every page's template may use."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from conversations.services import MOST_PICTURES
from media.services import LARGEST_PICTURE


def site(request: HttpRequest) -> dict[str, Any]:
    """Facts about the installation that pages show."""
    return {
        "sign_up_open": settings.SIGN_UP_OPEN,
        "chat_engine": settings.CHAT_ENGINE,
        "most_pictures": MOST_PICTURES,
        "largest_picture": LARGEST_PICTURE,
    }
