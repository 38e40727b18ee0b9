"""What a person's message says about them: a rule-based extractor for Korean and English, no model needed.

Each rule names a form in which people say something lasting about themselves. What it finds is a candidate; the
write gate decides. Rules prefer silence to invention: a sentence no rule knows yields nothing.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from .models import MemoryType

LONGEST_SENTENCE = 300


@dataclass(frozen=True, slots=True)
class Candidate:
    """Something that may be worth remembering. `reason` is the rule's name; `confidence` in [0, 1]."""

    type: str
    content: str
    importance: Decimal
    confidence: float
    reason: str


@dataclass(frozen=True, slots=True)
class Rule:
    """A form of words. `keep` names the group that is kept; without it the whole sentence is."""

    reason: str
    type: MemoryType
    importance: str
    confidence: float
    pattern: re.Pattern[str]
    keep: str = ""


def _rule(
    reason: str, kind: MemoryType, importance: str, confidence: float, pattern: str, keep: str = ""
) -> Rule:
    return Rule(reason, kind, importance, confidence, re.compile(pattern, re.IGNORECASE), keep)


_FACT, _LIKING = MemoryType.SEMANTIC, MemoryType.PREFERENCE
_WAY, _EVENT = MemoryType.PROCEDURAL, MemoryType.EPISODIC
_ME = r"(?:나|저|내가|제가)"
_MY = r"(?:내|제|나의|저의|우리)"

# Asked for outright: what follows is kept, whatever it says.
_ASKED = (
    _rule(
        "asked",
        _FACT,
        "0.80",
        0.95,
        r"^(?:please |could you |can you )*(?:remember|don['’]?t forget|keep in mind|note|make a note)"
        r"(?: that| this)?[:,]?\s+(?!to\b|when\b|how\b|what\b|where\b|if\b)(?P<said>.{4,})$",
        "said",
    ),
    _rule(
        "asked",
        _FACT,
        "0.80",
        0.95,
        r"^(?:꼭 |부디 )?(?:기억해|기억해줘|기억해 줘|기억해 주세요|기억해둬)[:,.!]\s*(?P<said>.{4,})$",
        "said",
    ),
    _rule(
        "asked",
        _FACT,
        "0.80",
        0.95,
        r"^(?P<said>.{4,}?)(?:다는|라는|는|은|단|란)?\s*(?:것|거|점|걸|사실)?(?:을|를|도|은|는)?\s*(?:꼭\s*)?"
        r"(?:기억해|잊지 ?마|메모해|외워)\s?(?:줘|주세요|둬|두세요|놔|요)?[.!]*$",
        "said",
    ),
)

