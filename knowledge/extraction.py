"""What a person's message says about them: a rule-based extractor for Korean and English, without a model.

Each rule (`rules.toml`) names forms in which people say something lasting about themselves. What it finds
is a candidate; the write gate decides. A sentence that no rule knows yields nothing: silence before
invention.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal

from agi_site.lib.korean import declared

from . import rules
from .models import RelationType

EXTRACTOR = "rules/6"
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
    """The candidates in a message, in order: one a sentence, or clause; not of quotes, code and links."""
    found: dict[str, Candidate] = {}
    before, last = False, ""  # whether the sentence before gave a candidate, and what it was
    for sentence in _sentences(text):
        if rules.load().keep_that.match(sentence.strip(" .!")):
            candidates = [] if before else _asked_for(last)
        else:
            candidates, last = _candidates(sentence), sentence
        for number, candidate in enumerate(candidates):
            after = _after(sentence) if before and number == 0 else ""
            found.setdefault(candidate.content.casefold(), replace(candidate, after=after))
        before = bool(candidates)
    return list(found.values())


def statements(text: str) -> list[Candidate]:
    """The candidates of a message that says nothing else; [] where one of its sentences gives none."""
    told = [_candidates(sentence) for sentence in _sentences(text)]
    return [candidate for found in told for candidate in found] if all(told) else []


def _candidates(sentence: str) -> list[Candidate]:
    """A sentence's candidates: of its clauses where each says something by itself, else of the whole.

    "My name is Alice and I live in Busan" is two memories, so that a move does not take the name along.
    """
    known = rules.load()
    first, *more = known.joints.split(sentence)
    if more and not any(known.refers.search(clause) for clause in more):
        greeted = known.small_talk.match(first.strip())
        found = [_candidate(clause) for clause in (more if greeted else (first, *more))]
        if all(found):
            return [one for one in found if one is not None]
    whole = _candidate(sentence)
    return [] if whole is None else [whole]


def _asked_for(sentence: str) -> list[Candidate]:
    """The candidate of a sentence that the next one asks to keep."""
    known = rules.load()
    said = sentence.rstrip(" .!")
    return [] if not said or known.questions.search(said) else [_asked(said, known.asked[0])]


def _asked(said: str, rule: rules.Rule) -> Candidate:
    """What a person wants kept is kept; its type shows in its words."""
    told = next((one for one in rules.load().said if one.search(said)), rule)
    return Candidate(told.type, said, rule.importance, rule.confidence, rule.reason)


def _after(sentence: str) -> str:
    """How a sentence follows from the one before it: "so …" is caused by it, "then …" preceded by it."""
    known = rules.load()
    if known.caused.search(sentence):
        return RelationType.CAUSES
    return RelationType.PRECEDES if known.after.search(sentence) else ""


def _sentences(text: str) -> Iterator[str]:
    for part in _END.split(_NOT_SAID.sub("\n", text[:LONGEST_MESSAGE])):
        sentence = " ".join(part.split()).strip(" -*•\"'“”")
        if 2 < len(sentence) <= LONGEST_SENTENCE:
            yield sentence


def _candidate(sentence: str) -> Candidate | None:
    known = rules.load()
    if known.polite.search(sentence):
        sentence = known.polite.sub("", sentence).rstrip(" ?")
    if known.questions.search(sentence.rstrip(" .!")):
        return None
    for asked in known.asked:
        if match := asked.search(sentence):
            return _asked(declared(match["said"].strip(" ,:")), asked)
    if known.unsure.search(sentence):
        return None
    for rule in known.said:
        if match := rule.search(sentence):
            content = (match.groupdict().get("said") or sentence).strip(" ,:")
            return Candidate(rule.type, content, rule.importance, rule.confidence, rule.reason)
    return None
