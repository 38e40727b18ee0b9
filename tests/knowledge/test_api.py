"""REST of knowledge, memory and context."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Session
from knowledge import services
from knowledge.models import Context, Knowledge, Memory, MemoryRelation

pytestmark = pytest.mark.django_db(transaction=True)
ROOT = "/api/v1"


def test_knowledge_is_created_read_changed_and_deleted(alice: Any, api_of: Any) -> None:
    api = api_of(alice)
    given = {"title": "연차", "content": "3월에 소멸", "tags": ["HR"], "metadata": {"page": 3}}
    made = api.post(f"{ROOT}/knowledge/", given)
    assert made.status_code == 201, made.data
    assert made.data["tags"] == ["hr"]
    assert made.data["created_by"] == alice.pk
    assert "embedding" not in made.data

    address = f"{ROOT}/knowledge/{made.data['id']}/"
    changed = api.patch(address, {"title": "휴가", "tags": [], "source": None})
    assert (changed.status_code, changed.data["title"], changed.data["tags"]) == (200, "휴가", [])
    assert api.get(address).data["metadata"] == {"page": 3}
    assert api.delete(address).status_code == 204
    assert api.get(address).status_code == 404


def test_knowledge_of_another_is_read_but_not_changed(
    alice: Any, bob: Any, operator: Any, api_of: Any
) -> None:
    row = services.add_knowledge(author=alice, title="t", content="c", tags=["x"])
    address = f"{ROOT}/knowledge/{row.pk}/"
    bobs = api_of(bob)
    assert bobs.get(address).status_code == 200
    refused = bobs.patch(address, {"title": "b"})
    assert (refused.status_code, refused.data["code"]) == (403, "not_the_author")
    assert bobs.delete(address).status_code == 403
    assert bobs.post(f"{ROOT}/knowledge-tags/", {"knowledge": row.pk, "tag": "y"}).status_code == 403
    assert api_of(operator).patch(address, {"title": "o"}).status_code == 200


def test_an_auditor_reads_and_changes_nothing(alice: Any, auditor: Any, api_of: Any) -> None:
    row = services.add_knowledge(author=alice, title="t", content="c")
    api = api_of(auditor)
    assert api.get(f"{ROOT}/knowledge/").status_code == 200
    assert api.post(f"{ROOT}/knowledge/", {"title": "t", "content": "c"}).status_code == 403
    assert api.patch(f"{ROOT}/knowledge/{row.pk}/", {"title": "x"}).status_code == 403


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"title": "", "content": "c"}, "title"),
        ({"title": "t"}, "content"),
        ({"title": "t", "content": "c", "tags": "no list"}, "tags"),
        ({"title": "t", "content": "c", "tags": ["x" * 51]}, "tags"),
        ({"title": "t", "content": "c", "metadata": [1]}, "metadata"),
        ({"title": "t\u0000", "content": "c"}, "title"),
    ],
)
def test_bad_knowledge_is_refused_at_its_field(
    alice: Any, api_of: Any, given: dict[str, Any], field: str
) -> None:
    answer = api_of(alice).post(f"{ROOT}/knowledge/", given)
    assert (answer.status_code, list(answer.data["errors"])) == (400, [field])


def test_knowledge_is_filtered_and_searched(alice: Any, api_of: Any, run_tasks: Any) -> None:
    services.add_knowledge(author=alice, title="Leave", content="Vacation expires", tags=["hr"], source="a")
    services.add_knowledge(author=alice, title="Coffee", content="Second floor", source="b")
    run_tasks()
    api = api_of(alice)
    titles = lambda answer: [row["title"] for row in answer.data["results"]]  # noqa: E731
    assert titles(api.get(f"{ROOT}/knowledge/", {"tags__tag": "hr"})) == ["Leave"]
    assert titles(api.get(f"{ROOT}/knowledge/", {"source": "b"})) == ["Coffee"]

    found = api.get(f"{ROOT}/knowledge/search/", {"q": "when does vacation expire", "limit": 5})
    assert titles(found) == ["Leave"]
    hit = found.data["results"][0]
    assert set(hit["parts"]) == {"text", "vector"}
    assert {"text": "Vacation", "marked": True} in hit["highlights"][0]
    assert titles(api.get(f"{ROOT}/knowledge/search/", {"q": "floor vacation", "source": "b"})) == ["Coffee"]
    assert titles(api.get(f"{ROOT}/knowledge/search/", {"q": "floor vacation", "tag": "hr"})) == ["Leave"]


@pytest.mark.parametrize(
    "query", [{}, {"q": ""}, {"q": "x" * 1001}, {"q": "x", "limit": 0}, {"q": "x", "limit": "a"}]
)
@pytest.mark.parametrize("resource", ["knowledge", "memories"])
def test_a_bad_search_is_400(alice: Any, api_of: Any, resource: str, query: dict[str, Any]) -> None:
    assert api_of(alice).get(f"{ROOT}/{resource}/search/", query).status_code == 400


@pytest.mark.parametrize("resource", ["knowledge", "memories"])
def test_a_search_refuses_what_it_does_not_know(alice: Any, api_of: Any, resource: str) -> None:
    answer = api_of(alice).get(f"{ROOT}/{resource}/search/", {"q": "x", "tags__tag": "hr"})
    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["tags__tag"])
    assert "limit" in answer.json()["errors"]["tags__tag"][0]


def test_a_memory_is_not_forgotten_by_a_request_with_a_slip_in_it(alice: Any, api_of: Any) -> None:
    memory = services.remember(owner=alice, type="semantic", content="The table is made of oak")
    answer = api_of(alice).delete(f"{ROOT}/memories/{memory.pk}/?earlyer=forget")
    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["earlyer"])
    assert Memory.objects.filter(pk=memory.pk).exists()


@pytest.mark.parametrize("name", ["since", "until"])
def test_a_time_that_utc_does_not_have_is_400(alice: Any, api_of: Any, settings: Any, name: str) -> None:
    settings.TIME_ZONE = "Asia/Seoul"
    answer = api_of(alice).get(f"{ROOT}/knowledge/search/", {"q": "x", name: "0001-01-01T00:00:00"})
    assert (answer.status_code, list(answer.json()["errors"])) == (400, [name])


def test_what_cannot_be_changed_is_said_in_the_readers_language(alice: Any, api_of: Any) -> None:
    one, two = (
        services.remember(owner=alice, type="semantic", content=text, gated=False) for text in ("a b", "c d")
    )
    relation = services.relate_memories(source=one, target=two, by=alice, relation_type="causes")
    url = f"{ROOT}/memory-relations/{relation.pk}/"
    answer = api_of(alice).patch(url, {"target_memory": one.pk}, headers={"Accept-Language": "ko"})
    assert answer.status_code == 400
    assert str(answer.json()["errors"]["target_memory"][0]) == "여기서는 바꿀 수 없습니다."


def test_a_tag_is_found_however_it_is_written(alice: Any, api_of: Any) -> None:
    row = services.add_knowledge(author=alice, title="t", content="c", tags=["hr"])
    answer = api_of(alice).post(f"{ROOT}/knowledge-tags/", {"knowledge": row.pk, "tag": "ＨＲ"})
    assert (answer.status_code, answer.json()["tag"]) == (201, "hr")


def test_tags_are_added_and_removed_one_by_one(alice: Any, api_of: Any) -> None:
    row = services.add_knowledge(author=alice, title="t", content="c", tags=["x"])
    api = api_of(alice)
    made = api.post(f"{ROOT}/knowledge-tags/", {"knowledge": row.pk, "tag": "Big  Y"})
    assert (made.status_code, made.data["tag"]) == (201, "big y")
    assert api.delete(f"{ROOT}/knowledge-tags/{made.data['id']}/").status_code == 204
    assert [tag["tag"] for tag in api.get(f"{ROOT}/knowledge-tags/").data["results"]] == ["x"]
    assert api.post(f"{ROOT}/knowledge-tags/", {"knowledge": "nothing", "tag": "y"}).status_code == 400
    assert api.post(f"{ROOT}/knowledge-tags/", {"knowledge": row.pk, "tag": " "}).status_code == 400


def test_memories_are_created_read_changed_and_forgotten(alice: Any, api_of: Any) -> None:
    api = api_of(alice)
    made = api.post(f"{ROOT}/memories/", {"type": "preference", "content": "I prefer tea", "pinned": True})
    assert made.status_code == 201, made.data
    assert (made.data["pinned"], made.data["importance"], made.data["user"]) == (True, "0.50", alice.pk)
    address = f"{ROOT}/memories/{made.data['id']}/"
    changed = api.patch(address, {"content": "I prefer juice", "importance": "0.9", "pinned": False})
    assert (changed.data["content"], changed.data["importance"]) == ("I prefer juice", "0.90")
    twice = api.post(f"{ROOT}/memories/", {"type": "preference", "content": "I prefer juice"})
    assert (twice.status_code, twice.data["code"]) == (400, "duplicate")
    assert api.delete(address).status_code == 204
    assert not Memory.objects.exists()


def test_another_persons_memory_is_404_by_every_verb(
    alice: Any, bob: Any, api_of: Any, run_tasks: Any
) -> None:
    memory = services.remember(owner=bob, type="preference", content="I prefer secret tea")
    mine = services.remember(owner=alice, type="preference", content="I prefer open coffee")
    run_tasks()
    api = api_of(alice)
    address = f"{ROOT}/memories/{memory.pk}/"
    assert [verb(address).status_code for verb in (api.get, api.patch, api.delete)] == [404, 404, 404]
    assert [row["id"] for row in api.get(f"{ROOT}/memories/").data["results"]] == [mine.pk]
    found = api.get(f"{ROOT}/memories/search/", {"q": "secret tea"}).data["results"]
    assert memory.pk not in [hit["id"] for hit in found]
    relation = {"source_memory": mine.pk, "target_memory": memory.pk, "relation_type": "causes"}
    assert api.post(f"{ROOT}/memory-relations/", relation).status_code == 400
    assert not MemoryRelation.objects.exists()


@pytest.mark.parametrize(("state", "found"), [("current", {1}), ("past", {0}), ("any", {0, 1})])
def test_memories_are_searched_by_state(alice: Any, api_of: Any, state: str, found: set[int]) -> None:
    rows = [
        services.remember(owner=alice, type="semantic", content=f"The cello lesson is on {day}")
        for day in ("Monday", "Tuesday")
    ]
    Memory.objects.filter(pk=rows[0].pk).update(archived_at=timezone.now())
    answer = api_of(alice).get(f"{ROOT}/memories/search/", {"q": "cello lesson", "state": state})
    assert {hit["id"] for hit in answer.data["results"]} == {rows[index].pk for index in found}


def test_relations_are_made_changed_and_removed(alice: Any, api_of: Any) -> None:
    one = services.remember(owner=alice, type="preference", content="I prefer tea")
    two = services.remember(owner=alice, type="semantic", content="I live in Busan")
    api = api_of(alice)
    given = {"source_memory": one.pk, "target_memory": two.pk, "relation_type": "causes", "strength": "0.7"}
    made = api.post(f"{ROOT}/memory-relations/", given)
    assert made.status_code == 201, made.data
    assert api.post(f"{ROOT}/memory-relations/", given).status_code == 409
    assert api.post(f"{ROOT}/memory-relations/", given | {"relation_type": "likes"}).status_code == 400
    address = f"{ROOT}/memory-relations/{made.data['id']}/"
    assert api.patch(address, {"strength": "0.2"}).data["strength"] == "0.20"
    assert api.patch(address, {"source_memory": two.pk}).status_code == 400
    assert api.delete(address).status_code == 204


def test_contexts_are_read_and_cleared_by_their_owner_only(alice: Any, bob: Any, api_of: Any) -> None:
    expires = timezone.now() + timedelta(days=1)
    session = Session.objects.create(user=alice, token="t", expires_at=expires)
    services.save_context(session=session, data={"topic": "tea"})
    row = Context.objects.get()
    address = f"{ROOT}/contexts/{row.pk}/"
    assert api_of(alice).get(address).data["data"] == {"topic": "tea"}
    assert api_of(bob).get(address).status_code == 404
    assert api_of(bob).delete(address).status_code == 404
    assert api_of(alice).post(f"{ROOT}/contexts/", {}).status_code == 405
    assert api_of(alice).delete(address).status_code == 204
    assert services.get_context(session=session) == {}


@pytest.mark.parametrize(
    "resource", ["knowledge", "knowledge-tags", "memories", "memory-relations", "contexts"]
)
def test_a_list_costs_as_many_queries_for_many_rows_as_for_one(
    alice: Any, api_of: Any, resource: str, django_assert_max_num_queries: Any
) -> None:
    memories = []
    for number in range(12):
        services.add_knowledge(author=alice, title="row", content=f"c {number}", tags=["x", f"tag{number}"])
        text = f"I have {number} coins number{number}"
        memories.append(services.remember(owner=alice, type="semantic", content=text, related=False))
    for memory in memories[1:]:
        services.relate_memories(source=memories[0], target=memory, by=alice, relation_type="causes")
    api = api_of(alice)
    with django_assert_max_num_queries(6):
        answer = api.get(f"{ROOT}/{resource}/")
    assert answer.status_code == 200
    assert len(answer.data["results"]) == {"knowledge-tags": 24, "memory-relations": 11, "contexts": 0}.get(
        resource, 12
    )
    assert Knowledge.objects.count() == 12


def test_a_visitor_gets_401(client: Any) -> None:
    assert client.get(f"{ROOT}/memories/").status_code == 401
    assert client.get(f"{ROOT}/knowledge/search/?q=x").status_code == 401