_RULES = (
    # Who the person is.
    _rule("name", _FACT, "0.90", 0.95, r"^(?:hi|hello|hey)?[,!. ]*(?P<said>(?:my name is|(?:you can |please )?call me) (?!when|if|at|on|back|later|tomorrow)\S.{0,40})$", "said"),
    _rule("name", _FACT, "0.90", 0.95, rf"(?P<said>{_MY}\s?이름은\s?\S.{{0,30}})$", "said"),
    _rule("name", _FACT, "0.90", 0.85, rf"^(?P<said>{_ME}(?:는|를|은)?\s?\S{{1,20}}(?:이라고|라고)\s?(?:합니다|해요|해|불러\s?줘|불러\s?주세요|불러))[.!]*$", "said"),
    _rule("birthday", _FACT, "0.80", 0.95, r"(?P<said>\bmy birthday is\b.+|\bi was born (?:on|in)\b.+)$", "said"),
    _rule("birthday", _FACT, "0.80", 0.95, r"생일(?:은|이)\s?.*\d|\d.*(?:에 태어났|생이(?:야|에요|고|다)|생입니다)"),
    _rule("home", _FACT, "0.70", 0.90, r"\bi(?:['’]m| am)? (?:live|living|based|grew up|come from|from)\b(?: in| near| at)? .{2,}"),
    _rule("home", _FACT, "0.70", 0.85, rf"{_ME}(?:는|은)?\s.{{1,30}}에\s?(?:살아|살고|산다|삽니다|거주)|{_MY}\s?집은"),
    # Work.
    _rule("role", _FACT, "0.75", 0.90, r"\bi(?:['’]m| am) (?:an?|the) .{2,60}|\bi work (?:as|at|for|in|on|with)\b .{2,}|\bmy (?:job|role|title|team|company|department|manager|boss|position) (?:is|are)\b .{2,}"),
    _rule("role", _FACT, "0.75", 0.90, rf"{_MY}\s?(?:직업|직무|역할|팀|회사|부서|직책|팀장|매니저|상사|담당)(?:님)?(?:은|는|이|가)\s?.{{2,}}"),
    _rule("role", _FACT, "0.75", 0.85, rf"{_ME}(?:는|은)?\s.{{1,40}}(?:에서|팀에서|부서에서|으로|로)\s?(?:일해|일하고|일합니다|근무|일한다)"),
    _rule("role", _FACT, "0.75", 0.80, rf"^{_ME}(?:는|은)\s.{{1,30}}(?:개발자|디자이너|기획자|학생|교사|선생님|의사|간호사|연구원|엔지니어|매니저|팀장|대표|작가|마케터|변호사|회계사|공무원|담당자|관리자|분석가|과학자|기자|교수)(?:야|예요|이에요|입니다|이야|다|이다|임)?[.!]*$"),
    _rule("project", _FACT, "0.65", 0.80, r"\b(?:i|we)(?:['’]m| am|['’]re| are) (?:working on|building|developing|writing|studying|learning|preparing|using)\b .{3,}|\bwe use\b .{2,}"),
    _rule("project", _FACT, "0.65", 0.80, rf"(?:{_ME}|우리)(?:는|은)?\s.{{2,60}}(?:을|를)\s?(?:만들고 있|개발하고 있|준비하고 있|공부하고 있|배우고 있|쓰고 있|사용하고 있|진행하고 있|사용해|사용합니다|공부해|공부합니다)"),
    # Family and belongings.
    _rule("relation", _FACT, "0.65", 0.90, r"\bmy (?:wife|husband|partner|son|daughter|mother|father|mom|dad|brother|sister|dog|cat|friend|child|kids?|baby|girlfriend|boyfriend|colleague)(?:['’]s)? .{2,}|\bi have (?:an?|two|three|four|no|\d+) (?:wife|husband|sons?|daughters?|brothers?|sisters?|dogs?|cats?|kids?|children|child|pets?)\b.*"),
    _rule("relation", _FACT, "0.65", 0.85, rf"{_MY}\s?(?:아내|남편|아들|딸|엄마|어머니|아빠|아버지|형|누나|언니|오빠|동생|강아지|고양이|친구|아이|여자친구|남자친구|동료)(?:은|는|이|가|의)?\s?.{{2,}}"),
    _rule("health", _FACT, "0.85", 0.90, r"\bi(?:['’]m| am) (?:allergic to|vegan|vegetarian|diabetic|pregnant|left-handed|colou?r-?blind)\b.*|\bi have (?:an? )?.{0,30}(?:allergy|asthma|diabetes)\b.*|\bi (?:can['’]?t|cannot|don['’]?t) eat\b .{2,}"),
    _rule("health", _FACT, "0.85", 0.90, r".{1,40}(?:알레르기|알러지)(?:가|이)?\s?(?:있|심)|(?:나|저)(?:는|은)?\s?.{0,10}(?:채식주의자|비건|당뇨|임신)|.{1,30}(?:을|를)?\s?못\s?(?:먹어|먹습니다|먹는다|마셔)"),
    # How the assistant should behave from now on.
    _rule("instruction", _WAY, "0.85", 0.90, r"^(?:please |and |so |but )*(?:from now on|always|never|going forward|in (?:the )?future|every time|whenever)\b.{6,}|^(?:please )?(?:don['’]?t|do not) ever\b.{4,}|^(?:please )?(?:answer|reply|respond|write|speak|talk)\b.{0,60}\b(?:from now on|in (?:the )?future|always)\b.*"),
    _rule("instruction", _WAY, "0.85", 0.90, r"^(?:그리고 |그럼 )?(?:앞으로|이제부터|다음부터|항상|언제나|매번|절대)(?:는|도|로)?[ ,].{3,}(?:줘|주세요|해|하세요|마|마세요|말아줘|말아 줘|말아주세요|말아 주세요|바라|바랍니다|부탁해|부탁해요|부탁합니다|좋겠어|좋겠어요|좋겠습니다|달라)[.!]*$"),
    # What the person likes.
    _rule("preference", _LIKING, "0.70", 0.90, r"\bi (?:really |always |usually |generally |much |would |['’]d )*(?:prefer|like|love|enjoy|hate|dislike|can['’]?t stand|don['’]?t like|do not like|don['’]?t want|favou?r)\b (?!to (?:know|ask|see|hear|have|get|buy|book|order)\b|you\b|your\b|it\b[.!]?$|that\b[.!]?$|this\b[.!]?$|how\b|what\b).{2,}|\bmy favou?rite\b .{4,}|\bi(?:['’]m| am) (?:not )?(?:a (?:big |huge )?fan of|fond of|into)\b .{2,}"),
    _rule("preference", _LIKING, "0.70", 0.90, rf"(?:^|\s){_ME}(?:는|은)?\s.{{1,60}}(?:좋아해|좋아합니다|좋아한다|좋아하|싫어해|싫어합니다|싫어한다|싫어하|선호해|선호합니다|선호한다|선호하|즐겨|사랑해|안 좋아)|(?:^|\s)(?:나는|저는|난|전)\s.{{1,60}}(?:이|가)\s?(?:더\s?)?(?:좋아|좋습니다|좋다|싫어|싫다|싫습니다|편해|편합니다)|(?:가장|제일)\s?좋아하는\s?\S+(?:은|는)"),
    _rule("preference", _LIKING, "0.65", 0.80, r"^(?:난|전)\s.{2,60}(?:좋아해|좋아하|싫어해|싫어하|선호|즐겨)|^.{2,40}(?:보다|보단)\s?.{2,40}(?:을|를|이|가)\s?(?:더\s?)?(?:좋아|선호)(?:해|합니다|해요|함)?[.!]*$"),
    # What happened, what is planned.
    _rule("event", _EVENT, "0.55", 0.75, r"^(?:so |and )?(?:yesterday|today|last (?:week|month|year|night)|this (?:week|month|morning)|tomorrow|next (?:week|month|year)|on (?:mon|tues|wednes|thurs|fri|satur|sun)day)\b,? (?:i|we)(?:['’]ll|['’]m|['’]re)? .{6,}|\bi(?:['’]m| am) (?:going to|moving to|travell?ing to|flying to|getting married|starting)\b .{3,}|\bi (?:have|had|got|started|finished|moved|joined|bought|booked|passed)\b .{3,}\b(?:yesterday|today|tomorrow|last \w+|next \w+|on \w+day)\b.*"),
    _rule("event", _EVENT, "0.55", 0.75, r"^(?:나는 |저는 |난 |전 |우리는 |우린 )?(?:어제|오늘|지난주|지난달|작년|내일|다음 ?주|다음 ?달|내년|이번 ?주|이번 ?달|그저께|모레)(?:에|에는|는|부터)?\s.{4,}(?:했어|했어요|했습니다|갔어|갔다|갔습니다|왔어|됐어|할 거야|할 예정|예정이야|예정입니다|할게|합니다|한다|있어|있어요|있습니다|이야|입니다|가요|간다|갑니다|거예요|먹었어|봤어|만났어|시작해|시작했어|시작합니다|끝났어|이사)"),
)  # fmt: skip

