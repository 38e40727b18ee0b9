# ruff: noqa: E501 - patterns and sentences are read whole, line by line
"""Chooses a tool for a request and fills its arguments, by intent and rules."""

from __future__ import annotations

import re
import uuid
from collections.abc import Collection, Sequence

from agi_site.lib.engines.analysis.entities import QUOTED
from agi_site.lib.engines.base import Analysis, ToolCall, ToolSpec
from agi_site.lib.engines.guide.arithmetic import expression_of
from agi_site.lib.engines.guide.code import TOOLS as CODE_TOOLS
from agi_site.lib.engines.guide.code import code_of
from agi_site.lib.engines.guide.files import file_call
from agi_site.lib.engines.guide.words import content_words
from agi_site.lib.engines.guide.works import CREATIVE, media_of, work_of
from agi_site.lib.engines.guide.zones import without_zones, zone_of

_TIME = re.compile(
    r"what(?:'s| is)? (?:the )?(?:current |local )?(?:time|date|day)\b(?! (?:of|does|do|is the|should|can|will|did))|current (?:time|date)|\btime is it|\bwhat day is it"
    r"|today'?s date|the time (?:now|in)|지금 몇 시|몇 시(?:야|예요|인가요|입니까|지)?\s*\??$|오늘 (?:며칠|날짜|무슨 요일|몇 월)|현재 (?:시간|시각|날짜)|무슨 요일",
    re.IGNORECASE,
)
_NOW = re.compile(r"\bnow\b|current|today|\bis it\b|지금|현재|오늘", re.IGNORECASE)
_OF_THE_CLOCK = re.compile(
    r"몇 ?시\S*|몇 ?월\S*|며칠\S*|몇 ?일\S*|무슨 ?요일\S*|(?:지금|현재|오늘|올해|현지|요일|날짜|시간|시각|어떻게|UTC|GMT)\S*|\b(?:time|date|day|clock|hour|zone|now|current|currently"
    r"|local|today'?s?|weekday|week|month|year|o'clock|exact|say|check|clue|idea|hey|what'?s|over)\b",
    re.IGNORECASE,
)
_CALCULATE = re.compile(
    r"calculat|compute|how much is|what(?:'s| is)|work out|equals|=|계산|얼마|몇|더해|빼|곱|나누|의 \d|합계|평균|^[\d\s().+*/^x×÷-]+\??$",
    re.IGNORECASE,
)
_SEARCH_EN = re.compile(
    r"(?:please\s|can you\s|could you\s)*(?:search|look up|look|find|query|check|retrieve|pull up|dig up|show me|get)\b(?:\s(?:for|in|through|me|up|everything|anything"
    r"|the|our|internal|my|all|docs?|documents?|documentation|wiki|handbook|archive|knowledge|base|notes|articles|information|records|entries|pages?|we|have|what"
    r"|on|about|of|that|mention|tagged|is|there|a|any|please)\b)*[\s:]*",
    re.IGNORECASE,
)
_SEARCH_KO_END = re.compile(
    r"\s?(?:에 대한|에 관한|에 대해|관련)?\s?(?:자료|문서|내용|정보|글|메모|노트|기록|항목|페이지|부분)?(?:이 있는지|가 있는지| 있는지|를|을|가|이)?\s?(?:모두|좀|한번|다시)?\s?"
    r"(?:검색해|찾아|조회해|뒤져|꺼내|가져와|보여|확인해|검색)\s?(?:봐|보아)?\s?(?:줘|주세요|줄래|줄 수 있어|볼래|봐)?(?:요)?[.!?]*$"
)
_IN_MEMORY = re.compile(
    r"\b(?:search|look (?:in|through|into)|check|go through)\s(?:in\s|through\s)?(?:my|your|the|our)?\s?memor(?:y|ies)\s(?:for|about)\s(?P<what>.+)"
    r"|\b(?:search|look)\s(?:for\s)?(?P<sought>.+?)\sin\s(?:my|your|the)\smemor(?:y|ies)"
    r"|^(?:what|which things) (?:do|can) you (?:still )?(?:remember|recall) (?:about|of|regarding) (?P<about>(?!me\b|us\b).+)"
    r"|^do you (?:still )?(?:remember|recall) (?:anything|something) (?:about|of) (?P<anything>(?!me\b|us\b).+)"
    r"|^(?P<of>(?!나|저|우리에).+?)에 (?:대해|관해)(?:서)?\s(?:뭘|뭐를|뭐|무엇을|무슨 걸|어떤 걸)\s?기억(?:해|하고 있|하니|하나|합니까)"
    r"|^(?P<some>(?!나|저|우리에).+?)에 (?:대해|관해)(?:서)?\s기억(?:하는|나는)\s(?:것|거|게|내용)"
    r"|(?:내|제|너의|네)?\s?기억(?:에서|속에서| 속에서|들에서)\s(?P<which>.+?)(?:을|를|에 대해|에 대한 것을?|에 관한 것을?)?\s?(?:찾아|검색해|뒤져)",
    re.IGNORECASE,
)
_OF_ME = re.compile(
    r"^(?:so |and )?(?:what (?:do|can) you|do you)(?: still)? (?:remember|recall|know)(?: anything| something| everything)? (?:about|of) me\b"
    r"|^what have you (?:learn(?:ed|t)|remembered|kept|stored) (?:about|of) me\b|^(?:show|list|tell)(?: me)? (?:everything |all |what )?(?:(?:of )?(?:my|your) memories|you (?:remember|know) (?:about|of) me)\b"
    r"|^(?:나|저)에 (?:대해|관해)(?:서)?\s(?:(?:뭘|뭐를|뭐|무엇을|어떤 걸|무슨 걸|얼마나)\s?)?(?:기억|알고|알아|아는|아시)|^(?:내|제)가? (?:누구|누군)지 (?:기억|알)",
    re.IGNORECASE,
)
_MANY = 10  # memories told to who asks for all
_ADDRESS = r"https?://[^\s<>\"'가-힣]+[^\s<>\"'.,;:!?)\]가-힣]"
_FETCH = re.compile(
    rf"\b(?:fetch|get|open|read|load|download|visit|retrieve|summari[sz]e)\b[^\n]{{0,40}}?(?P<url>{_ADDRESS})"
    rf"|(?P<address>{_ADDRESS})\s?(?:페이지|주소|사이트)?(?:을|를|에서|의 내용을)?\s?(?:가져|읽|열어|불러|내용|요약)",
    re.IGNORECASE,
)
_SEARCH_KO_START = re.compile(
    r"^(?:우리|사내|내부)?\s?(?:지식 ?베이스|위키|문서|편람|보관함|자료실|자료)(?:에서|에|:)\s?"
)


