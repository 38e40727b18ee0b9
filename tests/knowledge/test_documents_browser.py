"""Bringing files in by browser; axe on each page of documents, in both appearances, on phone and desktop."""

import os
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.core.files.base import ContentFile

from knowledge.models import Knowledge, KnowledgeDocument
from knowledge.services import imports

from .made_files import docx_of, pdf_of

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]
LOOKS = [("light", 390, "ko"), ("dark", 1280, "en"), ("light", 1280, "ko"), ("dark", 390, "en")]
SHOTS = os.environ.get("SHOTS_OF_DOCUMENTS", "")  # a folder, for whoever wants to look


def shot(page: Any, name: str) -> None:
    if SHOTS:
        page.screenshot(path=Path(SHOTS) / f"{name}.png", full_page=True)


def addresses(alice: Any, run_tasks: Any) -> dict[str, str]:
    """Every page, with something of each state on it."""
    text = "제{0}조 휴가와 근무에 관한 규정. Rule {0}: leave is taken in days.\n연차는 3월에 소멸됩니다."
    book = pdf_of(
        [text.format(n) for n in range(1, 41)],
        title="사내 규정 Handbook",
        bookmarks=[(1, "근무"), (3, "휴가")],
    )
    guide = docx_of([(1, "Guide"), (2, "Setup"), (0, "Install it and run it."), (2, "Use"), (0, "Press it.")])
    files = [("handbook.pdf", book), ("guide.docx", guide), ("image.png", b"\x89PNG"), ("empty.txt", b"")]
    batch = imports.add_all(
        by=alice,
        files=[(name, ContentFile(data, name)) for name, data in files],
        urls=["http://127.0.0.1/x", "nonsense"],
        tags=["hr", "규정"],
    )
    run_tasks()
    busy = imports.add_all(by=alice, files=[("busy.csv", ContentFile(b"a,b\n1,2"))], urls=[])
    KnowledgeDocument.objects.filter(source="busy.csv").update(
        status="indexing", passage_count=1_000, done_count=420
    )
    document = KnowledgeDocument.objects.get(source="handbook.pdf")
    failed = KnowledgeDocument.objects.get(source="image.png")
    passage = Knowledge.objects.get(document=document, position=3)
    return {
        "form": "/knowledge/import/",
        "import": f"/knowledge/imports/{batch.pk}/",
        "busy": f"/knowledge/imports/{busy.pk}/",
        "documents": "/knowledge/documents/",
        "document": f"/knowledge/documents/{document.pk}/",
        "failed": f"/knowledge/documents/{failed.pk}/",
        "delete": f"/knowledge/documents/{document.pk}/delete/",
        "list": "/knowledge/",
        "found": "/knowledge/?q=Rule+17",
        "passage": f"/knowledge/{passage.pk}/",
    }


def test_the_pages_are_accessible_and_fit(
    alice: Any, run_tasks: Any, live_server: Any, open_page: Any
) -> None:
    axe, faults = Axe(), []
    pages = addresses(alice, run_tasks)
    for scheme, width, language in LOOKS:
        page = open_page(alice, scheme=scheme, width=width, language=language)
        for name, address in pages.items():
            page.goto(f"{live_server.url}{address}")
            shot(page, f"{name}-{language}-{width}-{scheme}")
            wide = page.evaluate(
                "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            )
            found = axe.run(page).response["violations"]
            grave = [one for one in found if one["impact"] in {"serious", "critical"}]
            faults += [(name, scheme, width, one["id"], one["nodes"][0]["target"]) for one in grave]
            faults += [(name, scheme, width, "too wide")] if wide > 0 else []
    assert faults == []


def test_files_are_chosen_sent_and_followed_to_the_end(
    alice: Any, run_tasks: Any, live_server: Any, open_page: Any
) -> None:
    page = open_page(alice)
    page.goto(f"{live_server.url}/knowledge/import/")
    files = [("up.md", b"# Up\n\nloaded"), ("two.txt", b"second text"), ("bad.png", b"\x89PNG")]
    page.set_input_files(
        "input[type=file]", [{"name": name, "mimeType": "x/y", "buffer": data} for name, data in files]
    )
    assert page.locator("[data-chosen] li").all_inner_texts() == ["up.md", "two.txt", "bad.png"]
    shot(page, "chosen")
    page.get_by_role("button", name="Import", exact=True).click()
    page.wait_for_url("**/knowledge/imports/**")
    page.get_by_text("0 of 3 documents are done.").wait_for()
    run_tasks()
    page.get_by_text("1 of 3 documents could not be taken").wait_for()  # without anybody reloading it
    assert page.locator("[hx-trigger='every 1s']").count() == 0
    page.get_by_role("link", name="Up").click()
    page.get_by_text("loaded").wait_for()


def test_a_refused_upload_says_why_and_stays(alice: Any, live_server: Any, open_page: Any) -> None:
    page = open_page(alice)
    page.goto(f"{live_server.url}/knowledge/import/")
    page.set_input_files("input[type=file]", [{"name": "a.txt", "mimeType": "x/y", "buffer": b"text"}])
    page.get_by_label("Tags").fill("x" * 60)
    page.get_by_role("button", name="Import", exact=True).click()
    page.get_by_text("A tag has at most 50 characters.").wait_for()
    assert page.get_by_label("Tags").input_value() == "x" * 60
    assert not KnowledgeDocument.objects.exists()
