# ruff: noqa: E501 - patterns and sentences are read whole, line by line
"""What kind of answer a question wants, and whether a sentence can give it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from agi_site.lib.engines.analysis.entities import find_entities
from agi_site.lib.engines.analysis.names import find_names
from agi_site.lib.engines.guide.people import people_in
from agi_site.lib.engines.guide.words import content_words, overlap

# First match wins; each kind names what the answering sentence must hold (see _HOLDS).
_ASKS = r"(?:^|[,:;]\s|\b(?:know|tell me|say|and|until|by|since|to|with|from|for|of)\s)"
_KINDS: list[tuple[str, re.Pattern[str]]] = [
    ("email", re.compile(r"e-?mail address|이메일 주소|메일 주소", re.IGNORECASE)),
    ("phone", re.compile(r"(?:tele)?phone number|전화번호|연락처|내선 ?번호", re.IGNORECASE)),
    ("contact", re.compile(r"where (?:\w+ ){1,3}(?:report|contact|complain)|어디(?:로|에) ?(?:연락|문의|신고|알려)", re.IGNORECASE)),
    ("url", re.compile(r"\burl\b|web ?(?:site|address)|링크|홈페이지|사이트 주소", re.IGNORECASE)),
    ("address", re.compile(r"\baddress\b|주소", re.IGNORECASE)),
    ("secret", re.compile(r"what(?:'s| is) (?:the |our )?[^?]{0,30}\b(?<!length of a )(?<!length of the )password\b"
                          r"|(?:비밀번호|암호)[가는]? ?(?:이 )?(?:뭐|무엇|알려)", re.IGNORECASE)),
    ("percent", re.compile(r"what (?:percent|discount|share)|percentage|how many percent|몇 ?(?:퍼센트|%|프로)|할인율|비율", re.IGNORECASE)),
    ("time", re.compile(r"며칠(?:에|날)|월급날", re.IGNORECASE)),
    ("weekday", re.compile(r"\b(?:which|what) (?:weekday|day of the week)\b|\b(?:which|what) day (?:is|are|do|does|must|should|will)\b"
                           r"|(?:무슨|어느|어떤) 요일|요일[은이]", re.IGNORECASE)),
    ("clock", re.compile(r"what time|at which hour|몇 시(?!간)", re.IGNORECASE)),
    ("year", re.compile(r"(?:what|which) year|몇 년도|어느 해|[한된] 해[는가]", re.IGNORECASE)),
    ("port", re.compile(r"(?:which|what) port|몇 번 포트", re.IGNORECASE)),
    ("age", re.compile(r"how old\b|\bmy age\b|몇 ?살|나이[가는]", re.IGNORECASE)),
    ("job", re.compile(r"\bfor a living\b|\bmy (?:job|occupation|profession)\b|(?:내|제|나|저)\S* (?:직업|무슨 일)", re.IGNORECASE)),
    ("height", re.compile(r"how (?:tall|high|deep|wide)\b|높이[는가]|키[는가] (?:얼마|몇)|폭[은이]|깊이[는가]", re.IGNORECASE)),
    ("weight", re.compile(r"how heavy|how much (?:do|does|did|can|will) [^?]*\b(?:weigh|carry|lift)|무게|몇 ?(?:kg|킬로그램|그램)", re.IGNORECASE)),
    ("distance", re.compile(r"how far(?! in advance)\b|몇 ?(?:km|킬로미터|미터)|거리[는가] (?:얼마|몇)|얼마나 (?:먼|멀|멀리)", re.IGNORECASE)),
    ("degrees", re.compile(r"how (?:hot|cold|warm)\b|what temperature|몇 도(?![시로])|온도", re.IGNORECASE)),
    ("speed", re.compile(r"how fast\b|top speed|속도[는가]", re.IGNORECASE)),
    ("money", re.compile(
        r"how much (?:do|does|did|is|are|will|would|can|should|may|money)\b|what(?:'s| is| was| are| were)[^?]{0,25}\b(?:prices?|costs?|fees?|revenue|budget)\b"
        r"|what (?:do|does|did|will)\b.*\b(?:costs?|earn|pay)\b|how expensive|얼마(?!나|\s?동안)|(?:[값가]격|비용|요금|매출|연봉|예산)[이은] (?:어떻게|뭐|얼마)", re.IGNORECASE)),
    ("duration", re.compile(r"how long|how quickly|how soon|how far in advance|for how many (?:days|weeks|months|years|hours)|(?:within|after|in) how many|notice period"
                            r"|얼마 ?동안|얼마나 걸|며칠|몇 (?:시간|달|주|개월|분|년)|기간[은이]|얼마나 되나", re.IGNORECASE)),
    ("often", re.compile(r"how often|how frequently|얼마나 자주", re.IGNORECASE)),
    ("count", re.compile(r"how many|how much|how heavy|how large|how big|how tall|what number|몇 ?[가-힣]", re.IGNORECASE)),
    ("person", re.compile(rf"{_ASKS}who(?:m|se)?\b|누가|누구|책임자[는가]|담당자[는가]", re.IGNORECASE)),
    ("time", re.compile(rf"{_ASKS}when\b|what date|on what day|언제|날짜|월급날", re.IGNORECASE)),
    ("named", re.compile(
        r"\b(?:which|what) (?:\w+ )?(?:company|brand|app(?:lication)?|program|software|language|database|client|tool|platform|vendor|manufacturer"
        r"|gateway|city|country|framework)\b"
        r"|(?:회사|업체|제조사|브랜드|거래처|앱|프로그램|언어|도구|운영 ?체제)[가는은이]? ?(?:어디|뭐|무엇)|(?:어느|어떤|무슨) (?:회사|업체|제조사|브랜드|거래처|앱|프로그램|언어|도구)", re.IGNORECASE)),
    ("place", re.compile(rf"{_ASKS}where\b|어디|장소[는가]", re.IGNORECASE)),
    ("reason", re.compile(rf"{_ASKS}why\b|\bwhat (?:caused|was the (?:cause|reason))|왜 |이유|원인", re.IGNORECASE)),
    ("manner", re.compile(r"\bhow (?:do|can|to|should|does)\b|what should i do|what happens|어떻게|방법", re.IGNORECASE)),
]  # fmt: skip

_NUMBER_WORD = (
    r"\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|thirty|hundred|thousand|half|"
    r"first|second|third|fourth|fifth)\b|(?:한|두|세|네|다섯|여섯|일곱|여덟|아홉|열|석|넉) ?(?:명|개|달|주|시간|번|가지|대|잔|권|장)|하루|이틀|사흘|나흘|닷새|보름"
)
_NUMBER = re.compile(rf"\d|{_NUMBER_WORD}|[일이삼사오육칠팔구십백천만]+ ?(?:원|명|개|회|건)", re.IGNORECASE)
_SPAN = re.compile(
    r"(?:\d+|\b(?:a|an|one|two|three|four|five|six|seven|eight|nine|ten|twelve|half|working|business)\b)[\s-]?(?:\w+ )?(?:second|minute|hour|day|week|month|quarter|"
    r"year)s?|\d+ ?(?:영업일|일|시간|개월|달|주|분|초|년)|(?:한|두|세|네|석|넉|다섯|여섯) ?(?:시간|달|주)|하루|이틀|사흘|나흘|닷새|보름|반년"
    r"|\d{1,2} ?월 ?(?:말|초)|\b(?:on|by|until) \d{1,2} [A-Z]|월 말|[월일]까지",
    re.IGNORECASE,
)
_WHEN = re.compile(
    r"\d{1,2}:\d\d|\d{1,2} ?시|\d{4}|\b(?:mon|tues|wednes|thurs|fri|satur|sun)days?\b|[월화수목금토일]요일|\d{1,2}월|\d{1,2}일|\b\d{1,2}(?:st|nd|rd|th)\b"
    r"|\b(?:january|february|march|april|may|june|july|august|september|october|november|december)\b|working day|daily|every|"
    r"매일|매주|매달|격주|오전|오후|새벽|내일|급여일|다음 달|월 말|noon|midnight|morning|evening|\d+ (?:days|hours|weeks|months)|[가-힣] 뒤",
    re.IGNORECASE,
)
_WEEKDAY = re.compile(r"\b(?:mon|tues|wednes|thurs|fri|satur|sun)days?\b|[월화수목금토일]요일", re.IGNORECASE)
_CLOCK = re.compile(
    r"\d{1,2}:\d\d|\d{1,2} ?(?:am|pm|o'clock)|(?:\d{1,2}|한|두|세|네|다섯|여섯|일곱|여덟|아홉|열|열한|열두) ?시|noon|midnight|정오|자정",
    re.IGNORECASE,
)
_MONEY = re.compile(
    r"[$€£₩]\s?\d|\d[\d,.]*\s?(?:dollars?|euros?|pounds?|won|USD|EUR|KRW)|\d[\d,]*\s?[십백천만억조]*(?:\s?\d*[십백천만억조]+)*\s?원|[십백천만억조]\s?원|달러|유로|free\b|무료|공짜",
    re.IGNORECASE,
)
_ADDRESS = re.compile(
    r"\d+\s[A-Z]\w+ (?:street|road|avenue)|\b(?:rua|street|road|avenue|strasse|straße|platz)\b[^.]*\d|[가-힣]+(?:로|길|구|동)\s?\d|[가-힣]+구 ",
    re.IGNORECASE,
)
_PLACE = re.compile(
    r"\b(?:at|in|on|from|to|under|below|beside|near|through|into)\s(?:the\s)?\w|[가-힣](?:에서|에 |으로|로 |에$)|층|역|센터|지하|spaces?|floor",
    re.IGNORECASE,
)
_NO_NAME = (
    r"The|A|An|In|On|At|By|For|From|To|Of|With|Our|My|Your|Its|Their|His|Her|This|That|These|Those|When|If|After|Before|Since|"
    r"And|But|All|Every|Each|No|New|January|February|March|April|May|June|July|August|September|October|November|December|"
    r"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)days?|Open|Press|Choose|Select|Settings|Street|Road|Hall|Museum|Café"
)
_CAP = rf"(?!(?:{_NO_NAME})\b)[A-Z][\w'’-]+"
_FULL_NAME = re.compile(
    rf"\b{_CAP}(?:\s(?:[a-z]{{2,3}}\s)?{_CAP})+"
    r"|[가-힣]{2,4} ?(?:팀장|파트장|대리|과장|차장|부장|사원|선임|책임(?![을자])|이사|대표|소장|매니저|교수|박사|선생|님|씨)"
)
_ROLE = re.compile(
    r"\b(?:manager|lead|head|team|director|officer|desk|resources|department|engineer|boss|approval|reviewers?|wardens?|gardener)\b"
    r"|팀[이은는에의]|본부장|담당|당직|[가-힣]{3}(?:과|와) [가-힣]{3}"
)
_NAME_AFTER = re.compile(
    r"\b(?:with|by|to|is|manager|lead|named|called|and|contact|register with)\s[A-Z][a-z]+\b|(?<![가-힣])[김이박최정강조윤장임한서신권황안송홍전고문양손배백허유남심노하차변구석도탁마오류곽성주우민진지엄채원방공현함염여추][가-힣]{2}(?:이|가|은|는|만|이다|이고|이며|다|입니다|에게)(?![가-힣])"
)
_REASON = re.compile(
    r"because|since|so that|due to|in order|if |when |cause|reason|원인|사유|이유|때문|위해|므로|하므로|면 |해서|니까",
    re.IGNORECASE,
)

_HOLDS: dict[str, re.Pattern[str]] = {
    "address": _ADDRESS,
    "secret": re.compile(r"(?:password|비밀번호|암호)\S*\s?(?:is|:|=|는|은)\s?[\"'“‘]?\S*\d", re.IGNORECASE),
    "age": re.compile(
        r"\b(?:is|are|am|['’]m) (?:now )?\d{1,3}(?! ?(?:cm|m|kg|%))\b|[\d가-힣] ?(?:살|세)(?:이|야|예|에|입|$)|\byears? old\b|\bturned\b|\bborn\b|-year-old",
        re.IGNORECASE,
    ),
    "job": re.compile(
        r"\bwork|\bjob\b|\bi(?:['’]m| am) an? |일해|일하|일합|직업|근무|다녀|다니|(?:사|원|자|생|가|인)(?:야|이야|예요|이에요|입니다|이다)[.!]*$",
        re.IGNORECASE,
    ),
    "percent": re.compile(r"\d\s?(?:%|percent|퍼센트|프로)", re.IGNORECASE),
    "weekday": _WEEKDAY,
    "clock": _CLOCK,
    "year": re.compile(r"\b(?:19|20)\d\d\b|\d{4}년", re.IGNORECASE),
    "port": re.compile(r"(?:port|포트)\D{0,12}\d{2,5}|\d{2,5}번? 포트", re.IGNORECASE),
    "money": _MONEY,
    "duration": _SPAN,
    "often": re.compile(
        r"\bevery\b|\beach\b|\bonce\b|\btwice\b|times an?\b|daily|weekly|monthly|quarterly|yearly|마다|매일|매주|매달|매년|분기|(?:\d|한|두|세|네|다섯) ?[번회]|격주",
        re.IGNORECASE,
    ),
    "height": re.compile(
        r"\d[\d,.]*\s?-?(?:m|cm|mm|met(?:er|re)s?|feet|foot|ft|inch(?:es)?|stor(?:e?ys|ies)|미터|센티미터|층)(?![A-Za-z])",
        re.IGNORECASE,
    ),
    "weight": re.compile(
        r"\d[\d,.]*\s?-?(?:kg|g|kilos?|kilograms?|grams?|pounds|lbs?|tons?|tonnes?|킬로|킬로그램|그램|톤)(?![A-Za-z])",
        re.IGNORECASE,
    ),
    "distance": re.compile(
        r"\d[\d,.]*\s?-?(?:km|m|kilomet(?:er|re)s?|met(?:er|re)s?|miles?|minutes|feet|yards|킬로미터|킬로|미터|분)(?![A-Za-z])",
        re.IGNORECASE,
    ),
    "degrees": re.compile(r"\d\s?(?:°|degrees?|℃|도)", re.IGNORECASE),
    "speed": re.compile(
        r"\d\s?(?:km/h|mph|knots|kilomet|Mbps|Mbit|Gbit|킬로|노트|기가|메가)|시속|초속", re.IGNORECASE
    ),
    "count": _NUMBER,
    "time": re.compile(f"{_WHEN.pattern}|{_SPAN.pattern}", re.IGNORECASE),
    "place": _PLACE,
    "reason": _REASON,
}
_COUNTER = re.compile(r"몇 ?(명|층|개|회|번|대|쪽|장|면|잔|글자|자|kg|킬로|퍼센트)")
_SAME_COUNTER = {"글자": "자", "번": "[회번]", "킬로": "(?:kg|킬로)", "면": "[면대]", "대": "[대면]"}


_MANY = re.compile(r"how many (?:[\w'-]+ ){0,2}?(\w+s|people|staff|feet|money)\b", re.IGNORECASE)
_TIME_UNITS = {"day", "hour", "minute", "week", "month", "year", "second"}
_NO_THINGS = (
    r"january|february|march|april|may|june|july|august|september|october|november|december|am|pm|percent|euros?|dollars?|pounds|won"
    r"|kg|g|km|cm|mm|degrees?|kilomet(?:er|re)s?|met(?:er|re)s?|grams?|kilograms?|GB|MB|TB"
)
_COUNTED = re.compile(
    rf"(?:\d[\d,.]*|{_NUMBER_WORD})(?:th|st|nd|rd)?[\s-]+((?!(?:and|or|by|is|are|was|to|in|on|at|for|from|until|as|{_NO_THINGS})\b)[a-z]+)[\s-]?([a-z]*)[\s-]?([a-z]*)",
    re.IGNORECASE,
)


def _counts(unit: str, sentence: str) -> bool:
    """Whether a number stands before the asked unit; any noun that is no unit of time will do for other
    units.
    """
    wanted = unit.rstrip("s")
    for match in _COUNTED.finditer(sentence):
        words = [word.lower().rstrip("s") for word in match.groups() if word]
        if wanted in words or (wanted not in _TIME_UNITS and words[0] not in _TIME_UNITS):
            return True
    if re.search(rf"\b{re.escape(wanted)}s?:\s?\d", sentence, re.IGNORECASE):
        return True
    return bool(re.search(r"\b(?:hold|holds|seat|seats|fit|fits)\b[^.]*\d", sentence))


def kind_of(question: str) -> str:
    """What the question asks for: person, time, place, count, money ..., or "thing" when nothing says."""
    return next((kind for kind, pattern in _KINDS if pattern.search(question)), "thing")


def fit(question: str, kind: str, sentence: str) -> float:
    """Whether the sentence holds what the question asks for: 1 yes, 0 the kind cannot tell, -1 no."""
    if kind in ("email", "phone", "url"):
        return 1.0 if any(entity.type == kind for entity in find_entities(sentence)) else -1.0
    counter = _COUNTER.search(question)
    if counter and kind != "port":
        unit = _SAME_COUNTER.get(counter.group(1), counter.group(1))
        if re.search(rf"(?:\d|[한두세네섯곱덟홉열]|[십백천만])\s?{unit}", sentence):
            return 1.0
        return -1.0 if re.search(r"[가-힣]", sentence) else float(bool(_NUMBER.search(sentence)))
    many = _MANY.search(question)
    if many and kind in ("count", "duration") and re.search("[A-Za-z]", sentence):
        return 1.0 if _counts(many.group(1).lower(), sentence) else -1.0
    if kind == "contact":
        reached = {entity.type for entity in find_entities(sentence)} & {"email", "phone", "url"}
        return (
            1.0
            if reached or re.search(r"내선|extension|\bdesk\b|\bcall\b", sentence, re.IGNORECASE)
            else -1.0
        )
    if kind == "named":
        return _names_one(question, sentence)
    if kind == "person":
        return _tells_who(question, sentence)
    return _holds(kind, sentence)


_FIRM = re.compile(
    r"(?:회사|업체|제조사|거래처|브랜드)[가는은이]? ?(?:어디|뭐|무엇)|(?:어느|어떤|무슨) (?:회사|업체|제조사|거래처|브랜드)"
)
_OF_A_FIRM = re.compile(
    r"만든|만들|제조|제작|공급|납품|개발한|개발했|주식회사|[A-Za-z]{3,}|[가-힣]{2,}(?:전자|로보틱스|물류|테크|소프트|시스템|산업|제약|은행|그룹|건설|식품|항공|통신)"
)


def _names_one(question: str, sentence: str) -> float:
    """For a question after a company, a tool, a language: whether a name stands there that it does not
    hold.
    """
    if _FIRM.search(question) and re.search("[가-힣]", sentence):
        return 0.0 if _OF_A_FIRM.search(sentence) else -1.0
    if not re.search("[A-Za-z]", sentence):
        return 0.0
    fresh = re.findall(r"(?<!^)(?<![.?!] )\b(?!IT\b|HR\b)[A-Z][A-Za-z+#.0-9]*", sentence)
    return 1.0 if any(name.lower() not in question.lower() for name in fresh) else -1.0


def _holds(kind: str, sentence: str) -> float:
    pattern = _HOLDS.get(kind)
    if pattern is None:
        return 0.0
    return 1.0 if pattern.search(sentence) else -1.0


def _tells_who(question: str, sentence: str) -> float:
    """1 when the sentence names a person whom the question does not, 0.4 when it tells a role, else -1."""
    low = question.lower()
    found = [*_FULL_NAME.finditer(sentence), *_NAME_AFTER.finditer(sentence)]
    if any(match.group().lower() not in low and not _quoted(sentence, match.start()) for match in found):
        return 1.0
    if people_in(sentence) - people_in(question):
        return 1.0
    return 0.4 if _ROLE.search(sentence) else -1.0


def _quoted(sentence: str, at: int) -> bool:
    """Whether the place stands in quotation marks, as titles of works do."""
    return sentence[:at].count('"') % 2 == 1 or sentence[:at].count("“") > sentence[:at].count("”")


# Words that exclude each other: a sentence about lunch does not answer a question about dinner.
_RIVALS: list[tuple[str, ...]] = [
    ("breakfast|아침", "lunch|점심", "dinner|supper|저녁"),
    ("mondays?|월요일", "tuesdays?|화요일", "wednesdays?|수요일", "thursdays?|목요일", "fridays?|금요일", "saturdays?|토요일",
     "sundays?|일요일"),
    ("spring|봄", "summer|여름", "autumn|fall party|가을", "winter|겨울"),
    ("unpaid|무급", "(?<!un)paid|유급"),
    ("weekends?|주말|휴일", "weekdays?|평일"),
    ("domestic|국내", "abroad|international|overseas|foreign|해외|외국"),
    ("parental|maternity|paternity|육아|출산", "annual|sick|연차|병가"),
    ("red|빨간|빨강", "yellow|노란|노랑", "green|초록|녹색", "blue|파란|파랑"),
    ("joining|입사", "resign|quit|leave the company|퇴사"),
    ("first quarter|1분기", "second quarter|2분기", "third quarter|3분기", "fourth quarter|4분기"),
]  # fmt: skip
# Of these a passage must speak itself before it can answer a question that does.
_TELLING = (
    "breakfast|아침",
    "lunch|점심",
    "dinner|supper|저녁",
    "unpaid|무급",
    "parental|maternity|paternity|육아|출산",
    "deputy|deputies|부총괄|부책임자|부팀장|부회장|부관리자|부대표|부감독|부위원장|부단장",
    "sick|병가",
    "former|predecessor|previously|전임",
    "successor|후임",
)
_MOVING = re.compile(
    r"tomorrow|yesterday|last (?:year|month|week)|right now|내일|어제|작년|지난해|지난 ?(?:달|주|해)",
    re.IGNORECASE,
)
_PERSONAL = re.compile(
    r"\b(?:who|what|when|where|which)(?:['’]s| is| was| are| were) my\b|\bdo you (?:remember|know) my\b|\bwhat (?:do|did|have) (?:i|you)\b.*\b(?:like|prefer|tell|told|about me)\b"
    r"|(?:^|\s)(?:내|나의|제) [가-힣\s]{1,20}(?:뭐|누구|언제|어디|무엇|몇|얼마)|(?:내가|나는|제가|저는) .*(?:좋아|싫어|선호|말했|했지|했더라|살)",
    re.IGNORECASE,
)


_POINTS_BACK = re.compile(
    r"\b(?:it|its|it's|they|them|their|he|him|his|she|her|this|that one|there)\b"
    r"|(?:^|\s)(?:그건|그거|그게|그것[은이의도]?|그걸|그 (?:프로젝트|사람|회사|제품|행사|모임|서버|분)|그분|그는|그녀|거긴|거기|이건|이거)",
    re.IGNORECASE,
)
_GOES_ON = re.compile(
    r"^(?:and|but|so|then|what about|how about)\b|^(?:그럼|그러면|그리고|그런데|근데)(?=\s)", re.IGNORECASE
)
_SHORT = 4


def points_back(question: str) -> bool:
    """Whether a short question speaks of something by a pronoun: "When does it start?"."""
    return (
        bool(_POINTS_BACK.search(question)) and len(content_words(_POINTS_BACK.sub(" ", question))) <= _SHORT
    )


def goes_on(question: str) -> bool:
    """Whether the question opens as a follow-up: "And the budget?"."""
    return bool(_GOES_ON.match(question)) and len(content_words(question)) <= _SHORT


def is_personal(question: str) -> bool:
    """Whether the question is about the person who asks, so that only memories can answer it."""
    return bool(_PERSONAL.search(question))


_PAST = re.compile(r"\bused to\b|\b(?:before|formerly|previously|back then)\b|예전|옛날|전에", re.IGNORECASE)


def is_past(question: str, sentence: str) -> bool:
    """Whether the sentence tells how it was, and the question asks how it is."""
    return bool(
        _PAST.match(sentence.strip()) or re.match(r"i used to\b", sentence.strip(), re.IGNORECASE)
    ) and not (_PAST.search(question))


_ROW = re.compile(r"^(?P<label>[^—]{1,80}) — [^:—]+: ")


def is_other_row(asked: Sequence[str], sentence: str) -> bool:
    """Whether the sentence is a table's row and the question names neither its label nor a number in it."""
    row = _ROW.match(sentence)
    if row is None:
        return False
    held = [*content_words(row["label"]), *re.findall(r"\d[\d,.]*\d|\d", sentence)]
    return not any(overlap(word, held) >= 0.9 for word in asked)


