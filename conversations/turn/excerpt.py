"""The part of a long text that bears on a question."""

from __future__ import annotations

import re

from agi_site.lib import fulltext

LENGTH = 1500
_PARAGRAPH = re.compile(r"\n\s*\n")
_SENTENCE = re.compile(r"(?<=[.!?。])\s+|\n")


def excerpt(text: str, question: str, *, length: int = LENGTH) -> str:
    """At most about `length` characters: the pieces that share most terms with the question, in their order.

    A text that is short enough stays whole; where nothing is shared, its beginning stands for it.
    """
    if len(text) <= length:
        return text
    asked = set(fulltext.terms(question))
    pieces = _pieces(text, most=length // 3)
    shared = [len(asked & set(fulltext.terms(piece))) for piece in pieces]
    room, kept = length, set()
    for at in sorted(range(len(pieces)), key=lambda at: (-shared[at], at)):
        if len(pieces[at]) <= room:
            room -= len(pieces[at]) + 3
            kept.add(at)
    told: list[str] = []
    for at in sorted(kept):
        gap = at - 1 not in kept and at > 0
        told.append(("… " if gap else "") + pieces[at])
    return "\n".join(told)


def _pieces(text: str, *, most: int) -> list[str]:
    """Paragraphs; one that is longer than `most` falls into runs of sentences."""
    pieces: list[str] = []
    for paragraph in filter(None, map(str.strip, _PARAGRAPH.split(text))):
        run = ""
        for sentence in _SENTENCE.split(paragraph):
            if run and len(run) + len(sentence) >= most:
                pieces.append(run)
                run = ""
            run = f"{run} {sentence[:most]}".strip()
        pieces.append(run)
    return pieces
