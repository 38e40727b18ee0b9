"""Recall: what the session carries, what the person's memories say, what the team knows."""

from __future__ import annotations

from typing import Any, Literal

from agi_site.lib.engines.base import Passage
from knowledge.search import search_knowledge, search_memory
from knowledge.services import get_context

from .state import State

KNOWLEDGE_PASSAGES = 5
MEMORY_PASSAGES = 3


def recall(state: State) -> None:
    """Fill `state.context` and `state.passages`; the numbers are those by which the answer cites."""
    with state.stage("recall"):
        if state.session is not None:
            state.context = dict(get_context(session=state.session) or {})
        query: dict[str, Any] = {"user": state.user, "query": state.question.content, "vector": state.vector}
        for hit in search_knowledge(**query, limit=KNOWLEDGE_PASSAGES):
            _add(state, "knowledge", hit)
        for hit in search_memory(**query, limit=MEMORY_PASSAGES):
            _add(state, "memory", hit)


def _add(state: State, kind: Literal["knowledge", "memory"], hit: Any) -> None:
    passage = Passage(
        number=len(state.passages) + 1,
        kind=kind,
        id=hit.id,
        title=hit.title,
        content=hit.content,
        score=float(hit.score),
        source=getattr(hit, "source", "") or "",
    )
    state.passages.append(passage)
