"""Which parts of a text answer a query, for people to see."""

import re
import unicodedata
from collections.abc import Iterable

from .terms import (
    FUNCTION_WORDS,
    KOREAN_FUNCTION_WORDS,
    SHORT_PARTICLES,
    WORD,
    english_stem,
    without_particle,
)

MOST_WORDS = 64


def highlights(text: str, query: str, *, around: int = 60, most: int = 3) -> list[list[tuple[str, bool]]]:
    """Up to `most` excerpts of `text`, each as pieces (words, whether they answer the query)."""
    pattern = _query_pattern(query)
    if pattern is None:
        return []
    excerpts: list[list[tuple[str, bool]]] = []
    end = -1
    for found in pattern.finditer(text):
        if found.start() < end:
            continue
        if len(excerpts) == most:
            break
        start, end = max(0, found.start() - around, end), min(len(text), found.end() + around)
        excerpts.append(list(_pieces(text, start, end, pattern)))
    return excerpts


def _query_pattern(query: str) -> re.Pattern[str] | None:
    words = set(WORD.findall(unicodedata.normalize("NFKC", query).lower()))
    stems = {_stem_pattern(word) for word in words - FUNCTION_WORDS - KOREAN_FUNCTION_WORDS}
    longest = sorted(stems, key=len, reverse=True)[:MOST_WORDS]
    return re.compile("|".join(longest), re.IGNORECASE) if longest else None


def _stem_pattern(word: str) -> str:
    if "가" <= word[0] <= "힣":
        stem = without_particle(word)
        # a syllable stands in too many words: it is meant where it is one, with a particle or without
        return stem if len(stem) > 1 else f"(?<![가-힣]){stem}(?=[{SHORT_PARTICLES}]|[^가-힣]|$)"
    return rf"\b{re.escape(english_stem(word))}\w*" if word.isascii() else re.escape(word)


def _pieces(text: str, start: int, end: int, pattern: re.Pattern[str]) -> Iterable[tuple[str, bool]]:
    if start > 0:
        yield "…", False
    at = start
    for found in pattern.finditer(text, start, end):
        if found.start() > at:
            yield text[at : found.start()], False
        yield found[0], True
        at = found.end()
    if at < end:
        yield text[at:end], False
    if end < len(text):
        yield "…", False
