"""Files of media in a browser: put in, played from any place without all of it being fetched, deleted."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser.people import Site, sign_up
from tests.browser.test_accessibility import LOOKS, faults, overhang
from tests.media.files import mp4, png, wav

pytestmark = [pytest.mark.browser, pytest.mark.slow]
SECONDS, RATE = 120, 44_100  # 21 MB
SEEK = """(seconds) => new Promise((done, failed) => {
  const player = document.querySelector("audio")
  const seek = () => { player.currentTime = seconds }
  player.onerror = () => failed(player.error.message)
  player.onseeked = () => done([player.duration, player.currentTime, player.readyState])
  player.readyState ? seek() : player.onloadedmetadata = seek
})"""


def put(page: Any, *files: Any) -> None:
    """Choose files (paths, or payloads) on the open page of media, and wait until they are stored."""
    page.set_input_files("[data-media-upload] input[type=file]", files)
    page.locator("[data-media-upload][aria-busy=false]").wait_for()


def payload(name: str, data: bytes) -> dict[str, Any]:
    """A file that is nowhere on disk, so that it may have any name."""
    return {"name": name, "mimeType": "application/octet-stream", "buffer": data}


def test_a_recording_is_played_from_its_middle(
    open_page: Callable[..., Any], site: Site, tmp_path: Path
) -> None:
    page = open_page()
    sign_up(page, site, "listener", "Listener")
    page.goto(f"{site.url}/media/")
    recording = tmp_path / "tone.wav"
    recording.write_bytes(wav(seconds=SECONDS, rate=RATE))
    put(page, recording)
    parts: list[str] = []
    page.on("response", lambda answer: parts.append(answer.headers.get("content-range", "")))
    page.get_by_role("link", name="tone.wav").click()
    page.locator("audio").wait_for()
    assert not page.locator("#cannot-show").is_visible()
    duration, at, ready = page.evaluate(SEEK, SECONDS - 30)
    assert (duration, at) == (SECONDS, SECONDS - 30)
    assert ready >= 2  # it has what is to be heard there
    starts = [int(part.removeprefix("bytes ").partition("-")[0]) for part in parts if part]
    assert starts[0] == 0
    assert max(starts) > (SECONDS - 40) * RATE * 4, parts


def test_what_this_browser_cannot_play_is_told(open_page: Callable[..., Any], site: Site) -> None:
    page = open_page()
    sign_up(page, site, "viewer", "Viewer")
    page.goto(f"{site.url}/media/")
    put(page, payload("old.mp4", mp4()))  # of a codec that Chromium does not have
    page.get_by_role("link", name="old.mp4").click()
    page.locator("#cannot-show:visible").wait_for()
    assert not page.locator("video").is_visible()


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_files_are_put_in_looked_at_and_deleted(
    open_page: Callable[..., Any], site: Site, scheme: str, width: int
) -> None:
    page = open_page(scheme=scheme, width=width)
    sign_up(page, site, f"media-{scheme}", "Media")
    page.goto(f"{site.url}/media/")
    found = faults(page)
    long_name = "가" * 200 + " 😀.png"
    put(page, payload("a.pdf", b"%PDF-1.4"), payload("b.png", wav()), payload(long_name, png()))
    assert "a.pdf:" in page.locator(".callout-danger").inner_text()
    assert page.locator(".list-row-title").all_inner_texts() == [long_name]
    assert page.locator(".media-thumb img").evaluate(
        "(image) => image.decode().then(() => image.naturalWidth)"
    )
    found += faults(page)
    assert overhang(page, width) <= 0
    page.locator(".list-row-title").click()
    page.locator("img.media-view").wait_for()
    assert not page.locator("#cannot-show").is_visible()
    found += faults(page)
    assert overhang(page, width) <= 0
    page.locator(".button-danger").click()
    page.locator("dialog[open] .button-danger-solid").click()
    page.locator(".toast-success").wait_for()
    assert page.locator(".list-row-title").count() == 0
    page.get_by_role("link", name="Recordings").click()
    assert page.locator(".list-row-title").all_inner_texts() == ["b.png"]
    assert found == []
