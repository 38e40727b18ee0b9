"""Names of concepts, cut into words that can be compared: camel case, separators, stems, acronyms."""

import re
import tomllib
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher
from functools import cache, lru_cache
from pathlib import Path

from agi_site.lib.fulltext.terms import english_stem, without_particle

type Words = tuple[str, ...]

_PIECES = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[가-힣]+|\d+|[^\W\d_A-Za-z가-힣]+")
FUNCTION = frozenset(
    [
        "a",
        "an",
        "the",
        "of",
        "for",
        "by",
        "to",
        "in",
        "on",
        "at",
        "is",
        "are",
        "be",
        "been",
        "has",
        "have",
        "having",
        "with",
        "and",
        "or",
        "as",
        "from",
    ]
)
_SPELLING = (("isation", "ization"), ("yse", "yze"), ("ise", "ize"), ("our", "or"), ("mme", "m"))
ALIKE = 0.85  # two words spelled at least so alike count as one, by how alike they are


@lru_cache(maxsize=50_000)
def words_of(name: str) -> Words:
    """The words of a name, lower-cased and stemmed, function words left out unless nothing else is there."""
    pieces = [piece.lower() for piece in _pieces(name)]
    kept = [piece for piece in pieces if piece not in FUNCTION] or pieces
    return tuple(_stem(piece) for piece in kept)


def _pieces(name: str) -> list[str]:
    text = unicodedata.normalize("NFKC", name)
    text = re.sub(r"\b([A-Za-z])-(?=[A-Za-z])", r"\1", text)  # e-mail is one word
    return _PIECES.findall(text)


@lru_cache(maxsize=50_000)
def _stem(word: str) -> str:
    if "가" <= word[0] <= "힣":
        return without_particle(word) if len(word) > 2 else word
    if not word.isascii():
        folded = unicodedata.normalize("NFKD", word)
        word = "".join(letter for letter in folded if not unicodedata.combining(letter))
    for british, american in _SPELLING:
        if len(word) > len(british) + 2 and word.endswith(british):
            word = word.removesuffix(british) + american
    return english_stem(word) or word


@cache
def _groups() -> dict[str, frozenset[int]]:
    data = tomllib.loads((Path(__file__).parent / "synonyms.toml").read_text())
    found: dict[str, set[int]] = {}
    for number, group in enumerate(data["groups"]):
        for phrase in group:
            found.setdefault(" ".join(words_of(phrase)), set()).add(number)
    return {phrase: frozenset(numbers) for phrase, numbers in found.items()}


@lru_cache(maxsize=100_000)
def synonyms(one: str, other: str) -> bool:
    """Whether two words, or phrases of stemmed words, mean the same by the packaged list."""
    groups = _groups()
    return bool(groups.get(one, frozenset()) & groups.get(other, frozenset()))


@lru_cache(maxsize=200_000)
def alike(one: str, other: str) -> float:
    """How alike two stemmed words are: 1 equal, 0.95 synonyms, else by spelling, 0 below `ALIKE`."""
    if one == other:
        return 1.0
    if synonyms(one, other):
        return 0.95
    if min(len(one), len(other)) < 4:
        return 0.0
    share = SequenceMatcher(None, one, other, autojunk=False).ratio()
    return share if share >= ALIKE else 0.0


def acronyms(names: Iterable[str]) -> dict[str, Words]:
    """What the short words in capitals among `names` stand for, where other names spell it out.

    "PC" in "PC_Chair" is "program committee" if a name has two words in a row that begin with p and c.
    """
    names = list(names)
    short = {
        piece.lower()
        for name in names
        for piece in _pieces(name)
        if 2 <= len(piece) <= 5 and piece.isascii() and piece.isupper()
    }
    if not short:
        return {}
    runs: Counter[tuple[str, Words]] = Counter()
    for name in names:
        words = words_of(name)
        for size in range(2, min(5, len(words)) + 1):
            for at in range(len(words) - size + 1):
                run = words[at : at + size]
                letters = "".join(word[0] for word in run)
                if letters in short and not short & set(run):
                    runs[letters, run] += 1
    found: dict[str, Words] = {}
    for (letters, run), _count in runs.most_common():
        found.setdefault(letters, run)
    return found


def expanded(words: Words, known: dict[str, Words]) -> Words:
    """`words` with acronyms spelled out."""
    return tuple(part for word in words for part in known.get(word, (word,)))


def plain(name: str) -> str:
    """A name as people would write it: words in small letters with spaces, nothing left out."""
    return " ".join(piece.lower() for piece in _pieces(name)) or name


def joined(words: Sequence[str]) -> str:
    """The words without gaps, in their order."""
    return "".join(words)
