"""The pages of memory on a phone: every room of it is in sight, the open one above all."""

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize("language", ["ko", "en"])
@pytest.mark.parametrize("width", [320, 390])
def test_every_room_of_memory_is_in_sight_on_a_phone(
    alice: Any, live_server: Any, open_page: Callable[..., Any], width: int, language: str
) -> None:
    page = open_page(alice, width=width, language=language)
    for room in ("", "settings/", "context/", "refused/"):
        page.goto(f"{live_server.url}/memory/{room}")
        links = page.locator(".memory-rooms a")
        assert links.count() == 7
        assert page.locator(".memory-rooms a[aria-current]").count() == 1
        for box in (link.bounding_box() for link in links.all()):
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= width
        assert page.evaluate("document.documentElement.scrollWidth") <= width
