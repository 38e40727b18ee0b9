# ruff: noqa: E501 - patterns are read whole, line by line
"""Sentences and content words, Korean and English, by rules."""

from __future__ import annotations

import re
from collections.abc import Iterable

from agi_site.lib.engines.guide.alike import ALIKE, IRREGULAR

_BOUNDARY = re.compile(r"(?<=[.!?。])[\"'”’)\]]*\s+(?=[\"'“‘(\[]?[A-Z가-힣0-9])|\n+")
_ABBREVIATION = re.compile(
    r"(?:\b(?:e\.g|i\.e|etc|vs|no|mr|mrs|ms|dr|prof|st|inc|ltd|approx)|\b[A-Z])\.$", re.IGNORECASE
)
_MARKUP = re.compile(r"^\s*(?:[-*+•]|\d{1,2}[.)]|#{1,6})\s+")
_ASKED = re.compile(r"^(?:[-*#\s]*)(?:Q|Question|질문|문)\d*\s?[:.)]\**\s?", re.IGNORECASE)
_ANSWERED = re.compile(r"^[^?]{3,200}\?\**\s+(?:\**(?:A|Answer|답변|답)\d*\s?[:.)]\**\s?)?", re.IGNORECASE)
LONGEST_SENTENCE = 600

_STOP_EN = frozenset(
    [
        "a",
        "an",
        "the",
        "of",
        "to",
        "in",
        "on",
        "at",
        "for",
        "from",
        "by",
        "with",
        "as",
        "and",
        "or",
        "but",
        "if",
        "is",
        "are",
        "was",
        "were",
        "be",
        "been",
        "being",
        "am",
        "do",
        "does",
        "did",
        "done",
        "have",
        "has",
        "had",
        "i",
        "you",
        "he",
        "she",
        "it",
        "we",
        "they",
        "me",
        "my",
        "our",
        "your",
        "his",
        "her",
        "its",
        "their",
        "this",
        "that",
        "these",
        "those",
        "there",
        "here",
        "what",
        "which",
        "who",
        "whom",
        "whose",
        "when",
        "where",
        "why",
        "how",
        "many",
        "much",
        "long",
        "often",
        "can",
        "could",
        "should",
        "would",
        "will",
        "shall",
        "may",
        "might",
        "must",
        "not",
        "no",
        "so",
        "than",
        "then",
        "please",
        "tell",
        "show",
        "know",
        "want",
        "need",
        "get",
        "got",
        "give",
        "any",
        "some",
        "all",
        "about",
        "into",
        "out",
        "up",
        "us",
        "also",
        "just",
        "only",
        "ever",
        "now",
        "right",
        "someone",
        "anybody",
        "somebody",
        "everybody",
        "one",
        "let",
    ]
)
_STOP_KO = frozenset(
    [
        "무엇",
        "뭐",
        "뭐가",
        "뭘",
        "누가",
        "누구",
        "언제",
        "어디",
        "어디서",
        "어떻게",
        "왜",
        "얼마",
        "얼마나",
        "몇",
        "며칠",
        "어떤",
        "어느",
        "무슨",
        "알려",
        "알려줘",
        "줘",
        "주세요",
        "좀",
        "이",
        "그",
        "저",
        "것",
        "수",
        "때",
        "등",
        "및",
        "또는",
        "그리고",
        "하",
        "되",
        "돼",
        "있",
        "없",
        "해",
        "해야",
        "하면",
        "되나",
        "할",
        "한",
        "하는",
        "나",
        "내",
        "저",
        "제",
        "우리",
        "너",
        "네",
        "지금",
        "대해",
        "대한",
        "관해",
        "관련",
        "가능",
        "됩",
        "인가",
        "되는",
        "보",
        "주",
        "가",
        "이",
        "다",
        "뒤",
        "안",
        "후",
        "전",
        "경우",
        "정도",
        "최소",
        "최대",
        "모두",
    ]
)
_JOSA = re.compile(
    r"(?:에서는|에서의|에게서|으로는|으로써|으로서|이라고|이라는|까지는|부터는|에서|에게|한테|께서|으로|까지|부터|이나|이랑|처럼|마다|보다|조차|밖에|라고|라는|에는|와의|과의|은|는|이|가|을|를|의|에|로|와|과|도|만|나|랑|께|야)$"
)
_ENDING = re.compile(
    r"(?:하려면|하나요|하니까|합니다|했나요|했어요|했어|하세요|해야|해요|하는|하면|하고|할까요|할까|되나요|됩니다|되나|되어|되면|되는|돼요|돼|인가요|인지|인가|입니다|이에요|예요|이야|"
    r"습니까|습니다|ㅂ니다|나요|아요|어요|여요|세요|니까|으면|려면|는지|을까|ㄹ까|었어|았어|있어|있나요|없어요|주세요|줘요|줘|지요|죠|요|야)$"
)
_TOKEN = re.compile(r"[A-Za-z][A-Za-z0-9'’+#-]*|\d[\d,.:]*\d|\d|[가-힣]+")
_CONTRACTED = re.compile(r"['’](?:s|m|re|ve|ll|d)$")  # "what's" is no other word than "what"
_SUFFIXES = (
    "ements",
    "ement",
    "ations",
    "ation",
    "ings",
    "ing",
    "ies",
    "ied",
    "edly",
    "ed",
    "ers",
    "er",
    "es",
    "ly",
    "s",
    "e",
    "y",
)


def sentences(text: str) -> list[str]:
    """The sentences and list items of a text, in order; one that has no end within 600 characters is cut.

    A question stays with its answer, and a table's row is told with the names of its columns.
    """
    parts: list[str] = []
    for block in _blocks(text):
        found = [block] if _ASKED.match(block) or " — " in block else _split(block)
        for part in found:
            if parts and parts[-1].endswith("?") and not _ASKED.match(part):
                parts[-1] = f"{parts[-1]} {part}"
            else:
                parts.append(part)
    return [part if len(part) <= LONGEST_SENTENCE else part[: LONGEST_SENTENCE - 1] + "…" for part in parts]


