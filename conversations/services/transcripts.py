"""Conversations as files, out and in, and new conversations that go on from a place in an old one."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from django.core.files.base import ContentFile
from django.db import transaction
from django.db.models import Prefetch, Q
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from accounts.models import User
from agi_site.lib.ids import uuid7
from agi_site.lib.problems import Conflict, Invalid, NotFound, Problem, TooLarge
from media import services as media
from media.models import ImageMetadata
from system import queue

from ..models import AnswerStatus, Conversation, Message, MessagePicture, MessageRole
from ..querysets import MessageQuerySet
from . import transcript_formats as formats
from .conversations import MAX_TITLE_LENGTH
from .pictures import copy_pictures, show_files, take_picture

BATCH = 500
# What an answer keeps in a copy; what belongs to its turn (task, tools, receipts) stays with the original.
KEPT = ("status", "citations", "engine", "model", "usage", "finish_reason", "error", "pictures_told")
# What Markdown would read as marks.
MARKS = re.compile(r"([\\`*_\[\]<>#])")


# --- Out ------------------------------------------------------------------------------------------
def export_conversation(*, conversation: Conversation, by: User) -> dict[str, Any]:
    """The current branch as a document that `import_conversations` takes, here or elsewhere.

    Sources are named by their titles; of memories only that there was one: their texts have a file of their
    own. Pictures come as their small copies, in base64; where they are too many, the later ones only by name.
    """
    _check_owner(conversation, by)
    room = formats.PICTURES_BYTES
    messages = []
    for row in _said(conversation):
        told = _told(row)
        if row.shown_pictures:
            told["pictures"] = [_picture(shown, room) for shown in row.shown_pictures]
            room -= sum(len(picture.get("data", "")) for picture in told["pictures"])
        messages.append(told)
    told = {
        "title": str(conversation),
        "created_at": conversation.created_at.isoformat(),
        "messages": messages,
    }
    return {"format": formats.FORMAT, "version": formats.VERSION, "conversations": [told]}


def markdown_of(*, conversation: Conversation, by: User) -> str:
    """The current branch as Markdown, for people to read."""
    _check_owner(conversation, by)
    parts = [f"# {conversation}\n"]
    for row in _said(conversation):
        who = _("You") if row.role == MessageRole.USER else _("Assistant")
        when = date_format(timezone.localtime(row.created_at), "DATETIME_FORMAT")
        parts.append(f"## {who} · {when}\n\n{row.content}\n".replace("\n\n\n", "\n"))
        for shown in row.shown_pictures:
            name = MARKS.sub(r"\\\1", shown.name)
            parts.append(f"*{_('Picture')}: {name}*\n")
        if sources := _sources(row):
            parts.append("".join(f"[{cited['n']}] {cited['title']}  \n" for cited in sources))
    return "\n".join(parts)


def _told(row: Message) -> dict[str, Any]:
    told = {"role": row.role, "content": row.content, "created_at": row.created_at.isoformat()}
    if row.role == MessageRole.ASSISTANT:
        told |= {"model": row.model or row.engine, "sources": _sources(row)}
    return told


def _picture(shown: MessagePicture, room: int) -> dict[str, str]:
    """A picture of a file: its name, and its small copy where that fits in `room` bytes of base64."""
    told = {"name": shown.name}
    try:
        data = base64.b64encode(media.small_of(shown.image)).decode() if shown.image else ""
    except Problem:  # its file is gone
        data = ""
    return told | {"type": media.SMALL_TYPE, "data": data} if data and len(data) <= room else told


def _sources(row: Message) -> list[dict[str, Any]]:
    return [{"n": cited["n"], "title": cited["title"] or _("a memory of you")} for cited in row.citations]


def _said(conversation: Conversation) -> Iterator[Message]:
    """The messages of the current branch that say something, in order."""
    rows = Message.objects.of(conversation).visible().light().order_by("pk")
    rows = rows.prefetch_related(Prefetch("pictures", MessagePicture.objects.with_images()))
    found = rows.iterator(BATCH)
    return (row for row in found if (row.content or row.shown_pictures) and not row.is_running)


# --- In -------------------------------------------------------------------------------------------
def import_conversations(*, owner: User, data: bytes) -> list[Conversation]:
    """Store the conversations of a file, all or nothing, newest first; nothing is learnt from what they say.

    Takes what `export_conversation` gives, and the export of ChatGPT (`conversations.json`). Raises
    Invalid or TooLarge, and says what is wrong with the file.
    """
    if len(data) > formats.MOST_BYTES:
        raise TooLarge(_("A file has at most %(most)d MB.") % {"most": formats.MOST_BYTES // 1_000_000})
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        raise Invalid(_("This is no JSON file."), code="not_json") from None
    return store_transcripts(owner=owner, transcripts=formats.read(document))


def store_transcripts(*, owner: User, transcripts: list[formats.Transcript]) -> list[Conversation]:
    """Store conversations that were read from somewhere, or none at all; raises as `take_picture` does."""
    images: dict[formats.PictureFile, ImageMetadata] = {}
    given = [picture for told in transcripts for said in told.messages for picture in said.pictures]
    if len(given) > formats.MOST_PICTURES_OF_A_FILE:
        most = {"most": formats.MOST_PICTURES_OF_A_FILE}
        raise TooLarge(_("A file has at most %(most)d pictures.") % most)
    try:
        for picture in given:  # before the transaction: each is looked at by a process of its own
            if picture.data and picture not in images:
                file = ContentFile(picture.data)
                images[picture] = take_picture(owner=owner, name=picture.name, file=file)
        return _store_transcripts(owner, transcripts, images)
    except BaseException:
        for image in images.values():
            media.delete_media(row=image)
        raise


@transaction.atomic
def _store_transcripts(
    owner: User,
    transcripts: list[formats.Transcript],
    images: dict[formats.PictureFile, ImageMetadata],
) -> list[Conversation]:
    made = []
    for told in transcripts:
        row = _new(owner, told.title or None)
        rows = [
            Message(
                id=uuid7(),
                conversation=row,
                role=said.role,
                content=said.content,
                created_at=said.created_at or timezone.now(),
                metadata=_imported(said),
            )
            for said in told.messages
        ]
        _store(row, rows)
        for message, said in zip(rows, told.messages, strict=True):
            show_files(message, [images.get(picture) for picture in said.pictures])
        made.append(row)
    return made


def _imported(said: formats.Said) -> dict[str, Any]:
    if said.role == MessageRole.USER:
        shows = {"pictures": len(said.pictures)} if said.pictures else {}
        return {"remembered": []} | shows
    return {"status": AnswerStatus.COMPLETE, "model": said.model, "imported": True}


# --- A new one from a place in an old one ---------------------------------------------------------
@transaction.atomic
def branch_off(*, message: Message, by: User) -> Conversation:
    """A new conversation that goes on after `message`, also after one that was replaced since.

    It holds copies of what was said up to there, and of the answer if `message` is a question. Raises
    Conflict while the answer is being written.
    """
    old = message.conversation
    _check_owner(old, by)
    rows = list(_branch_until(message))
    if any(row.is_running for row in rows):
        raise Conflict(
            _("The assistant is still answering. Wait for it, or stop it first."), code="turn_running"
        )
    new = _new(by, (_("Branch of %(title)s") % {"title": old})[:MAX_TITLE_LENGTH])
    Conversation.objects.filter(pk=new.pk).update(memory_enabled=old.memory_enabled)
    kept = [row for row in rows if row.content or row.error or row.facts.get("pictures")]
    copies = _copies(kept, new)
    _store(new, copies)
    copy_pictures({row.facts["copied_from"]: row.pk for row in copies if row.facts.get("pictures")})
    return new


def _branch_until(message: Message) -> MessageQuerySet:
    """What stood in the conversation when `message` did, up to it and its answer."""
    rows = Message.objects.of(message.conversation).filter(role__in=("user", "assistant")).light()
    taken_off = message.superseded_at
    same = Q(superseded_at=taken_off) if taken_off else Q(superseded_at__isnull=True)
    there = Q(superseded_at__isnull=True) | Q(superseded_at__gte=taken_off) if taken_off else same
    last = message.pk
    if message.role == MessageRole.USER:
        answer = rows.filter(same, role=MessageRole.ASSISTANT, pk__gt=last).order_by("pk").first()
        last = answer.pk if answer else last
    found: MessageQuerySet = rows.filter(there, pk__lte=last).order_by("pk")
    return found


def _copies(rows: Iterable[Message], new: Conversation) -> list[Message]:
    copies: list[Message] = []
    ids: dict[str, str] = {}
    for row in rows:
        ids[row.pk] = uuid7()
        facts: dict[str, Any] = {"remembered": []}
        if row.facts.get("pictures"):
            facts["pictures"] = row.facts["pictures"]
        if row.role == MessageRole.ASSISTANT:
            facts = {name: row.facts[name] for name in KEPT if name in row.facts}
            facts["reply_to"] = ids.get(row.facts.get("reply_to", ""))
        copies.append(
            Message(
                id=ids[row.pk],
                conversation=new,
                role=row.role,
                content=row.content,
                created_at=row.created_at,
                metadata=facts | {"copied_from": row.pk},
            )
        )
    return copies


def _new(owner: User, title: str | None) -> Conversation:
    row: Conversation = Conversation.objects.create(user=owner, title=title)
    return row


def _store(conversation: Conversation, rows: list[Message]) -> None:
    """Messages of a new conversation; a task makes them searchable."""
    last_asked = None
    for row in rows:
        if row.role == MessageRole.USER:
            last_asked = row.pk
        elif last_asked and not row.facts.get("reply_to"):
            row.metadata = row.facts | {"reply_to": last_asked}
    Message.objects.bulk_create(rows, batch_size=BATCH)
    queue.enqueue(
        task_type="conversations.index",
        payload={"conversation_id": conversation.pk},
        key=f"conversations.index:{conversation.pk}",
    )


def _check_owner(conversation: Conversation, by: User) -> None:
    if conversation.user_id != by.pk:
        raise NotFound
