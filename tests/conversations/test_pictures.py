"""Pictures in messages: put in, shown, seen by the model or said to be unseen, copied, exported, deleted."""

import base64
import io
import json
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.test import Client
from django.utils import timezone
from PIL import Image

from agi_site.lib import engines
from agi_site.lib.engines.base import EngineError
from agi_site.lib.engines.fake import FakeChat, Script
from agi_site.lib.engines.openai_chat import OpenAIChat
from agi_site.lib.problems import Invalid, NotFound
from conversations import services
from conversations.models import Conversation, Message, MessagePicture
from explanations.services import explanation_of
from media import services as media
from media.models import ImageMetadata
from tests.lib.engines.scripted_server import ScriptedServer, error_reply, scripted_server, text_reply
from tests.media.files import noise, photo, png

from .conftest import fresh, seen

type Ask = Callable[..., Message]


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedServer]:
    """A model that sees, behind a real server."""
    with scripted_server() as server:
        server.remembers_nothing = True
        chat = OpenAIChat(base_url=server.base_url, model="scripted-1", timeout=5.0, vision="on")
        monkeypatch.setattr(engines, "chat", lambda: chat)
        yield server
        chat.close()


def take(owner: Any, data: bytes = b"", name: str = "cat.png") -> ImageMetadata:
    return services.take_picture(owner=owner, name=name, file=ContentFile(data or png()))


def question_of(answer: Message) -> Message:
    return Message.objects.get(pk=answer.facts["reply_to"])


def pictures_sent(body: dict[str, Any]) -> list[tuple[int, int]]:
    """The sizes of the pictures in a request, in order."""
    found = []
    for message in body["messages"]:
        parts = message["content"] if isinstance(message["content"], list) else []
        for part in parts:
            if part["type"] == "image_url":
                data = base64.b64decode(part["image_url"]["url"].partition(",")[2])
                found.append(Image.open(io.BytesIO(data)).size)
    return found


# --- To the model -------------------------------------------------------------------------------------------
def test_a_model_that_sees_gets_the_small_copy_without_the_place(
    alice: Any, model: ScriptedServer, ask: Ask
) -> None:
    image = take(alice, photo(size=(3000, 1500)), "trip.jpg")
    model.script(text_reply("A wall."))
    answer = ask("What is it?", media=[image.pk])
    assert (answer.content, answer.status) == ("A wall.", "complete")
    assert pictures_sent(model.requests[0]) == [(784, 1568)]
    assert b"SecretMaker" not in base64.b64decode(
        json.dumps(model.requests[0]).partition("base64,")[2].partition('"')[0]
    )
    assert answer.facts["pictures_told"] == {"seen": [image.pk], "unseen": [], "why": ""}
    told = explanation_of(user=alice, target_type="message", target_id=answer.pk)
    assert told is not None
    assert "1 picture" in told.explanation
    assert ("picture", "trip.jpg") in [(one.feature_name, one.feature_value) for one in told.features.all()]


def test_earlier_pictures_are_seen_with_later_questions(alice: Any, model: ScriptedServer, ask: Ask) -> None:
    ask("First", media=[take(alice).pk])
    ask("And its colour?")
    assert pictures_sent(model.requests[-1]) == [(64, 48)]
    assert model.requests[-1]["messages"][-1]["content"] == "And its colour?"


def test_a_picture_needs_no_words(alice: Any, model: ScriptedServer, ask: Ask, conversation: Any) -> None:
    answer = ask("", media=[take(alice, name="제주.png").pk])
    assert answer.status == "complete"
    assert pictures_sent(model.requests[0]) == [(64, 48)]
    conversation.refresh_from_db()
    assert conversation.title == "제주.png"


