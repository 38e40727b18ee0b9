"""Whether a conversation draws on memories and lets new ones form: its own switch, and the person's."""

from __future__ import annotations

from knowledge.services import memory_of

from .models import Conversation, Message


def memory_is_on(conversation: Conversation) -> bool:
    """Whether what is remembered may be used here; one query."""
    return bool(conversation.memory_enabled) and memory_of(user=conversation.user).enabled


def may_be_learnt_from(message: Message) -> bool:
    """Whether memories may form of a message: memory is on, and the person has not forgotten all since."""
    conversation = message.conversation
    if not conversation.memory_enabled:
        return False
    decided = memory_of(user=conversation.user)
    after = decided.forgotten_at is None or message.created_at > decided.forgotten_at
    return decided.enabled and after
