"""Removing what is left of a deleted conversation."""

from __future__ import annotations

from django.db import transaction

from agi_site.lib import events
from sandbox.services import delete_sandboxes_of
from system import queue
from system.services import drop_terms_later

from . import services
from .models import Conversation, ConversationStatus, Message, MessagePicture, MessageSearch
from .querysets import channel_of

BATCH = 500


def purge(*, conversation_id: str) -> int:
    """Delete the conversation's sandbox, its messages in batches, then itself; returns how many messages.

    What other apps keep about a message hears of it by the event `messages.deleted`.
    """
    conversation = Conversation.objects.filter(pk=conversation_id, status=ConversationStatus.DELETED).first()
    if conversation is None:
        return 0
    delete_sandboxes_of(origin=("conversation", conversation_id))
    deleted = 0
    rows = Message.objects.of(conversation).order_by("pk")
    while ids := list(rows.values_list("pk", flat=True)[:BATCH]):
        with transaction.atomic():
            shown = MessagePicture.objects.filter(message__in=ids, image__isnull=False)
            images = set(shown.values_list("image_id", flat=True))
            queue.announce("messages.deleted", {"target_type": "message", "target_ids": ids})
            Message.objects.filter(pk__in=ids).delete()
            drop_terms_later(MessageSearch)
            services.let_go(images)
        deleted += len(ids)
    conversation.delete()
    events.publish(channel_of(conversation_id), "conversation.changed", {})
    return deleted
