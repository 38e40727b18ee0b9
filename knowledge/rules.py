"""The rules of the extractor and of the write gate, read from `rules.toml` once."""

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from .models import MemoryType

_WAYS = (
    ("favorite", "favourite"),
    ("제일", "가장"),
    (r"(?<=[가-힣])님$", ""),
    (r"[\s-]|(?<=[가-힣])의(?=\s)", ""),
)
# What is said not to be: "Nabi, not Nari", "3일이 아니라 4일".
_NOT_BUT = re.compile(r",\s*(?:and )?not\s.*$|^.*?(?:이|가)?\s?아니(?:라|고),?\s", re.IGNORECASE)
FILE = Path(__file__).with_name("rules.toml")


@dataclass(frozen=True, slots=True)
class Rule:
    """Forms of words that say one kind of thing. A match's group "said", if there is one, is what is kept."""

    reason: str
    type: MemoryType
    importance: Decimal
    confidence: float
    patterns: tuple[re.Pattern[str], ...]

    def search(self, sentence: str) -> re.Match[str] | None:
        """The first form that fits."""
        return next((match for pattern in self.patterns if (match := pattern.search(sentence))), None)


@dataclass(frozen=True, slots=True)
class Slot:
    """Forms that say the same kind of thing, of which (if `single`) a person has one."""

    single: bool
    patterns: tuple[re.Pattern[str], ...]

    def read(self, text: str) -> tuple[str, str] | None:
        """What is said of ("" for the person) and what is said, or None where no form fits."""
        for pattern in self.patterns:
            if match := pattern.search(text):
                groups = match.groupdict()
                return _of_whom(groups.get("key") or ""), _NOT_BUT.sub("", groups["value"]).strip(" .!")
        return None


def _of_whom(key: str) -> str:
    """What a slot is of; who is named behind what they are to the person stands behind a stroke."""
    first, _space, name = key.strip().partition(" ")
    if name and " " not in name and first.lower() in load().people:
        return f"{_one_way(first)}/{_one_way(name)}"
    return _one_way(key)


def _one_way(key: str) -> str:
    """What a slot is of, written in one of the ways in which people write it."""
    for way, other in _WAYS:
        key = re.sub(way, other, key, flags=re.IGNORECASE)
    return key.lower()


@dataclass(frozen=True, slots=True)
class Rules:
    """All rules, in the order in which they are tried."""

    asked: tuple[Rule, ...]
    said: tuple[Rule, ...]
    small_talk: re.Pattern[str]
    questions: re.Pattern[str]
    demands: re.Pattern[str]
    lasting: re.Pattern[str]
    negated: re.Pattern[str]
    fragments: re.Pattern[str]
    short_facts: re.Pattern[str]
    weighed: re.Pattern[str]
    machine: re.Pattern[str]
    restated: re.Pattern[str]
    supposed: re.Pattern[str]
    passing: re.Pattern[str]
    small_words: re.Pattern[str]
    slots: tuple[Slot, ...]
    changed: re.Pattern[str]
    likes: re.Pattern[str]
    dislikes: re.Pattern[str]
    joints: re.Pattern[str]
    refers: re.Pattern[str]
    several: re.Pattern[str]
    polite: re.Pattern[str]
    keep_that: re.Pattern[str]
    unsure: re.Pattern[str]
    caused: re.Pattern[str]
    after: re.Pattern[str]
    light: frozenset[str]
    people: frozenset[str]
    numbers: dict[str, str]


@cache
def load() -> Rules:
    """Read and compile the rules."""
    stored = tomllib.loads(FILE.read_text(encoding="utf-8"))
    pronouns, gate = stored["pronouns"], stored["gate"]
    return Rules(
        asked=tuple(_rule(one, pronouns) for one in stored["asked"]),
        said=tuple(_rule(one, pronouns) for one in stored["rules"]),
        small_talk=re.compile(f"^(?:{'|'.join(gate['small_talk'])})$", re.IGNORECASE),
        questions=_any(gate["questions"]),
        demands=_any(gate["demands"]),
        lasting=_any(gate["lasting"]),
        negated=_any(gate["negated"]),
        fragments=re.compile(f"^(?:{'|'.join(gate['fragments'])})$", re.IGNORECASE),
        short_facts=_plain(gate["short_facts"]),
        weighed=_plain(gate["weighed"]),
        machine=_any(gate["machine"]),
        restated=_any(gate["restated"]),
        supposed=_any(gate["supposed"]),
        passing=_any(gate["passing"]),
        small_words=re.compile(f"{gate['small_words']}|{gate['small_words_korean']}", re.IGNORECASE),
        slots=tuple(Slot(one["single"], tuple(map(_plain, one["patterns"]))) for one in stored["slots"]),
        changed=_any(stored["change"]["marks"]),
        likes=_plain(stored["change"]["likes"]),
        dislikes=_plain(stored["change"]["dislikes"]),
        joints=_plain(stored["clauses"]["joints"]),
        refers=_plain(stored["clauses"]["refers"]),
        several=_plain(stored["clauses"]["several"]),
        polite=_plain(stored["flow"]["polite"]),
        keep_that=_plain(stored["flow"]["keep_that"]),
        unsure=_plain(stored["flow"]["unsure"]),
        caused=_plain(stored["flow"]["caused"]),
        after=_plain(stored["flow"]["after"]),
        light=frozenset(stored["likeness"]["light"].split()),
        people=frozenset(stored["likeness"]["people"].split()),
        numbers=dict(pair.split(":") for pair in stored["likeness"]["numbers"].split()),
    )


def _rule(stored: dict[str, Any], pronouns: dict[str, str]) -> Rule:
    return Rule(
        reason=stored["reason"],
        type=MemoryType(stored["type"]),
        importance=Decimal(stored["importance"]),
        confidence=stored["confidence"],
        patterns=tuple(_compiled(pattern, pronouns) for pattern in stored["patterns"]),
    )


def _compiled(pattern: str, pronouns: dict[str, str]) -> re.Pattern[str]:
    for name, form in pronouns.items():
        pattern = pattern.replace(f"{{{name}}}", form)
    return re.compile(pattern, re.IGNORECASE)


def _plain(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


def _any(patterns: Sequence[str]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns), re.IGNORECASE)
