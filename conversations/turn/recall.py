"""Recall: what the session carries, what the person's memories say, what the team knows."""

from __future__ import annotations

from typing import Any

from agi_site.lib.engines.base import Passage, Vector
from agi_site.lib.engines.guide.asking import goes_on, points_back
from knowledge import access
from knowledge.models import Memory
from knowledge.search import Hit, search_knowledge, search_memory
from knowledge.services import get_context

from ..memory import memory_is_on
from ..models import MessageRole
from .excerpt import excerpt
from .state import State

KNOWLEDGE_PASSAGES = 5
MEMORY_PASSAGES = 3
# Beside what the prompt takes, the receipt shows what came next.
MORE_RETRIEVED = 3
TITLE_CHARACTERS = 80
QUESTION_CHARACTERS = 500


def recall(state: State) -> None:
    """Fill `state.context` and `state.passages`; the numbers are those by which the answer cites."""
    with state.stage("recall"):
        if state.session is not None:
            state.context = dict(get_context(session=state.session))
        state.remembers = remembers = memory_is_on(state.conversation)
        if (recalled := state.facts.get("recalled")) is not None:  # its numbers may be cited already
            state.receipts = list(state.facts.get("receipts", []))
            state.passages = _as_they_are_now(state, recalled, remembers)
            return
        if not state.question.content:  # a picture alone: there are no words to search for
            return
        user, (query, vector) = state.user, _question_in_context(state)
        most = KNOWLEDGE_PASSAGES + MORE_RETRIEVED
        known = search_knowledge(user=user, query=query, vector=vector, limit=most)
        _take(state, known, KNOWLEDGE_PASSAGES)
        if remembers:
            most = MEMORY_PASSAGES + MORE_RETRIEVED
            hits = search_memory(user=user, query=query, vector=vector, limit=most, recalled=False)
            _take(state, hits, MEMORY_PASSAGES)
            access.note(hit.id for hit in hits[:MEMORY_PASSAGES])


def _question_in_context(state: State) -> tuple[str, Vector | None]:
    """What to search for: “And when does it start?” says it only together with the question before it."""
    text = state.question.content
    if not (points_back(text) or goes_on(text)):
        return text, state.vector
    earlier = state.conversation.messages.visible().filter(role=MessageRole.USER, pk__lt=state.question.pk)
    before = earlier.order_by("-pk").values_list("content", flat=True).first()
    return (f"{before[:QUESTION_CHARACTERS]} {text}", None) if before else (text, state.vector)


def _take(state: State, hits: list[Hit], most: int) -> None:
    """Each hit has a receipt; the best go into the prompt."""
    for hit in hits:
        receipt = {"kind": hit.kind, "id": hit.id, "score": hit.score, "parts": dict(hit.parts)}
        state.receipts.append(receipt)
    for hit in hits[:most]:
        title = hit.title if hit.kind == "knowledge" else hit.content[:TITLE_CHARACTERS]
        state.passages.append(
            Passage(
                number=len(state.passages) + 1,
                kind=hit.kind,
                id=hit.id,
                title=title,
                content=excerpt(hit.content, state.question.content),
                score=hit.score,
                source=hit.source,
            )
        )


def _as_they_are_now(state: State, recalled: list[dict[str, Any]], remembers: bool) -> list[Passage]:
    """The passages of a turn that is taken up again; memories as they are now, without those forgotten."""
    ids = [passage["id"] for passage in recalled if passage["kind"] == "memory"]
    rows = Memory.objects.for_user(state.user).defer("embedding")
    memories = rows.in_bulk(ids) if ids and remembers else {}
    passages: list[Passage] = []
    for kept in recalled:
        if kept["kind"] != "memory":
            passages.append(Passage(**kept))
        elif (row := memories.get(kept["id"])) is not None:
            now = {
                "title": row.content[:TITLE_CHARACTERS],
                "content": excerpt(row.content, state.question.content),
            }
            passages.append(Passage(**kept | now))
    return passages
