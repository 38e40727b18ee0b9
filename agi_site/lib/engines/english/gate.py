"""Whether a text is English, by its letters and its function words."""

import re
import tomllib
from pathlib import Path

FOREIGN_LETTERS = 0.1  # at most this share of letters outside of a to z: names, a quoted word
KEYWORDS = 8  # so few words may be all content, as what people type into a search

_LETTER = re.compile(r"[^\W\d_]")
_WORD = re.compile(r"[a-z]+(?:['’][a-z]+)?")
_FUNCTION_WORDS = tomllib.loads(Path(__file__).with_name("function_words.toml").read_text(encoding="utf-8"))
_ENGLISH = frozenset(_FUNCTION_WORDS["english"].split())
_OTHERS = frozenset(" ".join(_FUNCTION_WORDS["others"].values()).split()) - _ENGLISH


def is_english(text: str) -> bool:
    """Whether `text` is English: Latin letters, and English function words more than others' (none of either
    in a few words, such as a title). A text in two languages is English only if nearly all of it is.
    """
    lowered = text.lower()
    letters = _LETTER.findall(lowered)
    foreign = sum(not "a" <= letter <= "z" for letter in letters)
    if not letters or foreign > FOREIGN_LETTERS * len(letters):
        return False
    words = _WORD.findall(lowered)
    english = sum(word in _ENGLISH for word in words)
    others = sum(word in _OTHERS for word in words)
    return english > others if english or others else len(words) <= KEYWORDS
