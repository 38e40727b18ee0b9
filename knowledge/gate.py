"""The write gate: what is not worth remembering, and why.

An assistant's memory fills with junk unless something refuses it: restated questions, small talk, what is known
already. Each refusal has a code for programs and a sentence for people.
"""

import re
import unicodedata
from typing import Any

from django.utils.translation import gettext as _

from agi_site.lib import fulltext
from agi_site.lib.problems import Invalid

from . import options
from .models import Memory, MemorySearch

SAME = 0.85  # two texts that share this part of their terms (Jaccard) say the same

_SMALL_TALK = re.compile(
    r"^(hi|hello|hey|thanks?( you)?( so much| a lot)?|thx|ok(ay)?|yes|no|yeah|yep|nope|sure|great|nice|cool|wow|lol|"
    r"good (morning|afternoon|evening|night)|bye|goodbye|see you|how are you|what'?s up|please|sorry|never ?mind|"
    r"got it|i see|sounds good|that'?s (great|fine|ok|right|good)|you'?re welcome|well done|good job|haha+|hmm+|"
    r"안녕(하세요|히 계세요|히 가세요)?|반가워요?|반갑습니다|고마워요?|고맙습니다|감사(합니다|해요)?|네+|넵|예|아니요?|아니오|"
    r"응+|그래요?|좋아요?|좋습니다|알겠(어요?|습니다)|알았(어요?|습니다)|잘 ?자요?|수고하?(셨|했)?(어요?|습니다|세요)?|"
    r"미안해요?|죄송(합니다|해요)|괜찮아요?|맞아요?|ㅋ+|ㅎ+|ㅠ+|ㅇㅇ|ㄱㅅ|오+|와+|우와)$",
    re.IGNORECASE,
)
_QUESTION = re.compile(
    r"[?？]\s*$"
    r"|^(what|who|where|when|why|how|which|whose|is|are|am|was|were|do|does|did|can|could|should|would|will|shall)\b"
    r"(?!.*\bi (am|like|love|prefer|want|need)\b)"
    r"|(나요|까요|습니까|ㅂ니까|입니까|인가요|는가요|을까|을까요|니|냐|는지 (알려|말해|설명해).*|어때|어때요|뭐야|뭔가요|누구야|어디야|언제야)$",
    re.IGNORECASE,
)
_DEMAND = re.compile(
    r"^(please )?(write|make|create|show|tell|give|find|search|explain|translate|summari[sz]e|calculate|compute|list|"
    r"open|run|fix|help|draw|send|count|convert|compare)\b"
    r"|(찾아|알려|보여|설명해|요약해|번역해|계산해|만들어|작성해|써|실행해|고쳐|도와|추천해|정리해)\s?(줘|주세요|줄래|주라|다오|봐|봐줘)[요.!]*$",
    re.IGNORECASE,
)
_LASTING = re.compile(
    r"\b(always|never|from now on|every time|whenever)\b|앞으로|항상|언제나|늘 |매번|절대", re.IGNORECASE
)

_NEGATED = re.compile(r"\b(not|no|never|cannot|without)\b|n['’]t\b|않|안 |못|없|아니|싫", re.IGNORECASE)


def normalised(text: str) -> str:
    """The text without control characters and doubled spaces, as it is stored."""
    text = unicodedata.normalize("NFC", text)
    return " ".join("".join(" " if unicodedata.category(c) == "Cc" else c for c in text).split())


def check_form(content: str) -> None:
    """Refuse what no memory can be, whoever writes it: "empty", "too_long"."""
    if not content:
        raise _refusal("empty", _("Write what is to be remembered."))
    if len(content) > options.LONGEST_MEMORY:
        message = _("A memory has at most %(most)s characters. Longer texts belong in knowledge.")
        raise _refusal("too_long", message % {"most": options.LONGEST_MEMORY})


def check_worth(content: str) -> None:
    """Refuse what a conversation is full of and nobody wants kept: small talk, questions, one-off wishes."""
    bare = content.strip(" .!~,…")
    if _SMALL_TALK.match(bare):
        raise _refusal("small_talk", _("This is small talk."))
    if len(fulltext.terms(content)) < 2:
        raise _refusal("too_short", _("This is too short to mean something later."))
    if _QUESTION.search(content.strip(" .!~,…")) or content.rstrip().endswith(("?", "？")):
        raise _refusal("question", _("This is a question, not a fact."))
    if _DEMAND.search(bare) and not _LASTING.search(bare):
        raise _refusal("instruction_only", _("This is a wish for now, not for later."))


def check_duplicate(content: str, *, owner: Any, besides: str = "") -> None:
    """Refuse what is remembered of `owner` already, in these or nearly these words."""
    own = Memory.objects.filter(user=owner).exclude(pk=besides)
    message = _("This is remembered already.")
    if own.filter(content=content).exists():
        raise _refusal("duplicate", message)
    rows = MemorySearch.objects.filter(memory__user=owner).exclude(memory=besides)
    near = [match.key for match in fulltext.match(rows, content, key="memory_id", limit=5)]
    for text in own.filter(pk__in=near).values_list("content", flat=True):
        if _say_the_same(text, content):
            raise _refusal("duplicate", message)


def _say_the_same(one: str, other: str) -> bool:
    """Whether nearly all terms are shared; other numbers, or a "not" in only one of them, make a difference."""
    mine, theirs = set(fulltext.terms(one)), set(fulltext.terms(other))
    if len(mine & theirs) < SAME * len(mine | theirs):
        return False
    numbers = {term for term in mine ^ theirs if any(letter.isdigit() for letter in term)}
    return not numbers and bool(_NEGATED.search(one)) == bool(_NEGATED.search(other))


def _refusal(code: str, message: str) -> Invalid:
    return Invalid(message, code=code, errors={"content": [message]})
