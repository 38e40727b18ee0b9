"""Conversations over REST."""

from collections.abc import Callable
from typing import Any

import pytest

from agi_site.lib.engines.fake import FakeChat
from agi_site.lib.problems import Conflict
from conversations import services
from conversations.models import Conversation, Message

from .conftest import fill, fresh

URL = "/api/v1/conversations/"
MESSAGES = "/api/v1/messages/"

type Ask = Callable[..., Message]


@pytest.fixture
def stranger(bob: Any, api_of: Callable[[Any], Any]) -> Any:
    return api_of(bob)


def test_a_conversation_is_started_renamed_and_deleted(api: Any, run_tasks: Callable[..., None]) -> None:
    made = api.post(URL, {"title": "Trip"})
    assert made.status_code == 201
    one = f"{URL}{made.data['id']}/"
    assert api.patch(one, {"title": "Trip to Jeju"}).data["title"] == "Trip to Jeju"
    assert api.patch(one, {"title": " "}).status_code == 400
    assert [row["title"] for row in api.get(URL).data["results"]] == ["Trip to Jeju"]
    assert api.delete(one).status_code == 204
    assert api.get(one).status_code == 404
    run_tasks()
    assert not Conversation.objects.exists()


def test_where_memory_cannot_be_turned_off_nothing_is_started_or_renamed(
    api: Any, conversation: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_given: Any) -> None:
        raise Conflict

    monkeypatch.setattr(services, "set_memory_enabled", fail)
    given = {"title": "Private", "memory_enabled": False}
    assert api.post(URL, given).status_code == 409
    assert api.patch(f"{URL}{conversation.pk}/", given).status_code == 409
    assert [row.title for row in Conversation.objects.all()] == [None]


def test_a_message_is_sent_and_its_answer_read(
    api: Any, conversation: Conversation, chat: FakeChat, run_tasks: Callable[..., None]
) -> None:
    chat.say("Hello Alice.")
    sent = api.post(f"{URL}{conversation.pk}/messages/", {"content": "Hello"})
    assert sent.status_code == 202
    assert sent.data["events"] == f"/events/conversations/{conversation.pk}/"
    run_tasks()
    answer = api.get(f"{MESSAGES}{sent.data['assistant_message']}/").data
    assert (answer["content"], answer["status"], answer["role"]) == ("Hello Alice.", "complete", "assistant")
    listed = api.get(MESSAGES, {"conversation": conversation.pk, "ordering": "id"}).data["results"]
    assert [row["role"] for row in listed] == ["user", "assistant"]


def test_the_same_idempotency_key_sends_once(api: Any, conversation: Conversation) -> None:
    send = lambda: api.post(  # noqa: E731
        f"{URL}{conversation.pk}/messages/", {"content": "Hello"}, headers={"Idempotency-Key": "one"}
    )
    assert send().data == send().data
    assert Message.objects.count() == 2


@pytest.mark.parametrize(
    ("body", "code"),
    [({}, 400), ({"content": ""}, 400), ({"content": "x" * 20_001}, 400), ({"content": []}, 400)],
)
def test_bad_messages_are_refused_as_problems(
    api: Any, conversation: Conversation, body: dict[str, Any], code: int
) -> None:
    answer = api.post(f"{URL}{conversation.pk}/messages/", body)
    assert answer.status_code == code
    assert answer["Content-Type"] == "application/problem+json"
    assert "content" in answer.data["errors"]


def test_a_second_message_has_to_wait(api: Any, conversation: Conversation) -> None:
    api.post(f"{URL}{conversation.pk}/messages/", {"content": "Hello"})
    answer = api.post(f"{URL}{conversation.pk}/messages/", {"content": "Hello?"})
    assert (answer.status_code, answer.data["code"]) == (409, "turn_running")


