"""Memory in a browser: cited by an answer, corrected from its receipt, obeyed by the next, and forgotten."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.people import Site, ask, sign_up

pytestmark = [pytest.mark.browser, pytest.mark.slow]
QUESTION = "What is the code word of my locker in the gym?"


def write_down(page: Any, site: Site, content: str) -> str:
    """The person writes a memory down; returns its id."""
    page.goto(f"{site.url}/memory/new/")
    page.fill("[name=content]", content)
    page.click("main form button[type=submit]")
    page.wait_for_url("**/memory/*-*/")
    return str(page.url.rstrip("/").rsplit("/", 1)[-1])


def test_an_answer_cites_a_memory_which_is_corrected_and_forgotten_from_its_receipt(
    site: Site, open_page: Callable[..., Any], save_screenshot: Callable[[Any, str], None]
) -> None:
    page = open_page()
    page.goto(site.url)
    sign_up(page, site, "remembered", "Nabi")
    memory = write_down(page, site, "The code word of my locker in the gym is heron.")
    page.goto(f"{site.url}/conversations/new/")
    page.fill("#composer-content", QUESTION)
    page.keyboard.press("Enter")
    page.wait_for_url("**/conversations/*-*/")
    page.locator('.message-assistant[data-status="complete"]').wait_for(timeout=60_000)
    answer = page.locator(".message-assistant").first
    assert "heron" in answer.locator("[data-body]").inner_text()
    assert answer.locator(f'a.citation[href="/memory/{memory}/"]').count() >= 1

    answer.locator("[data-receipts]").click()
    receipt = answer.locator(".receipt", has_text="The code word of my locker")
    receipt.wait_for()
    save_screenshot(page, "receipt-en")
    receipt.locator("summary", has_text="Correct").click()
    receipt.locator("textarea").fill("The code word of my locker in the gym is kingfisher.")
    receipt.locator("button", has_text="Save").click()
    answer.locator(".receipt [role=status]").wait_for()

    second = ask(page, QUESTION)
    said = second.locator("[data-body]").inner_text()
    assert "kingfisher" in said
    assert "heron" not in said

    second.locator("[data-receipts]").click()
    receipt = second.locator(".receipt", has_text="kingfisher").first
    receipt.locator("summary", has_text="Forget").click()
    receipt.locator("button", has_text="Forget for good").click()
    second.locator(".receipt-forgotten").wait_for()
    assert site.rows("select count(*) from memory where id = ?", memory) == [(0,)]

    third = ask(page, QUESTION)
    assert third.locator(f'a.citation[href="/memory/{memory}/"]').count() == 0
    page.goto(f"{site.url}/memory/")
    assert "kingfisher" not in page.content()


def test_memory_is_turned_off_in_a_conversation_and_the_header_says_so(
    site: Site, open_page: Callable[..., Any]
) -> None:
    page = open_page(width=390)
    page.goto(site.url)
    sign_up(page, site, "unremembered", "Sori")
    page.goto(f"{site.url}/conversations/new/")
    page.fill("#composer-content", "Hello there")
    page.locator(".send-button").click()
    page.wait_for_url("**/conversations/*-*/")
    page.locator('.message-assistant[data-status="complete"]').wait_for(timeout=60_000)
    page.locator(".topbar details.menu summary").click()
    page.locator(".topbar .menu-item", has_text="Turn memory off here").click()
    page.locator(".topbar .memory-off").wait_for()
    assert page.locator(".topbar .memory-off").inner_text() == "Memory off here"


def test_on_a_phone_the_two_dates_of_the_filter_share_a_line(
    site: Site, open_page: Callable[..., Any]
) -> None:
    page = open_page(width=390)
    page.goto(site.url)
    sign_up(page, site, "filtering", "Nabi")
    page.goto(f"{site.url}/knowledge/")
    since, until = (page.locator(f"[name={name}]").bounding_box() for name in ("since", "until"))
    assert since["y"] == until["y"]
    assert since["width"] > 100
    assert until["x"] + until["width"] <= 390
