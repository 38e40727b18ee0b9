"""What a person's message says about them: a rule-based extractor for Korean and English, without a model.

Each rule (`rules.toml`) names forms in which people say something lasting about themselves. What it finds
is a candidate; the write gate decides. A sentence that no rule knows yields nothing: silence before
invention.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal

from . import rules
from .models import RelationType

EXTRACTOR = "rules/2"
LONGEST_MESSAGE = 8_000
LONGEST_SENTENCE = 300

_END = re.compile(r"(?<=[.!?。！？])\s+|\n+")
_NOT_SAID = re.compile(r"```.*?(?:```|\Z)|^>.*$|https?://\S+", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Bearing:
    """How a candidate bears on the memory with this key: the relation, and its strength in [0, 1]."""

    memory: str
    relation: str
    strength: Decimal


@dataclass(frozen=True, slots=True)
class Candidate:
    """Something that may be worth remembering. `reason` is the rule's name; `confidence` in [0, 1].

    `after`: how it follows from the candidate before it ("causes", "precedes" or "").
    """

    type: str
    content: str
    importance: Decimal
    confidence: float
    reason: str
    extractor: str = EXTRACTOR
    bearings: tuple[Bearing, ...] = ()
    after: str = ""


def extract(text: str) -> list[Candidate]:
    """The candidates in a message, in order, at most one a sentence; quotes, code and links are left out."""
    found: dict[str, Candidate] = {}
    before = False  # whether the sentence before gave a candidate
    for sentence in _sentences(text):
        candidate = _candidate(sentence)
        if candidate is not None:
            after = _after(sentence) if before else ""
            found.setdefault(candidate.content.casefold(), replace(candidate, after=after))
        before = candidate is not None
    return list(found.values())


def _after(sentence: str) -> str:
    """How a sentence follows from the one before it: "so …" is caused by it, "then …" preceded by it."""
    known = rules.load()
    if known.caused.search(sentence):
        return RelationType.CAUSES
    return RelationType.PRECEDES if known.after.search(sentence) else ""


def _sentences(text: str) -> Iterator[str]:
    for part in _END.split(_NOT_SAID.sub("\n", text[:LONGEST_MESSAGE])):
        sentence = " ".join(part.split()).strip(" -*•\"'“”")
        if 3 < len(sentence) <= LONGEST_SENTENCE:
            yield sentence


def _candidate(sentence: str) -> Candidate | None:
    known = rules.load()
    if known.questions.search(sentence.rstrip(" .!")):
        return None
    for asked in known.asked:
        if match := asked.search(sentence):
            said = match["said"].strip(" ,:")
            # What a person wants kept is kept; its type shows in its words.
            told = next((rule for rule in known.said if rule.search(said)), asked)
            return Candidate(told.type, said, asked.importance, asked.confidence, asked.reason)
    for rule in known.said:
        if match := rule.search(sentence):
            content = (match.groupdict().get("said") or sentence).strip(" ,:")
            return Candidate(rule.type, content, rule.importance, rule.confidence, rule.reason)
    return None
