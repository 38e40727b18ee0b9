"""Korean endings: what a clause says, told as a statement of its own."""

import re

_FIRST, _TAILS = 0xAC00, 28  # Hangul syllables: the first one, and how many tails (or none) a vowel has
_N, _M = 4, 16  # the tails ㄴ and ㅁ
_OPEN_DIGITS = frozenset("2459")  # 이, 사, 오, 구
_THING = re.compile(r"(?:(?<=[가-힣][는인던란단한은])\s?|\s)(?:(?:것|거|점|사실)(?:을|를|도|은|는)?|걸)$")
_OBJECT = re.compile(r"(?<=[가-힣])(?:을|를)$")
_CALLED = re.compile(r"(?:다는|단|라는|란)$")  # before “것”
_SAID = re.compile(r"다(?:고|니까)$|라(?:고|니까)$|(?<=이)니까$")


def declared(clause: str) -> str:
    """What a clause before “remember” says, as a statement: “딸이 둘 있다는 거” is “딸이 둘 있다”.

    A clause that no rule knows stays as it is.
    """
    clause = clause.strip(" ,")
    bare = _THING.sub("", clause)
    if bare and bare != clause:
        return _of_a_thing(bare)
    if _SAID.search(clause):
        return _SAID.sub("다", clause)
    if clause.endswith("니까"):  # a reason, as in a note: “출발하니까” is “출발함”
        return _noted(clause.removesuffix("니까").removesuffix("으"))
    return _OBJECT.sub("", clause)


def _of_a_thing(clause: str) -> str:
    """Of what stands before “것”; of most verbs with ㄴ below it cannot be told whether they are past."""
    stem = clause[:-1]
    if _CALLED.search(clause):
        return _CALLED.sub("다", clause)
    if clause.endswith("인") and stem:
        return f"{stem}다" if _ends_open(stem) else f"{stem}이다"
    if clause.endswith("는") and stem:
        if stem.endswith(("있", "없")):
            return f"{stem}다"
        return f"{stem}는다" if _tail(stem[-1]) else f"{_with_tail(stem, _N)}다"
    return f"{clause} 것"


def _ends_open(stem: str) -> bool:
    """Whether it ends in a vowel, read aloud."""
    return stem[-1] in _OPEN_DIGITS or (_is_hangul(stem[-1]) and not _tail(stem[-1]))


def _noted(stem: str) -> str:
    """The noun of a verb, as notes end: 출발하 → 출발함, 먹 → 먹음."""
    if not stem or not _is_hangul(stem[-1]):
        return stem
    return f"{stem}음" if _tail(stem[-1]) else _with_tail(stem, _M)


def _is_hangul(letter: str) -> bool:
    return "가" <= letter <= "힣"


def _tail(syllable: str) -> int:
    """The number of the consonant below a syllable's vowel; 0 for none."""
    return (ord(syllable) - _FIRST) % _TAILS if _is_hangul(syllable) else 0


def _with_tail(stem: str, tail: int) -> str:
    """The stem with a consonant below its last vowel."""
    return stem[:-1] + chr(ord(stem[-1]) + tail) if _is_hangul(stem[-1]) else stem
