"""What file and web sources read: what imports of documents read, with the place of each passage."""

from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse

from knowledge.models import Knowledge
from system.models import TaskQueue
from tests.knowledge.made_files import docx_of, pdf_of
from transfer import services

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def source(operator: Any, folder: Path) -> Any:
    """All that lies in the folder."""
    return services.add_source(
        by=operator, name="all", domain="shop", kind="file", connection={"path": "/"}, read_every="asked"
    )


def read(source: Any, by: Any, run_tasks: Any) -> Any:
    services.sync_source(source=source, by=by)
    run_tasks()
    source.refresh_from_db()
    return source


def place_of(content: str) -> str:
    return str(Knowledge.objects.get(content__contains=content).place)


def reasons_of(source: Any) -> dict[str, str]:
    return dict(source.items.exclude(reason=None).values_list("external_id", "reason_code"))


def test_documents_of_a_folder_become_passages_that_cite_their_place(
    source: Any, operator: Any, folder: Path, run_tasks: Any
) -> None:
    pages = ["Twenty days of leave.", "Parking is free."]
    (folder / "guide.pdf").write_bytes(pdf_of(pages, title="Guide", bookmarks=[(2, "Parking")]))
    (folder / "rules.docx").write_bytes(docx_of([(1, "Rules"), (2, "Lunch"), (0, "Noon to one.")]))
    (folder / "notes.md").write_text("# Notes\n\n## Keys\n\nAsk at the desk.\n\n## Mail\n\nDaily at ten.\n")
    (folder / "tool.py").write_text("import os\n\n\ndef opening_hours():\n    return 9\n")
    (folder / "old.txt").write_bytes("오래된 안내문입니다.".encode("cp949"))
    (folder / "rows.csv").write_bytes("id,title,content\n1,영업,아홉 시부터\n2,주소,중앙로\n".encode("cp949"))
    read(source, operator, run_tasks)
    assert (source.counts["failed"], source.reason) == (0, None)
    assert place_of("Twenty days") == "p. 1"
    assert place_of("Parking is") == "p. 2 · Parking"
    assert place_of("Noon") == "Lunch"
    assert place_of("Ask at") == "Keys"
    assert place_of("opening_hours").startswith("lines 1–5")
    assert place_of("중앙로") == "row 3"
    assert Knowledge.objects.get(title="old").content == "오래된 안내문입니다."
    row = Knowledge.objects.get(content="Daily at ten.")
    assert (row.title, row.source, row.tag_names) == ("Notes · Mail", "notes.md", ["shop"])
    assert {"source_id", "external_id", "start", "end"} <= set(row.metadata)
    assert sorted(
        source.items.filter(external_id__startswith="notes").values_list("external_id", flat=True)
    ) == [
        "notes.md#1",
        "notes.md#2",
    ]