def test_older_pictures_fall_out_first_and_are_said_to_have(alice: Any, chat: FakeChat, ask: Ask) -> None:
    chat.vision, chat.context_window = True, 4000
    old, newer, now = (take(alice, noise((700, 700))) for _number in range(3))  # 710 tokens each
    ask("one", media=[old.pk])
    ask("two", media=[newer.pk])
    answer = ask("three", media=[now.pk])
    asked = [message for message in chat.requests[-1].messages if message.role == "user"]
    assert [len(message.pictures) for message in asked] == [0, 1, 1]
    assert asked[0].unseen == ("cat.png",)
    assert answer.pictures_told == {"seen": [now.pk, newer.pk], "unseen": [old.pk], "why": "room"}
    told = explanation_of(user=alice, target_type="message", target_id=answer.pk)
    assert told is not None
    assert "no room" in told.explanation


def test_a_picture_that_does_not_fit_at_all_is_left_out_and_the_words_are_answered(
    alice: Any, chat: FakeChat, ask: Ask
) -> None:
    chat.vision, chat.context_window = True, 1500
    image = take(alice, noise((1568, 1568)))
    answer = ask("What is it?", media=[image.pk])
    assert answer.status == "complete"
    assert not chat.requests[-1].has_pictures
    assert answer.pictures_told["why"] == "room"


def test_no_older_picture_is_shown_in_the_place_of_a_newer_one(alice: Any, chat: FakeChat, ask: Ask) -> None:
    chat.vision, chat.context_window = True, 2500
    small, large = take(alice), take(alice, noise((1500, 1500)))
    ask("one", media=[small.pk])
    answer = ask("two", media=[large.pk])
    assert answer.pictures_told == {"seen": [], "unseen": [large.pk, small.pk], "why": "room"}


