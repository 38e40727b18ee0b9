"""How a new memory bears on an earlier one, by rules: the same slot with another value, a number or a liking
that has changed, or only much in common. A model, where there is one, says more (`asking`)."""

import re
from dataclasses import dataclass
from decimal import Decimal

from . import likeness, rules
from .models import MemoryType, RelationType

SIMILAR = 0.4  # from this share of words in common on
SAME_WORDS = 0.75
VERY_NEAR = 0.92  # from this cosine on


@dataclass(frozen=True, slots=True)
class Verdict:
    """A relation of the newer memory to the earlier one. `sure`: a contradiction that needs no question."""

    relation: RelationType
    strength: Decimal
    sure: bool = False


def judge(*, newer: str, older: str, kind: str, cosine: float = 0.0) -> Verdict | None:
    """What the rules say, or None where the two have little to do with each other.

    `kind` is the newer memory's type: what happened is not undone by what happens later.
    """
    known = rules.load()
    changed = bool(known.changed.search(newer))
    # What else the earlier one says would be lost with it.
    whole = not known.several.search(older) or bool(known.several.search(newer))
    if _turned(newer, older):
        return _contradiction(0.9, sure=whole)
    if (slot := _same_slot(newer, older)) is not None:
        single, same = slot
        return _contradiction(0.9 if single else 0.7, sure=whole and same and (single or changed))
    if kind != MemoryType.EPISODIC and _other_number(newer, older):
        return _contradiction(0.8, sure=whole and changed)
    shared = likeness.overlap(likeness.stems(newer), likeness.stems(older))
    likely = max(shared, (cosine - 0.8) / 0.2 if cosine else 0.0)
    if shared >= SIMILAR or cosine >= VERY_NEAR:
        return Verdict(RelationType.SIMILAR_TO, Decimal(str(round(min(1.0, likely), 2))))
    return None


def _contradiction(strength: float, *, sure: bool) -> Verdict:
    return Verdict(RelationType.CONTRADICTS, Decimal(str(strength)), sure)


def slots(text: str) -> set[int]:
    """Which slots a text fills, by their places; texts that share none do not contradict each other so."""
    return {at for at, slot in enumerate(rules.load().slots) if slot.read(text) is not None}


def _same_slot(newer: str, older: str) -> tuple[bool, bool] | None:
    """Whether there is one of the slot, and whether it is surely of the same; None where both do not fill it
    otherwise.
    """
    for slot in rules.load().slots:
        here, there = slot.read(newer), slot.read(older)
        if here is None or there is None or not _may_be_one(here[0], there[0]):
            continue
        mine, theirs = likeness.stems(here[1]), likeness.stems(there[1])
        values = (likeness.numbers(here[1]), likeness.numbers(there[1]))
        if values[0] != values[1] or not (mine <= theirs or theirs <= mine):
            return slot.single, here[0] == there[0]
    return None


def _may_be_one(one: str, other: str) -> bool:
    """Whether two keys are one, or one names who the other is: "sister", "sister nabi"."""
    (who, _stroke, name), (whom, _stroke, other_name) = one.partition("/"), other.partition("/")
    return who == whom and (name == other_name or not (name and other_name))


def _turned(newer: str, older: str) -> bool:
    """Whether one likes (does, has) what the other does not: the same words but for that."""
    if likeness.of_another(newer, older):
        return False
    known = rules.load()
    here, there = bool(known.dislikes.search(newer)), bool(known.dislikes.search(older))
    likes = bool(known.likes.search(newer)) or here, bool(known.likes.search(older)) or there
    opposite = all(likes) and here != there
    if not opposite and likeness.negated(newer) == likeness.negated(older):
        return False
    mine, theirs = (_without_liking(text) for text in (newer, older))
    return likeness.overlap(mine, theirs) >= SAME_WORDS and likeness.numbers(newer) == likeness.numbers(older)


def _without_liking(text: str) -> set[str]:
    known = rules.load()
    text = re.sub("(?<![가-힣])안 ", " ", text)  # the verb after it stays
    for form in (known.dislikes, known.likes, known.changed, known.negated):
        text = re.sub(f"(?:{form.pattern})[가-힣]*", " ", text, flags=re.IGNORECASE)
    return likeness.stems(text)


def _other_number(newer: str, older: str) -> bool:
    here, there = likeness.numbers(newer), likeness.numbers(older)
    if not here or not there or here == there or len(here) != len(there):
        return False
    mine, theirs = (
        {likeness.stem(word) for word in likeness.words(text) if not likeness.numbers(word)}
        for text in (newer, older)
    )
    mine, theirs = mine - _marks(newer), theirs - _marks(older)
    return bool(mine) and mine == theirs


def _marks(text: str) -> set[str]:
    """The stems of the words that say that something has changed."""
    return {stem for match in rules.load().changed.finditer(text) for stem in likeness.stems(match.group())}