def test_what_cannot_be_read_of_a_folder_says_why_in_the_language_of_its_reader(
    source: Any, operator: Any, folder: Path, run_tasks: Any, client_of: Any, settings: Any
) -> None:
    (folder / "scan.pdf").write_bytes(pdf_of([""]))
    (folder / "old.doc").write_bytes(b"\xd0\xcf\x11\xe0" + b"\0" * 600)
    (folder / "plan.hwp").write_bytes(b"\xd0\xcf\x11\xe0" + b"\0" * 600)
    (folder / "empty.txt").write_bytes(b"")
    (folder / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0" * 50)
    read(source, operator, run_tasks)
    found = {"scan.pdf": "scanned", "old.doc": "old_office", "plan.hwp": "type", "empty.txt": "empty"}
    assert reasons_of(source) == found
    assert source.told_reason == "4 items could not be taken; the list below says why."
    client = client_of(operator)
    page = reverse("transfer:source", args=[source.pk])
    assert "Run text recognition (OCR)" in client.get(page).content.decode()
    korean = client.get(page, headers={"accept-language": "ko"}).content.decode()
    assert "(OCR)" in korean
    assert "Run text recognition" not in korean


def test_what_programs_keep_beside_documents_is_passed_over(
    source: Any, operator: Any, folder: Path, run_tasks: Any
) -> None:
    for name in ("notes.md", "~$notes.docx", "._notes.md", ".git/notes.md", "node_modules/notes.md"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(f"This is {name}.")
    read(source, operator, run_tasks)
    assert list(source.items.values_list("external_id", flat=True)) == ["notes.md"]


def test_a_file_that_is_too_large_is_told(
    source: Any, operator: Any, folder: Path, run_tasks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transfer.sources.files.file_bytes", lambda: 1_000_000)
    (folder / "large.txt").write_text("word " * 200_001)
    read(source, operator, run_tasks)
    assert reasons_of(source) == {"large.txt": "too_large"}
    assert "at most 1 MB" in source.items.get().told_reason


def test_a_document_that_cannot_be_read_for_once_keeps_its_passages(
    source: Any, operator: Any, folder: Path, run_tasks: Any
) -> None:
    (folder / "guide.pdf").write_bytes(pdf_of(["First page.", "Second page."]))
    read(source, operator, run_tasks)
    (folder / "guide.pdf").write_bytes(pdf_of(["", ""]))
    read(source, operator, run_tasks)
    assert (source.counts["failed"], source.counts["removed"], Knowledge.objects.count()) == (1, 0, 2)


def test_words_that_only_moved_keep_their_vector_and_get_their_new_place(
    source: Any, operator: Any, folder: Path, run_tasks: Any
) -> None:
    """Where a passage stands is no part of what makes it another one."""
    notes = folder / "notes.md"
    notes.write_text("# Notes\n\n## Keys\n\nAsk.\n\n## Mail\n\nDaily at ten.\n")
    read(source, operator, run_tasks)
    row = Knowledge.objects.get(content="Daily at ten.")
    Knowledge.objects.update(embedding=b"1234", embedding_model="fake", metadata=row.metadata | {"own": 1})
    TaskQueue.objects.all().delete()
    notes.write_text("# Notes\n\n## Keys\n\nAsk at the desk.\n\n## Mail\n\nDaily at ten.\n")
    services.read_source(
        source=source, by=operator, contents="passages", stop=lambda: None, told=lambda _done: None
    )
    source.refresh_from_db()
    assert (source.counts["changed"], source.counts["unchanged"]) == (1, 1)
    moved = Knowledge.objects.get(pk=row.pk)
    assert (moved.embedding_model, moved.updated_at) == ("fake", row.updated_at)
    assert moved.metadata == row.metadata | {"own": 1} | {
        name: row.metadata[name] + len(" at the desk") for name in ("start", "end")
    }
    assert [task.payload["ids"] for task in TaskQueue.objects.filter(task_type="knowledge.embed")] == [
        [Knowledge.objects.get(content="Ask at the desk.").pk]
    ]


def test_a_short_text_read_before_places_were_known_stays_the_passage_it_was(
    source: Any, operator: Any, folder: Path, run_tasks: Any
) -> None:
    (folder / "a.txt").write_text("Something to know.")
    read(source, operator, run_tasks)
    row = Knowledge.objects.get()
    before = {name: value for name, value in row.metadata.items() if name not in ("start", "end")}
    Knowledge.objects.update(metadata=before)  # as it was stored then
    read(source, operator, run_tasks)
    assert (source.counts["unchanged"], source.counts["changed"]) == (1, 0)
    assert Knowledge.objects.get().metadata == row.metadata


# --- Addresses ----------------------------------------------------------------------------------------------
def test_documents_at_addresses_are_read_by_what_they_are(operator: Any, web: Any, run_tasks: Any) -> None:
    pdf, word = pdf_of(["Twenty days of leave."]), docx_of([(1, "Rules"), (0, "Noon to one.")])
    page = "<!doctype html><title>Hilfe</title><p>Öffnet um neun.</p>".encode("latin-1")
    web.pages["/download"] = ("application/octet-stream", pdf)
    web.pages["/rules.docx"] = ("application/octet-stream", word)
    web.pages["/index.php"] = ("text/html; charset=iso-8859-1", page)
    web.pages["/README.md"] = ("text/html", b"<!DOCTYPE html><title>Read me</title><p>Hello.</p>")
    web.pages["/locked"] = ("application/pdf", pdf_of([""]))
    urls = [f"{web.url}/{name}" for name in ("download", "rules.docx", "index.php", "README.md", "locked")]
    source = services.add_source(by=operator, name="w", domain="d", kind="http", connection={"urls": urls})
    read(source, operator, run_tasks)
    assert place_of("Twenty days") == "p. 1"
    texts = dict(Knowledge.objects.values_list("title", "content"))
    assert texts["Rules"] == "Noon to one."
    assert texts["Hilfe"] == "Öffnet um neun."
    assert texts["Read me"] == "Hello."
    assert reasons_of(source) == {urls[-1]: "scanned"}


def test_an_address_that_is_not_asked_is_told_with_what_would_allow_it(
    operator: Any, run_tasks: Any, settings: Any
) -> None:
    settings.OUTBOUND_PRIVATE_HOSTS = []
    urls = ["http://127.0.0.1:1/a"]
    source = services.add_source(by=operator, name="w", domain="d", kind="http", connection={"urls": urls})
    read(source, operator, run_tasks)
    assert source.told_reason.startswith(f"{urls[0]}: The address is private or reserved.")