def contradicts(question: str, sentence: str, context: str) -> bool:
    """Whether the sentence speaks of a rival of what was asked, or of none of the names, years or days
    asked for.

    `context` is the whole passage with its title. Names are compared only within one script.
    """
    for rivals in _RIVALS:
        asked = [bool(_whole(words, question)) for words in rivals]
        told = [bool(_whole(words, sentence)) for words in rivals]
        if any(asked) and any(told) and not any(a and t for a, t in zip(asked, told, strict=True)):
            return True
    same_script = bool(re.search("[가-힣]", question)) == bool(re.search("[가-힣]", context))
    if same_script and any(_whole(words, question) and not _whole(words, context) for words in _TELLING):
        return True
    low = context.lower()
    moving = _MOVING.search(question)
    if moving and moving.group().lower() not in low:
        return True
    if _other_place(question, sentence):
        return True
    return same_script and any(name.lower() not in low for name in _names(question))


def _other_place(question: str, sentence: str) -> bool:
    """Whether the question names places or names and the sentence names only others."""
    asked = {entity.name for entity in find_names(question) if entity.type == "place"}
    told = {entity.name for entity in find_names(sentence) if entity.type == "place"}
    if (
        asked
        and told
        and not asked & told
        and bool(re.search("[가-힣]", question)) == bool(re.search("[가-힣]", sentence))
    ):
        return True
    names = _names(question)
    if not names or any(name.lower() in sentence.lower() for name in names):
        return False
    others = [name for name in _names(sentence) if name.lower() not in question.lower()]
    return len(others) > 0 and not re.search("[가-힣]", question + sentence)


def _whole(words: str, text: str) -> re.Match[str] | None:
    latin, hangul = (
        [w for w in words.split("|") if w.isascii()],
        [w for w in words.split("|") if not w.isascii()],
    )
    parts = ([rf"\b(?:{'|'.join(latin)})\b"] if latin else []) + hangul
    return re.search("|".join(parts), text, re.IGNORECASE)


_GENERIC = {"api", "it", "hr", "ok", "id", "faq", "i", "pc", "db", "gdpr", "vpn", "ceo", "cto"}


def _names(question: str) -> list[str]:
    """Names and long numbers of a question: capitals that do not open it, years, Latin words with a digit."""
    found = re.findall(
        r"(?<!^)(?<![.?!:] )\b(?:[A-Z][\w-]{2,}|[A-Z]\d\w*)\b|\b(?:19|20)\d\d\b", question.strip()
    )
    return [
        n
        for n in found
        if n.lower() not in _GENERIC
        and not re.fullmatch(r"Q[1-4]", n)
        and not re.search(r"(?:ese|ish|ian|ean|can|nch|tch)$", n)
    ]
