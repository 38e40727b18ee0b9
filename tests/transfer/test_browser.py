"""The review by keyboard, and axe on each page of this app, in both appearances, on a phone and a desktop."""

import os
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from knowledge import services as knowledge
from transfer import services
from transfer.models import DomainOntology, KnowledgeMapping, KnowledgeSource, MappingStatus, TransferTask

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]
LOOKS = [("light", 1280, "en"), ("dark", 390, "ko")]


@pytest.fixture
def filled(shop: Any, clinic: Any, operator: Any, folder: Any, run_tasks: Any) -> None:
    """Rows on every page."""
    (folder / "handbook.md").write_text("# Cancelling\n\nA customer may cancel an order until noon.")
    (folder / "broken.txt").write_bytes(b"\xff\xfe broken")
    source = services.add_source(
        by=operator, name="Handbook", domain="shop", kind="file", connection={"path": "/"}
    )
    services.sync_source(source=source, by=operator)
    services.propose_mappings(by=operator, source_domain="shop", target_domain="clinic")
    run_tasks()
    knowledge.add_knowledge(author=operator, title="Parking", content="Behind the house.", tags=["clinic"])
    services.add_mapping(
        by=operator,
        source_domain="shop",
        source_concept="Order",
        target_domain="clinic",
        target_concept="Appointment",
    )
    given = {"questions": [{"question": "May an appointment be cancelled?", "expected": ["Cancelling"]}]}
    services.start_transfer(by=operator, task_type="answer", source=shop, target=clinic, parameters=given)
    run_tasks()


@pytest.mark.parametrize("width", [390, 1280])
def test_the_menu_of_a_source_opens_inside_of_the_page_and_switches_it_off(
    filled: None, operator: Any, open_page: Any, live_server: Any, width: int
) -> None:
    source = KnowledgeSource.objects.get()
    page = open_page(operator, width=width)
    page.goto(f"{live_server.url}/transfer/sources/{source.pk}/")
    page.locator(".page-head summary").click()
    box = page.locator(".page-head .menu-items").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    page.get_by_role("button", name="Switch off").click()
    page.get_by_text("switched off").wait_for()
    source.refresh_from_db()
    assert (source.is_active, source.next_read_at) == (False, None)


def test_proposals_are_decided_by_keys(filled: None, operator: Any, open_page: Any, live_server: Any) -> None:
    page = open_page(operator)
    page.goto(f"{live_server.url}/transfer/mappings/?from=shop&to=clinic")
    first = page.locator(".mapping").first
    name = first.locator(".mapping-end a").first.inner_text()
    page.keyboard.press("j")
    page.keyboard.press("w")
    assert first.locator(".why").get_attribute("open") is not None
    page.keyboard.press("a")
    page.locator(".mapping-accepted").first.wait_for()
    assert KnowledgeMapping.objects.get(source_concept=name).status == MappingStatus.ACCEPTED
    page.wait_for_function("document.activeElement.classList.contains('mapping')")
    page.keyboard.press("k")
    page.keyboard.press("u")
    page.locator(".mapping-accepted").first.wait_for(state="detached")
    assert KnowledgeMapping.objects.get(source_concept=name).status == MappingStatus.CANDIDATE


@pytest.mark.parametrize(("scheme", "width", "language"), LOOKS)
def test_every_page_can_be_used(
    filled: None, operator: Any, open_page: Any, live_server: Any, scheme: str, width: int, language: str
) -> None:
    page = open_page(operator, scheme=scheme, width=width, language=language)
    concept = DomainOntology.objects.get(concept="Customer").pk
    task, domain = TransferTask.objects.get(), services.concepts_of("shop")
    assert domain
    paths = ["", "sources/", "mappings/?status=all", "tasks/", f"concepts/{concept}/", f"tasks/{task.pk}/"]
    paths += [f"domains/{task.source_id}/", "sources/new/sql/", "tasks/new/label/", "domains/import/"]
    source = KnowledgeSource.objects.get().pk
    paths += [f"sources/{source}/", f"sources/{source}/edit/"]
    found = []
    for path in paths:
        page.goto(f"{live_server.url}/transfer/{path}")
        if path.startswith("mappings"):
            page.locator(".why summary").first.click()
        if shots := os.environ.get("TRANSFER_SHOTS"):
            name = path.split("?")[0].strip("/").split("/")[0] + ("-new" if "/new/" in path else "")
            page.screenshot(path=f"{shots}/{name or 'list'}-{scheme}-{language}.png", full_page=True)
        violations = Axe().run(page).response["violations"]
        found += [
            f"{path} {one['id']}: {one['help']} {[node['target'] for node in one['nodes']][:3]}"
            for one in violations
            if one["impact"] in {"serious", "critical"}
        ]
        wide = int(page.evaluate("document.documentElement.scrollWidth")) - width
        if wide > 0:
            found.append(f"{path} is {wide} pixels wider than the screen")
    assert found == []
