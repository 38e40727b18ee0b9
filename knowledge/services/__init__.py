"""What every door calls: knowledge, memory, and the context of a session."""

from .context import clear_context, get_context, save_context
from .knowledge import add_knowledge, change_knowledge, delete_knowledge, renew_knowledge, set_tags
from .memory import (
    Learnt,
    change_memory,
    change_relation,
    forget_memory,
    learn_from_message,
    relate_memories,
    remember,
    unrelate_memories,
)

__all__ = [
    "Learnt",
    "add_knowledge",
    "change_knowledge",
    "change_memory",
    "change_relation",
    "clear_context",
    "delete_knowledge",
    "forget_memory",
    "get_context",
    "learn_from_message",
    "relate_memories",
    "remember",
    "renew_knowledge",
    "save_context",
    "set_tags",
    "unrelate_memories",
]
