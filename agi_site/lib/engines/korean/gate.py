"""Whether a text is Korean, by its letters."""

import re

HANGUL = 0.3  # at least this share of the letters: product names, code and quotations are mostly Latin

_LETTER = re.compile(r"[^\W\d_]")
_HANGUL = re.compile(r"[가-힣ㄱ-ㅎㅏ-ㅣᄀ-ᇿ]")


def is_korean(text: str) -> bool:
    """Whether enough of the letters of `text` are Hangul, which nothing but Korean is written in."""
    letters = len(_LETTER.findall(text))
    return letters > 0 and len(_HANGUL.findall(text)) >= HANGUL * letters
