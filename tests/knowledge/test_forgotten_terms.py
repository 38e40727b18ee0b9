"""The words of deleted texts leave the full-text index itself, which keeps them past the deletion."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.db import OperationalError, connection, connections, transaction
from django.utils import timezone

from accounts.services import delete_user
from agi_site.lib import fulltext
from agi_site.lib.fulltext import table
from conversations.models import Message, MessageSearch
from conversations.services import delete_conversation, start_conversation
from conversations.turn.aftermath import index_messages
from knowledge.models import KnowledgeSearch, MemorySearch
from knowledge.services import (
    add_file,
    add_knowledge,
    change_memory,
    delete_document,
    delete_knowledge,
    delete_many,
    forget_memory,
    remember,
)
from system import queue
from system.models import TaskQueue

from .test_memory_races import at_once

pytestmark = pytest.mark.django_db(transaction=True)

ODD = "zebrawood"
INNODB = "what InnoDB keeps is looked at where there is InnoDB"


@pytest.fixture
def innodb(db: None) -> None:
    if connection.vendor != "mysql":
        pytest.skip(INNODB)


def indexed(model: type[fulltext.SearchRow] = MemorySearch) -> bool:
    """Whether the index itself holds the odd word, in a row or past it."""
    name = model._meta.db_table
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(f"SELECT block FROM {name}_fts_data")
            return any(ODD.encode() in block for (block,) in cursor.fetchall())
        cursor.execute("SELECT DATABASE()")
        cursor.execute("SET GLOBAL innodb_ft_aux_table = %s", [f"{cursor.fetchone()[0]}/{name}"])
        cursor.execute(
            "SELECT word FROM information_schema.INNODB_FT_INDEX_TABLE WHERE word LIKE %s UNION "
            "SELECT word FROM information_schema.INNODB_FT_INDEX_CACHE WHERE word LIKE %s",
            [f"{ODD}%"] * 2,
        )
        found = cursor.fetchall()
        cursor.execute("SET GLOBAL innodb_ft_aux_table = DEFAULT")
        return bool(found)


def forgotten(owner: Any, text: str = f"The shelf is made of {ODD}") -> None:
    forget_memory(memory=remember(owner=owner, type="semantic", content=text), by=owner)


def an_hour_goes_by() -> None:
    queue.run_pending()
    TaskQueue.objects.filter(status="pending").update(available_at=timezone.now())
    queue.run_pending()


def test_the_words_of_a_forgotten_memory_leave_the_index(alice: Any) -> None:
    kept = remember(owner=alice, type="semantic", content="The table is made of oak")
    memory = remember(owner=alice, type="semantic", content=f"The shelf is made of {ODD}")
    assert indexed()
    forget_memory(memory=memory, by=alice)
    if connection.vendor == "mysql":  # SQLite may merge its index in this very moment
        assert indexed()  # the row is gone, and its words are not
    an_hour_goes_by()
    assert not indexed()
    found = fulltext.match(MemorySearch.objects.all(), "oak", key="memory_id", limit=3)
    assert [one.key for one in found] == [kept.pk]


def test_the_words_of_a_corrected_memory_leave_the_index(alice: Any) -> None:
    memory = remember(owner=alice, type="semantic", content=f"The shelf is made of {ODD}")
    change_memory(memory=memory, by=alice, content="The shelf is made of oak")
    an_hour_goes_by()
    assert not indexed()


def _delete_one(row: Any, author: Any) -> None:
    delete_knowledge(knowledge=row, by=author)


def _delete_many(row: Any, author: Any) -> None:
    delete_many(keys=[row.pk], by=author)


@pytest.mark.parametrize("delete", [_delete_one, _delete_many])
def test_the_words_of_a_deleted_passage_leave_the_index(alice: Any, delete: Any) -> None:
    add_knowledge(author=alice, title="Table", content="The table is made of oak")
    row = add_knowledge(author=alice, title="Shelf", content=f"The shelf is made of {ODD}")
    assert indexed(KnowledgeSearch)
    delete(row, alice)
    if connection.vendor == "mysql":  # SQLite may merge its index in this very moment
        assert indexed(KnowledgeSearch)
    an_hour_goes_by()
    assert not indexed(KnowledgeSearch)
    assert fulltext.match(KnowledgeSearch.objects.all(), "oak", key="pk", limit=3)


def test_the_words_of_a_deleted_document_leave_the_index(alice: Any) -> None:
    text = ContentFile(f"The shelf is made of {ODD}.".encode())
    document = add_file(by=alice, name="shelf.txt", file=text)
    queue.run_pending()
    assert indexed(KnowledgeSearch)
    delete_document(document=document, by=alice)
    an_hour_goes_by()
    assert not indexed(KnowledgeSearch)


def test_the_words_of_a_deleted_conversation_leave_the_index(alice: Any) -> None:
    conversation = start_conversation(owner=alice)
    message = Message.objects.create(conversation=conversation, role="user", content=f"I like {ODD}")
    index_messages([message])
    assert indexed(MessageSearch)
    delete_conversation(conversation=conversation, by=alice)
    an_hour_goes_by()
    assert not Message.objects.exists()
    assert not indexed(MessageSearch)


def test_the_words_of_a_person_who_leaves_leave_the_index(alice: Any, admin_user: Any) -> None:
    remember(owner=alice, type="semantic", content=f"The shelf is made of {ODD}")
    message = Message.objects.create(
        conversation=start_conversation(owner=alice), role="user", content=f"I like {ODD}"
    )
    index_messages([message])
    delete_user(user=alice, by=admin_user)
    an_hour_goes_by()
    an_hour_goes_by()
    assert not indexed(MemorySearch)
    assert not indexed(MessageSearch)


def test_they_leave_it_once_an_hour_however_much_is_forgotten(alice: Any, innodb: None) -> None:
    for number in range(3):
        forgotten(alice, f"The shelf number {number} is made of wood")
    queue.run_pending()
    [task] = TaskQueue.objects.filter(task_type="system.drop_terms")
    assert timezone.now() < task.available_at <= timezone.now() + timedelta(hours=1)


def test_they_leave_it_on_a_server_that_goes_through_indexes_alone(alice: Any, innodb: None) -> None:
    forgotten(alice)
    with connection.cursor() as cursor:
        cursor.execute("SET GLOBAL innodb_optimize_fulltext_only = ON")
        try:
            assert fulltext.drop_deleted_terms(MemorySearch) is True
        finally:
            cursor.execute("SET GLOBAL innodb_optimize_fulltext_only = OFF")
    assert not indexed()


def test_a_large_table_is_not_rebuilt_while_people_wait(
    alice: Any, innodb: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(table, "REBUILT_AT_MOST", 0)
    remember(owner=alice, type="semantic", content="The table is made of oak")
    forgotten(alice)
    assert fulltext.drop_deleted_terms(MemorySearch) is False
    assert "memory_search" in caplog.text
    assert indexed()


def test_it_does_not_wait_long_for_those_who_hold_the_table(
    alice: Any, innodb: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table, "LOCK_SECONDS", 1)
    forgotten(alice)

    def rebuild() -> None:
        try:
            fulltext.drop_deleted_terms(MemorySearch)
        finally:
            connections.close_all()

    with transaction.atomic():
        remember(owner=alice, type="semantic", content="The table is made of oak")
        [fault] = at_once(rebuild)
    assert isinstance(fault, OperationalError)
    with connection.cursor() as cursor:
        cursor.execute("SELECT @@SESSION.lock_wait_timeout = @@GLOBAL.lock_wait_timeout")
        assert cursor.fetchone() == (1,)
