"""Everything a person is remembered by as a file: out, in again, into other hands; and forgetting it all."""

import copy
import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import override

from agi_site.lib.problems import Invalid, TooLarge
from knowledge import portable, services
from knowledge.models import (
    Context,
    Memory,
    MemoryImport,
    MemoryQuestion,
    MemoryRefusal,
    MemoryRelation,
    MemorySearch,
)
from knowledge.models.settings import IMPORT_FAULTS
from system.models import TaskQueue

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def remembered(alice: Any) -> list[Memory]:
    """Alice's memories, related; one replaced another; a refusal and a question."""
    said = [
        ("semantic", "I live in Daejeon."),
        ("semantic", "I used to live in Busan."),
        ("preference", "차는 녹차"),
    ]
    rows = [services.remember(owner=alice, type=kind, content=text, gated=False) for kind, text in said]
    services.relate_memories(
        source=rows[0], target=rows[1], by=alice, relation_type="supersedes", strength="0.9"
    )
    Memory.objects.filter(pk=rows[1].pk).update(
        valid_until=timezone.now(), created_at=timezone.now() - timedelta(days=400)
    )
    services.change_memory(memory=rows[2], by=alice, pinned=True, importance="0.8")
    MemoryRefusal.objects.create(user=alice, type="semantic", content="hello there", reason="small_talk")
    MemoryQuestion.objects.create(user=alice, newer=rows[0], older=rows[2])
    return rows


def file_of(user: Any) -> bytes:
    told = portable.export_memory(user=user)
    return json.dumps(told, cls=portable.Encoder, ensure_ascii=False).encode()


def counts(user: Any) -> dict[str, int]:
    models = (Memory, MemoryRelation, MemoryRefusal, MemoryQuestion)
    return {model.__name__: model.objects.for_user(user).count() for model in models}


def test_a_file_holds_everything_and_nobody_elses(alice: Any, bob: Any, remembered: Any) -> None:
    services.remember(owner=bob, type="semantic", content="Bob lives in Jeju.", gated=False)
    told = json.loads(file_of(alice))
    assert (told["format"], told["version"]) == ("agi-site/memory", 1)
    assert [row["id"] for row in told["memories"]] == sorted(row.pk for row in remembered)
    assert told["relations"] == [
        {
            "source": remembered[0].pk,
            "target": remembered[1].pk,
            "relation_type": "supersedes",
            "strength": "0.90",
        }
    ]
    assert [row["reason"] for row in told["refusals"]] == ["small_talk"]
    assert len(told["questions"]) == 1
    assert told["receipts"] == []
    assert "Jeju" not in json.dumps(told)
    assert "embedding" not in json.dumps(told)


def test_forgotten_and_taken_in_again_all_is_as_it_was(alice: Any, remembered: Any, run_tasks: Any) -> None:
    before, data, number = portable.export_memory(user=alice), file_of(alice), counts(alice)
    services.forget_everything(user=alice, typed="alice")
    assert set(counts(alice).values()) == {0}
    row = portable.accept_import(user=alice, data=data)
    assert (row.status, row.report["added"], row.report["known"]) == ("completed", 3, 0)
    assert row.document is None
    assert counts(alice) == number
    after = portable.export_memory(user=alice)
    for name in ("relations", "refusals"):
        assert after[name] == before[name]
    for one, other in zip(after["memories"], before["memories"], strict=True):
        assert one | {"updated_at": None} == other | {"updated_at": None}
    run_tasks()
    assert not Memory.objects.for_user(alice).filter(embedding=None).exists()
    assert MemorySearch.objects.filter(memory__user=alice).count() == 3


def test_the_same_file_twice_adds_nothing(alice: Any, remembered: Any) -> None:
    data, number = file_of(alice), counts(alice)
    for _time in range(2):
        report = portable.accept_import(user=alice, data=data).report
        assert (report["added"], report["known"]) == (0, 3)
        assert (report["relations"], report["refusals"], report["questions"]) == (0, 0, 0)
    assert counts(alice) == number


def test_whoever_takes_a_file_in_owns_what_comes_of_it(alice: Any, bob: Any, remembered: Any) -> None:
    data, number = file_of(alice), counts(alice)
    told = json.loads(data)
    for one in told["memories"]:
        one["user"] = alice.pk
    for _time in range(2):
        portable.accept_import(user=bob, data=json.dumps(told).encode())
        assert counts(bob) == number
        assert counts(alice) == number
    ids = set(Memory.objects.for_user(bob).values_list("pk", flat=True))
    assert not ids & {row.pk for row in remembered}
    relation = MemoryRelation.objects.for_user(bob).get()
    assert {relation.source_memory.user_id, relation.target_memory.user_id} == {bob.pk}


