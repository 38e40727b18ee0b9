"""Bringing in files in a browser."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser.people import Site, sign_up

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_files_that_are_too_large_are_not_sent_and_the_others_are(
    open_page: Callable[..., Any], site: Site, tmp_path: Path
) -> None:
    page = open_page()
    sign_up(page, site, "importer", "Importer")
    page.goto(f"{site.url}/knowledge/import/")
    large, small = tmp_path / "large.txt", tmp_path / "small.txt"
    with large.open("wb") as file:
        file.truncate(26_000_000)
    small.write_text("The spare key hangs behind the boiler.")
    sent: list[int] = []
    page.on("request", lambda asked: sent.append(len(asked.post_data_buffer or b"")))

    page.set_input_files("[data-import] input[type=file]", [large])
    page.get_by_role("button", name="Import").click()
    page.get_by_text("Every file you chose is too large.").wait_for()
    page.set_input_files("[data-import] input[type=file]", [large, small])
    assert "Too large" in page.locator(".chosen li", has_text="large.txt").inner_text()
    page.get_by_role("button", name="Import").click()
    page.wait_for_url("**/knowledge/imports/*/")
    assert page.get_by_text("small.txt").count()
    assert not page.get_by_text("large.txt").count()
    assert max(sent) < 10_000
