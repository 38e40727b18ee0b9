"""Texts that are brought in at the very same moment, by imports or by hand, are stored once."""

import threading
import time
from typing import Any

import pytest
from django.db import transaction

from agi_site.lib.problems import Invalid
from knowledge import services as knowledge
from knowledge.importing import storing, work
from knowledge.models import Knowledge, KnowledgeDocument
from knowledge.services import documents
from system.models import TaskQueue

from .test_import_work import bring, contents, passages
from .test_memory_races import REACHED, at_once

pytestmark = pytest.mark.django_db(transaction=True)

ATTEMPT = work.Attempt(check=lambda: None, stopped=lambda: False, told=lambda _told: None)


def read_at_once(monkeypatch: pytest.MonkeyPatch, *rows: KnowledgeDocument) -> list[Exception]:
    """Read the documents in threads: all are planned before one is stored, and storing takes its time."""
    planned, insert = work._planned, storing.insert
    together = threading.Barrier(len(rows))

    def plan(*given: Any) -> storing.Plan:
        found = planned(*given)
        together.wait(20)
        return found

    def slowly(*given: Any) -> None:
        insert(*given)
        time.sleep(0.4)

    monkeypatch.setattr(work, "_planned", plan)
    monkeypatch.setattr(storing, "insert", slowly)
    return at_once(*(lambda row=row: work.read_document(row, ATTEMPT) for row in rows))


def test_two_imports_at_one_moment_store_what_they_share_once(
    alice: Any, bob: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [
        bring(by, f"# Guide\n\n## Tea\n\nTea is free.\n\n## Own\n\nThis is {name}.\n", f"{name}.md")
        for by, name in ((alice, "one"), (bob, "two"), (alice, "three"))
    ]
    TaskQueue.objects.all().delete()
    assert read_at_once(monkeypatch, *rows) == []
    for row in rows:
        row.refresh_from_db()
    assert {row.status for row in rows} == {"ready"}
    assert Knowledge.objects.filter(content="Tea is free.").count() == 1
    assert Knowledge.objects.count() == 4
    [holder] = [row for row in rows if "Tea is free." in contents(row)]
    others = [row for row in rows if row != holder]
    for row in others:
        assert [title for _hash, title, _place in row.shared_passages or []] == ["Guide · Tea"]
        assert row.counts == {"added": 1, "kept": 0, "removed": 0, "shared": 1}
        assert (row.passage_count, row.done_count) == (1, 1)
        assert [passage.position for passage in passages(row)] == [0]  # it stands for its document in lists
    documents.delete_document(document=holder, by=holder.created_by)
    assert Knowledge.objects.filter(content="Tea is free.").count() == 1
    assert sum("Tea is free." in contents(row) for row in others) == 1


def test_what_a_person_adds_while_an_import_stores_it_is_known_already(
    alice: Any, bob: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = bring(alice, "# Guide\n\n## Tea\n\nTea is free.\n", "one.md")
    TaskQueue.objects.all().delete()
    stored, insert = threading.Event(), storing.insert

    def slowly(*given: Any) -> None:
        insert(*given)
        stored.set()
        time.sleep(REACHED)

    monkeypatch.setattr(storing, "insert", slowly)

    def add() -> None:
        assert stored.wait(20)
        knowledge.add_knowledge(author=bob, title="Tea", content="Tea is free.")

    [refusal] = at_once(lambda: work.read_document(row, ATTEMPT), add)
    assert isinstance(refusal, Invalid)
    assert refusal.code == "duplicate"
    assert [one.document for one in Knowledge.objects.all()] == [row]


def test_an_import_shares_what_a_person_adds_at_the_same_moment(
    alice: Any, bob: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = bring(alice, "# Guide\n\n## Tea\n\nTea is free.\n", "one.md")
    TaskQueue.objects.all().delete()
    planned, real = threading.Event(), work._planned
    added = threading.Event()

    def plan(*given: Any) -> storing.Plan:
        found = real(*given)
        planned.set()
        assert added.wait(20)
        return found

    monkeypatch.setattr(work, "_planned", plan)

    def add() -> None:
        assert planned.wait(20)
        with transaction.atomic():
            knowledge.add_knowledge(author=bob, title="Tea", content="Tea is free.")
            added.set()
            time.sleep(REACHED)

    assert at_once(lambda: work.read_document(row, ATTEMPT), add) == []
    row.refresh_from_db()
    assert [one.created_by for one in Knowledge.objects.all()] == [bob]
    assert (row.status, row.counts) == ("ready", {"added": 0, "kept": 0, "removed": 0, "shared": 1})


def test_two_people_who_add_one_text_at_one_moment_add_it_once(alice: Any, bob: Any) -> None:
    together = threading.Barrier(2)

    def add(by: Any) -> None:
        together.wait(20)
        with transaction.atomic():
            knowledge.add_knowledge(author=by, title="Tea", content="Tea is free.")
            time.sleep(REACHED)

    [refusal] = at_once(lambda: add(alice), lambda: add(bob))
    assert isinstance(refusal, Invalid)
    assert refusal.code == "duplicate"
    assert Knowledge.objects.count() == 1
