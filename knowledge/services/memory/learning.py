"""From a message to memories: proposed by the chat engine or by rules, let through or refused by the gate.

Two halves, because no model is called inside a transaction: `propose_memories` reads the message and asks
the engines; `keep_proposals` stores what is worth it, at once with whatever else the caller stores.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from agi_site.lib import engines
from agi_site.lib.engines.base import EngineError
from agi_site.lib.problems import Invalid

from ... import asking, extraction, gate, nearness
from ...extraction import Candidate
from ...holding import hold_memory
from ...models import Memory, MemoryRefusal, RelationType
from ...search import search_memory
from .refusals import keep_refusal
from .relating import link, relate_later, relate_new
from .writing import remember

logger = logging.getLogger(__name__)

KNOWN = 8  # memories the engine is shown, so that it says how new ones bear on them


@dataclass(frozen=True, slots=True)
class Learnt:
    """What came of a message: memories kept, and candidates refused, each with the gate's reason."""

    kept: list[Memory] = field(default_factory=list)
    refused: list[tuple[Candidate, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Proposals:
    """What a message may be worth: candidates, and how near each is to memories there are."""

    text: str
    candidates: list[Candidate] = field(default_factory=list)
    near: list[dict[str, float]] = field(default_factory=list)
    told: tuple[str, ...] = ()
    read_at: datetime = field(default_factory=timezone.now)


def propose_memories(*, owner: Any, text: str, told: Sequence[str] = (), language: str = "en") -> Proposals:
    """Read a message: by the chat engine, or by rules where it cannot or fails. Not inside a transaction.

    `told` is what the assistant said before, and what was recalled for it: that may not come back as new.
    """
    begun = timezone.now()
    known: list[Memory] = []
    if asking.can_ask() and text.strip():
        hits = search_memory(user=owner, query=text, limit=KNOWN, recalled=False)
        known = [hit.row for hit in hits]
    candidates = _candidates(text, known, language)
    said = (*told, *(row.content for row in known))
    return Proposals(text, candidates, _near(owner, candidates), said, begun)


def why_not_kept(text: str, *, wish: bool = False) -> str:
    """Why the rules would keep nothing of what a person asks to be kept; "" where they would.

    `wish`: they say how they want to be answered.
    """
    reasons = [_why_refused(candidate) for candidate in extraction.extract(text)]
    if "" in reasons:
        return ""
    if wish:
        return _("Say “from now on …” if it is to hold for good.")
    return reasons[0] if reasons else _("I find no statement in it. Say it in one sentence.")


def only_tells(text: str) -> bool:
    """Whether a message says nothing but what the rules keep: it asks for nothing to be looked up."""
    found = extraction.statements(text)
    return bool(found) and not any(map(_why_refused, found))


def _why_refused(candidate: Candidate) -> str:
    try:
        gate.check_form(candidate.content)
        gate.check_worth(candidate.content)
    except Invalid as problem:
        return str(problem.message)
    return ""


def _candidates(text: str, known: list[Memory], language: str) -> list[Candidate]:
    if asking.can_ask():
        try:
            return asking.extract(text, known=known, language=language)
        except EngineError as error:
            logger.warning("memories of this message are found by rules: %s", error)
    return extraction.extract(text)


def _near(owner: Any, candidates: Sequence[Candidate]) -> list[dict[str, float]]:
    if not candidates:
        return []
    try:
        vectors = engines.embedding().embed_documents([one.content for one in candidates])
        return [
            nearness.cosines(owner.pk, one.content, vector=vector)
            for one, vector in zip(candidates, vectors, strict=True)
        ]
    except EngineError as error:
        logger.warning("duplicates are found by words alone: %s", error)
        return [{} for _one in candidates]


@transaction.atomic
def keep_proposals(
    *, owner: Any, proposals: Proposals, source_message: str, source_conversation: str = ""
) -> Learnt:
    """Store what the gate lets through, with its relations, and what it refuses, with the reason.

    Nothing is kept where the person has forgotten everything since the message was read.
    """
    learnt = Learnt()
    forgotten_at = hold_memory(user_id=owner.pk).forgotten_at
    if forgotten_at is not None and forgotten_at >= proposals.read_at:
        return learnt
    before: Memory | None = None
    for candidate, near in zip(proposals.candidates, proposals.near, strict=True):
        try:
            memory = _keep(owner, candidate, near, proposals, source_message, source_conversation)
        except Invalid as problem:
            learnt.refused.append((candidate, problem.code))
            _refuse(owner, candidate, problem, source_message, source_conversation)
            before = None
            continue
        if before is not None and candidate.after in (RelationType.CAUSES, RelationType.PRECEDES):
            link(before, memory, candidate.after, memory.importance or Decimal("0.50"))
        learnt.kept.append(memory)
        before = memory
    return learnt


def _keep(
    owner: Any,
    candidate: Candidate,
    near: dict[str, float],
    proposals: Proposals,
    source_message: str,
    source_conversation: str,
) -> Memory:
    content = gate.normalised(candidate.content)
    gate.check_form(content)
    gate.check_worth(content)
    gate.check_source(content, message=proposals.text, told=proposals.told)
    memory = remember(
        owner=owner,
        type=candidate.type,
        content=content,
        importance=candidate.importance,
        metadata={
            "source_message": source_message,
            "source_conversation": source_conversation,
            "extractor": candidate.extractor,
            "confidence": candidate.confidence,
            "reason": candidate.reason,
        },
        near=near,
        related=False,
    )
    relate_new(memory, near=near, told=candidate.bearings)
    relate_later(memory)
    return memory


def _refuse(
    owner: Any, candidate: Candidate, problem: Invalid, source_message: str, source_conversation: str
) -> MemoryRefusal:
    return keep_refusal(
        owner=owner,
        candidate=candidate,
        reason=problem.code,
        memory=problem.memory if isinstance(problem, gate.Duplicate) else None,
        source_message=source_message,
        source_conversation=source_conversation,
    )
