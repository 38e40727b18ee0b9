"""Where a chat is interrupted, and what comes from outside: nothing is lost, nothing stale is left."""

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


def test_text_files_become_part_of_the_message(site_with_model: Site, open_page: Callable[..., Any]) -> None:
    site, page = site_with_model, open_page(locale="ko-KR")
    sign_up(page, site, "filippa", "Filippa")
    page.goto(f"{site.url}/conversations/new/")
    page.fill("#composer-content", "What does this do?")
    script = {
        "name": "add.py",
        "mimeType": "text/x-python",
        "buffer": b"def add(a, b):\r\n    return a + b\r\n",
    }
    notes = {"name": "notes.md", "mimeType": "text/markdown", "buffer": "```\n메모\n```".encode()}
    page.set_input_files("[data-files]", [script, notes])
    page.wait_for_function("document.querySelector('#composer-content').value.includes('메모')")
    assert page.input_value("#composer-content") == (
        "What does this do?\n\nadd.py\n```py\ndef add(a, b):\n    return a + b\n```\n\n"
        "notes.md\n````md\n```\n메모\n```\n````\n"
    )
    before = page.input_value("#composer-content")
    for name, bytes_ in (
        ("a.png", b"\x89PNG\r\n\x1a\n\x00"),
        ("long.txt", b"x" * 30_000),
        ("huge.txt", b"x" * 300_000),
    ):
        page.set_input_files("[data-files]", {"name": name, "mimeType": "text/plain", "buffer": bytes_})
        page.wait_for_function(f"document.querySelector('#composer-fault').textContent.includes('{name}')")
    assert page.input_value("#composer-content") == before
    page.goto(f"{site.url}/")
    page.fill("#composer-content", "")
    page.set_input_files("[data-files]", [notes])
    page.wait_for_function("document.querySelector('#composer-content').value.startsWith('notes.md')")


def test_a_persons_wide_code_stays_within_a_phone(
    site_with_model: Site, upstream: ScriptedServer, open_page: Callable[..., Any]
) -> None:
    site, page = site_with_model, open_page(width=390)
    sign_up(page, site, "wilma", "Wilma")
    page.goto(f"{site.url}/conversations/new/")
    page.fill("#composer-content", "```py\nprint('" + "wide " * 40 + "')\n```")
    upstream.script(
        text_reply("| a | b |\n|---|---|\n| " + "word " * 40 + "| $x^2$ |\n\n$$" + "x+" * 80 + "y$$")
    )
    page.click(".send-button")
    page.wait_for_selector(".message-assistant[data-status=complete]", timeout=60_000)
    assert page.locator(".bubble .code pre").is_visible()
    assert page.locator(".message-assistant math").count() == 2
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    upstream.script(text_reply("Again."))
    page.click(".message-assistant [data-regenerate]")
    page.click("text=2 versions", timeout=60_000)
    page.locator(".versions .table-scroll").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") == 390
