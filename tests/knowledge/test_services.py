"""Knowledge, memory and context: what every door calls."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from agi_site.lib.problems import Conflict, Forbidden, Invalid, NotFound
from knowledge import access, services
from knowledge.models import Context, Knowledge, KnowledgeSearch, Memory, MemoryRelation, MemorySearch
from knowledge.search import search_knowledge, search_memory
from system.models import TaskQueue
from system.services.settings import set_setting

from .learning import learn_from


@pytest.fixture
def session(alice: Any) -> Any:
    """A session of Alice's."""
    from accounts.models import Session

    return Session.objects.create(user=alice, token="t", expires_at=timezone.now() + timedelta(days=1))


# --- Knowledge ---------------------------------------------------------------------------------------------
def test_adding_knowledge_stores_row_tags_and_terms_and_queues_the_vector(alice: Any) -> None:
    row = services.add_knowledge(
        author=alice, title=" Leave ", content="It expires\0 in March.", tags=["HR", "hr ", "  Time   off"]
    )
    assert (row.title, row.content, row.created_by) == ("Leave", "It expires in March.", alice)
    assert row.tag_names == ["hr", "time off"]
    assert "march_" in KnowledgeSearch.objects.get(knowledge=row).grams.split()
    assert row.embedding_model is None


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("title", {"title": " "}),
        ("title", {"title": "x" * 256}),
        ("content", {"content": "\0"}),
        ("content", {"content": "x" * 100_001}),
        ("source", {"source": "x" * 256}),
        ("tags", {"tags": ["x" * 51]}),
        ("tags", {"tags": [str(number) for number in range(21)]}),
    ],
)
def test_knowledge_that_breaks_a_rule_is_refused_at_its_field(
    alice: Any, field: str, given: dict[str, Any]
) -> None:
    with pytest.raises(Invalid) as refusal:
        services.add_knowledge(**{"author": alice, "title": "t", "content": "c"} | given)
    assert list(refusal.value.errors) == [field]
    assert not Knowledge.objects.exists()


def test_someone_without_the_role_may_not_add(auditor: Any) -> None:
    with pytest.raises(Forbidden):
        services.add_knowledge(author=auditor, title="t", content="c")


def test_a_text_that_is_known_already_is_refused_with_its_title(alice: Any, bob: Any) -> None:
    services.add_knowledge(author=alice, title="Pets", content="About cats.")
    with pytest.raises(Invalid, match="Pets") as refusal:
        services.add_knowledge(author=bob, title="Animals", content="  About cats.\n")
    assert (refusal.value.code, list(refusal.value.errors)) == ("duplicate", ["content"])
    assert Knowledge.objects.count() == 1


def test_only_the_author_or_an_operator_changes_knowledge(alice: Any, bob: Any, operator: Any) -> None:
    row = services.add_knowledge(author=alice, title="t", content="c")
    with pytest.raises(Forbidden):
        services.change_knowledge(knowledge=row, by=bob, title="b")
    with pytest.raises(Forbidden):
        services.delete_knowledge(knowledge=row, by=bob)
    with pytest.raises(Forbidden):
        services.set_tags(knowledge=row, by=bob, tags=[])
    assert services.change_knowledge(knowledge=row, by=alice, title="a").title == "a"
    assert services.change_knowledge(knowledge=row, by=operator, tags=["seen"]).tag_names == ["seen"]
    services.delete_knowledge(knowledge=row, by=operator)
    assert not KnowledgeSearch.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_changed_text_drops_its_vector_until_the_task_gives_a_new_one(alice: Any, run_tasks: Any) -> None:
    row = services.add_knowledge(author=alice, title="Pets", content="About cats.")
    run_tasks()
    row.refresh_from_db()
    before = bytes(row.embedding)

    services.change_knowledge(knowledge=row, by=alice, content="About dogs.")
    row.refresh_from_db()
    assert row.embedding is None
    assert [hit.id for hit in search_knowledge(user=alice, query="dogs")] == [row.pk]

    run_tasks()
    row.refresh_from_db()
    assert bytes(row.embedding) != before


def test_a_new_tag_alone_keeps_the_vector(alice: Any, run_tasks: Any) -> None:
    row = services.add_knowledge(author=alice, title="Pets", content="About cats.")
    run_tasks()
    row.refresh_from_db()
    services.change_knowledge(knowledge=row, by=alice, tags=["animals"])
    row.refresh_from_db()
    assert row.embedding is not None


