"""Conversations as files, and new ones that go on from a place in an old one."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from rest_framework.test import APIClient

from agi_site.lib.engines.fake import FakeChat
from agi_site.lib.problems import Conflict, NotFound, Problem
from conversations import services
from conversations.models import Conversation, Message
from knowledge.models import Memory

from .conftest import fresh

type Ask = Callable[..., Message]


def said(conversation: Conversation) -> list[tuple[str, str]]:
    """Who said what on the current branch."""
    return list(Message.objects.of(conversation).visible().order_by("pk").values_list("role", "content"))


def told(*messages: Any, title: str = "Trip") -> dict[str, Any]:
    return {
        "format": "agi-site/conversations",
        "version": 1,
        "conversations": [{"title": title, "messages": list(messages)}],
    }


HELLO = {"role": "user", "content": "Hello", "created_at": "2026-01-02T03:04:05+09:00"}
HI = {"role": "assistant", "content": "Hi **you**", "model": "some-model"}


# --- Out and in ---------------------------------------------------------------------------------------------
def test_a_conversation_goes_out_and_comes_in_again(
    alice: Any, bob: Any, ask: Ask, conversation: Conversation, run_tasks: Any
) -> None:
    ask("제주도 여행 계획")
    answer = ask("Second")
    conversation.refresh_from_db()
    document = services.export_conversation(conversation=conversation, by=alice)
    data = json.dumps(document).encode()
    [copy] = services.import_conversations(owner=bob, data=data)
    assert (copy.title, copy.user) == ("제주도 여행 계획", bob)
    assert said(copy) == said(conversation)
    row = copy.messages.order_by("-pk")[0]
    assert (row.status, row.created_at) == ("complete", answer.created_at)
    run_tasks()
    [found] = services.search_conversations(user=bob, q="여행 계획")
    assert found.conversation == copy
    assert services.search_conversations(user=alice, q="여행")[0].conversation == conversation


def test_what_was_replaced_or_is_being_written_is_not_exported(
    alice: Any, ask: Ask, post: Any, conversation: Conversation
) -> None:
    first = ask("First")
    question = Message.objects.get(pk=first.facts["reply_to"])
    services.edit_and_resend(message=question, by=alice, content="Edited")
    document = services.export_conversation(conversation=conversation, by=alice)
    assert [row["content"] for row in document["conversations"][0]["messages"]] == ["Edited"]


def test_nothing_is_learnt_from_a_file(alice: Any, run_tasks: Any) -> None:
    told_me = {"role": "user", "content": "Remember that I prefer green tea."}
    [row] = services.import_conversations(owner=alice, data=json.dumps(told(told_me)).encode())
    run_tasks()
    assert not Memory.objects.exists()
    assert said(row) == [("user", "Remember that I prefer green tea.")]


def test_an_imported_conversation_goes_on(alice: Any, chat: FakeChat, run_tasks: Any) -> None:
    [row] = services.import_conversations(owner=alice, data=json.dumps(told(HELLO, HI)).encode())
    chat.say("Welcome back")
    turn = services.post_message(conversation=row, author=alice, content="And now?")
    run_tasks()
    assert fresh(turn.assistant_message).content == "Welcome back"
    sent = [message.content for message in chat.requests[-1].messages]
    assert "Hello" in sent
    again = services.regenerate(message=row.messages.filter(content="Hi **you**").get(), by=alice)
    assert again.user_message.content == "Hello"


def test_conversations_of_chatgpt_come_in_as_they_were_seen(alice: Any) -> None:
    def node(parent: str | None, role: str, text: str) -> dict[str, Any]:
        content = {"content_type": "text", "parts": [text]}
        return {
            "parent": parent,
            "message": {"author": {"role": role}, "content": content, "create_time": 1.7e9},
        }

    tree = {
        "root": {"parent": None, "message": None},
        "system": node("root", "system", "You are"),
        "a": node("system", "user", "Question"),
        "b": node("a", "assistant", "Dropped answer"),
        "c": node("a", "assistant", "Kept answer"),
    }
    given = [{"title": "Old one", "mapping": tree, "current_node": "c"}]
    [row] = services.import_conversations(owner=alice, data=json.dumps(given).encode())
    assert (row.title, said(row)) == ("Old one", [("user", "Question"), ("assistant", "Kept answer")])


@pytest.mark.parametrize(
    "document",
    [
        *("", "[", "null", "7", '"x"', "[]", "{}", "[1]", "[[]]", "[" * 100_000, '{"mapping": {}}'),
        '{"format": "agi-site/conversations"}',
        json.dumps(told(HELLO) | {"version": 2}),
        json.dumps(told(HELLO) | {"conversations": "x"}),
        json.dumps(told({"role": "system", "content": "x"})),
        json.dumps(told({"role": "user", "content": 7})),
        json.dumps(told({"role": "user", "content": "\\u0000 "})).replace("\\\\", "\\"),
        json.dumps([{"mapping": {"a": {"parent": "a"}}, "current_node": "a"}]),
        json.dumps(told(*[{"role": "user", "content": "x"}] * 20_001)),
    ],
)
def test_a_file_that_is_none_is_refused_whole(alice: Any, document: str) -> None:
    with pytest.raises(Problem) as caught:
        services.import_conversations(owner=alice, data=document.encode())
    assert caught.value.status in (400, 413)
    assert not Conversation.objects.exists()


def test_odd_moments_and_characters_do_no_harm(alice: Any) -> None:
    moments = [
        "2026-13-01",
        "9999-12-31T23:59:59-12:00",
        1e300,
        -1e300,
        float("nan"),
        True,
        [],
        "0001-01-01T00:00",
    ]
    odd = [{"role": "user", "content": "a\x00\ud800b", "created_at": moment} for moment in moments]
    [row] = services.import_conversations(owner=alice, data=json.dumps(told(*odd, title="")).encode())
    assert {content for _role, content in said(row)} == {"ab"}
    assert str(row) == "New conversation"


def test_only_its_owner_exports_it(alice: Any, bob: Any, conversation: Conversation) -> None:
    with pytest.raises(NotFound):
        services.export_conversation(conversation=conversation, by=bob)
    with pytest.raises(NotFound):
        services.markdown_of(conversation=conversation, by=bob)


# --- Branches -----------------------------------------------------------------------------------------------
def test_a_branch_holds_what_was_said_up_to_there(alice: Any, ask: Ask, conversation: Conversation) -> None:
    answer = ask("One")
    ask("Two")
    before = said(conversation)
    made = services.branch_off(message=answer, by=alice)
    assert said(made) == before[:2]
    assert said(conversation) == before
    assert made.title == "Branch of One"
    copied = made.messages.get(role="assistant")
    assert copied.facts["reply_to"] == made.messages.get(role="user").pk
    assert "task" not in copied.facts


def test_a_branch_takes_up_what_was_replaced(
    alice: Any, ask: Ask, conversation: Conversation, run_tasks: Any
) -> None:
    ask("One")
    second = ask("Two")
    ask("Three")
    old = said(conversation)
    question = Message.objects.get(pk=second.facts["reply_to"])
    services.edit_and_resend(message=question, by=alice, content="Two, but better")
    run_tasks()
    assert said(services.branch_off(message=fresh(question), by=alice)) == old[:4]
    assert said(services.branch_off(message=fresh(second), by=alice)) == old[:4]


def test_a_question_branches_with_its_answer(alice: Any, ask: Ask, conversation: Conversation) -> None:
    answer = ask("One")
    question = Message.objects.get(pk=answer.facts["reply_to"])
    assert len(said(services.branch_off(message=question, by=alice))) == 2


def test_a_branch_keeps_memory_off(alice: Any, ask: Ask, conversation: Conversation) -> None:
    answer = ask("One")
    services.set_memory_enabled(conversation=conversation, by=alice, enabled=False)
    made = services.branch_off(message=fresh(answer), by=alice)
    assert not Conversation.objects.get(pk=made.pk).memory_enabled


def test_no_branch_of_an_answer_that_is_being_written(alice: Any, bob: Any, post: Any) -> None:
    answer = post("One").assistant_message
    with pytest.raises(Conflict):
        services.branch_off(message=answer, by=alice)
    with pytest.raises(NotFound):
        services.branch_off(message=answer, by=bob)


# --- Doors --------------------------------------------------------------------------------------------------
def test_a_conversation_is_downloaded_as_a_file(web: Client, ask: Ask, conversation: Conversation) -> None:
    ask("제주도 <b>여행</b>")
    told_json = web.get(f"/conversations/{conversation.pk}/export.json")
    assert "attachment" in told_json.headers["Content-Disposition"]
    assert told_json.json()["conversations"][0]["title"] == "제주도 <b>여행</b>"
    told_md = web.get(f"/conversations/{conversation.pk}/export.md")
    assert told_md.headers["Content-Type"].startswith("text/markdown")
    assert "## You" in told_md.content.decode()
    page = web.get(f"/conversations/{conversation.pk}/").content.decode()
    assert f"/conversations/{conversation.pk}/export.md" in page


def test_a_stranger_downloads_nothing(bob: Any, client_of: Any, ask: Ask, conversation: Conversation) -> None:
    answer = ask("One")
    web = client_of(bob)
    for path in ("export.json", "export.md"):
        assert web.get(f"/conversations/{conversation.pk}/{path}").status_code == 404
    path = f"/conversations/{conversation.pk}/messages/{answer.pk}/branch/"
    assert web.post(path).status_code == 404


def test_a_file_is_taken_in_by_page(alice: Any, web: Client) -> None:
    file = SimpleUploadedFile("c.json", json.dumps(told(HELLO, HI)).encode())
    answer = web.post("/conversations/import/", {"file": file}, follow=True)
    assert "Hi <strong>you</strong>" in answer.content.decode()
    wrong = web.post("/conversations/import/", {"file": SimpleUploadedFile("c.json", b"no")})
    assert wrong.status_code == 400
    assert "This is no JSON file." in wrong.content.decode()
    assert Conversation.objects.for_user(alice).count() == 1


def test_a_branch_is_made_by_page(alice: Any, web: Client, ask: Ask, conversation: Conversation) -> None:
    answer = ask("One")
    path = f"/conversations/{conversation.pk}/messages/{answer.pk}/branch/"
    assert path in web.get(f"/conversations/{conversation.pk}/").content.decode()
    went: Any = web.post(path)
    new = Conversation.objects.for_user(alice).exclude(pk=conversation.pk).get()
    assert went.url == f"/conversations/{new.pk}/"


def test_files_and_branches_over_rest(
    alice: Any, bob: Any, api_of: Callable[[Any], APIClient], ask: Ask, conversation: Conversation
) -> None:
    answer = ask("One")
    api = api_of(alice)
    document = api.get(f"/api/v1/conversations/{conversation.pk}/transcript/").json()
    made = api.post("/api/v1/conversations/import/", document, format="json")
    assert made.status_code == 201
    copy = Conversation.objects.get(pk=made.json()["conversations"][0])
    assert said(copy) == said(conversation)
    branch = api.post(f"/api/v1/messages/{answer.pk}/branch/")
    assert (branch.status_code, branch.json()["title"]) == (201, "Branch of One")
    wrong = api.post("/api/v1/conversations/import/", told({"role": "tool", "content": "x"}), format="json")
    assert wrong.status_code == 400
    assert api_of(bob).get(f"/api/v1/conversations/{conversation.pk}/transcript/").status_code == 404
