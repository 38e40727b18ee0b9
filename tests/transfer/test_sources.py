"""Sources: real files, a real HTTP server, real databases that are only read, another instance."""

import itertools
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import connection

from agi_site.lib.problems import Conflict, Forbidden, Invalid
from knowledge.models import Knowledge
from knowledge.search import search_knowledge
from system.models import TaskQueue
from transfer import services, sources
from transfer.models import DomainOntology, KnowledgeSource, SourceStatus
from transfer.reasons import SourceFault
from transfer.sources import Item
from transfer.sources.files import FileReader
from transfer.sources.sql import checked_query

pytestmark = pytest.mark.django_db(transaction=True)


def read(source: Any, by: Any, run_tasks: Any, **options: Any) -> Any:
    services.sync_source(source=source, by=by, **options)
    run_tasks()
    source.refresh_from_db()
    return source


def file_source(operator: Any, path: str = "handbook", **more: Any) -> Any:
    return services.add_source(
        by=operator, name="handbook", domain="shop", kind="file", connection={"path": path, **more}
    )


def passages() -> dict[str, str]:
    return dict(Knowledge.objects.values_list("title", "content"))


# --- Files --------------------------------------------------------------------------------------------------
def test_a_folder_becomes_passages_and_a_second_reading_takes_what_changed(
    operator: Any, folder: Path, run_tasks: Any
) -> None:
    place = folder / "handbook"
    place.mkdir()
    (place / "a.md").write_text("# Returns\n\nGoods come back within 30 days.")
    (place / "b.csv").write_text("id,title,content\n1,Opening,Nine to six\n2,Address,Main street\n")
    (place / "c.html").write_text("<title>Page</title><script>x()</script><p>Hello <b>there</b></p>")
    (place / "d.json").write_text('[{"title": "Json", "text": "From a record"}]')
    (place / "e.txt").write_bytes(b"\xff\xfe broken")
    source = read(file_source(operator), operator, run_tasks)
    assert source.status == SourceStatus.COMPLETED
    assert source.counts == {"added": 5, "changed": 0, "unchanged": 0, "failed": 1, "removed": 0}
    assert "UTF-8" in source.items.exclude(reason=None).get().reason
    assert "1" in source.reason
    assert passages()["Opening"] == "Nine to six"
    assert passages()["Page"] == "Hello there"
    row = Knowledge.objects.get(title="Returns")
    assert row.tag_names == ["shop"]
    assert row.created_by == operator

    (place / "a.md").write_text("# Returns\n\nGoods come back within 14 days.")
    (place / "d.json").unlink()
    source = read(source, operator, run_tasks)
    assert source.counts == {"added": 0, "changed": 1, "unchanged": 3, "failed": 1, "removed": 1}
    assert "14 days" in Knowledge.objects.get(pk=row.pk).content
    assert "Json" not in passages()


def test_a_document_that_no_source_reads_is_told_and_not_passed_over(
    operator: Any, folder: Path, run_tasks: Any
) -> None:
    (folder / "docs").mkdir()
    (folder / "docs" / "a.txt").write_text("Something to know.")
    for name in ("leave.hwp", "picture.png"):
        (folder / "docs" / name).write_bytes(b"\xd0\xcf\x11\xe0" + b"\0" * 600)
    source = read(file_source(operator, "docs"), operator, run_tasks)
    assert (source.counts["added"], source.counts["failed"]) == (1, 1)
    item = source.items.exclude(reason=None).get()
    assert (item.external_id, "pdf" in item.reason) == ("docs/leave.hwp", True)
    assert source.reason == "1 item could not be taken; the list below says why."


def test_a_long_text_becomes_passages_in_order(operator: Any, folder: Path, run_tasks: Any) -> None:
    (folder / "long.txt").write_text("\n\n".join(f"Paragraph {n} " + "word " * 200 for n in range(12)))
    read(file_source(operator, "long.txt"), operator, run_tasks)
    texts = passages()
    assert set(texts) == {f"long ({number})" for number in range(1, 13)}
    assert "Paragraph 10 " in texts["long (11)"]


@pytest.mark.parametrize("path", ["../secret.txt", "/../secret.txt", "link", "handbook/../../secret.txt"])
def test_nothing_outside_of_the_folder_is_read(
    operator: Any, folder: Path, run_tasks: Any, path: str
) -> None:
    (folder.parent / "secret.txt").write_text("secret")
    (folder / "link").symlink_to(folder.parent)
    with pytest.raises(Invalid, match=r"correct"):
        file_source(operator, path)
    (folder / "inside").mkdir()
    (folder / "inside" / "link.txt").symlink_to(folder.parent / "secret.txt")
    read(file_source(operator, "inside"), operator, run_tasks)
    assert "secret" not in passages().values()


