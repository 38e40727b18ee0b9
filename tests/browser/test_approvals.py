"""What a plan asks a person about is changed in a form, with scripts and without them."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.people import Site, sign_up
from tests.browser.test_accessibility import faults, overhang

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ASKED = {
    "title": "Send the letter?",
    "to": "kim@example.com",
    "copies": 2,
    "urgent": True,
    "tags": ["letter"],
    "address": {"city": "Seoul"},
    "parts": [{"a": 1}],
}


@pytest.mark.parametrize(("scheme", "width", "scripts"), [("light", 1280, True), ("dark", 390, False)])
def test_what_is_asked_about_is_changed_and_its_faults_stand_in_their_place(
    site: Site, open_page: Callable[..., Any], scheme: str, width: int, scripts: bool
) -> None:
    page = open_page(scheme=scheme, width=width, java_script_enabled=scripts)
    name = f"asked-{scheme}"
    sign_up(page, site, name, "Ada")
    page.goto(f"{site.url}/plans/new/json/")
    steps = [{"key": "ask", "kind": "approval", "arguments": ASKED}]
    page.fill("[name=text]", json.dumps({"title": name, "steps": steps}))
    page.locator("main form button[type=submit]").last.click()
    page.locator("main a[href$='/start/'], main button", has_text="Start").first.click()
    page.wait_for_url("**/start/")
    page.locator("main form button[type=submit]").last.click()
    page.wait_for_url("**/executions/**")
    question = "select id from approval where user_id = (select id from user where username = ?)"
    for _try in range(60):
        if found := site.rows(question, name):
            break
        page.wait_for_timeout(500)
    page.goto(f"{site.url}/approvals/{found[0][0]}/")
    page.locator("summary", has_text="Edit arguments").click()
    form = page.locator(".approval-form:has([name=edited])")
    form.locator("[name$=-copies]").fill("3")
    form.locator("[name$=-urgent]").select_option("false")
    form.locator("[name$=-tags]").fill("one\ntwo")
    form.locator("[name$='-address.city']").fill("Busan")
    form.locator("[name$=-parts]").fill("[1,\n2")
    form.locator("button").click()
    page.get_by_text("look at line 2").wait_for()  # in sight, at its field
    if scripts:
        assert faults(page) == []
        assert overhang(page, width) <= 0
    form.locator("[name$=-parts]").fill("[2]")
    form.locator("button").click()
    if scripts:
        page.get_by_text("Approved with other arguments").wait_for()
    else:
        page.wait_for_url("**/approvals/")
    agreed = json.loads(site.rows("select edited_arguments from approval where id = ?", found[0][0])[0][0])
    changed = {"copies": 3, "urgent": False, "tags": ["one", "two"], "address": {"city": "Busan"}}
    assert agreed == ASKED | changed | {"parts": [2]}