def _split(text: str) -> list[str]:
    parts: list[str] = []
    for piece in _BOUNDARY.split(text):
        bare = _MARKUP.sub("", piece).strip()
        if bare and parts and _ABBREVIATION.search(parts[-1]):
            parts[-1] = f"{parts[-1]} {bare}"
        elif bare:
            parts.append(bare)
    return parts


def _blocks(text: str) -> list[str]:
    """Runs of lines that are read together: a row of a table, a marked question with its answer, the rest."""
    blocks: list[list[str]] = [[]]
    header: list[str] = []
    for line in text.splitlines():
        bare = line.strip()
        if bare.startswith("|") and bare.endswith("|"):
            cells = [cell.strip() for cell in bare.strip("|").split("|")]
            if not header:
                header = cells
            elif not all(re.fullmatch(r":?-+:?", cell) for cell in cells):
                blocks += [[_row(header, cells)], []]
            continue
        header = []
        asked = bool(blocks[-1]) and bool(_ASKED.match(blocks[-1][0]))
        if _ASKED.match(bare) or (asked and not bare):
            blocks.append([])
        if bare:
            blocks[-1].append(bare)
    return [(" " if _ASKED.match(block[0]) else "\n").join(block) for block in blocks if block]


def _row(header: list[str], cells: list[str]) -> str:
    pairs = [f"{name}: {cell}" for name, cell in zip(header[1:], cells[1:], strict=False) if cell]
    return f"{cells[0]} — {'; '.join(pairs)}"


_LEANING = re.compile(
    r"^(?:It|They|He|She|This|These|Those|Its|Their|His|Her|Then|Above that|Below that|Beyond that|After that|Since then"
    r"|In that case|Do (?:this|it)|Report it|Send (?:it|them)|Keep it)\b"
    r"|^(?:이는|이것은|이곳|그는|그녀는|그의|그것은|그곳|그쪽|거기|그다음|그 다음|그 뒤|이때|이 경우|또한|다만|단,)"
)


def leans(sentence: str) -> bool:
    """Whether the sentence opens with a word that stands for something said before it."""
    return bool(_LEANING.match(sentence))


def answer_part(sentence: str) -> str:
    """What follows the question in a pair of question and answer; other sentences as they are."""
    bare = _ANSWERED.sub("", sentence, count=1).strip()
    return bare or sentence


def stem(word: str) -> str:
    """A crude English stem: enough to match plural, tense and -ation forms with each other."""
    word = IRREGULAR.get(word, word)
    for suffix in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= 3:
            return word[: -len(suffix)]
    return word


def korean_stem(word: str) -> str:
    """An eojeol without its particle or usual ending; never shorter than one syllable."""
    bare = _ENDING.sub("", word) or word
    if len(bare) == len(word) or len(bare) > 2:
        bare = _JOSA.sub("", bare) or bare
    return bare


_QUARTER = re.compile(r"\bQ([1-4])\b")
_QUARTERS = {"1": "first quarter", "2": "second quarter", "3": "third quarter", "4": "fourth quarter"}


def content_words(text: str) -> list[str]:
    """Stems that carry the meaning, in order, each once: no function words, no question words."""
    found: dict[str, None] = {}
    for token in _TOKEN.findall(_QUARTER.sub(lambda match: _QUARTERS[match.group(1)], text)):
        low = token.lower().strip("'’-")
        if "가" <= low[0] <= "힣":
            bare = korean_stem(low)
            if low not in _STOP_KO and bare not in _STOP_KO:
                found[bare] = None
        elif (low := _CONTRACTED.sub("", low)) not in _STOP_EN:
            found[stem(low) if low.isalpha() else low] = None
    return list(found)


def surface_words(text: str) -> list[str]:
    """The content words as written (for embedding), each once, lower case; Korean ones without particle."""
    found: dict[str, None] = {}
    for token in _TOKEN.findall(text):
        low = token.lower().strip("'’-")
        if "가" <= low[0] <= "힣":
            bare = korean_stem(low)
            if low not in _STOP_KO and bare not in _STOP_KO:
                found[bare] = None
        elif (low := _CONTRACTED.sub("", low)) not in _STOP_EN:
            found[low] = None
    return list(found)


_GROUPS: dict[str, set[int]] = {}
for _number, _line in enumerate(ALIKE):
    for _word in _line.split():
        _GROUPS.setdefault(stem(_word) if _word.isascii() else _word, set()).add(_number)
_SYNONYM = 0.8
_NONE: frozenset[int] = frozenset()


def overlap(word: str, words: Iterable[str]) -> float:
    """How well `word` is spelled among `words`: 1 for the same or one inside the other, else shared
    bigrams, 0 to 1.
    """
    best = 0.0
    for other in words:
        if word == other:
            return 1.0
        if _GROUPS.get(word, _NONE) & _GROUPS.get(other, _NONE):
            best = max(best, _SYNONYM)
            continue
        short, long = sorted((word, other), key=len)
        hangul = "가" <= word[0] <= "힣"
        if (len(short) >= 2 and short in long) if hangul else (len(short) >= 4 and long.startswith(short)):
            best = max(best, 0.9)
            continue
        mine = {word[at : at + 2] for at in range(len(word) - 1)}
        theirs = {other[at : at + 2] for at in range(len(other) - 1)}
        if hangul and mine and theirs:
            dice = 2 * len(mine & theirs) / (len(mine) + len(theirs))
            best = max(best, dice if dice >= 0.5 else 0.0)
    return best
