"""Where a chat is interrupted: nothing that was written is lost, and nothing stale is left on the page."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.people import PASSWORD, Site, sign_up
from tests.lib.engines.scripted_server import ScriptedServer, text_reply

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def signed_out_elsewhere(page: Any, site: Site) -> None:
    """Another tab of the same browser signs out."""
    other = page.context.new_page()
    other.goto(f"{site.url}/accounts/profile/")
    other.evaluate("document.querySelector('form[action*=sign-out]').submit()")
    other.wait_for_url("**/accounts/sign-in/**")
    other.close()


def sign_in_again(page: Any, name: str) -> None:
    page.wait_for_url("**/accounts/sign-in/**")
    page.fill("[name=username]", name)
    page.fill("[name=password]", PASSWORD)
    page.click("main form button[type=submit]")
    page.wait_for_url("**/conversations/**")


def test_what_is_written_survives_a_session_that_ended(
    site_with_model: Site, upstream: ScriptedServer, open_page: Callable[..., Any]
) -> None:
    site, page = site_with_model, open_page()
    sign_up(page, site, "edgar", "Edgar")
    page.goto(f"{site.url}/conversations/new/")
    page.fill("#composer-content", "A new thought")
    signed_out_elsewhere(page, site)
    page.keyboard.press("Enter")
    sign_in_again(page, "edgar")
    assert page.input_value("#composer-content") == "A new thought"

    upstream.script(text_reply("Noted."))
    page.click(".send-button")
    page.wait_for_selector(".message-assistant[data-status=complete]", timeout=60_000)
    page.fill("#composer-content", "Another one")
    signed_out_elsewhere(page, site)
    page.keyboard.press("Enter")
    sign_in_again(page, "edgar")
    assert page.input_value("#composer-content") == "Another one"

    page.goto(f"{site.url}/conversations/new/")
    assert page.input_value("#composer-content") == ""


def test_a_shorter_conversation_offers_no_way_to_its_end(
    site_with_model: Site, upstream: ScriptedServer, open_page: Callable[..., Any]
) -> None:
    site, page = site_with_model, open_page(width=390)
    sign_up(page, site, "scarlett", "Scarlett")
    page.goto(f"{site.url}/conversations/new/")
    upstream.script(text_reply("A long answer.\n\n" * 60))
    page.fill("#composer-content", "Tell me all")
    page.click(".send-button")
    page.wait_for_selector(".message-assistant[data-status=complete]", timeout=60_000)
    page.evaluate("scrollTo(0, 0)")
    page.wait_for_selector("#to-latest", state="visible")
    upstream.script(text_reply("Short."))
    page.click(".message-user [data-edit]")
    page.fill(".message-edit textarea", "In one word")
    page.click(".message-edit button[type=submit]")
    page.wait_for_selector(".message-assistant[data-status=complete] >> text=Short.", timeout=60_000)
    page.wait_for_selector("#to-latest", state="hidden")