def test_words_are_not_lost_to_old_pictures(
    alice: Any, chat: FakeChat, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat.vision = True
    monkeypatch.setattr(sys.modules["conversations.turn.decide"], "_room", lambda *_given: 3600)
    for number in range(4):  # 200 tokens of words, as many in the answer, and 1,046 of the picture
        ask(f"message {number} " + "word " * 200, media=[take(alice, noise((860, 860))).pk])
    ask("now")
    words = " ".join(message.content for message in chat.requests[-1].messages)
    assert all(f"message {number}" in words for number in range(4))
    assert chat.requests[-1].has_pictures


def test_a_refusal_says_what_to_do_and_the_message_stays(
    alice: Any, model: ScriptedServer, ask: Ask, conversation: Conversation
) -> None:
    model.script(error_reply(400, "this model does not support image input"))
    answer = ask("Look", media=[take(alice).pk])
    assert answer.status == "failed"
    assert answer.error is not None
    assert "CHAT_VISION=off" in answer.error["text"]
    model.script(text_reply("Now I see."))
    turn = services.regenerate(message=answer, by=alice)
    assert turn.user_message.shown_pictures


def test_no_event_and_no_row_of_the_turn_holds_bytes(
    alice: Any, model: ScriptedServer, ask: Ask, conversation: Conversation, caplog: Any
) -> None:
    image = take(alice)
    answer = ask("Look", media=[image.pk])
    data = base64.b64encode(media.small_of(image)).decode()[:60]
    told = json.dumps([seen(conversation), answer.facts]) + caplog.text
    assert data not in told
    assert "base64" not in told


def test_a_failing_engine_keeps_the_pictures(alice: Any, chat: FakeChat, ask: Ask) -> None:
    chat.vision = True
    chat.script(Script(error=EngineError("server", "down")))
    answer = ask("Look", media=[take(alice).pk])
    assert answer.status == "failed"
    assert len(question_of(answer).shown_pictures) == 1


# --- Engines that do not see --------------------------------------------------------------------------------
def test_an_engine_that_sees_nothing_answers_the_words_and_the_page_says_so(
    alice: Any, chat: FakeChat, ask: Ask, web: Client
) -> None:
    image = take(alice)
    answer = ask("What is it?", media=[image.pk])
    assert answer.content == "You said: What is it?"
    asked = chat.requests[-1].messages[-1]
    assert (asked.pictures, asked.unseen) == ((), ("cat.png",))
    assert answer.pictures_told == {"seen": [], "unseen": [image.pk], "why": "engine"}
    shown = web.get(f"/conversations/{answer.conversation_id}/").content.decode()
    assert "The picture was not seen: here the assistant reads text alone." in shown
    assert (
        "did not go to the model"
        in web.get(f"/conversations/{answer.conversation_id}/messages/{answer.pk}/why/").content.decode()
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("What does the picture show?", "I can't see pictures, so I go by your words alone."),
        ("이 사진은 무엇인가요?", "저는 이미지를 볼 수 없어서 글만 보고 답합니다."),
        ("", "I can't see pictures, so I go by your words alone. Tell me in words what it is about."),
    ],
)
def test_the_guide_says_that_it_sees_no_pictures(
    text: str, said: str, alice: Any, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    from agi_site.lib.engines.guide import Guide

    guide = Guide(embedding=engines.embedding(), language=engines.language())
    monkeypatch.setattr(engines, "chat", lambda: guide)
    answer = ask(text, media=[take(alice).pk])
    assert answer.status == "complete"
    assert answer.content.startswith(said)


def test_an_engine_is_not_asked_about_sight_where_there_is_no_picture(
    chat: FakeChat, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chat, "sees", lambda: pytest.fail("it was asked"))
    assert ask("Hello").status == "complete"


# --- Whose they are -----------------------------------------------------------------------------------------
def test_other_peoples_images_do_not_exist(alice: Any, bob: Any, post: Any, conversation: Any) -> None:
    theirs = take(bob)
    with pytest.raises(NotFound):
        post("Look", media=[theirs.pk])
    with pytest.raises(NotFound):
        services.start_with_message(owner=alice, content="Look", media=[theirs.pk])
    with pytest.raises(NotFound):
        services.drop_picture(owner=alice, image_id=theirs.pk)
    assert services.unsent_pictures(owner=alice, ids=[theirs.pk]) == []
    assert not conversation.messages.exists()


def test_a_message_has_so_many_pictures_at_most(alice: Any, post: Any) -> None:
    ids = [f"id-{number}" for number in range(9)]
    with pytest.raises(Invalid) as caught:
        post("Look", media=ids)
    assert caught.value.code == "too_many_pictures"


def test_a_message_without_words_and_pictures_is_none(post: Any) -> None:
    with pytest.raises(Invalid):
        post(" ", media=[])


# --- Edits, versions, branches ------------------------------------------------------------------------------
def test_an_edit_keeps_the_pictures_unless_told_which(alice: Any, ask: Ask, run_tasks: Any) -> None:
    one, two = take(alice), take(alice)
    answer = ask("Look", media=[one.pk, two.pk])
    first = services.edit_and_resend(message=question_of(answer), by=alice, content="Look well")
    run_tasks()
    assert [shown.image_id for shown in first.user_message.shown_pictures] == [one.pk, two.pk]
    again = services.edit_and_resend(
        message=fresh(first.user_message), by=alice, content="Only this", media=[two.pk]
    )
    assert [shown.image_id for shown in again.user_message.shown_pictures] == [two.pk]
    earlier = Message.objects.earlier_versions(again.user_message)
    assert [len(row.shown_pictures) for row in earlier] == [2, 2]


def test_answering_again_shows_the_same_pictures(
    alice: Any, model: ScriptedServer, ask: Ask, run_tasks: Any
) -> None:
    answer = ask("Look", media=[take(alice).pk])
    services.regenerate(message=answer, by=alice)
    run_tasks()
    assert [pictures_sent(body) for body in model.requests] == [[(64, 48)]] * 2


def test_a_branch_shows_the_pictures_and_holds_them(alice: Any, ask: Ask, run_tasks: Any) -> None:
    image = take(alice)
    answer = ask("", media=[image.pk])
    made = services.branch_off(message=answer, by=alice)
    copied = made.messages.get(role="user")
    assert [shown.image_id for shown in copied.shown_pictures] == [image.pk]
    services.delete_conversation(conversation=answer.conversation, by=alice)
    run_tasks()
    assert ImageMetadata.objects.filter(pk=image.pk).exists()
    services.delete_conversation(conversation=made, by=alice)
    run_tasks()
    assert not ImageMetadata.objects.filter(pk=image.pk).exists()


# --- Files --------------------------------------------------------------------------------------------------
def test_pictures_go_out_and_come_in_again(alice: Any, bob: Any, ask: Ask, conversation: Any) -> None:
    image = take(alice, photo(size=(3000, 1500)), "a*b.jpg")
    ask("Look", media=[image.pk])
    ask("", media=[take(alice, name="alone.png").pk])
    document = services.export_conversation(conversation=conversation, by=alice)
    [copy] = services.import_conversations(owner=bob, data=json.dumps(document).encode())
    shown = [row.shown_pictures for row in copy.messages.filter(role="user").order_by("pk")]
    assert [[one.name for one in some] for some in shown] == [["a*b.jpg"], ["alone.png"]]
    first = shown[0][0]
    assert (first.width, first.height) == (784, 1568)
    assert first.image is not None
    assert (first.image.user, first.image.kept) == (bob, False)
    text = services.markdown_of(conversation=conversation, by=alice)
    assert r"*Picture: a\*b.jpg*" in text


def test_a_file_that_only_names_a_picture_leaves_a_gap(alice: Any) -> None:
    said = {"role": "user", "content": "", "pictures": [{"name": "lost.png"}]}
    told = {"format": "agi-site/conversations", "version": 1, "conversations": [{"messages": [said]}]}
    [row] = services.import_conversations(owner=alice, data=json.dumps(told).encode())
    [shown] = row.messages.get().shown_pictures
    assert shown.image is None


@pytest.mark.parametrize(
    "pictures",
    ["x", [7], [{"name": "a", "data": "!"}], [{"name": "a", "data": 7}], [{"data": "AAAA"}], [{}] * 9],
)
def test_a_file_with_a_broken_picture_is_refused_whole(alice: Any, pictures: Any) -> None:
    good = {"name": "a", "data": base64.b64encode(png()).decode()}
    said = [{"role": "user", "content": "a", "pictures": one} for one in ([good], pictures)]
    told = {"format": "agi-site/conversations", "version": 1, "conversations": [{"messages": said}]}
    with pytest.raises(Invalid):
        services.import_conversations(owner=alice, data=json.dumps(told).encode())
    assert not Conversation.objects.exists()
    assert not ImageMetadata.objects.exists()


# --- Ends ---------------------------------------------------------------------------------------------------
def test_what_came_from_the_media_page_outlives_the_conversation(
    alice: Any, ask: Ask, conversation: Conversation, run_tasks: Any
) -> None:
    kept = media.store_upload(owner=alice, kind="image", name="a.png", file=ContentFile(png()))
    ask("Look", media=[kept.pk])
    services.delete_conversation(conversation=conversation, by=alice)
    run_tasks()
    assert ImageMetadata.objects.filter(pk=kept.pk).exists()
    assert not MessagePicture.objects.exists()


def test_a_picture_that_was_deleted_leaves_a_gap_that_is_told(
    alice: Any, chat: FakeChat, ask: Ask, web: Client, conversation: Conversation, run_tasks: Any
) -> None:
    chat.vision = True
    image = take(alice)
    answer = ask("Look", media=[image.pk])
    media.delete_media(row=image)
    page = web.get(f"/conversations/{conversation.pk}/").content.decode()
    assert "a picture that was deleted since" in page
    again = services.regenerate(message=answer, by=alice)
    run_tasks()
    assert fresh(again.assistant_message).pictures_told == {"seen": [], "unseen": [""], "why": "gone"}
    edited = services.edit_and_resend(message=question_of(answer), by=alice, content="Words alone")
    assert edited.user_message.shown_pictures == []


def test_pictures_that_were_never_sent_go_after_a_day(alice: Any, ask: Ask) -> None:
    sent, unsent, young = take(alice), take(alice), take(alice)
    ask("Look", media=[sent.pk])
    yesterday = timezone.now() - timedelta(hours=25)
    ImageMetadata.objects.filter(pk__in=[sent.pk, unsent.pk]).update(created_at=yesterday)
    assert services.let_go_of_unsent() == 1
    assert set(ImageMetadata.objects.values_list("pk", flat=True)) == {sent.pk, young.pk}
