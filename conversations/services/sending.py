"""Messages on their way to an answer: send, stop, answer again, edit."""

from __future__ import annotations

import contextlib
import hashlib
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from accounts.models import Session, User
from agi_site.lib import events
from agi_site.lib.ids import uuid7
from agi_site.lib.problems import Conflict, Invalid, NotFound
from system import queue

from ..models import AnswerStatus, Conversation, ConversationStatus, Message, MessageRole
from ..querysets import channel_of
from ..settle import close, settle
from ..waiting import TURN_PRIORITY, TURN_RETRIES, cancel_calls
from ..waiting import lock as lock_answer
from .conversations import MAX_TITLE_LENGTH, announce, lock, title_from, touch
from .pictures import Ready, attach, ready

MAX_MESSAGE_LENGTH = 20_000
REMEMBERED_KEYS = 20  # how many of the newest messages an Idempotency-Key is compared with


@dataclass(frozen=True, slots=True)
class Turn:
    """A message and the answer that was begun for it; `task_id` is the outbox task that writes the answer."""

    user_message: Message
    assistant_message: Message
    task_id: str


def start_with_message(
    *, owner: User, content: str, media: Iterable[str] = (), session: Session | None = None, key: str = ""
) -> Conversation:
    """Start a conversation with its first message, all or nothing; raises as `post_message` does.

    A `key` (a UUIDv7; each empty chat has one of its own) becomes the conversation's id: the same message
    sent again with it leads to the conversation of the first time.
    """
    pictures = ready(owner=owner, ids=media)
    text = _checked_content(content, pictures)
    try:
        return _start_with(owner, text, pictures, session, key if _is_uuid7(key) else uuid7())
    except IntegrityError:
        # Another text with this key is no repetition, and nobody is told whose a taken id is.
        return _started_before(owner, text, key) or _start_with(owner, text, pictures, session, uuid7())


def post_message(
    *,
    conversation: Conversation,
    author: User,
    content: str,
    media: Iterable[str] = (),
    session: Session | None = None,
    idempotency_key: str = "",
) -> Turn:
    """Store a message, its empty answer and the task that writes it, all or nothing.

    `media`: ids of the person's images, which the message shows; with some it needs no text.
    With an `idempotency_key` that came with one of the newest messages, returns the turn of that message.
    Raises Invalid (empty_message, message_too_long, too_many_pictures), Conflict (turn_running,
    conversation_archived) or NotFound (also no_such_picture).
    """
    pictures = ready(owner=author, ids=media)
    text = _checked_content(content, pictures)
    key = hashlib.sha256(idempotency_key.encode()).hexdigest()[:32] if idempotency_key else ""
    return _post(conversation, author, text, pictures, session, key)


@transaction.atomic
def _post(
    conversation: Conversation,
    author: User,
    text: str,
    pictures: Sequence[Ready],
    session: Session | None,
    key: str,
) -> Turn:
    row = lock(conversation, author)
    if key and (earlier := _earlier_turn(row, key)) is not None:
        return earlier
    _check_ready(row, author)
    question = _ask(row, text, pictures, {"idempotency_key": key} if key else {})
    if not row.title:
        row.title = title_from(text) or pictures[0].image.filename[:MAX_TITLE_LENGTH]
        Conversation.objects.filter(pk=row.pk).update(title=row.title)
        announce(row, "conversation.renamed", {"title": row.title})
    return _begin(row, question, session)


@transaction.atomic
def stop_turn(*, conversation: Conversation, by: User) -> Message | None:
    """Ask the running turn to stop; what was written stays. Returns its answer, or None if nothing runs.

    A turn that has not begun, or that waits, is stopped here and now; one at work notices within half a
    second. What a waiting turn's tools have asked for or started is ended with it.
    """
    if conversation.user_id != by.pk:
        raise NotFound
    running = conversation.running_answer()
    answer = lock_answer(running.pk) if running else None
    if answer is None or not answer.is_running:
        return None
    if answer.is_waiting:
        cancel_calls(answer, by=by)
        queue.enqueue(task_type="conversations.follow_up", payload={"answer_id": answer.pk})
        return close(answer, AnswerStatus.STOPPED)
    with contextlib.suppress(Conflict, NotFound):  # its task has ended already
        queue.cancel(task_id=answer.facts["task"], by=by)
    return settle(answer)


@transaction.atomic
def regenerate(*, message: Message, by: User, session: Session | None = None) -> Turn:
    """Answer the same message again; the old answer and what followed it are kept as an earlier version.

    Raises Invalid if `message` is no answer, Conflict if it was replaced already or a turn is running.
    """
    row = lock(message.conversation, by)
    if message.role != MessageRole.ASSISTANT:
        raise Invalid(_("Only an answer can be made again."), code="not_an_answer")
    _check_current(message)
    _check_ready(row, by)
    question = Message.objects.of(row).filter(pk=message.facts.get("reply_to")).first()
    if question is None:
        raise Conflict(_("The message this answered is gone."), code="question_gone")
    _supersede_from(row, message)
    return _begin(row, question, session, versions=[*message.facts.get("versions", []), message.pk])


def edit_and_resend(
    *,
    message: Message,
    by: User,
    content: str,
    media: Iterable[str] | None = None,
    session: Session | None = None,
) -> Turn:
    """Replace one's own message and answer it; the old one and what followed it stay readable.

    The new one shows the images of `media`; those of the old one where that is None. Raises as `post_message`
    does, and Invalid if `message` is not the person's own.
    """
    if media is None:
        media = [shown.image_id for shown in message.shown_pictures if shown.image_id]
    pictures = ready(owner=by, ids=media)
    return _edit(message, by, _checked_content(content, pictures), pictures, session)