_SENTENCE = re.compile(r"(?<=[.!?。！？])\s+|\n+|(?<=[다요죠음임])\.\s*")
_QUESTION = re.compile(r"[?？]\s*$|(?:나요|까요|습니까|인가요|는가요|을까|뭐야|뭐지|어때|니|냐)[.!]*$")
_FENCED = re.compile(r"```.*?(?:```|$)|^>.*$|https?://\S+", re.DOTALL | re.MULTILINE)


def extract(text: str) -> list[Candidate]:
    """The candidates in a message, in its order, at most one per sentence; quotes, code and links are left out."""
    found: dict[str, Candidate] = {}
    for sentence in _sentences(text):
        candidate = _candidate(sentence)
        if candidate is not None:
            found.setdefault(candidate.content.casefold(), candidate)
    return list(found.values())


def _sentences(text: str) -> Iterator[str]:
    for part in _SENTENCE.split(_FENCED.sub("\n", text[:8_000])):
        sentence = " ".join((part or "").split()).strip(" -*•\"'“”")
        if 3 < len(sentence) <= LONGEST_SENTENCE:
            yield sentence


def _candidate(sentence: str) -> Candidate | None:
    if _QUESTION.search(sentence):
        return None
    for rule in _ASKED:
        if match := rule.pattern.search(sentence):
            said = match[rule.keep].strip(" ,:")
            told = _first(said)
            # What the person asked to be kept is kept, with the type its words show.
            kind = told.type if told else rule.type
            return Candidate(kind, said, Decimal(rule.importance), rule.confidence, rule.reason)
    rule_found = _first(sentence)
    if rule_found is None:
        return None
    match = rule_found.pattern.search(sentence)
    content = match[rule_found.keep] if match and rule_found.keep else sentence
    return Candidate(
        rule_found.type,
        content.strip(" ,:"),
        Decimal(rule_found.importance),
        rule_found.confidence,
        rule_found.reason,
    )


def _first(sentence: str) -> Rule | None:
    return next((rule for rule in _RULES if rule.pattern.search(sentence)), None)
