"""The words of a forgotten memory leave the full-text index itself, which keeps them past the deletion."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection, connections, transaction
from django.utils import timezone

from agi_site.lib import fulltext
from agi_site.lib.fulltext import table
from knowledge.models import MemorySearch
from knowledge.services import forget_memory, remember
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


def indexed() -> bool:
    """Whether the index itself holds the odd word, in a row or past it."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("SELECT block FROM memory_search_fts_data")
            return any(ODD.encode() in block for (block,) in cursor.fetchall())
        cursor.execute("SELECT DATABASE()")
        cursor.execute(
            "SET GLOBAL innodb_ft_aux_table = %s", [f"{cursor.fetchone()[0]}/{MemorySearch._meta.db_table}"]
        )
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


def test_the_words_of_a_forgotten_memory_leave_the_index(alice: Any) -> None:
    kept = remember(owner=alice, type="semantic", content="The table is made of oak")
    memory = remember(owner=alice, type="semantic", content=f"The shelf is made of {ODD}")
    assert indexed()
    forget_memory(memory=memory, by=alice)
    assert indexed()  # the row is gone, and its words are not
    queue.run_pending()
    TaskQueue.objects.filter(status="pending").update(available_at=timezone.now())  # an hour later
    queue.run_pending()
    assert not indexed()
    found = fulltext.match(MemorySearch.objects.all(), "oak", key="memory_id", limit=3)
    assert [one.key for one in found] == [kept.pk]


def test_they_leave_it_once_an_hour_however_much_is_forgotten(alice: Any, innodb: None) -> None:
    for number in range(3):
        forgotten(alice, f"The shelf number {number} is made of wood")
    queue.run_pending()
    [task] = TaskQueue.objects.filter(task_type="knowledge.drop_terms")
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
