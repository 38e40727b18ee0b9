"""The pages of plans while others change them, and while a run takes its time."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.people import Site, sign_up

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def imported(page: Any, site: Site, *steps: dict[str, Any]) -> str:
    """A plan of these steps; returns its address."""
    page.goto(f"{site.url}/plans/new/json/")
    page.fill("[name=text]", json.dumps({"format": "agi-plan/1", "title": "steps", "steps": list(steps)}))
    page.click("main form button[type=submit]")
    page.wait_for_url("**/plans/*-*/")
    return str(page.url)


def drag(page: Any, line: int, above: int) -> None:
    """Take the step of a line by its handle, and let it go above another."""
    boxes = [page.locator("[data-grip]").nth(number).bounding_box() for number in (line, above)]
    page.mouse.move(boxes[0]["x"] + 5, boxes[0]["y"] + 5)
    page.mouse.down()
    page.mouse.move(boxes[1]["x"] + 5, boxes[1]["y"] - 6, steps=10)
    page.mouse.up()


def test_steps_that_changed_meanwhile_are_shown_as_they_are(
    site: Site, open_page: Callable[..., Any]
) -> None:
    page = open_page()
    sign_up(page, site, "dragger", "Drag")
    address = imported(page, site, *({"key": key, "kind": "none"} for key in "abc"))
    page.goto(f"{address}steps/")
    drag(page, 2, 0)
    page.wait_for_function("document.querySelector('.step-line-title').textContent === 'c'")

    other = page.context.new_page()
    other.goto(f"{address}steps/")
    other.get_by_role("button", name="Remove b").click()
    other.locator(".step-line-title").nth(2).wait_for(state="detached")
    drag(page, 2, 0)
    page.get_by_text("changed meanwhile").wait_for()
    page.locator(".step-line-title").nth(2).wait_for(state="detached")
    assert page.locator(".step-line-title").all_inner_texts() == ["c", "a"]


def test_how_long_a_run_still_takes_is_told_anew_while_nothing_happens(
    site: Site, open_page: Callable[..., Any]
) -> None:
    page = open_page()
    sign_up(page, site, "waiter", "Wait")
    address = imported(page, site, {"key": "w", "kind": "wait", "arguments": {"seconds": 50}})
    page.goto(f"{address}start/")
    page.get_by_role("button", name="Start").click()
    left = page.locator("[data-left]")
    left.wait_for()
    first = left.inner_text()
    page.wait_for_function(f"document.querySelector('[data-left]').textContent !== {json.dumps(first)}")
    assert int(left.inner_text().split()[1]) < int(first.split()[1])
