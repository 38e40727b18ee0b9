"""Axe on every page, light and dark, on a phone and on a desktop: no serious fault anywhere."""

from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.browser.people import Site, sign_up

pytestmark = [pytest.mark.browser, pytest.mark.slow]

OPEN = ["/", "/accounts/sign-in/", "/accounts/sign-up/", "/accounts/password/reset/"]
SIGNED_IN = [
    "/",
    "/conversations/",
    "/conversations/?archived",
    "/conversations/?q=nothing",
    "/conversations/new/",
    "/knowledge/",
    "/knowledge/new/",
    "/memory/",
    "/memory/new/",
    "/memory/context/",
    "/media/",
    "/sandboxes/",
    "/sandboxes/new/",
    "/tools/",
    "/tools/executions/",
    "/approvals/",
    "/approvals/?decided",
    "/accounts/profile/",
    "/accounts/sessions/",
    "/accounts/password/",
    "/engine/",
    "/no-such-page/",
]
LOOKS = [("light", 1280), ("dark", 390)]


def faults(page: Any) -> list[str]:
    """Axe's serious and critical findings, with where they are."""
    found = Axe().run(page).response["violations"]
    return [
        f"{page.url} {fault['id']}: {fault['help']} at {[node['target'] for node in fault['nodes']][:3]}"
        for fault in found
        if fault["impact"] in {"serious", "critical"}
    ]


def overhang(page: Any, width: int) -> int:
    """By how many pixels a page is wider than the screen; phones zoom out instead of scrolling."""
    return int(page.evaluate("document.documentElement.scrollWidth")) - width


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_pages_for_visitors(site: Site, open_page: Callable[..., Any], scheme: str, width: int) -> None:
    page = open_page(scheme=scheme, width=width)
    found = []
    for path in OPEN:
        page.goto(site.url + path)
        found += faults(page)
    assert found == []


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_pages_for_people(site: Site, open_page: Callable[..., Any], scheme: str, width: int) -> None:
    page = open_page(scheme=scheme, width=width)
    sign_up(page, site, f"axe-{scheme}", "Axel")
    found = []
    for path in SIGNED_IN:
        page.goto(site.url + path)
        page.wait_for_load_state("networkidle")
        found += faults(page)
        assert overhang(page, width) <= 0, path
    assert found == []


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_the_chat_with_everything_open(
    site: Site, open_page: Callable[..., Any], scheme: str, width: int
) -> None:
    page = open_page(scheme=scheme, width=width)
    sign_up(page, site, f"axe-chat-{scheme}", "Axel")
    page.fill("#composer-content", "What is 12 * 12?")
    page.locator("#composer .send-button").click()
    page.wait_for_url("**/conversations/*-*/")
    answer = page.locator('.message-assistant[data-status="complete"]')
    answer.wait_for(timeout=60_000)
    found = faults(page)
    if answer.locator(".tool summary").count():
        answer.locator(".tool summary").first.click()
    answer.locator("[data-why]").click()
    answer.locator(".why").wait_for()
    found += faults(page)
    answer.locator("button[value=down]").click()
    answer.locator(".comment-form").wait_for()
    found += faults(page)
    assert found == []
    assert overhang(page, width) <= 0


def test_the_narrowest_phone_scrolls_only_up_and_down(site: Site, open_page: Callable[..., Any]) -> None:
    page = open_page(width=360)
    sign_up(page, site, "narrow", "Narrow")
    for path in ["/", "/conversations/new/", "/knowledge/new/", "/accounts/sessions/"]:
        page.goto(site.url + path)
        assert overhang(page, 360) <= 0, path


def test_the_keyboard_reaches_everything_in_the_frame(site: Site, open_page: Callable[..., Any]) -> None:
    page = open_page()
    sign_up(page, site, "keyboard", "Key")
    page.goto(f"{site.url}/knowledge/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip-link"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.locator(".account > summary").focus()
    page.keyboard.press("Enter")
    page.locator(".account .menu-items").wait_for()
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.className") == "menu-item"
    page.keyboard.press("Escape")
    assert not page.locator(".account .menu-items").is_visible()


def test_the_api_documentation_opens_without_a_network(site: Site, open_page: Callable[..., Any]) -> None:
    page = open_page()
    page.goto(f"{site.url}/api/docs/")
    page.locator(".swagger-ui .opblock-tag").first.click(timeout=60_000)
    page.locator(".swagger-ui .opblock").first.wait_for()


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_the_admin(site: Site, open_page: Callable[..., Any], scheme: str, width: int) -> None:
    page = open_page(scheme=scheme, width=width)
    page.goto(f"{site.url}/accounts/sign-in/")
    page.fill("[name=username]", "admin")
    page.fill("[name=password]", site.admin_password())
    page.click("main form button[type=submit]")
    page.wait_for_url(f"{site.url}/")
    found = []
    for path in [
        "/admin/",
        "/admin/system/taskqueue/",
        "/admin/accounts/user/",
        "/admin/knowledge/knowledge/",
    ]:
        page.goto(site.url + path)
        page.wait_for_load_state("networkidle")
        found += faults(page)
    assert found == []
