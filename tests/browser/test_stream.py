"""The answer as it grows, from a real server through a real stream: nothing lost, nothing twice."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.people import Site, ask, sign_up
from tests.lib.engines.scripted_server import ScriptedServer, error_reply, text_reply

pytestmark = [pytest.mark.browser, pytest.mark.slow]

# Emoji and Korean: offsets count code points, JavaScript counts otherwise.
PIECES = [f"{number} 😀 한글 **굵게** " for number in range(80)]


@pytest.fixture
def page(site_with_model: Site, open_page: Callable[..., Any], request: pytest.FixtureRequest) -> Any:
    """A new person in an empty conversation with something in it, so that chat.js sends."""
    opened = open_page()
    sign_up(opened, site_with_model, f"s{abs(hash(request.node.name)) % 10**9}", "Stream")
    return opened


def begin(page: Any, upstream: ScriptedServer, text: str = "first") -> None:
    """A conversation with one answered message."""
    upstream.script(text_reply("An ", "answer."))
    page.fill("#composer-content", text)
    page.keyboard.press("Enter")
    page.wait_for_url("**/conversations/*-*/")
    page.locator('.message-assistant[data-status="complete"]').wait_for(timeout=30_000)


def written(page: Any) -> str:
    """The text the newest answer was rendered from."""
    source = "[...document.querySelectorAll('.message-assistant [data-text]')].at(-1).content.textContent"
    return str(page.evaluate(source))


def shown(page: Any) -> str:
    return str(page.locator(".message-assistant").last.locator("[data-body]").inner_text())


def test_an_answer_grows_before_it_is_complete(page: Any, upstream: ScriptedServer) -> None:
    begin(page, upstream)
    upstream.script(text_reply(*PIECES, delay=0.04))
    page.fill("#composer-content", "go")
    page.keyboard.press("Enter")
    growing = page.locator('.message-assistant[data-status="streaming"]')
    growing.get_by_text("3 😀").wait_for()
    assert "79 😀" not in shown(page)
    assert growing.locator("strong").count() > 0, "Markdown shows while it is written"
    page.locator(".message-assistant[data-status=complete]").nth(1).wait_for(timeout=30_000)
    assert written(page).strip() == "".join(PIECES).strip()


def test_a_reload_in_mid_answer_loses_and_doubles_nothing(page: Any, upstream: ScriptedServer) -> None:
    begin(page, upstream)
    upstream.script(text_reply(*PIECES, delay=0.05))
    page.fill("#composer-content", "go")
    page.keyboard.press("Enter")
    page.get_by_text("9 😀").first.wait_for()
    page.reload()
    growing = page.locator('.message-assistant[data-status="streaming"]')
    growing.get_by_text("20 😀").wait_for()
    page.wait_for_function(
        "document.querySelectorAll('.message-assistant[data-status=complete]').length === 2"
    )
    assert [int(word) for word in shown(page).split() if word.isdigit()] == list(range(80))


def test_a_lost_connection_is_taken_up_where_it_was(page: Any, upstream: ScriptedServer) -> None:
    begin(page, upstream)
    upstream.script(text_reply(*PIECES, delay=0.06))
    page.fill("#composer-content", "go")
    page.keyboard.press("Enter")
    page.get_by_text("5 😀").first.wait_for()
    page.context.set_offline(True)
    page.wait_for_timeout(1200)
    page.context.set_offline(False)
    page.wait_for_function(
        "document.querySelectorAll('.message-assistant[data-status=complete]').length === 2", timeout=40_000
    )
    assert [int(word) for word in shown(page).split() if word.isdigit()] == list(range(80))


def test_stop_keeps_what_was_written_and_try_again_answers_anew(page: Any, upstream: ScriptedServer) -> None:
    begin(page, upstream)
    upstream.script(text_reply(*PIECES, delay=0.1))
    page.fill("#composer-content", "go")
    page.keyboard.press("Enter")
    page.get_by_text("3 😀").first.wait_for()
    page.locator(".stop-button").click()
    page.locator(".message-assistant[data-status=stopped]").wait_for(timeout=10_000)
    assert "3 😀" in shown(page)
    upstream.script(text_reply("Anew."))
    page.locator(".message-assistant").last.locator("form button.button").click()
    page.locator("#messages").get_by_text("Anew.").wait_for(timeout=20_000)


def test_an_error_of_the_server_is_told_with_what_to_do(page: Any, upstream: ScriptedServer) -> None:
    begin(page, upstream)
    upstream.script(error_reply(401, "bad key"))
    answer = ask(page, "go", status="failed")
    assert answer.locator(".callout-danger").inner_text().strip()
    assert answer.locator("form button.button").is_visible()


def test_enter_does_not_send_while_a_syllable_is_composed(page: Any, upstream: ScriptedServer) -> None:
    begin(page, upstream)
    page.fill("#composer-content", "안녕")
    key = "{key: 'Enter', isComposing: true, bubbles: true}"
    page.locator("#composer-content").evaluate(
        f"box => box.dispatchEvent(new KeyboardEvent('keydown', {key}))"
    )
    page.wait_for_timeout(300)
    assert page.locator("#composer-content").input_value() == "안녕"
    assert page.locator(".message-user").count() == 1


def test_a_draft_outlives_the_page_and_leaves_with_the_message(page: Any, upstream: ScriptedServer) -> None:
    begin(page, upstream)
    page.fill("#composer-content", "half a thought")
    page.reload()
    assert page.locator("#composer-content").input_value() == "half a thought"
    upstream.script(text_reply("Done."))
    page.locator("#composer-content").press("Enter")
    page.locator("#messages").get_by_text("Done.").wait_for()
    page.reload()
    assert page.locator("#composer-content").input_value() == ""


def test_a_second_window_sees_the_same_answer(page: Any, upstream: ScriptedServer) -> None:
    begin(page, upstream)
    other = page.context.new_page()
    other.goto(page.url)
    upstream.script(text_reply(*PIECES, delay=0.02))
    ask(page, "go")
    other.wait_for_function(
        "document.querySelectorAll('.message-assistant[data-status=complete]').length === 2"
    )
    assert shown(other) == shown(page)


def test_a_message_is_edited_in_its_place(page: Any, upstream: ScriptedServer) -> None:
    begin(page, upstream, "frist")
    upstream.script(text_reply("The second answer."))
    page.locator("#composer-content").press("ArrowUp")
    page.locator(".message-edit textarea").fill("first")
    page.locator(".message-edit button[type=submit]").click()
    page.locator("#messages").get_by_text("The second answer.").wait_for()
    assert page.locator(".message-user .bubble").inner_text() == "first"
    assert page.locator(".message-assistant").count() == 1