def test_two_changes_of_different_things_lose_nothing_of_each_other(alice: Any) -> None:
    row = services.add_knowledge(author=alice, title="Pets", content="About cats.")
    read_before = Knowledge.objects.get(pk=row.pk)
    services.change_knowledge(knowledge=row, by=alice, content="About dogs.", source="a book")
    services.change_knowledge(knowledge=read_before, by=alice, title="Animals")
    row.refresh_from_db()
    assert (row.title, row.content, row.source) == ("Animals", "About dogs.", "a book")
    row.delete()
    with pytest.raises(NotFound):
        services.change_knowledge(knowledge=read_before, by=alice, title="Gone")


def test_tags_that_are_written_alike_are_one(alice: Any) -> None:
    composed, decomposed = "\ud734\uac00", "\u1112\u1172\u1100\u1161"
    row = services.add_knowledge(author=alice, title="t", content="c", tags=[composed, decomposed, "ＨＲ"])
    assert row.tag_names == ["hr", composed]


def test_a_text_that_has_no_vector_waits_in_one_task(
    alice: Any, run_tasks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from knowledge import indexing

    services.add_knowledge(author=alice, title="Pets", content="About cats.")
    TaskQueue.objects.all().delete()
    for _again in range(2):
        assert indexing.embed_waiting(Knowledge) == 1
    assert TaskQueue.objects.filter(task_type="knowledge.embed").count() == 1


# --- Memory ------------------------------------------------------------------------------------------------
def test_a_memory_can_be_corrected_pinned_and_weighed(alice: Any) -> None:
    memory = services.remember(owner=alice, type="preference", content="I prefer tea")
    services.change_memory(
        memory=memory, by=alice, content="I prefer green tea", type="semantic", importance="0.9", pinned=True
    )
    memory.refresh_from_db()
    assert (memory.content, memory.type, str(memory.importance)) == ("I prefer green tea", "semantic", "0.90")
    assert memory.pinned
    assert "green_" in MemorySearch.objects.get(memory=memory).grams


def test_a_pin_that_overlaps_a_correction_leaves_the_correction(alice: Any) -> None:
    memory = services.remember(owner=alice, type="preference", content="I prefer tea")
    read_before, archived = Memory.objects.get(pk=memory.pk), Memory.objects.get(pk=memory.pk)
    services.change_memory(memory=memory, by=alice, content="I prefer juice", importance="0.9")
    services.change_memory(memory=read_before, by=alice, pinned=True)
    memory.refresh_from_db()
    assert (memory.content, str(memory.importance), memory.pinned) == ("I prefer juice", "0.90", True)
    Memory.objects.filter(pk=memory.pk).update(archived_at=timezone.now())
    services.restore_memory(memory=archived, by=alice)
    memory.refresh_from_db()
    assert (memory.archived_at, memory.pinned, str(memory.importance)) == (None, True, "0.90")
    services.forget_memory(memory=memory, by=alice)
    with pytest.raises(NotFound):
        services.change_memory(memory=read_before, by=alice, pinned=False)


def test_saving_a_memory_unchanged_is_no_duplicate_of_itself(alice: Any) -> None:
    memory = services.remember(owner=alice, type="preference", content="I prefer tea in the morning")
    services.change_memory(memory=memory, by=alice, content="I prefer tea in the morning!")
    assert memory.content.endswith("!")


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("type", {"type": "dream"}),
        ("importance", {"importance": "1.5"}),
        ("importance", {"importance": "much"}),
        ("importance", {"importance": "nan"}),
    ],
)
def test_a_memory_that_breaks_a_rule_is_refused(alice: Any, field: str, given: dict[str, Any]) -> None:
    with pytest.raises(Invalid) as refusal:
        services.remember(**{"owner": alice, "type": "semantic", "content": "I live in Busan"} | given)
    assert list(refusal.value.errors) == [field]


def test_nobody_touches_another_persons_memory(alice: Any, bob: Any) -> None:
    memory = services.remember(owner=alice, type="semantic", content="I live in Busan")
    with pytest.raises(NotFound):
        services.change_memory(memory=memory, by=bob, content="I live in Seoul")
    with pytest.raises(NotFound):
        services.forget_memory(memory=memory, by=bob)


@pytest.mark.django_db(transaction=True)
def test_what_is_forgotten_is_gone_from_row_search_and_vectors(alice: Any, run_tasks: Any) -> None:
    memory = services.remember(owner=alice, type="semantic", content="I live in Busan")
    other = services.remember(owner=alice, type="semantic", content="I work in Busan")
    services.relate_memories(source=memory, target=other, by=alice, relation_type="supports")
    run_tasks()
    assert len(search_memory(user=alice, query="Busan")) == 2

    services.forget_memory(memory=memory, by=alice)
    assert [hit.id for hit in search_memory(user=alice, query="Busan live")] == [other.pk]
    assert not MemorySearch.objects.filter(memory=memory.pk).exists()
    assert not MemoryRelation.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_message_teaches_once_and_names_its_source(alice: Any) -> None:
    text = "My name is Alice. What is yours? I prefer tea."
    learnt = learn_from(alice, text, source_conversation="c1")
    assert [memory.content for memory in learnt.kept] == ["My name is Alice.", "I prefer tea."]
    assert learnt.kept[0].source_message == "m1"
    assert learnt.kept[0].source_conversation == "c1"
    assert learnt.kept[0].metadata["reason"] == "name"

    again = learn_from(alice, text, source_conversation="c1")
    assert again.kept == []
    assert [code for _candidate, code in again.refused] == ["duplicate", "duplicate"]
    assert Memory.objects.count() == 2