def route(text: str, analysis: Analysis, tools: Sequence[ToolSpec]) -> ToolCall | None:
    """The call the request clearly wants, None when it wants none of the offered tools."""
    offered = {tool.name: tool for tool in tools}
    intent, sure = analysis.intents[0] if analysis.intents else ("", 0.0)
    runners = offered.keys() & set(CODE_TOOLS)
    if runners and (code := code_of(text, runners, meant=intent == "run_code" and sure >= 0.5)):
        return _call(code[0], **{"code" if code[0] == "python" else "command": code[1]})
    if found := _work_or_file(text, offered):
        return _call(found[0], **found[1])
    if "memory_search" in offered and (remembered := _of_memory(text)):
        return _call("memory_search", **remembered)
    if "web_fetch" in offered and (match := _FETCH.search(text)):
        return _call("web_fetch", url=match["url"] or match["address"])
    if "calculator" in offered and (expression := _sum(text, intent, sure)):
        return _call("calculator", expression=expression)
    if "current_time" in offered and _wants_time(text, intent, sure):
        zone = zone_of(text)
        return _call("current_time", **({"timezone": zone} if zone else {}))
    if (
        "knowledge_search" in offered
        and intent == "search_knowledge"
        and sure >= 0.5
        and (query := query_of(text))
    ):
        return _call("knowledge_search", query=query)
    return None


def _of_memory(text: str) -> dict[str, str | int]:
    """What to look up of what is remembered: all, or of one thing; {} where nothing is asked of that."""
    if _OF_ME.search(text):
        return {"limit": _MANY}
    match = _IN_MEMORY.search(text)
    return {"query": _bare_query(next(filter(None, match.groups())))} if match else {}


def _work_or_file(text: str, offered: Collection[str]) -> tuple[str, dict[str, str]] | None:
    """A work to be kept, or a file to be written, read or looked at."""
    if work := work_of(text, offered):
        return CREATIVE, work
    file, media = file_call(text, offered), media_of(text, offered)
    return file if file and (file[0] == "write_file" or not media) else media


def _sum(text: str, intent: str, sure: float) -> str | None:
    if intent in {"remember_this", "run_code", "create_work", "create_plan"} and sure >= 0.5:
        return None
    meant = (intent == "calculate" and sure >= 0.35) or bool(_CALCULATE.search(text))
    return expression_of(text) if meant else None


def _wants_time(text: str, intent: str, sure: float) -> bool:
    if not _NOW.search(text) and _speaks_of_more(text):
        return False
    asked = bool(_TIME.search(text))
    if intent == "ask_time":
        short = sure >= 0.7 and len(text) < 30
        return (
            short
            or (sure >= 0.5 and (asked or bool(_NOW.search(text)) or zone_of(text) is not None))
            or (asked and sure >= 0.3)
        )
    return (
        asked
        and bool(_NOW.search(text))
        and len(text) < 60
        and intent not in {"remember_this", "recall_memory"}
    )


def _speaks_of_more(text: str) -> bool:
    """Whether the text names anything beside the clock, the calendar and a place: the question is then when
    something happens, not how late it is.
    """
    bare = without_zones(_OF_THE_CLOCK.sub(" ", text))
    return any(len(word) > 1 for word in content_words(bare))


def query_of(text: str) -> str:
    """What to search for: the quoted words, else the request without its asking words."""
    if match := QUOTED.search(text):
        return next(group for group in match.groups() if group is not None).strip()
    if re.search("[가-힣]", text):
        bare = _SEARCH_KO_END.sub("", _SEARCH_KO_START.sub("", text.strip()))
        bare = re.sub(r"(?:을|를|에 대해|에 대한|에 관한|관련)$", "", bare.strip())
    else:
        bare = re.sub(
            r"(?:\s(?:please|in the knowledge base|in our docs|in the wiki))+[.?!]*$",
            "",
            text.strip(),
            flags=re.IGNORECASE,
        )
        bare = _SEARCH_EN.sub("", bare, count=1)
    bare = bare.strip(" .?!:,")
    return bare or text.strip()


def _bare_query(text: str) -> str:
    """What was asked for, without quotation marks and the end of the sentence."""
    return text.strip(" .?!,\"'“”‘’")


def _call(name: str, **arguments: str | int) -> ToolCall:
    return ToolCall(f"call_{uuid.uuid4().hex[:12]}", name, arguments)
