"""What becomes of files and addresses that are brought in: states, reasons, duplicates, changes, a kill."""

import os
import subprocess
import sys
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation

from agi_site.lib import engines
from agi_site.lib.engines.base import EngineError
from agi_site.lib.problems import Conflict, Forbidden, Invalid, TooLarge
from knowledge import services as knowledge
from knowledge.importing import storing, work
from knowledge.models import DOCUMENT_MOVES, DocumentStatus, Knowledge, KnowledgeDocument, KnowledgeTag
from knowledge.search import search_knowledge
from knowledge.services import documents, imports
from system import queue
from system.models import TaskQueue
from tests.infra.processes import ROOT
from tests.sandbox.fixtures_agent import database_url
from tests.transfer.conftest import Web

from .made_files import pdf_of

pytestmark = pytest.mark.django_db(transaction=True)

GUIDE = """# Guide

## Leave

Leave expires in March.

## Desk

Desks are on floor two.

## Tea

Tea is free.
"""


def bring(by: Any, data: str | bytes, name: str = "guide.md", **more: Any) -> KnowledgeDocument:
    data = data.encode() if isinstance(data, str) else data
    return documents.add_file(by=by, name=name, file=ContentFile(data, name), **more)


def passages(document: KnowledgeDocument) -> list[Knowledge]:
    return list(Knowledge.objects.filter(document=document).order_by("position"))


def contents(document: KnowledgeDocument) -> list[str]:
    return [row.content for row in passages(document)]