def test_a_turn_is_stopped(api: Any, conversation: Conversation) -> None:
    sent = api.post(f"{URL}{conversation.pk}/messages/", {"content": "Hello"}).data
    stopped = api.post(f"{URL}{conversation.pk}/stop/")
    assert (stopped.status_code, stopped.data["assistant_message"]) == (202, sent["assistant_message"])
    assert api.post(f"{URL}{conversation.pk}/stop/").data["assistant_message"] is None


def test_verbs_on_an_answer(api: Any, ask: Ask, run_tasks: Callable[..., None], chat: FakeChat) -> None:
    answer = ask("Hello")
    one = f"{MESSAGES}{answer.pk}/"
    why = api.get(f"{one}explanation/")
    assert why.status_code == 200
    assert why.data["explanation"]
    assert {"name", "value", "importance"} == set(why.data["features"][0])
    rated = api.post(f"{one}rate/", {"thumb": "up", "comment": "Nice"})
    assert (rated.status_code, rated.data["rating"]) == (200, 5)
    assert api.post(f"{one}rate/", {"thumb": "maybe"}).status_code == 400
    again = api.post(f"{one}regenerate/")
    assert again.status_code == 202
    run_tasks()
    assert api.post(f"{one}regenerate/").status_code == 409
    edited = api.post(f"{MESSAGES}{answer.facts['reply_to']}/edit/", {"content": "Good bye"})
    assert edited.status_code == 202
    assert api.get(f"{MESSAGES}{answer.facts['reply_to']}/explanation/").status_code == 404
    assert fresh(answer).superseded_at is not None
    current = api.get(MESSAGES, {"superseded_at__isnull": "true"}).data["results"]
    assert len(current) == 2


def test_archive_and_back(api: Any, conversation: Conversation) -> None:
    assert api.post(f"{URL}{conversation.pk}/archive/").data["status"] == "archived"
    assert [row["id"] for row in api.get(URL, {"status": "archived"}).data["results"]] == [conversation.pk]
    assert api.post(f"{URL}{conversation.pk}/unarchive/").data["status"] == "active"


def test_search_over_rest(api: Any, alice: Any) -> None:
    services.start_conversation(owner=alice, title="Budget plan")
    found = api.get(f"{URL}search/", {"q": "budget"}).data
    assert [(hit["conversation"]["title"], hit["message"]) for hit in found] == [("Budget plan", None)]
    assert api.get(f"{URL}search/").data == []


def test_strangers_find_nothing(stranger: Any, conversation: Conversation, ask: Ask) -> None:
    answer = ask("Hello")
    one, message = f"{URL}{conversation.pk}/", f"{MESSAGES}{answer.pk}/"
    assert stranger.get(URL).data["results"] == []
    assert stranger.get(MESSAGES).data["results"] == []
    for name in ("intents", "sentiments", "entities"):
        assert stranger.get(f"/api/v1/{name}/").data["results"] == []
    for address in (one, message, f"{message}explanation/"):
        assert stranger.get(address).status_code == 404
    for address in (f"{one}stop/", f"{one}archive/", f"{message}regenerate/"):
        assert stranger.post(address).status_code == 404
    assert stranger.post(f"{one}messages/", {"content": "Hi"}).status_code == 404
    assert stranger.post(f"{message}rate/", {"thumb": "up"}).status_code == 404
    assert stranger.delete(one).status_code == 404


def test_understanding_is_read_only(api: Any, ask: Ask) -> None:
    ask("Hello")
    [intent] = api.get("/api/v1/intents/").data["results"]
    assert intent["name"] == "small_talk"
    assert api.post("/api/v1/intents/", {"name": "x"}).status_code == 405
    assert api.get("/api/v1/sentiments/").data["results"][0]["label"] == "neutral"


def test_lists_take_the_same_queries_for_few_and_many(
    api: Any, conversation: Conversation, django_assert_max_num_queries: Any
) -> None:
    fill(conversation, 300)
    for address in (URL, f"{MESSAGES}?conversation={conversation.pk}", "/api/v1/intents/"):
        with django_assert_max_num_queries(3):
            assert api.get(address).status_code == 200
