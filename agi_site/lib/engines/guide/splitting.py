# ruff: noqa: E501 - patterns are read whole, line by line
"""Takes a request of several steps apart: "1. … 2. …", "first … then … finally …", "먼저 … 그다음 … 마지막으로 …"."""

from __future__ import annotations

import re
from dataclasses import dataclass

FEWEST, MOST = 2, 20
_FENCE = re.compile(
    r"(?P<mark>`{3,})[\w+#.-]*[ \t]*\n.*?\n?(?P=mark)|`[^`\n]+`|\"[^\"\n]{1,500}\"|“[^”\n]{1,500}”", re.DOTALL
)
_HIDDEN = re.compile("\ue000(\\d+)\ue001")
_NUMBER = re.compile(
    r"(?:^|(?<=[\s:;]))(?:(?:step|단계)\s?)?\(?(?P<n>\d{1,2})(?:[.)]|단계[.:)]?|:)\s+",
    re.IGNORECASE | re.MULTILINE,
)
# "… by 3. 3) …": after a sign or at a line's beginning a number begins a step, elsewhere only where none does so.
_AFTER_SIGN = re.compile(r"(?:^|[\n.:;,!?)])\s*$")
_FIRST = r"first(?:ly|\sof\sall)?|to\s(?:begin|start)\swith|먼저|우선|첫째(?:로)?|첫\s?번째로|처음에"
_NEXT = (
    r"(?:and\s|but\s)?(?:then|after\sthat|afterwards|next|second(?:ly)?|third(?:ly)?|fourth(?:ly)?)|(?:and\s)?(?:finally|lastly|at\sthe\send|in\sthe\send|last)"
    r"|(?:그리고\s)?(?:그\s?다음(?:에|에는|으로|으로는)?|그런\s?다음(?:에)?|그러고\s?나서|그\s?뒤(?:에)?|그\s?후(?:에)?|다음(?:으로|에는)|이어서"
    r"|둘째(?:로)?|셋째(?:로)?|넷째(?:로)?|[두세네]\s?번째로|마지막(?:으로|에는?)|끝으로|최종적으로)"
)
# A first word stands at the beginning, after a sign, or after "please"; the later ones after a sign or a connective.
_OPENING = re.compile(rf"(?:^|(?<=[\n:;.!?,])|(?<=줘)|(?<=please))\s*(?:{_FIRST})\b[,:]?\s+", re.IGNORECASE)
_LATER = re.compile(
    rf"(?:[,;.]\s*|\s+(?:and\s)?|(?<=[고서]),?\s*)(?:{_NEXT})(?:\b|(?=\s)),?\s+", re.IGNORECASE
)
_ENDING = re.compile(r"[\s,;.!]+$")


@dataclass(frozen=True, slots=True)
class Steps:
    """What stands before the steps, and the steps."""

    before: str
    parts: list[str]


def steps_of(text: str) -> Steps | None:
    """The steps a request names in order, two at least; None where it names none."""
    hidden: list[str] = []

    def hide(match: re.Match[str]) -> str:
        hidden.append(match.group())
        return f"\ue000{len(hidden) - 1}\ue001"

    bare = _FENCE.sub(hide, text.strip())
    found = _numbered(bare) or _told_in_order(bare)
    if found is None or not FEWEST <= len(found.parts) <= MOST:
        return None

    def shown(part: str) -> str:
        return _HIDDEN.sub(lambda match: hidden[int(match[1])], part)

    return Steps(shown(found.before), [shown(part) for part in found.parts])


def _numbered(text: str) -> Steps | None:
    """A list whose numbers count up from 1."""
    found = list(_NUMBER.finditer(text))
    after_signs = [mark for mark in found if _AFTER_SIGN.search(text[: mark.start()])]
    marks = max(_counting(after_signs), _counting(found), key=len)
    if len(marks) < FEWEST:
        return None
    ends = [*(mark.start() for mark in marks[1:]), len(text)]
    parts = [_tidy(text[mark.end() : end]) for mark, end in zip(marks, ends, strict=True)]
    # What follows a blank line after the last one is no step.
    parts[-1] = _tidy(parts[-1].split("\n\n")[0])
    return Steps(text[: marks[0].start()].strip(), parts) if all(parts) else None


def _counting(found: list[re.Match[str]]) -> list[re.Match[str]]:
    """The marks that count up from 1, each the first of its number after the one before."""
    marks: list[re.Match[str]] = []
    for mark in found:
        if int(mark["n"]) == len(marks) + 1:
            marks.append(mark)
    return marks


def _told_in_order(text: str) -> Steps | None:
    """Words that say what comes first and what after it."""
    opening = _OPENING.search(text)
    if opening:
        before, rest = text[: opening.start()], text[opening.end() :]
    elif ":" in text:
        before, _colon, rest = text.partition(":")
    else:
        before, rest = "", text
    parts = [_tidy(part) for part in _LATER.split(rest)]
    if not opening and len(parts) <= FEWEST:
        return None  # "do this, then that" alone is a way of speaking
    return Steps(before.strip(), parts) if len(parts) >= FEWEST and all(parts) else None


def _tidy(part: str) -> str:
    return _ENDING.sub("", part.strip())
