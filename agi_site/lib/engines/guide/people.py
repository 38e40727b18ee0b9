# ruff: noqa: E501 - groups are read whole, line by line
"""Of whom a question and a remembered sentence speak: what is so of one's father does not answer for oneself."""

from __future__ import annotations

import re

# Words for the same people, Korean and English; one word may stand in several groups.
_GROUPS = [
    "mother mom mum parent 엄마 어머니 부모님", "father dad parent 아빠 아버지 부모님", "sister sibling 언니 누나 동생 여동생",
    "brother sibling 형 오빠 동생 남동생", "wife spouse partner 아내 와이프 배우자", "husband spouse partner 남편 배우자", "fiancé fiancée partner 약혼자",
    "girlfriend partner 여자친구 여친", "boyfriend partner 남자친구 남친", "son child children kid 아들 아이 자녀", "daughter child children kid 딸 아이 자녀",
    "baby child children kid 아기 아이", "grandmother grandma grandparent 할머니", "grandfather grandpa grandparent 할아버지", "uncle 삼촌 외삼촌", "aunt 이모 고모",
    "cousin 사촌", "nephew niece 조카", "friend 친구", "roommate flatmate 룸메이트", "neighbor neighbour 이웃", "colleague coworker 동료",
    "boss manager lead 상사 팀장 매니저", "teacher 선생님", "landlord 집주인", "dog puppy pet 강아지 반려동물", "cat kitten pet 고양이 반려동물",
    "rabbit pet 토끼 반려동물", "hamster pet 햄스터 반려동물", "parrot pet 앵무새 반려동물",
]  # fmt: skip
_OF: dict[str, set[int]] = {}
for _number, _line in enumerate(_GROUPS):
    for _word in _line.split():
        _OF.setdefault(_word, set()).add(_number)
_LATIN = "|".join(sorted((word for word in _OF if word[0] < "가"), key=len, reverse=True))
_HANGUL = "|".join(sorted((word for word in _OF if word[0] >= "가"), key=len, reverse=True))
_ANYBODY = re.compile(
    rf"\b(?P<latin>{_LATIN})(?:s|['’]s?)?\b|(?<![가-힣])(?P<hangul>{_HANGUL})님?(?=(?:은|는|이|가|을|를|의|도|과|와|랑|이랑|께서|한테|에게)?(?:[\s,.?!]|$)|[이]?(?:야|예요|에요|입니다))",
    re.IGNORECASE,
)
_SPOKEN_OF = re.compile(
    rf"^(?:(?:no|actually|sorry|아니|아니요),?\s)?(?:(?:my|our|내|제|나의|저의|우리)\s)?(?:\w+ )??(?:(?:{_LATIN})\b|(?:{_HANGUL})(?![가-힣]{{3}}))",
    re.IGNORECASE,
)
_ONESELF = re.compile(
    r"\b(?:i|my|me)\b|(?:^|\s)(?:나|난|나는|내|내가|나의|저|전|저는|제|제가|저의)(?=\s)", re.IGNORECASE
)
_BY_ONESELF = re.compile(
    r"^(?:(?:no|actually),? )?(?:i\b|my (?:name|job|age|birthday)\b)|^(?:나|난|나는|내가|저|전|저는|제가)\s",
    re.IGNORECASE,
)


def people_in(text: str) -> set[int]:
    """The people a text names by what they are to somebody, by number of their group."""
    found = (match["latin"] or match["hangul"] for match in _ANYBODY.finditer(text))
    return {group for word in found for group in _OF[word.lower()]}


def of_somebody_else(question: str, sentence: str) -> bool:
    """Whether a remembered sentence speaks of other people than the question: of a brother for a sister, of a
    father for who asks, of who asks for a sister.
    """
    asked, told = people_in(question), people_in(sentence)
    if asked:
        return not asked & told and (bool(told) or bool(_BY_ONESELF.search(sentence)))
    return bool(told) and bool(_ONESELF.search(question)) and bool(_SPOKEN_OF.search(sentence))
