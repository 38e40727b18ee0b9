"""What the assistant remembers: written through a gate, related, corrected, faded and forgotten."""

from .access import add_access
from .forgetting import EARLIER, earlier_of, forget_memory
from .learning import Learnt, Proposals, keep_proposals, only_tells, propose_memories, why_not_kept
from .questions import answer_question, doubts_among
from .refusals import remove_old_refusals
from .relating import change_relation, relate_by_meaning, relate_memories, supersede, unrelate_memories
from .upkeep import fade_memories, merge_memories, restore_memory
from .writing import change_memory, remember

__all__ = [
    "EARLIER",
    "Learnt",
    "Proposals",
    "add_access",
    "answer_question",
    "change_memory",
    "change_relation",
    "doubts_among",
    "earlier_of",
    "fade_memories",
    "forget_memory",
    "keep_proposals",
    "merge_memories",
    "only_tells",
    "propose_memories",
    "relate_by_meaning",
    "relate_memories",
    "remember",
    "remove_old_refusals",
    "restore_memory",
    "supersede",
    "unrelate_memories",
    "why_not_kept",
]
