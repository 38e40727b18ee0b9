"""Pictures in messages by every door: page, plain form, REST; and what they cost."""

from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from rest_framework.test import APIClient

from agi_site.lib.engines.fake import FakeChat
from conversations import services
from conversations.models import Conversation, Message, MessagePicture
from media.models import ImageMetadata
from system import queue
from tests.media.files import png

from .conftest import fill
from .test_pictures import Ask, question_of, take
from .test_querysets import queries


def test_a_picture_is_put_in_shown_and_taken_out_on_the_page(web: Client, chat: FakeChat) -> None:
    name = '"><img src=x onerror=alert(1)>.png'
    hx = {"HX-Request": "true"}
    put = web.post("/conversations/pictures/", {"file": SimpleUploadedFile("a.png", png())}, headers=hx)
    assert put.status_code == 200
    assert "data-unseen" in put.content.decode()
    chat.vision = True
    odd = SimpleUploadedFile("a.png", png())
    odd._name = name
    text = web.post("/conversations/pictures/", {"file": odd}, headers=hx).content.decode()
    assert "<img src=x" not in text
    assert "data-unseen" not in text
    ids = list(ImageMetadata.objects.order_by("pk").values_list("pk", flat=True))
    back = web.get("/conversations/pictures/", {"media": ids}).content.decode()
    assert [back.count(pk) > 0 for pk in ids] == [True, True]
    assert web.post(f"/conversations/pictures/{ids[0]}/remove/").status_code == 204
    assert list(ImageMetadata.objects.values_list("pk", flat=True)) == ids[1:]


def test_what_is_no_picture_is_refused_in_the_readers_language(web: Client) -> None:
    for language, said in (("en", "Choose one of: png, jpg, webp, gif"), ("ko", "png, jpg, webp, gif")):
        answer = web.post(
            "/conversations/pictures/",
            {"file": SimpleUploadedFile("a.png", b"no picture")},
            headers={"HX-Request": "true", "Accept-Language": language},
        )
        assert answer.status_code == 400
        assert said in answer.content.decode()
        assert answer.headers["X-Problem"]


def test_strangers_take_nothing_out(web: Client, bob: Any) -> None:
    theirs = take(bob)
    assert web.post(f"/conversations/pictures/{theirs.pk}/remove/").status_code == 404
    assert theirs.pk not in web.get("/conversations/pictures/", {"media": theirs.pk}).content.decode()
    assert ImageMetadata.objects.filter(pk=theirs.pk).exists()


def test_messages_go_with_pictures_by_page_and_by_plain_form(
    web: Client, alice: Any, conversation: Conversation, run_tasks: Any
) -> None:
    image = take(alice, name="<b>x</b>.png")
    address = f"/conversations/{conversation.pk}/"
    sent = web.post(
        address, {"content": "", "media": [image.pk], "key": "k1"}, headers={"HX-Request": "true"}
    ).content.decode()
    assert f"/media/image/{image.pk}/small/" in sent
    assert 'width="64" height="48"' in sent
    assert "<b>x</b>" not in sent
    run_tasks()
    # Without the page's script the files come with the form.
    plain = {"content": "Plain", "pictures": [SimpleUploadedFile("p.png", png())], "key": "k2"}
    assert web.post(address, plain).status_code == 302
    row = Message.objects.get(content="Plain")
    assert [one.name for one in row.shown_pictures] == ["p.png"]
    new = {"content": "New", "media": [image.pk], "key": "no-uuid"}
    assert web.post("/conversations/new/", new).status_code == 302
    assert Message.objects.get(content="New").shown_pictures[0].image_id == image.pk


def test_the_form_of_an_edit_offers_the_pictures(
    web: Client, alice: Any, ask: Ask, conversation: Conversation
) -> None:
    one, two = take(alice, name="one.png"), take(alice, name="two.png")
    question = question_of(ask("Look", media=[one.pk, two.pk]))
    address = f"/conversations/{conversation.pk}/messages/{question.pk}/edit/"
    assert web.get(address).content.decode().count("checked") == 2
    assert web.post(address, {"content": "Look", "media": [two.pk]}).status_code == 302
    newest = Message.objects.of(conversation).current().get(role="user")
    assert [shown.image_id for shown in newest.shown_pictures] == [two.pk]


def test_programs_send_and_read_pictures(
    api: APIClient, alice: Any, bob: Any, api_of: Any, conversation: Conversation, run_tasks: Any
) -> None:
    put = api.post("/api/v1/image-metadata/", {"file": SimpleUploadedFile("a.png", png())}, "multipart")
    image = put.json()["id"]
    address = f"/api/v1/conversations/{conversation.pk}/messages/"
    sent = api.post(address, {"media": [image]})
    assert sent.status_code == 202
    run_tasks()
    found = api.get(f"/api/v1/messages/{sent.json()['user_message']}/").json()
    assert (found["content"], found["media"]) == ("", [image])
    answer = sent.json()["assistant_message"]
    receipts = api.get(f"/api/v1/messages/{answer}/receipts/").json()
    assert receipts["pictures"] == [{"id": image, "seen": False}]
    edited = api.post(f"/api/v1/messages/{found['id']}/edit/", {"content": "Words", "media": []})
    assert api.get(f"/api/v1/messages/{edited.json()['user_message']}/").json()["media"] == []
    run_tasks()
    assert api.post(address, {"content": "x", "media": [take(bob).pk]}).status_code == 404
    assert api.post(address, {"content": "x", "media": "x"}).status_code == 400
    assert api.post(address, {}).status_code == 400


def test_the_description_of_the_api_names_the_pictures(api: APIClient) -> None:
    found = api.get("/api/schema/", {"format": "json"}).json()
    assert "media" in found["components"]["schemas"]["ContentRequest"]["properties"]


# --- What it costs ------------------------------------------------------------------------------------------
def test_pages_and_lists_cost_the_same_however_many_pictures(
    alice: Any, api: APIClient, conversation: Conversation
) -> None:
    image = take(alice)
    fill(conversation, 20)
    few = queries(lambda: shown(conversation))
    for row in Message.objects.of(conversation).filter(role="user"):
        Message.objects.filter(pk=row.pk).update(metadata={"pictures": 2})
        MessagePicture.objects.bulk_create(
            MessagePicture(message=row, image=image, place=place, width=64, height=48) for place in range(2)
        )
    assert queries(lambda: shown(conversation)) == few + 1
    assert queries(lambda: api.get("/api/v1/messages/")) <= 5


def test_a_turn_reads_all_earlier_pictures_at_once(alice: Any, chat: FakeChat) -> None:
    chat.vision, chat.context_window = True, 60_000
    image = take(alice)
    counts = []
    for having in (1, 1, 10):  # the first turn reads what others find in a cache
        conversation = services.start_conversation(owner=alice, title="x")
        fill(conversation, 20)
        for row in Message.objects.of(conversation).filter(role="user").order_by("-pk")[:having]:
            Message.objects.filter(pk=row.pk).update(metadata={"pictures": 1})
            MessagePicture.objects.create(message=row, image=image, place=0, width=64, height=48)
        services.post_message(conversation=conversation, author=alice, content="Where are we?")
        counts.append(queries(lambda: queue.run_pending(limit=1)))
        assert sum(len(one.pictures) for one in chat.requests[-1].messages) == having
    assert counts[2] <= counts[1]


def shown(conversation: Conversation) -> list[str]:
    rows = Message.objects.page_of(conversation).rows
    return [one.name for row in rows for one in row.shown_pictures]