def test_reading_goes_on_after_the_last_item_that_was_stored(
    operator: Any, folder: Path, run_tasks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "many.csv").write_text("id,title,content\n" + "".join(f"{n},t{n},c{n}\n" for n in range(10)))
    source = file_source(operator, "many.csv")
    from transfer.services import sources as service

    real, stored = service.storing.store, []

    def dying(*, items: Any, **given: Any) -> list[str]:
        done = real(items=items, **given)
        if len(stored) == 2:
            raise SystemExit("killed")  # when the third batch is written and not committed
        stored.append([item.title for item in items])
        return done

    monkeypatch.setattr(service, "STORED", 2)
    monkeypatch.setattr(service.storing, "store", dying)
    with pytest.raises(SystemExit):
        service.read_source(
            source=source, by=operator, contents="passages", stop=lambda: None, told=lambda _d: None
        )
    source.refresh_from_db()
    assert source.checkpoint["counts"]["added"] == Knowledge.objects.count() == 4
    assert source.status == SourceStatus.RUNNING
    stored.insert(0, ["killed"])
    source = read(source, operator, run_tasks)
    assert stored[3:] == [["t4", "t5"], ["t6", "t7"], ["t8", "t9"]]
    assert (source.status, source.counts["added"], source.checkpoint) == ("completed", 10, None)
    assert Knowledge.objects.count() == 10


def read_now(source: Any, by: Any) -> dict[str, Any]:
    found: dict[str, Any] = services.read_source(
        source=source, by=by, contents="passages", stop=lambda: None, told=lambda _d: None
    )
    return found


def test_items_are_stored_and_embedded_by_the_batch(
    operator: Any, folder: Path, django_assert_max_num_queries: Any
) -> None:
    def write(text: str) -> None:
        lines = "".join(f"{n},t{n},{text} {n}\n" for n in range(300))
        (folder / "many.csv").write_text(f"id,title,content\n{lines}")

    def embedding_tasks() -> list[int]:
        found = [len(row.payload["ids"]) for row in TaskQueue.objects.filter(task_type="knowledge.embed")]
        TaskQueue.objects.all().delete()
        return found

    source = file_source(operator, "many.csv")
    write("text")
    with django_assert_max_num_queries(60):
        assert read_now(source, operator)["added"] == 300
    assert embedding_tasks() == [100, 100, 100]
    with django_assert_max_num_queries(30):
        assert read_now(source, operator)["unchanged"] == 300
    assert embedding_tasks() == []
    write("other text")
    Knowledge.objects.update(embedding=b"1234", embedding_model="fake")
    with django_assert_max_num_queries(75):
        assert read_now(source, operator)["changed"] == 300
    assert embedding_tasks() == [100, 100, 100]
    assert not Knowledge.objects.exclude(embedding_model=None).exists()
    row = Knowledge.objects.get(title="t299")
    assert (row.content, row.tag_names, row.search_row.length > 0) == ("other text 299", ["shop"], True)
    assert search_knowledge(user=operator, query="other 299")[0].row == row


