# ruff: noqa: E501 - patterns and sentences are read whole, line by line
"""Numbers as people write them, in English and Korean: digits, words, and the mixtures (3만 5천, 2.5
million).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

_ONES = {
    name: value
    for value, name in enumerate(
        [
            "zero",
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
            "thirteen",
            "fourteen",
            "fifteen",
            "sixteen",
            "seventeen",
            "eighteen",
            "nineteen",
        ]
    )
}
_TENS = {
    name: (at + 2) * 10
    for at, name in enumerate(["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"])
}
_SCALES = {"hundred": 100, "thousand": 1_000, "million": 1_000_000, "billion": 1_000_000_000}
_WORD = "|".join(sorted([*_ONES, *_TENS, *_SCALES], key=len, reverse=True))

_SINO = {letter: value for value, letter in enumerate("영일이삼사오육칠팔구")} | {"공": 0}
_SMALL = {"십": 10, "백": 100, "천": 1_000}
_LARGE = {"만": 10_000, "억": 100_000_000, "조": 1_000_000_000_000}
NATIVE = {
    "하나": 1, "한": 1, "둘": 2, "두": 2, "셋": 3, "세": 3, "넷": 4, "네": 4, "다섯": 5, "여섯": 6, "일곱": 7,
    "여덟": 8, "아홉": 9, "열": 10, "열한": 11, "열두": 12, "스물": 20, "스무": 20, "서른": 30, "마흔": 40, "쉰": 50,
}  # fmt: skip

_DIGITS = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"
_PATTERN = re.compile(
    rf"(?P<mixed>(?:{_DIGITS})\s?[십백천만억조]+(?:\s?(?:{_DIGITS})?[십백천만억조]+)*(?:\s?\d+(?![\d.,]))?)(?![가-힣]?살)"
    rf"|(?P<digits>(?:{_DIGITS}))(?:\s(?P<scale>hundred|thousand|million|billion)\b)?"
    rf"|(?<![가-힣])(?P<sino>[일이삼사오육칠팔구]?[십백천만억](?:[일이삼사오육칠팔구]?[십백천만억조])*[일이삼사오육칠팔구]?)"
    rf"(?=[\s원명개번회퍼프에을를의은는과와나더빼곱,.?!]|$)"
    rf"|\b(?P<words>(?:{_WORD})(?:(?:\s|-|\sand\s)(?:{_WORD}))*)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Number:
    """A number at text[start:end]."""

    value: Decimal
    start: int
    end: int


def find_numbers(text: str) -> Iterator[Number]:
    """All numbers of a text in order; a lone Korean digit syllable (일, 이, 사) is a word more often, so not
    taken.
    """
    for match in _PATTERN.finditer(text):
        kind = match.lastgroup if match.lastgroup != "scale" else "digits"
        raw = match.group(kind or "digits")
        if kind == "digits":
            value = _plain(raw) * _SCALES.get((match.group("scale") or "").lower(), 1)
        elif kind == "words":
            value = english(raw)
        else:
            value = korean(raw)
        yield Number(value, match.start(), match.end())


def _plain(text: str) -> Decimal:
    return Decimal(text.replace(",", ""))


def english(words: str) -> Decimal:
    """The value of English number words: "two hundred and five" is 205."""
    total = current = Decimal(0)
    for word in re.findall(r"[a-z]+", words.lower()):
        if word in _ONES or word in _TENS:
            current += _ONES.get(word, _TENS.get(word, 0))
        elif word == "hundred":
            current = (current or Decimal(1)) * 100
        elif word in _SCALES:
            total += (current or Decimal(1)) * _SCALES[word]
            current = Decimal(0)
    return total + current


def korean(text: str) -> Decimal:
    """The value of a Korean number in syllables, digits or both: 삼만 오천, 3만 5천, 1억 2000만."""
    total = section = Decimal(0)
    current: Decimal | None = None
    for part in re.findall(rf"{_DIGITS}|[가-힣]", text):
        if part[0].isdigit():
            current = _plain(part)
        elif part in _SINO:
            current = Decimal(_SINO[part])
        elif part in _SMALL:
            section += (Decimal(1) if current is None else current) * _SMALL[part]
            current = None
        elif part in _LARGE:
            section += current or 0
            total += (section or Decimal(1)) * _LARGE[part]
            section, current = Decimal(0), None
    return total + section + (current or 0)


def written(value: Decimal) -> str:
    """The number without needless zeros or exponent: 1200, 0.5."""
    text = format(value.normalize(), "f")
    return text if text != "-0" else "0"
