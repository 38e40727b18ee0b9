"""Joins the chosen sentences into an answer, each with its citation."""

from __future__ import annotations

import re
from collections.abc import Sequence

from agi_site.lib.engines.analysis import language_of
from agi_site.lib.engines.base import Passage
from agi_site.lib.engines.guide import asking
from agi_site.lib.engines.guide.evidence import Evidence
from agi_site.lib.engines.guide.phrases import say
from agi_site.lib.engines.guide.words import answer_part, content_words, leans, sentences

_GOES_ON = re.compile(
    r"^(?:Then|After that|Next|Finally|Choose|If)\b|^(?:그다음|그 다음|그런 다음|이어서|마지막으로)"
)
CLOSE = 0.12
CLOSE_READINGS = 0.25


def compose(question: str, language: str, found: Sequence[Evidence]) -> str:
    """The best sentence, with what it needs beside it, and a second one when it is as good; each cited
    [n].
    """
    best = found[0]
    parts = [_stretch(question, best)]
    for other in found[1:3]:
        near = best.rank - other.rank < CLOSE and other.fit >= 0
        if near and other.passage.id == best.passage.id and answer_part(other.sentence) not in parts[0]:
            parts.append(answer_part(other.sentence))
            break
    return " ".join(_cite(part, best, language) for part in parts)


def _stretch(question: str, item: Evidence) -> str:
    """The sentence, with the one it leans on when it cannot stand alone, and the next when that goes on with
    the steps.
    """
    whole = sentences(item.passage.content)
    chosen = [answer_part(item.sentence)]
    if leans(item.sentence):
        before = next((at for at in range(item.place - 1, -1, -1) if not leans(whole[at])), None)
        if before is not None:
            chosen.insert(0, answer_part(whole[before]) + (" …" if before < item.place - 1 else ""))
    following = whole[item.place + 1] if item.place + 1 < len(whole) else ""
    if asking.kind_of(question) == "manner" and _GOES_ON.search(following):
        chosen.append(following)
    return " ".join(chosen)


def _cite(text: str, item: Evidence, language: str) -> str:
    number = f"[{item.passage.number}]"
    written = language_of(text)
    if written in ("en", "ko") and written != language:
        key = "memory_in_other" if item.passage.kind == "memory" else "quoted"
        return f"{say(language, key, sentence=text)} {number}"
    if item.passage.kind == "memory":
        return f"{say(language, 'memory_quoted', sentence=text)} {number}"
    return f"{text} {number}"


def in_doubt(
    language: str, answering: int, passages: Sequence[Passage], doubts: Sequence[tuple[int, int]]
) -> str:
    """Both memories, where the one that answers may contradict another, and which of them holds; else ""."""
    pair = next((pair for pair in doubts if answering in pair), None)
    if pair is None:
        return ""
    said = {passage.number: passage.content.strip(" .") for passage in passages}
    newer, older = (f"“{said[number]}” [{number}]" for number in pair)
    return say(language, "in_doubt", newer=newer, older=older)


def is_vague(question: str, found: Sequence[Evidence]) -> bool:
    """Whether a question of one or two words could mean either of two passages that are about as near."""
    if (
        not found
        or asking.points_back(question)
        or len(content_words(question)) > 1
        or asking.kind_of(question) != "thing"
    ):
        return False
    best = found[0]
    other = next((item for item in found if item.passage.id != best.passage.id), None)
    if other is None or min(best.fit, other.fit) < 0 or not best.passage.title or not other.passage.title:
        return False
    return abs(best.rank - other.rank) < CLOSE_READINGS and min(best.words, other.words) > 0
