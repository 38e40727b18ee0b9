"""The pages of memory: timeline, relations, versions, what was not kept, questions, settings, the session."""

from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts.models import Session
from agi_site.lib.problems import NotFound
from knowledge import services
from knowledge.memory_graph import LABEL_WIDTH, draw, relations_of
from knowledge.models import (
    Context,
    Memory,
    MemoryQuestion,
    MemoryRefusal,
    MemoryRelation,
    MemorySetting,
    RelationType,
)

pytestmark = pytest.mark.django_db(transaction=True)
HTMX = {"HTTP_HX_REQUEST": "true"}


def remember(owner: Any, content: str, kind: str = "semantic") -> Memory:
    return services.remember(owner=owner, type=kind, content=content, gated=False)


def replace(newer: Memory, older: Memory) -> None:
    """Let one memory have replaced another, whether or not that was found when it was written."""
    MemoryRelation.objects.get_or_create(
        source_memory=newer, target_memory=older, relation_type=RelationType.SUPERSEDES
    )
    Memory.objects.filter(pk=older.pk).update(valid_until=timezone.now())


def read(client: Any, name: str, *args: Any, **query: Any) -> str:
    response = client.get(reverse(name, args=args), query)
    assert response.status_code == 200
    return str(response.content.decode())


# --- Timeline ---
def test_the_timeline_goes_by_month_and_day_and_leaves_out_what_was(
    alice: Any, bob: Any, client_of: Any
) -> None:
    old, _new, gone = (remember(alice, f"Fact {name}") for name in ("about tea", "of cellos", "on rain"))
    Memory.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(days=70))
    Memory.objects.filter(pk=gone.pk).update(valid_until=timezone.now() - timedelta(days=1))
    remember(bob, "of Bob alone")
    client = client_of(alice)
    page = read(client, "memory:list")
    assert page.index("Fact of cellos") < page.index("Fact about tea")
    assert page.count("timeline-month") == 2
    assert "Fact on rain" not in page
    assert "of Bob" not in page
    past = read(client, "memory:list", state="past")
    assert "Fact on rain" in past
    assert "Fact about tea" not in past


def test_what_was_is_searched_where_it_stands(alice: Any, client_of: Any) -> None:
    gone = remember(alice, "The cello lesson is on Monday")
    remember(alice, "The cello has four strings")
    Memory.objects.filter(pk=gone.pk).update(archived_at=timezone.now())
    client = client_of(alice)
    assert str(gone.pk) not in read(client, "memory:list", q="cello lesson")
    past = read(client, "memory:list", q="cello lesson", state="past")
    assert str(gone.pk) in past
    assert "four strings" not in past
    assert '<input type="hidden" name="state" value="past">' in past


def test_the_timeline_costs_the_same_however_much_is_remembered(
    alice: Any, client_of: Any, django_assert_max_num_queries: Any
) -> None:
    client = client_of(alice)
    for number in range(30):
        remember(alice, f"Fact number {number} of many")
    read(client, "memory:list")
    with django_assert_max_num_queries(8):
        read(client, "memory:list")


def test_a_search_marks_the_words_and_shows_the_parts_of_the_score(
    alice: Any, client_of: Any, run_tasks: Any
) -> None:
    remember(alice, "I play the cello on Sundays.")
    run_tasks()
    page = read(client_of(alice), "memory:list", q="cello")
    assert "<mark>cello</mark>" in page
    assert "importance 0.50" in page


# --- Relations and versions ---
def test_relations_are_drawn_with_links_and_told_in_words(alice: Any, bob: Any, client_of: Any) -> None:
    first, second, third = (remember(alice, f"Fact {name}") for name in ("about tea", "of cellos", "on rain"))
    services.relate_memories(source=first, target=second, by=alice, relation_type="causes", strength="0.7")
    services.relate_memories(source=second, target=third, by=alice, relation_type="precedes")
    page = read(client_of(alice), "memory:graph")
    assert page.count("<circle") == 3
    assert page.count("<line") == 2
    assert "causes" in page
    assert reverse("memory:detail", args=[third.pk]) in page
    assert "<circle" not in read(client_of(bob), "memory:graph")


