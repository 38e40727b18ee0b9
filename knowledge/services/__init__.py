"""What every door calls: knowledge, memory, and the context of a session."""

from .bulk import Passage, add_many, check_passage, delete_many, move_many, write_many
from .context import (
    ContextPart,
    clear_context,
    context_parts,
    drop_from_context,
    get_context,
    hold_context,
    save_context,
)
from .copies import without_memories, without_memories_in
from .documents import add_file, add_url, delete_document, retry_document
from .imports import add_all, retry_import
from .knowledge import add_knowledge, change_knowledge, delete_knowledge, renew_knowledge, set_tags
from .memory import (
    Learnt,
    Proposals,
    answer_question,
    change_memory,
    change_relation,
    earlier_of,
    forget_memory,
    keep_proposals,
    propose_memories,
    relate_memories,
    remember,
    restore_memory,
    unrelate_memories,
    why_not_kept,
)
from .own import forget_everything, memory_of, set_memory
from .traces import LEFT, Mark, Traces

__all__ = [
    "LEFT",
    "ContextPart",
    "Learnt",
    "Mark",
    "Passage",
    "Proposals",
    "Traces",
    "add_all",
    "add_file",
    "add_knowledge",
    "add_many",
    "add_url",
    "answer_question",
    "change_knowledge",
    "change_memory",
    "change_relation",
    "check_passage",
    "clear_context",
    "context_parts",
    "delete_document",
    "delete_knowledge",
    "delete_many",
    "drop_from_context",
    "earlier_of",
    "forget_everything",
    "forget_memory",
    "get_context",
    "hold_context",
    "keep_proposals",
    "memory_of",
    "move_many",
    "propose_memories",
    "relate_memories",
    "remember",
    "renew_knowledge",
    "restore_memory",
    "retry_document",
    "retry_import",
    "save_context",
    "set_memory",
    "set_tags",
    "unrelate_memories",
    "why_not_kept",
    "without_memories",
    "without_memories_in",
    "write_many",
]
