"""Recall: what the session carries, what the person's memories say, what the team knows."""

from __future__ import annotations

from agi_site.lib.engines.base import Passage
from knowledge.search import Hit, search_knowledge, search_memory
from knowledge.services import get_context

from .excerpt import excerpt
from .state import State

KNOWLEDGE_PASSAGES = 5
MEMORY_PASSAGES = 3
TITLE_CHARACTERS = 80


def recall(state: State) -> None:
    """Fill `state.context` and `state.passages`; the numbers are those by which the answer cites."""
    with state.stage("recall"):
        if state.session is not None:
            state.context = dict(get_context(session=state.session))
        user, query, vector = state.user, state.question.content, state.vector
        for hit in search_knowledge(user=user, query=query, vector=vector, limit=KNOWLEDGE_PASSAGES):
            _add(state, hit)
        for hit in search_memory(user=user, query=query, vector=vector, limit=MEMORY_PASSAGES):
            _add(state, hit)


def _add(state: State, hit: Hit) -> None:
    state.passages.append(
        Passage(
            number=len(state.passages) + 1,
            kind=hit.kind,
            id=hit.id,
            title=hit.title if hit.kind == "knowledge" else hit.content[:TITLE_CHARACTERS],
            content=excerpt(hit.content, state.question.content),
            score=hit.score,
            source=hit.source,
        )
    )