def test_no_two_memories_of_a_drawing_lie_on_each_other(alice: Any) -> None:
    hub = remember(alice, "The middle of it all")
    for number in range(14):
        leaf = remember(alice, f"Leaf number {number} hangs here")
        services.relate_memories(source=hub, target=leaf, by=alice, relation_type="causes")
    pair = [remember(alice, text) for text in ("A pair begins", "And a pair ends")]
    services.relate_memories(source=pair[0], target=pair[1], by=alice, relation_type="precedes")
    drawing = draw(relations_of(alice))
    places = [(node.x, node.y) for node in drawing.nodes]
    assert len(places) == 17
    for at, (x, y) in enumerate(places):
        assert LABEL_WIDTH / 2 <= x <= drawing.width
        assert 0 < y < drawing.height
        for other_x, other_y in places[at + 1 :]:
            assert abs(x - other_x) > 60 or abs(y - other_y) > 40


def test_a_drawing_takes_few_queries(alice: Any, client_of: Any, django_assert_max_num_queries: Any) -> None:
    hub = remember(alice, "The middle of it all")
    for number in range(20):
        leaf = remember(alice, f"Leaf number {number} hangs here")
        services.relate_memories(source=hub, target=leaf, by=alice, relation_type="causes")
    client = client_of(alice)
    read(client, "memory:graph")
    with django_assert_max_num_queries(5):
        read(client, "memory:graph")


def test_a_memory_shows_the_chain_of_its_versions(alice: Any, client_of: Any) -> None:
    rows = [remember(alice, f"I live in {city}.") for city in ("Busan", "Daejeon", "Seoul")]
    for newer, older in ((rows[1], rows[0]), (rows[2], rows[1])):
        replace(newer, older)
    page = read(client_of(alice), "memory:detail", rows[1].pk)
    assert "Versions" in page
    assert page.index("I live in Busan.") < page.rindex("I live in Seoul.")
    assert "no longer recalled" in page


@pytest.mark.parametrize(
    ("extractor", "shown"),
    [
        ("rules/6", "rules, version 6"),
        ("engine/2 qwen3:8b", "qwen3:8b, asked by version 2 of the instructions"),
        ("mine", "mine"),
    ],
)
def test_a_memory_says_in_words_what_found_it(alice: Any, client_of: Any, extractor: str, shown: str) -> None:
    row = services.remember(
        owner=alice, type="semantic", content="The table is oak", metadata={"extractor": extractor}
    )
    page = client_of(alice).get(reverse("memory:detail", args=[row.pk])).content.decode()
    assert f"<dd>{shown}</dd>" in page


def test_forgetting_asks_what_becomes_of_what_was_replaced(alice: Any, client_of: Any) -> None:
    older, newer = remember(alice, "I live in Busan."), remember(alice, "I live in Seoul now.")
    replace(newer, older)
    client = client_of(alice)
    assert "It holds again" in read(client, "memory:forget", newer.pk)
    client.post(reverse("memory:forget", args=[newer.pk]), {"earlier": "restore"})
    assert Memory.objects.get().state == "current"


def test_an_archived_memory_is_taken_back(alice: Any, bob: Any, client_of: Any) -> None:
    row = remember(alice, "I once collected stamps.")
    Memory.objects.filter(pk=row.pk).update(archived_at=timezone.now())
    assert "Take it back" in read(client_of(alice), "memory:detail", row.pk)
    address = reverse("memory:restore", args=[row.pk])
    assert client_of(bob).post(address).status_code == 404
    assert client_of(alice).post(address).status_code == 302
    row.refresh_from_db()
    assert row.archived_at is None


# --- What was not kept, and questions ---
def test_what_was_not_kept_is_shown_with_its_reason_and_can_be_kept_after_all(
    alice: Any, bob: Any, client_of: Any
) -> None:
    MemoryRefusal.objects.create(user=alice, type="semantic", content="hello there", reason="small_talk")
    MemoryRefusal.objects.create(user=alice, type="semantic", content="is it?", reason="question")
    MemoryRefusal.objects.create(user=bob, type="semantic", content="of Bob's own", reason="question")
    client = client_of(alice)
    page = read(client, "memory:refused")
    assert "hello there" in page
    assert "small talk" in page
    assert "of Bob" not in page
    assert "hello there" not in read(client, "memory:refused", reason="question")
    assert "hello there" in read(client, "memory:add", content="hello there", type="semantic")


def test_a_question_is_answered_on_its_page(alice: Any, bob: Any, client_of: Any) -> None:
    older, newer = remember(alice, "I live in Busan."), remember(alice, "Seoul is where I live.")
    question = MemoryQuestion.objects.create(user=alice, newer=newer, older=older)
    client, given = client_of(alice), {"question": question.pk, "answer": "keep_new"}
    assert "seems to contradict" in read(client, "memory:list")
    assert "I live in Busan." in read(client, "memory:questions")
    address = reverse("memory:questions")
    assert client_of(bob).post(address, given).status_code == 404
    assert client.post(address, given | {"answer": "perhaps"}).status_code == 302
    question.refresh_from_db()
    assert question.answer is None
    assert client.post(address, given).status_code == 302
    older.refresh_from_db()
    assert older.state == "replaced"
    assert "Nothing to ask" in read(client, "memory:questions")