@pytest.fixture
def embedded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every text that the engine is given to embed."""
    texts: list[str] = []
    real = engines.embedding().embed_documents
    monkeypatch.setattr(
        type(engines.embedding()),
        "embed_documents",
        lambda self, given: (texts.extend(given), real(given))[1],
    )
    return texts


def test_a_file_becomes_passages_that_are_found_and_cite_their_place(alice: Any, run_tasks: Any) -> None:
    document = bring(
        alice, pdf_of(["One.", "Leave expires in March."], bookmarks=[(2, "Leave")]), "h.pdf", tags=["HR"]
    )
    assert (document.status, document.stored != "") == ("waiting", True)
    stored = document.stored
    run_tasks()
    document.refresh_from_db()
    assert (document.status, document.reason, document.passage_count, document.done_count) == (
        "ready",
        "",
        2,
        2,
    )
    assert (document.stored, default_storage.exists(stored)) == ("", False)
    hit = search_knowledge(user=alice, query="when does leave expire", tags=["hr"])[0]
    assert (hit.source, hit.row.place, hit.row.metadata["page"]) == ("h.pdf", "p. 2 · Leave", 2)
    assert all(row.embedding_model and row.created_by == alice for row in passages(document))


def test_a_changed_file_changes_only_the_passages_that_changed(
    alice: Any, run_tasks: Any, embedded: list[str]
) -> None:
    document = bring(alice, GUIDE, tags=["a"])
    run_tasks()
    before = {row.content: row for row in passages(document)}
    knowledge.set_tags(knowledge=before["Tea is free."], by=alice, tags=["drinks"])
    embedded.clear()
    text = GUIDE.replace("floor two", "floor nine").replace("# Guide\n\n", "# Guide\n\nNew at the top.\n\n")
    again = bring(alice, text)
    assert again.pk == document.pk
    run_tasks()
    after = {row.content: row for row in passages(document)}
    assert contents(document) == [
        "New at the top.",
        "Leave expires in March.",
        "Desks are on floor nine.",
        "Tea is free.",
    ]
    for kept in ("Leave expires in March.", "Tea is free."):
        assert (after[kept].pk, after[kept].embedding) == (before[kept].pk, before[kept].embedding)
        assert text[after[kept].metadata["start"] :].startswith(kept)
    assert after["Tea is free."].tag_names == ["drinks"]
    assert sorted(text.partition("\n")[2] for text in embedded) == [
        "Desks are on floor nine.",
        "New at the top.",
    ]
    again.refresh_from_db()
    assert again.counts == {"added": 2, "kept": 2, "removed": 1, "shared": 0}
    assert not search_knowledge(user=alice, query="floor two")[0].content.endswith("two.")


def test_the_same_bytes_are_taken_once(alice: Any, bob: Any, run_tasks: Any, embedded: list[str]) -> None:
    document = bring(alice, GUIDE)
    run_tasks()
    embedded.clear()
    kept = default_storage.listdir("knowledge")[1]  # files of other tests
    same, elsewhere, bobs = bring(alice, GUIDE), bring(alice, GUIDE, "copy.md"), bring(bob, GUIDE)
    run_tasks()
    assert (same.pk, same.status, same.reason_code) == (document.pk, "ready", "unchanged")
    for copy in (elsewhere, bobs):
        assert (copy.status, copy.reason) == ("skipped", "The same file is known already: “Guide”.")
        with translation.override("ko"):
            assert "Guide" in copy.reason
    assert (Knowledge.objects.count(), embedded) == (3, [])
    assert default_storage.listdir("knowledge")[1] == kept


def test_a_passage_of_two_documents_is_stored_once_and_moves_when_its_document_goes(
    alice: Any, run_tasks: Any
) -> None:
    one = bring(alice, GUIDE)
    run_tasks()
    two = bring(
        alice,
        "# Other\n\n## Break\n\nTea is free.\n\nCoffee is not.\n\n## Tea\n\nTea  is free.\n",
        "o.md",
        tags=["o"],
    )
    three = bring(alice, "# Third\n\nTea is free.\n", "t.md")
    run_tasks()
    two.refresh_from_db()
    three.refresh_from_db()
    assert contents(two) == ["Tea is free.\n\nCoffee is not."]
    assert (two.counts["shared"], three.counts["shared"], three.passage_count, three.status) == (
        1,
        1,
        0,
        "ready",
    )
    documents.delete_document(document=one, by=alice)
    run_tasks()
    assert (
        contents(two) == ["Tea is free.\n\nCoffee is not.", "Tea  is free."]
        or contents(two)[1] == "Tea is free."
    )
    moved = passages(two)[1]
    assert (moved.source, moved.place, moved.tag_names) == ("o.md", "Tea", ["o"])
    documents.delete_document(document=two, by=alice)
    assert contents(three) == ["Tea is free."]
    documents.delete_document(document=three, by=alice)
    assert not Knowledge.objects.exists()
    assert not KnowledgeTag.objects.exists()


@pytest.mark.parametrize("how", ["deleted", "deleted with others", "edited", "renewed"])
def test_a_passage_that_goes_or_changes_leaves_its_text_to_the_document_that_shares_it(
    alice: Any, bob: Any, run_tasks: Any, how: str
) -> None:
    row = knowledge.add_knowledge(author=alice, title="Tea", content="Tea is free.")
    document = bring(bob, "# Drinks\n\n## Tea\n\nTea is free.\n\n## Milk\n\nMilk is not.\n", tags=["b"])
    run_tasks()
    assert contents(document) == ["Milk is not."]
    knowledge.change_knowledge(knowledge=row, by=alice, title="Free tea", content="Tea  is free.")
    assert contents(document) == ["Milk is not."]
    match how:
        case "deleted":
            knowledge.delete_knowledge(knowledge=row, by=alice)
        case "deleted with others":
            assert knowledge.delete_many(keys=[row.pk], by=alice) == 1
        case "edited":
            knowledge.change_knowledge(knowledge=row, by=alice, content="Tea costs money.")
        case "renewed":
            knowledge.renew_knowledge(knowledge=row, title="Tea", content="Tea costs money.", metadata={})
    assert [" ".join(text.split()) for text in contents(document)] == ["Milk is not.", "Tea is free."]
    given = passages(document)[1]
    assert (given.created_by, given.source, given.place) == (bob, "guide.md", "Tea")
    assert (given.tag_names, given.pk == row.pk) == (["b"], False)
    document.refresh_from_db()
    assert (document.shared_passages, document.passage_count) == (None, 2)
    assert Knowledge.objects.filter(pk=row.pk).exists() == (how in ("edited", "renewed"))


def test_documents_that_are_deleted_at_once_are_held_in_one_order(alice: Any, run_tasks: Any) -> None:
    one = bring(alice, "# One\n\n## Tea\n\nTea is free.\n\n## Milk\n\nMilk is not.\n")
    run_tasks()
    two = bring(alice, "# Two\n\nTea is free.\n", "two.md")
    other = bring(alice, "# Three\n\nWater is wet.\n", "three.md")
    run_tasks()
    with CaptureQueriesContext(connection) as asked:
        documents.delete_document(document=one, by=alice)
    named = [query["sql"] for query in asked if "knowledge_document" in query["sql"].lower()]
    held = [sql for sql in named if " IN (" in sql and one.pk in sql and two.pk in sql]
    assert len(held) == 1
    assert "ORDER BY" in held[0]
    assert not any(other.pk in sql for sql in named)
    assert contents(two) == ["Tea is free."]


def test_what_is_handed_to_a_document_that_is_being_deleted_goes_on_to_the_next(
    alice: Any, run_tasks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["one.md", "two.md", "three.md"]
    one, two, three = (bring(alice, f"# {name}\n\nTea is free.\n", name) for name in names)
    run_tasks()
    assert [contents(document) for document in (one, two, three)] == [["Tea is free."], [], []]
    real = storing._lock

    def lock(document_ids: Any) -> list[str]:
        monkeypatch.setattr(storing, "_lock", real)
        documents.delete_document(document=one, by=alice)  # by somebody else, while this one waits
        return real(document_ids)

    monkeypatch.setattr(storing, "_lock", lock)
    documents.delete_document(document=two, by=alice)
    assert contents(three) == ["Tea is free."]


@pytest.mark.parametrize("text", [GUIDE, f"{GUIDE}\n## Juice\n\nJuice is new.\n"])
def test_tags_of_a_second_import_come_to_its_passages(alice: Any, run_tasks: Any, text: str) -> None:
    bring(alice, GUIDE, tags=["a"])
    run_tasks()
    document = bring(alice, text, tags=["b"])
    run_tasks()
    assert document.tags == ["a", "b"]
    assert {tuple(row.tag_names) for row in passages(document)} == {("a", "b")}


def test_tags_that_the_database_holds_for_equal_stop_no_import(alice: Any, run_tasks: Any) -> None:
    one = bring(alice, GUIDE, tags=["cafe", "café", "ss", "ß"])
    run_tasks()
    two = bring(alice, "# Other\n\nTea is free.\n", "o.md", tags=["cafe", "café"])
    run_tasks()
    for document in (one, two):
        document.refresh_from_db()
        assert document.status == "ready"
    documents.delete_document(document=one, by=alice)
    assert contents(two) == ["Tea is free."]
    assert "cafe" in " ".join(passages(two)[0].tag_names).replace("é", "e")


def test_an_address_is_read_and_looked_at_for_changes(
    alice: Any,
    web: Web,
    run_tasks: Any,
    embedded: list[str],
) -> None:
    web.pages["/page"] = (
        "text/html; charset=euc-kr",
        "<title>규칙</title><p>연차는 3월까지".encode("euc-kr"),
    )
    document = documents.add_url(by=alice, url=f"{web.url}/page")
    run_tasks()
    document.refresh_from_db()
    assert (document.status, document.title, contents(document)) == ("ready", "규칙", ["연차는 3월까지"])
    assert passages(document)[0].source == f"{web.url}/page"
    embedded.clear()
    documents.retry_document(document=document, by=alice)
    run_tasks()
    document.refresh_from_db()
    assert (document.status, document.reason_code, document.done_count) == ("ready", "unchanged", 1)
    web.pages["/page"] = (
        "text/html; charset=utf-8",
        "<title>규칙</title><p>연차는 3월까지<h2>새</h2>이월".encode(),
    )
    assert documents.add_url(by=alice, url=f"{web.url}/page").pk == document.pk
    run_tasks()
    document.refresh_from_db()
    assert contents(document) == ["연차는 3월까지", "이월"]
    assert embedded == ["규칙 · 새\n이월"]


def test_the_same_bytes_as_those_of_a_file_that_fails_are_not_said_to_be_known(
    alice: Any, run_tasks: Any
) -> None:
    one = bring(alice, "plain words", "old.doc")
    two = bring(alice, "plain words", "notes.txt")
    assert two.reason_code == "duplicate"
    run_tasks()
    for row in (one, two):
        row.refresh_from_db()
    assert one.status == two.status == "failed"
    assert two.reason == "It is the same file as “old”, which could not be read."
    bring(alice, "plain words", "notes.txt")
    run_tasks()
    assert [row.content for row in Knowledge.objects.all()] == ["plain words"]


def test_an_address_that_cannot_be_read_says_why(
    alice: Any,
    web: Web,
    run_tasks: Any,
    settings: Any,
) -> None:
    settings.TASK_RETRY_SECONDS = 0
    missing = documents.add_url(by=alice, url=f"{web.url}/missing")
    web.pages["/image"] = ("image/png", b"\x89PNG\r\n\x1a\n\0\0")
    image = documents.add_url(by=alice, url=f"{web.url}/image")
    settings.OUTBOUND_PRIVATE_HOSTS = []
    private = documents.add_url(by=alice, url="http://127.0.0.1:1/x")
    settings.OUTBOUND_PRIVATE_HOSTS = ["127.0.0.1"]
    run_tasks()
    for document, code in ((missing, "http_status"), (image, "binary"), (private, "url_unreachable")):
        document.refresh_from_db()
        assert (document.status, document.reason_code) == ("failed", code)
    settings.OUTBOUND_PRIVATE_HOSTS = []
    documents.retry_document(document=private, by=alice)
    run_tasks()
    private.refresh_from_db()
    assert private.reason == "This address is in a private network, which is not read."
    with translation.override("ko"):  # the row holds codes: whoever reads it is told in their language
        assert private.reason == "사설 네트워크의 주소는 읽지 않습니다."
    assert private.reason_values == {"fault": "private_address"}
    for bad in ("ftp://x/y", "http://", "nonsense", "http://user:pw@example.com/"):
        with pytest.raises(Exception, match=r"."):
            documents.add_url(by=alice, url=bad)


def test_an_import_of_many_takes_what_it_can_and_names_the_rest(
    alice: Any, run_tasks: Any, settings: Any
) -> None:
    files = [("a.md", "# A\n\none"), ("b.txt", ""), ("c.png", "\x89PNG"), ("d.csv", "q,a\n1,2\n3,4\n")]
    batch = imports.add_all(
        by=alice,
        files=[(name, ContentFile(text.encode(), name)) for name, text in files],
        urls=["nonsense", "nonsense", " "],
        tags=["bulk"],
    )
    assert imports.progress_of([batch])[batch.pk].is_busy
    run_tasks()
    states = {row.source: (row.status, row.reason_code) for row in batch.documents.all()}
    assert states == {
        "a.md": ("ready", ""),
        "b.txt": ("failed", "empty"),
        "c.png": ("failed", "type"),
        "d.csv": ("ready", ""),
        "nonsense": ("failed", "bad_scheme"),
    }
    progress = imports.progress_of([batch])[batch.pk]
    assert (progress.total, progress.ended, progress.failed, progress.percent, progress.passages) == (
        5,
        5,
        3,
        100,
        3,
    )
    assert imports.retry_import(batch=batch, by=alice) == 2  # c.png is kept, an address can be asked again
    with pytest.raises(Invalid):
        imports.add_all(by=alice, files=[], urls=[])


def test_who_may_what(alice: Any, bob: Any, auditor: Any, operator: Any, run_tasks: Any) -> None:
    document = bring(alice, GUIDE)
    with pytest.raises(Conflict):
        bring(alice, GUIDE + "more")  # it is being read
    run_tasks()
    for act in (documents.retry_document, documents.delete_document):
        with pytest.raises(Forbidden):
            act(document=document, by=bob)
    with pytest.raises(Forbidden):
        bring(auditor, "x")
    with pytest.raises(Forbidden):
        documents.add_url(by=auditor, url="https://example.com/")
    with pytest.raises(Conflict, match="not kept"):
        documents.retry_document(document=document, by=alice)
    documents.delete_document(document=document, by=operator)
    assert not KnowledgeDocument.objects.exists()


def test_a_file_that_is_too_large_is_not_stored(alice: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("knowledge.options.file_bytes", lambda: 1_000_000)
    with pytest.raises(TooLarge, match="1 MB"):
        bring(alice, "x" * 1_000_001)
    assert not KnowledgeDocument.objects.exists()


def test_without_an_engine_a_document_is_found_by_its_words(
    alice: Any, run_tasks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_args: Any, **_kwargs: Any) -> int:
        raise EngineError("unreachable", "down")

    monkeypatch.setattr(work.indexing, "embed", down)
    document = bring(alice, GUIDE)
    run_tasks()
    document.refresh_from_db()
    assert (document.status, document.reason_code) == ("ready", "no_meaning")
    assert search_knowledge(user=alice, query="desks")[0].content == "Desks are on floor two."


def test_an_error_ends_as_failed_with_a_reason_and_can_be_tried_again(
    alice: Any, run_tasks: Any, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.TASK_RETRY_SECONDS = 0
    document = bring(alice, GUIDE)
    with monkeypatch.context() as broken:
        broken.setattr(work, "drafts_of", lambda found: 1 / 0)
        run_tasks()
    document.refresh_from_db()
    assert (document.status, document.reason_code) == ("failed", "broken")
    assert "ZeroDivisionError" in document.reason
    documents.retry_document(document=document, by=alice)
    run_tasks()
    document.refresh_from_db()
    assert (document.status, len(passages(document))) == ("ready", 3)


def test_a_lost_document_goes_on_and_in_the_end_fails(alice: Any, run_tasks: Any) -> None:
    document = bring(alice, GUIDE)
    for attempt in range(documents.MOST_RESCUES + 1):
        TaskQueue.objects.all().delete()
        KnowledgeDocument.objects.update(updated_at=timezone.now() - timedelta(hours=1))
        assert documents.rescue_documents() == (1 if attempt < documents.MOST_RESCUES else 0)
        assert documents.rescue_documents() == 0  # it waits in the queue by now
    document.refresh_from_db()
    assert (document.status, document.reason_code) == ("failed", "lost")
    documents.retry_document(document=document, by=alice)
    run_tasks()
    document.refresh_from_db()
    assert document.status == "ready"


def test_a_deleted_document_stays_deleted(alice: Any, run_tasks: Any) -> None:
    document = bring(alice, GUIDE)
    documents.delete_document(document=document, by=alice)
    run_tasks()
    assert not Knowledge.objects.exists()
    assert not KnowledgeDocument.objects.exists()


def test_every_state_has_its_moves() -> None:
    assert set(DOCUMENT_MOVES) == set(DocumentStatus.values)
    assert all(DocumentStatus.WAITING in moves for moves in DOCUMENT_MOVES.values())


@pytest.mark.slow
def test_a_killed_import_goes_on_without_doing_a_passage_again(
    alice: Any, run_tasks: Any, embedded: list[str], settings: Any
) -> None:
    rows = "\n".join(f"item {number},text of number {number}" for number in range(300))
    document = bring(alice, f"title,content\n{rows}\n", "items.csv")
    connection.close()
    killed = subprocess.run(
        [sys.executable, "-m", "tests.knowledge.dying_import", "3"],
        cwd=ROOT,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "agi_site.settings",
            "DATABASE_URL": database_url(),
            "ENCRYPTION_KEYS": ",".join(settings.ENCRYPTION_KEYS),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert killed.returncode == -9, killed.stderr
    document.refresh_from_db()
    done = 2 * work.EMBEDDED
    assert (document.status, document.done_count, document.passage_count) == ("indexing", done, 300)
    finished = {row.pk: row.updated_at for row in passages(document) if row.embedding_model}
    assert len(finished) == done

    TaskQueue.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    queue.reopen_dead()
    run_tasks()
    document.refresh_from_db()
    assert (document.status, document.done_count) == ("ready", 300)
    assert document.counts == {"added": 300, "kept": 0, "removed": 0, "shared": 0}
    assert len(embedded) == 300 - done
    now = passages(document)
    assert [row.position for row in now] == list(range(300))
    assert {row.pk: row.updated_at for row in now if row.pk in finished} == finished
    assert all(row.embedding_model for row in now)
