"""Files of media in a browser: a recording is played from any place, without all of it being fetched."""

import base64
from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.people import Site, sign_up
from tests.media.files import wav

pytestmark = [pytest.mark.browser, pytest.mark.slow]
SECONDS, RATE = 120, 44_100  # 21 MB
PUT = """async (data) => {
  const token = document.querySelector("[name=csrfmiddlewaretoken]").value
  const form = new FormData()
  form.append("file", new Blob([Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0))]), "tone.wav")
  const options = {method: "POST", body: form, headers: {"X-CSRFToken": token}}
  const answer = await fetch("/api/v1/audio-metadata/", options)
  return (await answer.json()).id
}"""
SEEK = """([address, seconds]) => new Promise((done, failed) => {
  const player = document.createElement("audio")
  player.preload = "metadata"
  player.src = address
  player.onerror = () => failed(player.error.message)
  player.onloadedmetadata = () => {
    player.onseeked = () => done([player.duration, player.currentTime, player.readyState])
    player.currentTime = seconds
  }
})"""


def test_a_recording_is_played_from_its_middle(open_page: Callable[..., Any], site: Site) -> None:
    page = open_page()
    sign_up(page, site, "listener", "Listener")
    pk = page.evaluate(PUT, base64.b64encode(wav(seconds=SECONDS, rate=RATE)).decode())
    answers: list[tuple[int, dict[str, str]]] = []
    page.on(
        "response",
        lambda answer: answers.append((answer.status, answer.headers)) if "/content/" in answer.url else None,
    )
    address = f"/api/v1/audio-metadata/{pk}/content/"
    duration, at, ready = page.evaluate(SEEK, [address, SECONDS - 30])
    assert (duration, at) == (SECONDS, SECONDS - 30)
    assert ready >= 2  # it has what is to be heard there
    asked = [headers["content-range"] for status, headers in answers if status == 206]
    assert len(asked) >= 2, answers
    assert not any(range_.startswith("bytes 0-") for range_ in asked[1:]), asked