# --- Settings ---
@pytest.mark.parametrize("side", ["newer", "older"])
@pytest.mark.parametrize("ended", ["valid_until", "archived_at"])
def test_a_question_goes_with_the_memory_that_raised_it(alice: Any, side: str, ended: str) -> None:
    rows = [services.remember(owner=alice, type="semantic", content=t, gated=False) for t in ("a b", "c d")]
    question = MemoryQuestion.objects.create(user=alice, older=rows[0], newer=rows[1])
    assert list(MemoryQuestion.objects.for_user(alice).pending()) == [question]
    Memory.objects.filter(pk=getattr(question, side).pk).update(**{ended: timezone.now()})
    assert not MemoryQuestion.objects.for_user(alice).pending().exists()


def test_a_person_turns_memory_off_and_on(alice: Any, bob: Any, client_of: Any, api_of: Any) -> None:
    client, address = client_of(alice), reverse("memory:settings")
    assert "Memory is on" in read(client, "memory:settings")
    client.post(address, {"enabled": "0"})
    assert "Memory is off" in read(client, "memory:settings")
    assert "Memory is off" in read(client, "memory:list")
    mine = "/api/v1/memory-settings/mine/"
    assert api_of(alice).get(mine).json()["enabled"] is False
    assert api_of(bob).get(mine).json()["enabled"] is True
    assert api_of(alice).patch(mine, {"enabled": True}).json()["enabled"] is True
    assert MemorySetting.objects.get(user=alice).enabled
    assert api_of(alice).patch(mine, {"enabled": "maybe"}).status_code == 400


# --- The session ---
@pytest.fixture
def carried(alice: Any, client_of: Any) -> tuple[Any, Session]:
    """A browser of Alice's, and its session, which carries two things."""
    client = client_of(alice)
    read(client, "memory:context")
    session = Session.objects.filter(user=alice).get()
    entities = [{"name": "city", "value": "부산", "type": "place"}]
    services.save_context(session=session, data={"topic": "harps", "entities": entities})
    return client, session


def test_the_session_shows_each_part_with_its_size_and_when_it_is_forgotten(carried: Any) -> None:
    client, session = carried
    page = read(client, "memory:context")
    for said in ("Topic", "harps", "부산", "forgotten at", "<meter", "of 16.0"):
        assert said in page.replace("\xa0", " ")
    assert "{" not in page[page.index("<main") : page.index("</main")]
    parts = services.context_parts(session=session)
    assert [part.key for part in parts] == ["entities", "topic"]
    whole = Context.objects.get(session=session)
    assert whole.expires_at - whole.updated_at == timedelta(hours=24)


def test_the_session_shows_no_day_as_a_program_writes_it(carried: Any) -> None:
    client, session = carried
    days = [
        {"name": "5월 4일", "value": "--05-04", "type": "date"},
        {"name": "어제", "value": "2026-11-29", "type": "date"},
    ]
    services.save_context(session=session, data={"entities": days})
    page = read(client, "memory:context")
    assert "5월 4일" in page
    assert "2026-11-29" in page
    assert "--05-04" not in page


def test_one_part_of_the_session_is_removed_and_the_rest_stays_as_fresh_as_it_was(carried: Any) -> None:
    client, session = carried
    before = Context.objects.get(session=session).updated_at
    assert client.post(reverse("memory:context_drop"), {"key": "topic"}).status_code == 302
    assert set(services.get_context(session=session)) == {"entities"}
    assert Context.objects.get(session=session).updated_at == before
    assert client.post(reverse("memory:context_drop"), {"key": "topic"}).status_code == 404
    client.post(reverse("memory:context_drop"), {"key": "entities"})
    assert not Context.objects.filter(session=session).exists()


def test_a_program_removes_one_part(carried: Any, alice: Any, bob: Any, api_of: Any) -> None:
    _client, session = carried
    row = Context.objects.get(session=session)
    address = f"/api/v1/contexts/{row.pk}/keys/topic/"
    assert api_of(bob).delete(address).status_code == 404
    assert api_of(alice).delete(address).status_code == 204
    assert api_of(alice).delete(address).status_code == 404
    assert set(services.get_context(session=session)) == {"entities"}
    with pytest.raises(NotFound):
        services.drop_from_context(session=session, key="topic")