def test_what_says_the_same_under_another_id_is_not_added(alice: Any, remembered: Any) -> None:
    told = json.loads(file_of(alice))
    text = json.dumps(told).replace(remembered[0].pk, "0197f000-0000-7000-8000-000000000001")
    assert portable.accept_import(user=alice, data=text.encode()).report["added"] == 0
    assert counts(alice)["Memory"] == 3


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": "other"}, "format"),
        ({"version": 2}, "version 1"),
        ({"memories": {}}, "memories"),
        ({"memories": [{"id": "x"}]}, "memories[0].id"),
        ({"memories": [{"type": "secret"}]}, "memories[0].type"),
        ({"memories": [{"content": ""}]}, "memories[0].content"),
        ({"memories": [{"content": "x" * 1001}]}, "memories[0].content"),
        ({"memories": [{"content": "a\0b"}]}, "memories[0].content"),
        ({"memories": [{"importance": 2}]}, "memories[0].importance"),
        ({"memories": [{"importance": "NaN"}]}, "memories[0].importance"),
        ({"memories": [{"created_at": "yesterday"}]}, "memories[0].created_at"),
        ({"memories": [{"created_at": "2026-01-01T00:00:00"}]}, "memories[0].created_at"),
        ({"memories": [{"access_count": -1}]}, "memories[0].access_count"),
        ({"memories": [{"metadata": []}]}, "memories[0].metadata"),
        ({"memories": [{}, {}]}, "same id"),
        ({"memories": ["text"]}, "memories[0]"),
        ({"relations": [{"source": "0197f000-0000-7000-8000-000000000009"}]}, "relations[0].source"),
        ({"relations": [{"relation_type": "loves"}]}, "relations[0].relation_type"),
        ({"refusals": [{"reason": "because", "type": "semantic", "content": "x"}]}, "refusals[0].reason"),
        ({"contexts": [{"data": 1}]}, "contexts[0].data"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_and_nothing_changes(
    alice: Any, change: dict[str, Any], said: str
) -> None:
    one = "0197f000-0000-7000-8000-000000000001"
    good = {"id": one, "type": "semantic", "content": "I live in Daejeon."}
    joined = {"source": one, "target": one, "relation_type": "causes"}
    told: dict[str, Any] = {"format": portable.FORMAT, "version": 1, "memories": [good], "relations": []}
    for name, value in copy.deepcopy(change).items():
        base = {"memories": good, "relations": joined}.get(name, {})
        told[name] = (
            [base | row if isinstance(row, dict) else row for row in value]
            if isinstance(value, list)
            else value
        )
    with pytest.raises(Invalid) as refused:
        portable.accept_import(user=alice, data=json.dumps(told).encode())
    assert said in " ".join(map(str, refused.value.errors["file"]))
    assert not Memory.objects.exists()
    assert not MemoryImport.objects.exists()


def test_no_accepted_file_makes_a_page_fail(alice: Any, client_of: Any, api_of: Any) -> None:
    one = "0197f000-0000-7000-8000-000000000001"
    whens = ["2026-13-45T00:00:00Z", "0001-01-01T00:00:00Z", "yesterday", "2026-11-01T00:00:00Z"]
    history = [{"what": "merged", "at": at} for at in whens]
    told = {
        "format": portable.FORMAT,
        "version": 1,
        "memories": [
            {"id": one, "type": "semantic", "content": "I keep bees.", "metadata": {"history": history}}
        ],
        "refusals": [
            {"type": "semantic", "content": "hi", "reason": "empty", "source_conversation": "not/an id"}
        ],
    }
    portable.accept_import(user=alice, data=json.dumps(told).encode())
    row = Memory.objects.get()
    assert [entry["at"] for entry in row.metadata["history"]] == ["2026-11-01T00:00:00Z"]
    assert MemoryRefusal.objects.get().source_conversation == ""
    # Rows that were taken in before files were looked at so closely are borne, too.
    Memory.objects.update(metadata={"history": history})
    MemoryRefusal.objects.update(source_conversation="not/an id")
    client = client_of(alice)
    assert client.get(reverse("memory:detail", args=[one])).status_code == 200
    assert client.get(reverse("memory:refused")).status_code == 200
    ats = [entry["at"] for entry in api_of(alice).get(f"/api/v1/memories/{one}/history/").json()]
    assert [at is None for at in ats] == [True, True, True, False]


@pytest.mark.parametrize("data", [b"\xff\xfe", b"{", b"[]", b"null", b"[" * 100_000])
def test_what_is_no_such_file_is_refused(alice: Any, data: bytes) -> None:
    with pytest.raises(Invalid):
        portable.accept_import(user=alice, data=data)


def test_a_file_that_is_too_large_is_refused(alice: Any) -> None:
    with pytest.raises(TooLarge):
        portable.accept_import(user=alice, data=b" " * (portable.MOST_BYTES + 1))


def _long_file(number: int) -> bytes:
    rows = [
        {"id": f"0197f000-0000-7000-8000-{at:012d}", "type": "semantic", "content": f"Fact number {at}."}
        for at in range(number)
    ]
    return json.dumps({"format": portable.FORMAT, "version": 1, "memories": rows}).encode()


def test_a_long_file_is_taken_in_by_a_task_and_goes_on_after_a_fall(
    alice: Any, run_tasks: Any, monkeypatch: Any
) -> None:
    row = portable.accept_import(user=alice, data=_long_file(250))
    assert (row.status, row.total, Memory.objects.count()) == ("pending", 250, 0)

    calls = iter([None, RuntimeError("the worker died")])

    def check() -> None:
        if error := next(calls):
            raise error

    with pytest.raises(RuntimeError):
        portable.import_memories(import_id=row.pk, check=check)
    assert Memory.objects.count() == 100
    run_tasks()
    row.refresh_from_db()
    assert (row.status, row.done, Memory.objects.for_user(alice).count()) == ("completed", 250, 250)
    assert row.document is None
    assert portable.import_memories(import_id=row.pk) is not None
    assert Memory.objects.count() == 250


def test_what_is_forgotten_while_a_file_is_taken_in_stays_forgotten(alice: Any, run_tasks: Any) -> None:
    row = portable.accept_import(user=alice, data=_long_file(250))
    batches = iter(range(10))

    def check() -> None:
        if next(batches) == 1:
            services.forget_everything(user=alice, typed="alice")

    assert portable.import_memories(import_id=row.pk, check=check) is None
    assert not Memory.objects.exists()
    run_tasks()
    assert not Memory.objects.exists()
    assert not MemoryImport.objects.exists()


def test_a_short_file_is_taken_in_whole_or_was_never_brought(
    alice: Any, remembered: Any, monkeypatch: Any
) -> None:
    data = file_of(alice)
    services.forget_everything(user=alice, typed="alice")

    def fail(*_args: Any) -> int:
        raise RuntimeError("the process was killed")

    monkeypatch.setattr("knowledge.portable.services._carry_on", fail)
    with pytest.raises(RuntimeError):
        portable.accept_import(user=alice, data=data)
    assert not MemoryImport.objects.exists()
    assert set(counts(alice).values()) == {0}


def test_a_file_of_many_refusals_is_taken_in_by_a_task_and_in_batches(
    alice: Any, run_tasks: Any, django_assert_max_num_queries: Any
) -> None:
    told = [{"type": "semantic", "content": f"hello {at}", "reason": "small_talk"} for at in range(250)]
    file = {"format": portable.FORMAT, "version": 1, "refusals": told}
    row = portable.accept_import(user=alice, data=json.dumps(file).encode())
    assert (row.status, MemoryRefusal.objects.count()) == ("pending", 0)
    checked: list[int] = []
    with django_assert_max_num_queries(40):
        portable.import_memories(
            import_id=row.pk, check=lambda: checked.append(MemoryRefusal.objects.count())
        )
    assert checked == [0, 100, 200]
    row.refresh_from_db()
    assert (row.status, row.report["refusals"], MemoryRefusal.objects.count()) == ("completed", 250, 250)


def test_a_file_that_cannot_be_taken_in_says_so_in_the_end(
    alice: Any, client_of: Any, run_tasks: Any, monkeypatch: Any
) -> None:
    row = portable.accept_import(user=alice, data=_long_file(150))

    def fail(*_args: Any, **_options: Any) -> int:
        raise RuntimeError("no room")

    monkeypatch.setattr("knowledge.portable.services._add_memories", fail)
    TaskQueue.objects.filter(task_type="knowledge.import_memories").update(max_retries=0)
    run_tasks()
    row.refresh_from_db()
    assert (row.status, row.document) == ("failed", None)
    page = client_of(alice).get(reverse("memory:import", args=[row.pk])).content.decode()
    assert "bring the file again" in page
    assert row.error == "broken"
    with override("ko"):
        assert row.fault == IMPORT_FAULTS["broken"] != row.error
        assert "bring the file again" not in row.fault


def test_a_session_goes_on_where_the_files_was(alice: Any, client_of: Any) -> None:
    session = client_of(alice).session  # makes a session row
    assert session is not None
    row = alice.sessions.first() if hasattr(alice, "sessions") else None
    if row is None:
        from accounts.models import Session

        row = Session.objects.filter(user=alice).first()
    services.save_context(session=row, data={"topic": "harps"})
    data = file_of(alice)
    services.clear_context(session=row)
    assert portable.accept_import(user=alice, data=data, session=row).report["context"] == 1
    assert services.get_context(session=row) == {"topic": "harps"}
    services.save_context(session=row, data={"topic": "newer"})
    portable.accept_import(user=alice, data=data, session=row)
    assert services.get_context(session=row) == {"topic": "newer"}


# --- The doors ---------------------------------------------------------------------------------------------
def test_the_page_gives_the_file_and_takes_it(alice: Any, bob: Any, client_of: Any, remembered: Any) -> None:
    client = client_of(alice)
    response = client.get(reverse("memory:export"))
    assert "attachment" in response.headers["Content-Disposition"]
    file = SimpleUploadedFile("memory.json", response.content, "application/json")
    taken = client_of(bob)
    response = taken.post(reverse("memory:import_file"), {"file": file})
    assert response.status_code == 302
    page = taken.get(response.url).content.decode()
    assert "Memories added" in page
    assert client.get(response.url).status_code == 404
    bad = taken.post(reverse("memory:import_file"), {"file": SimpleUploadedFile("x.json", b"{}")})
    assert bad.status_code == 400
    assert "agi-site/memory" in bad.content.decode()


def test_a_program_gets_the_file_and_brings_it(alice: Any, bob: Any, api_of: Any, remembered: Any) -> None:
    data = api_of(alice).get("/api/v1/memory-settings/export/").content
    file = SimpleUploadedFile("memory.json", data, "application/json")
    response = api_of(bob).post("/api/v1/memory-imports/upload/", {"file": file}, format="multipart")
    assert (response.status_code, response.json()["report"]["added"]) == (200, 3)
    bad = SimpleUploadedFile("memory.json", b"[]", "application/json")
    response = api_of(bob).post("/api/v1/memory-imports/upload/", {"file": bad}, format="multipart")
    assert (response.status_code, response.json()["code"]) == (400, "bad_memory_file")
    assert api_of(alice).get("/api/v1/memory-imports/").json()["results"] == []


def test_forgetting_everything_wants_ones_username(
    alice: Any, bob: Any, client_of: Any, api_of: Any, remembered: Any
) -> None:
    services.remember(owner=bob, type="semantic", content="Bob lives in Jeju.", gated=False)
    client, address = client_of(alice), reverse("memory:forget_everything")
    assert "alice" in client.get(address).content.decode()
    refused = client.post(address, {"confirm": "bob"})
    assert refused.status_code == 400
    assert "Type your username, alice, to confirm." in refused.content.decode()
    assert (
        api_of(alice).post("/api/v1/memory-settings/forget-everything/", {"confirm": "x"}).status_code == 400
    )
    assert Memory.objects.for_user(alice).count() == 3
    assert client.post(address, {"confirm": "alice"}).url == reverse("memory:list")
    assert set(counts(alice).values()) == {0}
    assert not MemorySearch.objects.filter(memory__user=alice).exists()
    assert not Context.objects.for_user(alice).exists()
    assert Memory.objects.for_user(bob).count() == 1


def test_no_search_finds_what_was_forgotten(alice: Any, remembered: Any, run_tasks: Any) -> None:
    from knowledge.search import search_memory

    run_tasks()
    assert search_memory(user=alice, query="Daejeon", recalled=False)
    services.forget_everything(user=alice, typed="alice")
    assert search_memory(user=alice, query="Daejeon", recalled=False) == []
