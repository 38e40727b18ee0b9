"""Pictures in a browser: pasted and chosen, sent, seen, still there after a reload, opened whole."""

import base64
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.browser.people import Site, sign_up, started
from tests.browser.test_accessibility import LOOKS, faults, overhang
from tests.lib.engines.scripted_server import ScriptedServer, scripted_server, text_reply
from tests.media.files import noise, photo, wav

pytestmark = [pytest.mark.browser, pytest.mark.slow]
PASTE = """([data, name]) => {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0))
  const clipboardData = new DataTransfer()
  clipboardData.items.add(new File([bytes], name, { type: "image/png" }))
  const event = new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true })
  document.getElementById("composer-content").dispatchEvent(event)
}"""

# What a table program copies: words, and a picture of them. And a picture dropped beside the box.
PASTE_WORDS = """() => {
  const clipboardData = new DataTransfer()
  clipboardData.setData("text/plain", "words")
  clipboardData.items.add(new File(["x"], "image.png", { type: "image/png" }))
  const event = new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true })
  return document.getElementById("composer-content").dispatchEvent(event)
}"""
DROP = """([data, name]) => {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0))
  const dataTransfer = new DataTransfer()
  dataTransfer.items.add(new File([bytes], name, { type: "image/png" }))
  const event = new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true })
  document.querySelector("h1").dispatchEvent(event)
}"""


@pytest.fixture(scope="module")
def model() -> Iterator[ScriptedServer]:
    with scripted_server() as server:
        server.remembers_nothing = True
        yield server


@pytest.fixture(scope="module")
def seeing_site(tmp_path_factory: pytest.TempPathFactory, model: ScriptedServer) -> Iterator[Site]:
    """The program with a model behind it that sees."""
    yield from started(
        tmp_path_factory.mktemp("seeing") / "data",
        CHAT_ENGINE="openai",
        CHAT_BASE_URL=model.base_url,
        CHAT_MODEL="scripted-1",
        CHAT_VISION="on",
        EMBEDDING_ENGINE="hashed",
        LANGUAGE_ENGINE="fake",
    )


def choose(page: Any, *files: tuple[str, str, bytes]) -> None:
    """Choose files (name, type, bytes) in the composer."""
    sent = [{"name": name, "mimeType": kind, "buffer": data} for name, kind, data in files]
    page.set_input_files("[data-files]", sent)


def chips(page: Any, count: int) -> None:
    """Wait until so many pictures are in the message that is being written."""
    page.wait_for_function(f"document.querySelectorAll('[data-picture]').length === {count}")


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_pictures_are_pasted_chosen_sent_and_stay(
    open_page: Callable[..., Any], seeing_site: Site, model: ScriptedServer, scheme: str, width: int
) -> None:
    page = open_page(scheme=scheme, width=width)
    sign_up(page, seeing_site, f"seer-{scheme}", "Seer")
    page.goto(f"{seeing_site.url}/conversations/new/")
    page.evaluate(PASTE, [base64.b64encode(noise()).decode(), "pasted.png"])
    chips(page, 1)
    assert page.evaluate(PASTE_WORDS)  # left to the browser, which pastes the words
    page.evaluate(DROP, [base64.b64encode(noise()).decode(), "dropped.png"])
    chips(page, 2)
    page.get_by_role("button", name="Remove dropped.png").click()
    chips(page, 1)
    choose(page, ("trip.jpg", "image/jpeg", photo()), ("notes.txt", "text/plain", b"Two words"))
    chips(page, 2)
    assert "Two words" in page.input_value("#composer-content")
    choose(page, ("sound.png", "image/png", wav()))
    page.get_by_role("alert").filter(has_text="sound.png: This is no picture").wait_for()
    page.get_by_role("button", name="Remove trip.jpg").click()
    chips(page, 1)
    assert faults(page) == []
    assert overhang(page, width) <= 0
    page.reload()  # a draft keeps its pictures
    chips(page, 1)
    model.script(text_reply("I see noise."))
    page.fill("#composer-content", "What is it?")
    page.click(".send-button")
    answer = page.locator(".message-assistant[data-status=complete]")
    answer.wait_for()
    assert "I see noise." in answer.inner_text()
    content = model.requests[-1]["messages"][-1]["content"]
    assert [part["type"] for part in content] == ["text", "image_url"]
    page.reload()
    picture = page.get_by_role("link", name="pasted.png")
    shown = picture.locator("img")
    assert shown.evaluate("(image) => image.decode().then(() => [image.naturalWidth, image.width > 0])") == [
        300,
        True,
    ]
    assert page.locator("[data-picture]").count() == 0  # what is sent is no draft any more
    assert faults(page) == []
    assert overhang(page, width) <= 0
    picture.click()
    page.locator("#picture-dialog[open] img").evaluate("(image) => image.decode()")
    assert faults(page) == []
    page.keyboard.press("Escape")
    page.locator(".message-user [data-edit]").click()
    page.get_by_label("pasted.png").uncheck()
    page.locator(".message-edit textarea").fill("Without it")
    model.script(text_reply("Nothing to see."))
    page.locator(".message-edit button[type=submit]").click()
    page.locator("#messages").get_by_text("Nothing to see.").wait_for()
    assert page.locator(".pictures").count() == 0


def test_where_nothing_sees_the_composer_says_so_before(open_page: Callable[..., Any], site: Site) -> None:
    page = open_page(width=390)
    sign_up(page, site, "unseen", "Unseen")
    choose(page, ("a.jpg", "image/jpeg", photo()))
    page.get_by_text("cannot see pictures").wait_for()
    page.fill("#composer-content", "What does the picture show?")
    page.click(".send-button")
    answer = page.locator(".message-assistant[data-status=complete]")
    answer.wait_for(timeout=60_000)
    assert "I can't see pictures" in answer.inner_text()
    assert "The picture was not seen" in answer.inner_text()


def test_without_script_a_picture_goes_with_the_form(open_page: Callable[..., Any], site: Site) -> None:
    page = open_page(java_script_enabled=False)
    sign_up(page, site, "plain", "Plain")
    page.set_input_files("[name=pictures]", {"name": "p.jpg", "mimeType": "image/jpeg", "buffer": photo()})
    page.fill("#composer-content", "Look")
    page.click(".send-button")
    assert page.locator(".pictures img").get_attribute("alt") == "p.jpg"
