# ruff: noqa: E501 - patterns are read whole, line by line
"""Requests to forget something: which, and what is remembered of it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from agi_site.lib.engines.base import Passage
from agi_site.lib.engines.guide.words import content_words, overlap

_FORGET = re.compile(
    r"^(?:(?:please|could you|can you|would you|will you|i want you to|i['’]d like you to)\s)*"
    r"(?:forget|stop remembering|(?:delete|erase|remove) (?:the|your|my|that|this) memory)(?:\s(?:that|about|of|the fact that|what (?:i|you) (?:said|told you|know|remember) (?:about|of)|everything (?:about|on)))*\s+"
    r"(?!(?:about )?(?:it|that|this)\b.{0,12}$|to\b|me\b)(?P<what>.{3,}?)[.!?]*$"
    r"|^(?!(?:그|이|저)(?:건|거|것|걸)\b)(?P<was>.{2,}?)(?:(?:라|다|이라|었다|았다)?(?:는|던|ㄴ)?\s?(?:것|거|걸|사실|점|말)(?:을|를|은|는|도)?|에 대해(?:서)?(?:는)?|에 대한 (?:것|거|기억)(?:을|를|은|는)?|(?:을|를|은|는))?"
    r"\s(?:이제 )?(?:그만 )?(?:잊어\s?(?:버려\s?)?(?:줘|주세요|줄래|라)|기억에서 (?:지워|삭제해)\s?(?:줘|주세요|줄래|라)?|기억하지 ?마(?:세요|라)?)(?:요)?[.!?]*$",
    re.IGNORECASE,
)
_NEAR = 0.5  # of what is named, the share whose words a memory has to hold
_MOST = 3


def forgets(text: str) -> str:
    """What a request wants forgotten, "" where it wants nothing forgotten."""
    match = _FORGET.match(text.strip())
    return "" if match is None else (match["what"] or match["was"]).strip(" ,")


def listed(what: str, passages: Sequence[Passage]) -> str:
    """The recalled memories that speak of it, quoted and cited; "" where none does."""
    asked = content_words(what)
    found = []
    for passage in passages:
        if passage.kind != "memory" or not asked:
            continue
        held = content_words(passage.content)
        share = sum(overlap(word, held) for word in asked) / len(asked)
        if share >= _NEAR:
            found.append(f"“{passage.content.strip(' .')}” [{passage.number}]")
    return ", ".join(found[:_MOST])
