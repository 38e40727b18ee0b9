"""Whether two short texts say the same, or one is said in the other: by words, in Korean and English.

Endings and particles change while a meaning stays, so words are compared by their stems; what a text may not
differ in (numbers, a negation, a name) is looked at apart.
"""

import re
import unicodedata
from collections.abc import Collection

from agi_site.lib.fulltext.terms import (
    FUNCTION_WORDS,
    KOREAN_FUNCTION_WORDS,
    WORD,
    english_stem,
    without_particle,
)

from . import rules

_ENDINGS = re.compile(
    "(?:이었습니다|였습니다|했습니다|했어요|습니다|입니다|합니다|됩니다|이에요|해주세요|주세요|하세요|세요|이라고"
    "|라고|거든|지만|는데|예요|에요|어요|아요|여요|해요|돼요|이야|이다|한다|하다|했다|했어|하고|하는|있다|있어|는다"
    "|란|이고|해|돼|야|요|다|어|아|고|함|음|지|는|은|이)$"
)
_NAME = re.compile(r"(?<![.!?:\"“]\s)(?<!^)\b(?!I\b|I['’])[A-Z][^\W가-힣]*(?:['’-][^\W가-힣]+)*")
_SHORT_PARTICLE = re.compile("(?<=^[가-힣])(?:은|는|이|가|을|를)$")
_SUBJECT = re.compile("^(?:(?:내|제|나의|저의|우리)\\s)?([가-힣]{2,12}?)(?:은|는|이|가)\\s")
_NAMED_FIRST = re.compile(r"^(?!(?:It|He|She|This|That|There)\b)([A-Z][a-z]+) (?!is\b|was\b)[a-z]+s\b")
_DIGITS = re.compile(r"\d+(?:[.,]\d+)*")


def words(text: str) -> list[str]:
    """The words that carry the meaning of `text`, lower-cased, in order."""
    found = WORD.findall(unicodedata.normalize("NFKC", text).lower())
    light = rules.load().light
    return [
        word
        for word in found
        if word not in FUNCTION_WORDS and word not in KOREAN_FUNCTION_WORDS and word not in light
    ]


def stem(word: str) -> str:
    """The word without its endings: "좋아합니다" and "좋아해" agree, so do "lives" and "living"."""
    if not "가" <= word[0] <= "힣":
        return english_stem(word)
    word = _SHORT_PARTICLE.sub("", without_particle(word))
    while len(word) > 1 and (shorter := _ENDINGS.sub("", word)) and shorter != word:
        word = shorter
    return word


def stems(text: str) -> set[str]:
    """The stems of the words of `text`."""
    return {stem(word) for word in words(text)}


def numbers(text: str) -> set[str]:
    """The numbers in `text`, also those written as a word."""
    found = {form for word in WORD.findall(text.lower()) for form in (word, stem(word))}
    known = rules.load().numbers
    written = {known[word] for word in found if word in known}
    return {digits.replace(",", "").rstrip(".") for digits in _DIGITS.findall(text)} | written


def names(text: str) -> set[str]:
    """The capitalised words of `text` that do not begin a sentence, lower-cased, without a genitive s."""
    return {re.sub(r"['’]s$", "", found.lower()) for found in _NAME.findall(text)}


def negated(text: str) -> bool:
    """Whether `text` says "not"."""
    return bool(rules.load().negated.search(text))


def of_another(one: str, other: str) -> bool:
    """Whether one of two texts speaks of somebody, or begins with a subject, whom the other does not name."""
    mine, theirs = stems(one), stems(other)
    return bool((_spoken_of(one) - theirs) | (_spoken_of(other) - mine))


def _spoken_of(text: str) -> set[str]:
    """The stems of the people in `text`, and of a Korean subject at its beginning."""
    known = rules.load()
    found = {found for word in words(text) if (found := stem(word)) in known.people or word in known.people}
    subject = _SUBJECT.search(text.strip())
    named = _NAMED_FIRST.search(text.strip())
    return found | {stem for one in (subject, named) if one for stem in stems(one[1])}


def overlap(one: Collection[str], other: Collection[str]) -> float:
    """The share of words that both have, of all (Jaccard); 0 where there are none."""
    a, b = set(one), set(other)
    return len(a & b) / len(a | b) if a | b else 0.0


def same(one: str, other: str) -> bool:
    """Whether two texts say the same: the same stems, numbers, and "not" in both or in neither."""
    if numbers(one) != numbers(other) or negated(one) != negated(other) or of_another(one, other):
        return False
    mine, theirs = stems(one), stems(other)
    if not mine or not theirs:
        return one.casefold() == other.casefold()
    alone = mine ^ theirs
    return not alone or overlap(mine, theirs) >= SAME


SAME = 0.85  # two texts that share this part of their words say the same


def alike(one: str, other: str) -> bool:
    """Whether two words are forms of one, read generously: equal stems, or the same long beginning."""
    if stem(one) == stem(other):
        return True
    if "가" <= one[0] <= "힣":
        a, b = (unicodedata.normalize("NFD", word) for word in (one, other))
        return _shared(a, b) >= max(3, 0.5 * min(len(a), len(b)))
    return _shared(one, other) >= max(4, 0.6 * max(len(one), len(other)))


def _shared(one: str, other: str) -> int:
    for at, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            return at
    return min(len(one), len(other))


def share_said(content: str, message: str) -> float:
    """Which part of the words of `content` stands in `message`, in one form or another; 1 for no words."""
    wanted, there = words(content), words(message)
    if not wanted:
        return 1.0
    joined = "".join(there)
    return sum(any(alike(word, one) for one in there) or word in joined for word in wanted) / len(wanted)
