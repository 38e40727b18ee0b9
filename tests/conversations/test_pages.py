"""The chat pages: what people see and do there, also without JavaScript."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from agi_site.lib.ids import uuid7
from conversations import services
from conversations.models import Conversation, Message
from conversations.services import Turn
from explanations.services import Feature, explain
from knowledge.models import Knowledge
from learning.models import Feedback

from .conftest import fill, fresh

HTMX = {"hx-request": "true"}


def address(row: Conversation | Message, verb: str = "") -> str:
    """The page of a conversation or one of its messages, or of a verb below it."""
    if isinstance(row, Message):
        return f"/conversations/{row.conversation_id}/messages/{row.pk}/{verb}"
    return f"/conversations/{row.pk}/{verb}"


# --- Starting and writing --------------------------------------------------------
def test_the_first_message_makes_the_conversation(alice: Any, web: Client) -> None:
    answer = web.post("/conversations/new/", {"content": "안녕하세요", "key": uuid7()})
    conversation = Conversation.objects.for_user(alice).get()
    assert answer.url == address(conversation)
    assert conversation.title == "안녕하세요"
    assert [m.role for m in conversation.messages.order_by("pk")] == ["user", "assistant"]


def test_a_first_message_sent_twice_makes_one_conversation(alice: Any, web: Client) -> None:
    sent = {"content": "Hello", "key": uuid7()}
    first, again = (web.post("/conversations/new/", sent) for _again in range(2))
    conversation = Conversation.objects.for_user(alice).get()
    assert first.url == again.url == address(conversation)
    assert conversation.messages.filter(role="user").count() == 1


def test_another_first_message_with_the_same_key_is_not_lost(alice: Any, web: Client) -> None:
    key = uuid7()
    for text in ("Hello", "Something else"):
        web.post("/conversations/new/", {"content": text, "key": key})
    titles = Conversation.objects.for_user(alice).order_by("pk").values_list("title", flat=True)
    assert list(titles) == ["Hello", "Something else"]


def test_a_key_that_is_no_id_or_anothers_makes_a_conversation_of_ones_own(
    alice: Any, bob: Any, web: Client
) -> None:
    his = services.start_with_message(owner=bob, content="Hello", key=uuid7())
    gone = services.start_with_message(owner=alice, content="Hello", key=uuid7())
    services.delete_conversation(conversation=gone, by=alice)
    for key in (his.pk, gone.pk, his.pk.upper(), "one", "", "\0" * 64, "가" * 200):
        before = Conversation.objects.for_user(alice).count()
        answer = web.post("/conversations/new/", {"content": "Hello", "key": key})
        assert answer.url == address(Conversation.objects.for_user(alice).order_by("pk").last())
        assert Conversation.objects.for_user(alice).count() == before + 1
    assert his.messages.filter(role="user").count() == 1


def test_an_empty_first_message_leaves_nothing_behind(alice: Any, web: Client) -> None:
    answer = web.post("/conversations/new/", {"content": "   "})
    assert answer.status_code == 400
    assert "Write a message first." in answer.content.decode()
    assert not Conversation.objects.for_user(alice).exists()


def test_a_suggestion_fills_the_box(web: Client) -> None:
    assert (
        ">What can you do?</textarea>" in web.get("/conversations/new/?q=What can you do?").content.decode()
    )


def test_without_javascript_a_message_is_a_form_that_leads_back(
    web: Client, conversation: Conversation
) -> None:
    answer = web.post(address(conversation), {"content": "Hello"})
    reply = conversation.messages.get(role="assistant")
    assert answer.url == f"{address(conversation)}#message-{reply.pk}"


def test_without_javascript_one_can_look_for_the_answer(
    web: Client, conversation: Conversation, post: Callable[..., Turn]
) -> None:
    post("Hello")
    assert "Look for the answer" in web.get(address(conversation)).content.decode()


def test_htmx_gets_only_the_two_new_messages(web: Client, conversation: Conversation) -> None:
    answer = web.post(address(conversation), {"content": "Hello"}, headers=HTMX).content.decode()
    assert "<html" not in answer
    assert re.findall(r'data-status="(\w*)"', answer) == ["", "streaming"]


def test_a_message_sent_twice_with_its_key_is_one_message(web: Client, conversation: Conversation) -> None:
    for _again in range(2):
        web.post(address(conversation), {"content": "Hello", "key": "one"}, headers=HTMX)
    assert conversation.messages.filter(role="user").count() == 1


def test_what_cannot_be_sent_comes_back_with_the_reason(
    web: Client, conversation: Conversation, post: Callable[..., Turn]
) -> None:
    post("first")
    plain = web.post(address(conversation), {"content": "second, kept"})
    assert plain.status_code == 409
    assert "second, kept" in plain.content.decode()
    assert "The assistant is still answering" in plain.content.decode()
    short = web.post(address(conversation), {"content": "second"}, headers=HTMX)
    assert short.status_code == 409
    assert "X-Problem" in short.headers


def test_stopping_keeps_what_was_written(
    web: Client, conversation: Conversation, post: Callable[..., Turn]
) -> None:
    turn = post("Hello")
    assert web.post(address(conversation, "stop/"), headers=HTMX).status_code == 204
    assert fresh(turn.assistant_message).status == "stopped"
    page = web.get(address(conversation)).content.decode()
    assert "You stopped this answer." in page
    assert "Try again" in page


# --- Reading --------------------------------------------------------------------
def test_an_answers_markdown_is_rendered_and_a_persons_text_stays_as_typed(
    web: Client, conversation: Conversation
) -> None:
    Message.objects.create(conversation=conversation, role="user", content="<b>5 < 6</b> **so**")
    Message.objects.create(
        conversation=conversation,
        role="assistant",
        content="**Yes** <script>alert(1)</script>",
        metadata={"status": "complete"},
    )
    page = web.get(address(conversation)).content.decode()
    assert "&lt;b&gt;5 &lt; 6&lt;/b&gt; **so**" in page
    assert "<strong>Yes</strong>" in page
    assert "<script>alert" not in page


def test_an_error_says_what_to_do(web: Client, conversation: Conversation) -> None:
    facts = {"status": "failed", "error": {"code": "unreachable", "text": "Start the model server."}}
    Message.objects.create(conversation=conversation, role="assistant", content="", metadata=facts)
    page = web.get(address(conversation)).content.decode()
    assert "Start the model server." in page
    assert "Try again" in page


def test_a_long_conversation_shows_its_end_and_the_way_back(web: Client, conversation: Conversation) -> None:
    fill(conversation, 70)
    page = web.get(address(conversation)).content.decode()
    assert "message number 69" in page
    assert "message number 39" not in page
    older = re.search(r'data-older="([^"]+)"', page)
    assert older
    stretch = web.get(older[1], headers=HTMX).content.decode()
    assert "message number 39" in stretch
    assert "<html" not in stretch
    assert "message number 39" in web.get(older[1]).content.decode()


def test_a_found_message_is_shown_in_its_place_with_the_way_to_the_end(
    web: Client, conversation: Conversation
) -> None:
    fill(conversation, 100)
    found = conversation.messages.order_by("pk")[20]
    page = web.get(f"{address(conversation)}?at={found.pk}").content.decode()
    assert f'id="message-{found.pk}"' in page
    assert "message number 29" in page
    assert "message number 30" not in page
    assert "This is an earlier part" in page
    newest = conversation.messages.order_by("pk").last()
    assert "earlier part" not in web.get(f"{address(conversation)}?at={newest.pk}").content.decode()


@pytest.mark.parametrize("count", [10, 1000])
def test_the_chat_page_costs_the_same_however_long_it_is(
    web: Client, conversation: Conversation, count: int, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    fill(conversation, count)
    web.get(address(conversation))
    with django_assert_max_num_queries(8):
        web.get(address(conversation))


def test_citations_and_tools_of_an_answer_are_shown(
    alice: Any, web: Client, conversation: Conversation
) -> None:
    passage = Knowledge.objects.create(title="Leave", content="Fifteen days in the first year.")
    answer = Message.objects.create(
        conversation=conversation,
        role="assistant",
        content="Fifteen days [1].",
        metadata={
            "status": "complete",
            "citations": [{"n": 1, "kind": "knowledge", "id": passage.pk, "title": "Leave"}],
            "tools": [
                {
                    "call_id": "a",
                    "name": "knowledge_search",
                    "arguments": {"query": "leave"},
                    "status": "completed",
                    "result": "1 passage",
                }
            ],
        },
    )
    page = web.get(address(conversation)).content.decode()
    assert f'href="/knowledge/{passage.pk}/"' in page
    assert "Knowledge search" in page
    assert "1 passage" in page
    passage_panel = web.get(address(answer, "sources/1/"), headers=HTMX).content.decode()
    assert "<html" not in passage_panel
    passage.delete()
    assert "deleted since" in web.get(address(answer, "sources/1/")).content.decode()


def test_why_an_answer_was_given_can_be_read(alice: Any, web: Client, ask: Callable[..., Message]) -> None:
    answer = ask("How many days of leave?")
    explain(
        user=alice,
        target_type="message",
        target_id=answer.pk,
        summary="It rests on the handbook.",
        algorithm="test",
        confidence=0.8,
        features=[Feature("knowledge", "[1] Leave", 0.8)],
    )
    panel = web.get(address(answer, "why/"), headers=HTMX).content.decode()
    assert "It rests on the handbook." in panel
    assert "<meter" in panel
    assert "<html" in web.get(address(answer, "why/")).content.decode()


# --- Changing what was said ----------------------------------------------------------
def test_a_message_is_edited_and_answered_anew(web: Client, conversation: Conversation, ask: Any) -> None:
    ask("frist")
    question = conversation.messages.get(role="user")
    assert "frist" in web.get(address(question, "edit/"), headers=HTMX).content.decode()
    stream = web.post(address(question, "edit/"), {"content": "first"}, headers=HTMX).content.decode()
    assert "data-event-id" in stream
    assert "edited" in stream
    edited = Message.objects.visible().get(conversation=conversation, role="user")
    assert "frist" in web.get(address(edited, "versions/")).content.decode()


def test_an_edit_that_is_refused_keeps_the_text(web: Client, ask: Any, conversation: Conversation) -> None:
    ask("first")
    question = conversation.messages.get(role="user")
    answer = web.post(address(question, "edit/"), {"content": "  "})
    assert "Write a message first." in answer.content.decode()


def test_an_answer_is_made_again_and_the_old_one_stays_readable(
    web: Client, ask: Callable[..., Message]
) -> None:
    old = ask("Hello")
    web.post(address(old, "regenerate/"))
    new = Message.objects.visible().get(conversation=old.conversation_id, role="assistant")
    assert new.pk != old.pk
    assert new.version_count == 2


def test_a_thumb_and_a_word_on_why_become_feedback(
    alice: Any, web: Client, ask: Callable[..., Message]
) -> None:
    answer = ask("Hello")
    panel = web.post(address(answer, "rate/"), {"thumb": "down"}, headers=HTMX).content.decode()
    assert 'value="down" aria-pressed="true"' in panel
    assert "<textarea" in panel
    web.post(address(answer, "rate/"), {"thumb": "down", "comment": "too short"})
    feedback = Feedback.objects.for_user(alice).latest("created_at")
    assert (feedback.rating, feedback.comment) == (1, "too short")
    assert 'value="down" aria-pressed="true"' in web.get(address(answer.conversation)).content.decode()


# --- The list -----------------------------------------------------------------------
def test_conversations_are_found_by_title_and_by_what_was_said(web: Client, ask: Any, alice: Any) -> None:
    ask("The heron stands in the reeds")
    services.start_conversation(owner=alice, title="Budget")
    assert "heron" in web.get("/conversations/?q=heron").content.decode()
    assert "Nothing found" in web.get("/conversations/?q=zeppelin").content.decode()
    beside = web.get("/conversations/?in=sidebar&q=budget", headers=HTMX).content.decode()
    assert "Budget" in beside
    assert "<html" not in beside


@pytest.mark.django_db(transaction=True)  # InnoDB finds what is committed
def test_what_answers_a_search_is_shown_with_its_words_marked(web: Client, ask: Any) -> None:
    ask("Hello")
    ask("The <b>heron</b> stands by the pond")
    for path in ("?q=pond", "?in=sidebar&q=pond"):
        page = " ".join(web.get(f"/conversations/{path}", headers=HTMX).content.decode().split())
        assert "by the <mark>pond</mark>" in page
        assert "&lt;b&gt;heron" in page
        assert "True" not in page


def test_the_list_pages_by_keyset(web: Client, alice: Any) -> None:
    for number in range(35):
        services.start_conversation(owner=alice, title=f"number {number:02}")
    first = web.get("/conversations/").content.decode()
    assert "number 34" in first
    assert "number 04" not in first
    older = re.search(r'rel="next" href="([^"]+)"', first)
    assert older
    assert "number 04" in web.get("/conversations/" + older[1].replace("&amp;", "&")).content.decode()


def test_the_list_costs_the_same_however_many_there_are(
    web: Client, alice: Any, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    web.get("/conversations/")
    Conversation.objects.bulk_create(Conversation(user=alice, title=f"no. {n}") for n in range(300))
    with django_assert_max_num_queries(6):
        web.get("/conversations/")


def test_a_conversation_is_renamed_put_away_taken_out_and_deleted(
    web: Client, conversation: Conversation
) -> None:
    web.post(address(conversation, "rename/"), {"title": "New name"})
    assert "New name" in web.get("/conversations/").content.decode()
    web.post(address(conversation, "archive/"))
    assert "New name" in web.get("/conversations/?archived").content.decode()
    archived = web.get(address(conversation)).content.decode()
    assert 'id="composer"' not in archived
    web.post(address(conversation, "unarchive/"))
    assert 'id="composer"' in web.get(address(conversation)).content.decode()
    assert "gone for good" in web.get(address(conversation, "delete/")).content.decode()
    web.post(address(conversation, "delete/"))
    assert web.get(address(conversation)).status_code == 404


def test_an_empty_title_is_refused_with_a_reason(web: Client, conversation: Conversation) -> None:
    answer = web.post(address(conversation, "rename/"), {"title": " "}).content.decode()
    assert "errorlist" in answer
    assert "field is required" in answer


# --- Others ---------------------------------------------------------------------------
PAGES = ["", "stop/", "rename/", "archive/", "unarchive/", "delete/"]
MESSAGE_PAGES = ["", "edit/", "regenerate/", "rate/", "why/", "versions/", "sources/1/"]


@pytest.mark.parametrize("verb", PAGES)
def test_someone_elses_conversation_does_not_exist(
    bob: Any, client_of: Any, conversation: Conversation, verb: str
) -> None:
    stranger = client_of(bob)
    post_only = verb in {"stop/", "archive/", "unarchive/"}
    answers = [stranger.post(address(conversation, verb), {"title": "x", "content": "x"})]
    answers += [] if post_only else [stranger.get(address(conversation, verb))]
    assert {answer.status_code for answer in answers} == {404}
    assert Conversation.objects.get(pk=conversation.pk).status == "active"


@pytest.mark.parametrize("verb", MESSAGE_PAGES)
def test_someone_elses_message_does_not_exist(
    bob: Any, client_of: Any, ask: Callable[..., Message], verb: str
) -> None:
    answer = ask("Hello")
    stranger = client_of(bob)
    send = stranger.post if verb == "regenerate/" else stranger.get
    assert send(address(answer, verb)).status_code == 404


def test_a_message_is_not_found_under_another_conversation(web: Client, alice: Any, ask: Any) -> None:
    answer = ask("Hello")
    other = services.start_conversation(owner=alice)
    assert web.get(f"/conversations/{other.pk}/messages/{answer.pk}/why/").status_code == 404


@pytest.mark.django_db
def test_visitors_are_sent_to_sign_in(client: Client) -> None:
    assert client.get("/conversations/").url.startswith("/accounts/sign-in/")


def test_operators_read_how_far_an_answer_is_in_their_language(
    admin_user: Any, client_of: Any, ask: Any
) -> None:
    ask("Hello")
    page = client_of(admin_user).get("/admin/conversations/message/", headers={"accept-language": "ko"})
    assert ">완성<" in "".join(page.content.decode().split())
