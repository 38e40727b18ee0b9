"""Every read of conversations and messages. Doors start from `for_user`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from django.db.models import Prefetch, Q, prefetch_related_objects

from agi_site.lib import events, keyset
from agi_site.lib.owned import OwnedQuerySet

if TYPE_CHECKING:
    from .models import Conversation, Message, MessagePicture

PAGE_SIZE = 30


@dataclass(frozen=True, slots=True)
class MessagePage:
    """A stretch of a conversation: its rows, oldest first, and the cursor of the stretch before it.

    `event_id` is where a live stream has to begin so that nothing is lost between these rows and it.
    """

    rows: list[Message]
    older: str | None
    event_id: str


class Said(NamedTuple):
    """One message as a model needs it."""

    pk: str
    role: str
    content: str
    metadata: dict[str, Any] | None
    pictures: tuple[MessagePicture, ...] = ()


class ConversationQuerySet(OwnedQuerySet):
    """Conversations; a deleted one does not exist for its owner, even before its rows are purged."""

    def for_user(self, user: Any) -> Self:
        return super().for_user(user).present()

    def present(self) -> Self:
        """Without those that are deleted."""
        return self.exclude(status="deleted")

    def active(self) -> Self:
        """Those a person works with."""
        return self.filter(status="active")

    def archived(self) -> Self:
        """Those put away."""
        return self.filter(status="archived")

    def newest(self) -> Self:
        """By last activity; a keyset over it takes `order=["-updated_at"]`."""
        return self.order_by("-updated_at", "-pk")


class MessageQuerySet(OwnedQuerySet):
    """Messages; those of a deleted conversation are gone with it."""

    def for_user(self, user: Any) -> Self:
        return super().for_user(user).exclude(conversation__status="deleted")

    def of(self, conversation: Conversation) -> Self:
        """The messages of one conversation."""
        return self.filter(conversation_id=conversation.pk)

    def current(self) -> Self:
        """The current branch: what was not replaced by an edit or a new answer."""
        return self.filter(superseded_at__isnull=True)

    def visible(self) -> Self:
        """What the page shows of the current branch; tool results are told on their answer."""
        return self.current().filter(role__in=("user", "assistant"))

    def light(self) -> Self:
        """Without the vector, which no page needs."""
        return self.defer("embedding")

    def after(self, message_id: str) -> Self:
        """Those that came later than a message of the same conversation."""
        return self.filter(pk__gt=message_id)

    def page_of(
        self, conversation: Conversation, *, before: str | None = None, size: int = PAGE_SIZE
    ) -> MessagePage:
        """The newest `size` visible messages, or those before a cursor.

        Three queries, however long it is; two more where memories are cited, one where pictures are shown.
        Raises Invalid for a cursor that was not made here.
        """
        from .receipts import attach_receipts

        # Asked before the rows are read, so that no event falls between the two.
        newest_event = events.last_id(channel_of(conversation.pk))
        rows = self.of(conversation).visible().light()
        page = keyset.paginate(rows, order=["-pk"], size=size, cursor=before)
        shown = list(reversed(page.rows))
        for row in shown:
            row.conversation = conversation
        attach_ratings(shown, user_id=conversation.user_id)
        attach_receipts(shown, user_id=conversation.user_id)
        attach_pictures(shown)
        running = next((row for row in reversed(shown) if row.is_running), None)
        # One that waits is stored as far as it is; one at work is saved from time to time.
        is_writing = running is not None and not running.is_waiting
        event_id = running.facts.get("event_id", events.START) if running and is_writing else newest_event
        return MessagePage(rows=shown, older=page.next, event_id=event_id)

    def earlier_versions(self, message: Message) -> list[Message]:
        """What an edited message or a regenerated answer was before, oldest first."""
        ids = message.facts.get("versions", [])
        rows: list[Message] = list(
            self.filter(conversation_id=message.conversation_id, pk__in=ids).light().order_by("pk")
        )
        return rows

    def newest_answer(self, conversation: Conversation) -> Message | None:
        """The last visible answer; at most one can be running, and it is this one."""
        # Told what it is not: for `role = …` MariaDB intersects two indexes and reads the whole conversation.
        others = ("user", "system", "tool")
        rows = self.of(conversation).current().exclude(role__in=others).light()
        newest: Message | None = rows.order_by("-pk").first()
        return newest

    def history(self, conversation: Conversation, *, before: str, chunk: int) -> Iterator[Said]:
        """What was said on the current branch before a message, newest first.

        Read in chunks and only as far as the caller asks; no rows are made of it, since a turn reads many.
        """
        rows = self.of(conversation).visible().order_by("-pk")
        position = before
        while True:
            found = rows.filter(pk__lt=position).values_list("pk", "role", "content", "metadata")[:chunk]
            said = [Said(*values) for values in found]
            yield from _with_pictures(said)
            if len(said) < chunk:
                return
            position = said[-1].pk


def _with_pictures(said: list[Said]) -> list[Said]:
    """Each with the pictures it shows; a query only where one does."""
    from .models import MessagePicture

    ids = [row.pk for row in said if (row.metadata or {}).get("pictures")]
    if not ids:
        return said
    shown: dict[str, list[MessagePicture]] = {}
    for picture in MessagePicture.objects.filter(message__in=ids).with_images().order_by("place"):
        shown.setdefault(picture.message_id, []).append(picture)
    return [row._replace(pictures=tuple(shown.get(row.pk, ()))) for row in said]


class MessagePictureQuerySet(OwnedQuerySet):
    """Pictures of messages; those of a deleted conversation are gone with it."""

    def for_user(self, user: Any) -> Self:
        return super().for_user(user).exclude(message__conversation__status="deleted")

    def with_images(self) -> Self:
        """Each with its image, without the vector, which nobody needs here."""
        return self.select_related("image").defer("image__embedding")


class MessageSearchQuerySet(OwnedQuerySet):
    """Search rows; those of a deleted conversation find nothing."""

    def for_user(self, user: Any) -> Self:
        return super().for_user(user).exclude(message__conversation__status="deleted")


class RecallReceiptQuerySet(OwnedQuerySet):
    """Receipts; those of a deleted conversation are gone with it."""

    def for_user(self, user: Any) -> Self:
        return super().for_user(user).exclude(message__conversation__status="deleted")


def attach_ratings(messages: list[Message], *, user_id: int) -> None:
    """Put what the person thought of each answer on it (`rating`, `comment`); one query."""
    from learning.models import Feedback

    answers = {row.pk: row for row in messages if row.role == "assistant"}
    if not answers:
        return
    about = Q(entity_type="message", entity_id__in=list(answers), user_id=user_id)
    for feedback in Feedback.objects.filter(about).order_by("created_at", "pk"):
        row = answers[feedback.entity_id]
        row.rating = "" if feedback.rating is None else "up" if feedback.rating >= 4 else "down"
        row.comment = feedback.comment or ""


def attach_pictures(messages: Iterable[Message]) -> None:
    """Read the pictures of all these messages at once; no query where there are none."""
    from .models import MessagePicture

    having = [row for row in messages if row.facts.get("pictures")]
    prefetch_related_objects(having, Prefetch("pictures", MessagePicture.objects.with_images()))


def channel_of(conversation_id: str) -> str:
    """The channel on which a conversation's events travel."""
    return f"conversation:{conversation_id}"