def test_relations_join_two_memories_of_one_person_once(alice: Any, bob: Any) -> None:
    tea = services.remember(owner=alice, type="preference", content="I prefer tea")
    job = services.remember(owner=alice, type="semantic", content="I work at a tea house")
    bobs = services.remember(owner=bob, type="preference", content="I prefer tea")
    relation = services.relate_memories(
        source=job, target=tea, by=alice, relation_type="causes", strength=0.8
    )
    assert str(relation.strength) == "0.80"

    with pytest.raises(Conflict):
        services.relate_memories(source=job, target=tea, by=alice, relation_type="causes")
    with pytest.raises(NotFound):
        services.relate_memories(source=tea, target=bobs, by=alice, relation_type="causes")
    with pytest.raises(Invalid):
        services.relate_memories(source=tea, target=tea, by=alice, relation_type="causes")
    with pytest.raises(Invalid):
        services.relate_memories(source=tea, target=job, by=alice, relation_type="likes")
    assert services.change_relation(relation=relation, by=alice, strength="0.3").strength < 1
    services.unrelate_memories(relation=relation, by=alice)
    assert not MemoryRelation.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_uses_are_counted_in_one_write_for_many_reads(
    alice: Any, run_tasks: Any, django_assert_num_queries: Any
) -> None:
    memory = services.remember(owner=alice, type="semantic", content="I live in Busan")
    run_tasks()
    access.forget()
    for _read in range(3):
        search_memory(user=alice, query="Busan")
    search_memory(user=alice, query="Busan", recalled=False)
    memory.refresh_from_db()
    assert memory.access_count == 0

    assert access.flush() == 1
    run_tasks()
    memory.refresh_from_db()
    assert memory.access_count == 3
    assert memory.last_accessed is not None
    assert access.flush() == 0


def test_counts_go_out_by_themselves_after_a_while(alice: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    access.forget()
    access.note(["a"])
    monkeypatch.setattr(access, "WRITE_SECONDS", 0.0)
    access.note(["a"])
    assert access.flush() == 0


# --- Context -----------------------------------------------------------------------------------------------
def test_the_context_of_a_session_is_kept_replaced_and_cleared(session: Any) -> None:
    assert services.get_context(session=session) == {}
    services.save_context(session=session, data={"topic": "차", "at": timezone.now()})
    services.save_context(session=session, data={"topic": "tea"})
    assert services.get_context(session=session) == {"topic": "tea"}
    assert Context.objects.count() == 1
    services.clear_context(session=session)
    assert services.get_context(session=session) == {}


def test_what_does_not_fit_the_context_goes_largest_first(session: Any, admin_user: Any) -> None:
    set_setting(category="context", key="kibibytes", value=1, by=admin_user)
    kept = services.save_context(
        session=session, data={"topic": "tea", "long": "가" * 900, "list": ["x"] * 40}
    )
    assert set(kept) == {"topic", "list"}


def test_a_context_is_forgotten_after_a_day_of_silence(session: Any) -> None:
    from knowledge.tasks import expire_contexts

    services.save_context(session=session, data={"topic": "tea"})
    Context.objects.update(updated_at=timezone.now() - timedelta(hours=25))
    assert services.get_context(session=session) == {}
    expire_contexts()
    assert not Context.objects.exists()


# --- Tasks -------------------------------------------------------------------------------------------------
def test_rows_that_came_by_another_way_are_indexed_and_embedded_by_the_clock(
    run_tasks: Any, db: None
) -> None:
    from knowledge.tasks import catch_up

    row = Knowledge.objects.create(title="Restored", content="From a copy.")
    catch_up()
    run_tasks()
    row.refresh_from_db()
    assert row.search_row.length > 0
    assert row.embedding_model == "fake/64"


def test_a_task_for_a_deleted_row_does_nothing(alice: Any, run_tasks: Any) -> None:
    row = services.add_knowledge(author=alice, title="t", content="c")
    row.delete()
    run_tasks()
    assert not TaskQueue.objects.exclude(status="completed").exists()