@transaction.atomic
def _edit(message: Message, by: User, text: str, pictures: Sequence[Ready], session: Session | None) -> Turn:
    row = lock(message.conversation, by)
    if message.role != MessageRole.USER:
        raise Invalid(_("Only your own messages can be edited."), code="not_your_message")
    _check_current(message)
    _check_ready(row, by)
    _supersede_from(row, message)
    versions = [*message.facts.get("versions", []), message.pk]
    question = _ask(row, text, pictures, {"versions": versions})
    return _begin(row, question, session)


@transaction.atomic
def _start_with(
    owner: User, text: str, pictures: Sequence[Ready], session: Session | None, pk: str
) -> Conversation:
    conversation: Conversation = Conversation.objects.create(pk=pk, user=owner)
    _post(conversation, owner, text, pictures, session, "")
    return conversation


def _ask(conversation: Conversation, text: str, pictures: Sequence[Ready], facts: dict[str, Any]) -> Message:
    """Store the person's message with what it shows."""
    if pictures:  # counted here, so that messages without any cost no query
        facts = facts | {"pictures": len(pictures)}
    question: Message = Message.objects.create(
        conversation=conversation, role=MessageRole.USER, content=text, metadata=facts or None
    )
    attach(question, pictures)
    return question


def _started_before(owner: User, text: str, pk: str) -> Conversation | None:
    """The person's conversation with this id, if this text is how it began."""
    found: Conversation | None = Conversation.objects.for_user(owner).filter(pk=pk).first()
    if found is None:
        return None
    first = Message.objects.of(found).light().filter(role=MessageRole.USER).order_by("pk").first()
    return found if first is not None and first.content == text else None


def _is_uuid7(key: str) -> bool:
    """Whether it is one as our own ids are written; ids are compared as texts."""
    try:
        found = uuid.UUID(key)
    except ValueError:
        return False
    return found.version == 7 and str(found) == key


def _begin(
    conversation: Conversation, question: Message, session: Session | None, versions: list[str] | None = None
) -> Turn:
    """Store the empty answer and enqueue the turn that fills it."""
    facts: dict[str, Any] = {"status": AnswerStatus.STREAMING, "reply_to": question.pk, "attempt": 0}
    if versions:
        facts["versions"] = versions
    answer = Message(conversation=conversation, role=MessageRole.ASSISTANT, content="")
    task = queue.enqueue(
        task_type="conversations.turn",
        payload={
            "answer_id": answer.pk,
            "language": get_language() or "en",
            "session_id": session.pk if session else None,
        },
        priority=TURN_PRIORITY,
        max_retries=TURN_RETRIES,
        key=f"conversations.turn:{answer.pk}",
    )
    answer.metadata = facts | {"task": task.pk, "event_id": events.last_id(channel_of(conversation.pk))}
    answer.save(force_insert=True)
    touch(conversation)
    return Turn(question, answer, task.pk)


def _earlier_turn(conversation: Conversation, key: str) -> Turn | None:
    newest = Message.objects.of(conversation).light().filter(role__in=("user", "assistant")).order_by("-pk")
    rows: list[Message] = list(newest[: 2 * REMEMBERED_KEYS])
    for question in rows:
        if question.facts.get("idempotency_key") == key:
            answer = next((row for row in rows if row.facts.get("reply_to") == question.pk), None)
            if answer is not None:
                return Turn(question, answer, str(answer.facts.get("task", "")))
    return None


def _check_ready(conversation: Conversation, by: User) -> None:
    if conversation.status == ConversationStatus.ARCHIVED:
        text = _("This conversation is in the archive. Take it out to go on writing.")
        raise Conflict(text, code="conversation_archived")
    running = conversation.running_answer()
    if running is not None and settle(running).is_running:
        if running.is_waiting:
            text = _("The assistant waits before it goes on. Decide what it asks, or stop it first.")
            raise Conflict(text, code="turn_waiting")
        raise Conflict(
            _("The assistant is still answering. Wait for it, or stop it first."), code="turn_running"
        )


def _check_current(message: Message) -> None:
    fresh = Message.objects.filter(pk=message.pk, superseded_at__isnull=True).exists()
    if not fresh:
        raise Conflict(_("This message was already replaced. Reload the conversation."), code="superseded")


def _checked_content(content: str, pictures: Sequence[Ready]) -> str:
    # Half of a surrogate pair is no character; no database stores it.
    text = content.encode("utf-8", "ignore").decode().replace("\r\n", "\n").replace("\x00", "").strip()
    if not text and not pictures:
        raise Invalid(code="empty_message", errors={"content": [_("Write a message first.")]})
    if len(text) > MAX_MESSAGE_LENGTH:
        fault = _("A message has at most %(most)s characters; this one has %(has)s.")
        faults = [fault % {"most": MAX_MESSAGE_LENGTH, "has": len(text)}]
        raise Invalid(code="message_too_long", errors={"content": faults})
    return text


def _supersede_from(conversation: Conversation, message: Message) -> None:
    """Take a message and all that followed off the current branch, at one moment that names the branch."""
    rows = Message.objects.of(conversation).current().filter(pk__gte=message.pk)
    rows.update(superseded_at=timezone.now())
    summary = conversation.facts.get("summary")
    if summary and summary["upto"] >= message.pk:
        conversation.metadata = {
            name: value for name, value in conversation.facts.items() if name != "summary"
        }
        Conversation.objects.filter(pk=conversation.pk).update(metadata=conversation.metadata)
    announce(conversation, "conversation.changed", {})
