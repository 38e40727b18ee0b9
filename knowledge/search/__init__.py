"""Hybrid search over knowledge and memory: words and meaning, fused into one score.

Every door and the conversation's turn use these two functions. The fusion is a convex blend of the BM25
score and the cosine, each relative to its best row; how much the words have to say depends on how much of
the query they found (README, "Search").
"""

from .hits import Hit, by_meaning_alone
from .knowledge import search_knowledge
from .memory import first_memories, search_memory

__all__ = ["Hit", "by_meaning_alone", "first_memories", "search_knowledge", "search_memory"]