def test_ids_that_come_again_and_items_that_cannot_be_stored_spoil_no_batch(
    operator: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = [("1", "first"), ("2", "second"), ("1", "first again"), ("3", "\0"), ("4", " "), ("5", "fifth")]
    items = [(Item(key, f"T{key}", text), {"done": number}) for number, (key, text) in enumerate(given)]
    monkeypatch.setattr(FileReader, "items", lambda *_given: iter(items))
    (folder / "odd.csv").touch()
    source = file_source(operator, "odd.csv")
    assert read_now(source, operator) == {"added": 3, "changed": 1, "unchanged": 0, "failed": 2, "removed": 0}
    assert passages() == {"T1": "first again", "T2": "second", "T5": "fifth"}
    reasons = source.items.exclude(reason=None).values_list("external_id", "reason")
    assert dict(reasons) == {"3": "Write something to be found.", "4": "There is no text in it."}


def test_what_was_read_before_a_source_broke_stays(
    operator: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "many.csv").write_text("id,title,content\n" + "".join(f"{n},t{n},c{n}\n" for n in range(10)))
    source = file_source(operator, "many.csv")
    whole = FileReader.items

    def breaking(self: Any, position: Any, stop: Any) -> Any:
        yield from itertools.islice(whole(self, position, stop), 3)
        raise SourceFault("said", text="The line broke.")

    monkeypatch.setattr(FileReader, "items", breaking)
    assert read_now(source, operator) == {"failed": "The line broke."}
    source.refresh_from_db()
    assert (len(passages()), source.checkpoint["counts"]["added"]) == (3, 3)
    monkeypatch.setattr(FileReader, "items", whole)
    assert read_now(source, operator)["added"] == 10


def test_a_source_that_is_not_there_says_so_and_stays_failed(
    operator: Any, folder: Path, run_tasks: Any
) -> None:
    source = read(file_source(operator, "missing"), operator, run_tasks)
    assert source.status == SourceStatus.FAILED
    assert "missing" in source.reason


def test_a_file_can_be_read_as_an_ontology(operator: Any, folder: Path, run_tasks: Any) -> None:
    (folder / "o.csv").write_text("concept,is_a\nDog,Animal\nAnimal,\n")
    source = read(file_source(operator, "o.csv"), operator, run_tasks, contents="ontology")
    assert source.status == SourceStatus.COMPLETED
    assert DomainOntology.objects.of_domain("shop").count() == 2
    (folder / "o.csv").write_text("nonsense\n1\n")
    source = read(source, operator, run_tasks, contents="ontology")
    assert (source.status, "concept" in source.reason) == (SourceStatus.FAILED, True)


# --- The web ------------------------------------------------------------------------------------------------
def test_addresses_are_read_with_their_headers_and_each_fault_is_kept(
    operator: Any, web: Any, run_tasks: Any
) -> None:
    web.pages["/page"] = ("text/html; charset=utf-8", b"<title>Help</title><p>Call us.</p>")
    web.put_json("/list", {"data": {"items": [{"id": 7, "title": "Seven", "body": "Number seven"}]}})
    web.pages["/picture"] = ("image/png", b"\x89PNG")
    urls = [f"{web.url}/{name}" for name in ("page", "list", "picture", "gone")]
    connection = {"urls": urls, "headers": {"authorization": "secret"}, "records": "data.items"}
    source = services.add_source(by=operator, name="w", domain="shop", kind="http", connection=connection)
    source = read(source, operator, run_tasks)
    assert source.counts == {"added": 2, "changed": 0, "unchanged": 0, "failed": 2, "removed": 0}
    assert passages() == {"Help": "Call us.", "Seven": "Number seven"}
    assert {headers["authorization"] for _path, headers in web.asked} == {"secret"}
    reasons = " ".join(source.items.exclude(reason=None).values_list("reason", flat=True))
    assert "image/png" in reasons
    assert "404" in reasons


def test_what_cannot_be_read_for_once_stays_as_it_was(operator: Any, web: Any, run_tasks: Any) -> None:
    for name in ("one", "two"):
        web.put_json(f"/{name}", [{"id": 1, "title": name, "text": f"text of {name}"}])
    connection = {"urls": [f"{web.url}/one", f"{web.url}/two"]}
    source = services.add_source(by=operator, name="w", domain="d", kind="http", connection=connection)
    read(source, operator, run_tasks)
    web.pages["/two"] = ("text/plain", b"")
    source = read(source, operator, run_tasks)
    assert (source.counts["failed"], source.counts["removed"]) == (1, 0)
    assert set(passages()) == {"one", "two"}


def test_private_addresses_are_refused(operator: Any, run_tasks: Any, settings: Any) -> None:
    settings.OUTBOUND_PRIVATE_HOSTS = []
    for number, url in enumerate(("http://127.0.0.1:1/", "http://169.254.169.254/latest/", "http://[::1]/")):
        source = services.add_source(
            by=operator, name=f"p{number}", domain="d", kind="http", connection={"urls": [url]}
        )
        assert read(source, operator, run_tasks).status == SourceStatus.FAILED
    for url in ("file:///etc/passwd", "ftp://example.com/", "http://a:b@example.com/"):
        with pytest.raises(Invalid):
            services.add_source(by=operator, name="f", domain="d", kind="http", connection={"urls": [url]})
    assert not Knowledge.objects.exists()


def test_another_instance_is_read_page_by_page(operator: Any, web: Any, run_tasks: Any) -> None:
    def page(number: int, after: str | None) -> dict[str, Any]:
        row = {"id": f"id-{number}", "title": f"There {number}", "content": f"Text {number}", "source": "s"}
        return {"next": after, "previous": None, "results": [row]}

    asked = "/api/v1/knowledge/?ordering=id&page_size=100"
    web.put_json(asked, page(1, "abc"))
    web.put_json(f"{asked}&cursor=abc", page(2, None))
    connection = {"url": web.url, "token": "the-token"}
    source = services.add_source(by=operator, name="i", domain="shop", kind="instance", connection=connection)
    source = read(source, operator, run_tasks)
    assert source.reason is None
    assert passages() == {"There 1": "Text 1", "There 2": "Text 2"}
    assert web.asked[0][1]["authorization"] == "Bearer the-token"
    web.put_json(asked, {"hello": 1})
    assert "like an instance" in read(source, operator, run_tasks).reason
    assert Knowledge.objects.count() == 2


# --- Databases ----------------------------------------------------------------------------------------------
QUERY = "SELECT id, title, body FROM articles"


def test_an_sqlite_file_is_read_by_keyset(operator: Any, folder: Path, run_tasks: Any) -> None:
    with closing(sqlite3.connect(folder / "shop.db")) as database:
        database.execute("CREATE TABLE articles (id INTEGER PRIMARY KEY, title TEXT, body TEXT)")
        database.executemany(
            "INSERT INTO articles VALUES (?, ?, ?)", [(n, f"t{n}", f"b{n}") for n in range(450)]
        )
        database.commit()
    connection = {
        "url": "sqlite:///shop.db",
        "query": QUERY,
        "id": "id",
        "title": "title",
        "content": ["body"],
    }
    source = services.add_source(by=operator, name="s", domain="shop", kind="sql", connection=connection)
    source = read(source, operator, run_tasks)
    assert (source.reason, source.counts["added"]) == (None, 450)
    assert passages()["t449"] == "b449"


def test_sqlite_can_be_changed_by_no_query_that_gets_past_the_check(operator: Any, folder: Path) -> None:
    from transfer.sources.sql import _sqlite

    with closing(sqlite3.connect(folder / "shop.db")) as database:
        database.execute("CREATE TABLE t (id INTEGER)")
    with closing(_sqlite("shop.db")) as database:
        for statement in (
            "INSERT INTO t VALUES (1)",
            "DROP TABLE t",
            "ATTACH DATABASE 'other.db' AS o",
            "PRAGMA query_only = OFF",
            "CREATE TABLE u (id)",
        ):
            with pytest.raises(sqlite3.DatabaseError):
                database.execute(statement)
        assert database.execute("SELECT count(*) FROM t").fetchone() == (0,)
    assert not (folder / "other.db").exists()


@pytest.mark.parametrize(
    "query",
    [
        "DELETE FROM t",
        "SELECT 1; DROP TABLE t",
        "SELECT 1 -- x",
        "SELECT 1 /* x */",
        "SELECT 1 # x",
        "SELECT * FROM t INTO OUTFILE '/tmp/x'",
        "SELECT load_file('/etc/passwd')",
        "SELECT sleep(100)",
        "SELECT * FROM t FOR UPDATE",
        "WITH x AS (SELECT 1) SELECT 'unclosed",
        "",
    ],
)
def test_a_query_that_does_more_than_read_is_refused(query: str) -> None:
    with pytest.raises(SourceFault):
        checked_query(query)


def test_a_query_may_hold_forbidden_words_as_text() -> None:
    assert checked_query("SELECT 'into; -- sleep' AS x;") == "SELECT 'into; -- sleep' AS x"


@pytest.fixture
def mariadb_table() -> Any:
    """A real table on a real server: (address with everything but the scheme, a cursor)."""
    import MySQLdb

    url = os.environ.get("TEST_MARIADB_URL", "")
    if not url:
        pytest.skip("TEST_MARIADB_URL is not set")
    at = urlsplit(url)
    server = MySQLdb.connect(
        host=at.hostname, port=at.port, user=at.username, password=at.password, autocommit=True
    )
    cursor = server.cursor()
    cursor.execute("DROP DATABASE IF EXISTS transfer_source_test")
    cursor.execute("CREATE DATABASE transfer_source_test CHARACTER SET utf8mb4")
    cursor.execute(
        "CREATE TABLE transfer_source_test.articles (id VARCHAR(20) PRIMARY KEY, title TEXT, body TEXT)"
    )
    cursor.executemany(
        "INSERT INTO transfer_source_test.articles VALUES (%s, %s, %s)",
        [(f"k{n:03}", f"제목 {n}", f"100% 본문 {n}") for n in range(250)],
    )
    yield f"mysql://{at.username}:{at.password}@{at.hostname}:{at.port}/transfer_source_test", cursor
    cursor.execute("DROP DATABASE transfer_source_test")
    server.close()


@pytest.mark.mariadb
def test_a_mariadb_table_is_read_and_cannot_be_written(
    operator: Any, mariadb_table: Any, run_tasks: Any
) -> None:
    import MySQLdb

    from transfer.sources.sql import _server

    url, cursor = mariadb_table
    query = "SELECT id, title, body FROM articles WHERE body LIKE '100%'"
    given = {"url": url, "query": query, "id": "id", "title": "title", "content": ["body"]}
    source = services.add_source(by=operator, name="m", domain="shop", kind="sql", connection=given)
    source = read(source, operator, run_tasks)
    assert (source.reason, source.counts["added"]) == (None, 250)
    assert passages()["제목 7"] == "100% 본문 7"
    with closing(_server(url)) as database:
        for statement in (
            "INSERT INTO articles VALUES ('x', 'x', 'x')",
            "DROP TABLE articles",
            "CREATE TABLE other (id INT)",
            "SELECT 1; DROP TABLE articles",
        ):
            with pytest.raises(MySQLdb.Error):
                database.cursor().execute(statement)
    cursor.execute("SELECT COUNT(*) FROM transfer_source_test.articles")
    assert cursor.fetchone() == (250,)
    broken = services.change_source(
        source=source, by=operator, connection=given | {"query": "SELECT id FROM nowhere"}
    )
    assert "refuses" in read(broken, operator, run_tasks).reason


# --- Secrets and rights -------------------------------------------------------------------------------------
def test_a_connection_is_sealed_and_its_use_leaves_a_record(operator: Any, web: Any, run_tasks: Any) -> None:
    from system.models import Log

    given = {"url": web.url, "token": "very-secret"}
    source = services.add_source(by=operator, name="i", domain="d", kind="instance", connection=given)
    with connection.cursor() as cursor:
        cursor.execute("SELECT connection_info FROM knowledge_source")
        stored = str(cursor.fetchone()[0])
    assert "very-secret" not in stored
    assert "sealed" in stored
    read(source, operator, run_tasks)
    lines = list(Log.objects.filter(component="transfer").values_list("message", flat=True))
    assert any("connection of source i was used" in line for line in lines)
    assert not any("very-secret" in line for line in lines)


def test_a_member_sees_sources_and_neither_changes_nor_reads_them(
    operator: Any, alice: Any, folder: Path
) -> None:
    (folder / "handbook").mkdir()
    source = file_source(operator)
    assert KnowledgeSource.objects.for_user(alice).get() == source
    for attempt in (
        lambda: services.sync_source(source=source, by=alice),
        lambda: services.change_source(source=source, by=alice, name="mine"),
        lambda: services.delete_source(source=source, by=alice),
        lambda: services.add_source(by=alice, name="x", domain="x", kind="file", connection={"path": "x"}),
    ):
        with pytest.raises(Forbidden):
            attempt()
    with pytest.raises(Conflict):
        file_source(operator)
    services.change_source(source=source, by=operator, is_active=False)
    with pytest.raises(Conflict, match="switched off"):
        services.sync_source(source=source, by=operator)


@pytest.mark.parametrize(
    ("kind", "connection", "fault"),
    [
        ("file", {}, "path"),
        ("file", {"path": "x", "host": "y"}, "host"),
        ("ftp", {"path": "x"}, "kinds"),
        ("http", {"urls": 7}, "urls"),
        ("sql", {"url": "postgres://x/y", "query": "SELECT 1", "id": "id"}, "sqlite"),
        ("sql", {"url": "sqlite:///../x.db", "query": "SELECT 1", "id": "id"}, "leads out"),
        ("sql", {"url": "sqlite:///x.db", "query": "SELECT 1", "id": "id; DROP"}, "column"),
        ("instance", {"url": "javascript:1", "token": "x"}, ""),
        ("file", ["path"], "object"),
    ],
)
def test_a_connection_that_cannot_be_right_is_refused(
    kind: str, connection: Any, fault: str, folder: Path
) -> None:
    with pytest.raises(Invalid) as refused:
        sources.check_connection(kind, connection)
    assert fault in str(refused.value.errors)


def test_deleting_a_source_keeps_its_passages_unless_asked(
    operator: Any, folder: Path, run_tasks: Any
) -> None:
    (folder / "a.txt").write_text("Kept.")
    source = read(file_source(operator, "a.txt"), operator, run_tasks)
    services.delete_source(source=source, by=operator)
    assert Knowledge.objects.count() == 1
    source = read(file_source(operator, "a.txt"), operator, run_tasks)
    services.delete_source(source=source, by=operator, with_passages=True)
    assert Knowledge.objects.count() == 1
