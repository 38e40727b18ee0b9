"""Starting, naming, putting away and deleting conversations."""

from __future__ import annotations

import re
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from agi_site.lib import events
from agi_site.lib.problems import Invalid, NotFound
from system import queue

from ..models import Conversation, ConversationStatus
from ..querysets import channel_of

MAX_TITLE_LENGTH = 200
AUTO_TITLE_LENGTH = 60
# **Strong** words and `code` within a line of Markdown, but not 2 ** 3 ** 4.
EMPHASISED = re.compile(r"(?<![`*])(\*\*|`)(?![`*\s])(.+?)(?<![`*\s])\1(?![`*])")


def start_conversation(*, owner: User, title: str = "") -> Conversation:
    """Store an empty conversation; without a title its first message names it."""
    return Conversation.objects.create(user=owner, title=_checked_title(title) if title.strip() else None)


def rename(*, conversation: Conversation, by: User, title: str) -> Conversation:
    """Give a conversation another title; raises Invalid for an empty or too long one."""
    _check_owner(conversation, by)
    return set_title(conversation, _checked_title(title))


def archive(*, conversation: Conversation, by: User) -> Conversation:
    """Put a conversation away; it can be read and taken out again."""
    return _move(conversation, by, ConversationStatus.ARCHIVED)


def unarchive(*, conversation: Conversation, by: User) -> Conversation:
    """Take a conversation out of the archive."""
    return _move(conversation, by, ConversationStatus.ACTIVE)


def set_memory_enabled(*, conversation: Conversation, by: User, enabled: bool) -> Conversation:
    """Turn memory on or off here; off, no answer draws on memories and nothing said here becomes one."""
    _check_owner(conversation, by)
    conversation.memory_enabled = enabled
    Conversation.objects.filter(pk=conversation.pk).update(memory_enabled=enabled)
    announce(conversation, "conversation.changed", {})
    return conversation


@transaction.atomic
def delete_conversation(*, conversation: Conversation, by: User) -> None:
    """Make a conversation disappear from every door now; a task removes its rows."""
    from .sending import stop_turn

    _check_owner(conversation, by)
    stop_turn(conversation=conversation, by=by)
    _save_status(conversation, ConversationStatus.DELETED)
    queue.enqueue(
        task_type="conversations.purge",
        payload={"conversation_id": conversation.pk},
        key=f"conversations.purge:{conversation.pk}",
    )
    announce(conversation, "conversation.changed", {})


def set_title(conversation: Conversation, title: str) -> Conversation:
    """Store a title and tell the open pages."""
    conversation.title = title
    conversation.save(update_fields=["title", "updated_at"])
    announce(conversation, "conversation.renamed", {"title": title})
    return conversation


def title_from(text: str) -> str:
    """A title made of the first words of a message, cut between words; code and marks are no title."""
    text = text.partition("```")[0].strip() or text
    line = EMPHASISED.sub(r"\2", " ".join(text.split())).lstrip("#>*-` ")
    if len(line) <= AUTO_TITLE_LENGTH:
        return line
    cut = line[: AUTO_TITLE_LENGTH - 1]
    return (cut.rsplit(" ", 1)[0] if " " in cut[20:] else cut) + "…"


def announce(conversation: Conversation, event: str, data: dict[str, Any]) -> None:
    """Publish an event of this conversation once the transaction is through."""
    channel = channel_of(conversation.pk)
    transaction.on_commit(lambda: events.publish(channel, event, data))


def lock(conversation: Conversation, by: User) -> Conversation:
    """The conversation's row, held until the transaction ends; NotFound if it is not `by`'s."""
    row = Conversation.objects.for_user(by).select_for_update().filter(pk=conversation.pk).first()
    if row is None:
        raise NotFound
    found: Conversation = row
    return found


def _move(conversation: Conversation, by: User, status: ConversationStatus) -> Conversation:
    _check_owner(conversation, by)
    _save_status(conversation, status)
    announce(conversation, "conversation.changed", {})
    return conversation


def _save_status(conversation: Conversation, status: ConversationStatus) -> None:
    # What is put away keeps its place in the list: only `updated_at` of the activity moves it.
    conversation.status = status
    Conversation.objects.filter(pk=conversation.pk).update(status=status)


def _check_owner(conversation: Conversation, by: User) -> None:
    if conversation.user_id != by.pk or conversation.status == ConversationStatus.DELETED:
        raise NotFound


def touch(conversation: Conversation) -> None:
    """Note activity: the conversation moves to the top of the list."""
    conversation.updated_at = timezone.now()
    Conversation.objects.filter(pk=conversation.pk).update(updated_at=conversation.updated_at)


def _checked_title(title: str) -> str:
    text = " ".join(title.split())
    if not text:
        raise Invalid(errors={"title": [_("Give the conversation a title.")]})
    if len(text) > MAX_TITLE_LENGTH:
        message = _("A title has at most %(most)s characters.") % {"most": MAX_TITLE_LENGTH}
        raise Invalid(errors={"title": [message]})
    return text
