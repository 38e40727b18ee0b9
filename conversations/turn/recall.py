"""Recall: what the session carries, what the person's memories say, what the team knows."""

from __future__ import annotations

from agi_site.lib.engines.base import Passage, Vector
from agi_site.lib.engines.guide.asking import goes_on, points_back
from knowledge.search import Hit, search_knowledge, search_memory
from knowledge.services import get_context

from ..models import MessageRole
from .excerpt import excerpt
from .state import State

KNOWLEDGE_PASSAGES = 5
MEMORY_PASSAGES = 3
TITLE_CHARACTERS = 80
QUESTION_CHARACTERS = 500


def recall(state: State) -> None:
    """Fill `state.context` and `state.passages`; the numbers are those by which the answer cites."""
    with state.stage("recall"):
        if state.session is not None:
            state.context = dict(get_context(session=state.session))
        user, (query, vector) = state.user, _question_in_context(state)
        for hit in search_knowledge(user=user, query=query, vector=vector, limit=KNOWLEDGE_PASSAGES):
            _add(state, hit)
        for hit in search_memory(user=user, query=query, vector=vector, limit=MEMORY_PASSAGES):
            _add(state, hit)


def _question_in_context(state: State) -> tuple[str, Vector | None]:
    """What to search for: “And when does it start?” says it only together with the question before it."""
    text = state.question.content
    if not (points_back(text) or goes_on(text)):
        return text, state.vector
    earlier = state.conversation.messages.visible().filter(role=MessageRole.USER, pk__lt=state.question.pk)
    before = earlier.order_by("-pk").values_list("content", flat=True).first()
    return (f"{before[:QUESTION_CHARACTERS]} {text}", None) if before else (text, state.vector)


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
