# ruff: noqa: E501 - patterns and sentences are read whole, line by line
"""People, places and organisations by the words around them: no gazetteer, so only clear cases are taken."""

from __future__ import annotations

import re
from collections.abc import Iterator

from agi_site.lib.engines.base import Entity

_CAP = r"[A-Z][a-z]+(?:[-'][A-Z][a-z]+)?"
_NAME = rf"{_CAP}(?:\s(?:[A-Z]\.\s)?{_CAP}){{0,2}}"
_KO_SURNAME = "김이박최정강조윤장임한오서신권황안송류홍전고문양손배백허유남심노하곽성차주우구민진지엄채원천방공현함변염여추도소석선설마길연위표명기반왕금옥육인맹제모탁국어은편용"
_KO_TITLE = "님|씨|팀장|대리|과장|차장|부장|사원|주임|이사|상무|전무|대표|사장|회장|교수|선생|박사|의원|장관|대통령|기자|매니저|책임|선임|수석|본부장|실장|국장|감독|작가"
_NOT_PEOPLE = {
    "오늘", "이번", "지금", "우리", "어디", "이사", "정말", "안녕", "고객", "선생", "손님", "여러", "신입", "담당", "주문",
    "전체", "기존", "모든", "하나", "사용", "회원", "방문", "부모", "조장", "제품",
}  # fmt: skip

_PERSON = [
    re.compile(rf"\b(?:Mr|Mrs|Ms|Dr|Prof|Professor|Sir)\.?\s(?P<x>{_NAME})"),
    re.compile(
        rf"\b(?:[Mm]y name is|[Cc]all me|named|[Tt]his is|I am|I'm)\s(?P<x>{_NAME})(?=\s(?:from|of)|[,.!?\s]|$)"
    ),
    re.compile(
        rf"\b(?:[Mm]y|[Oo]ur|[Tt]he)\s(?:boss|manager|friend|wife|husband|brother|sister|son|daughter|colleague|teacher"
        rf"|CEO|CTO|lead|director|president|doctor|client)(?:,|\sis)?\s(?P<x>{_NAME})"
    ),
    re.compile(
        rf"(?<![.!?]\s)(?<!^)\b(?P<x>{_NAME})(?='s\s|\s(?:said|says|told|asked|wrote|called|approved|joined|leads|manages|works))"
    ),
    re.compile(rf"\b(?:with|ask|tell|meet|contact|from|by|to|call|email)\s(?P<x>{_CAP}\s{_CAP})\b"),
    re.compile(
        rf"(?<![가-힣])(?P<x>[{_KO_SURNAME}][가-힣]{{1,2}})(?=\s?(?:{_KO_TITLE})(?:님)?(?:[은는이가을를과와도께의]|에게|한테|께서|[\s,.?!]|$))"
    ),
    re.compile(
        rf"(?:이름은|저는|나는)\s(?P<x>[{_KO_SURNAME}][가-힣]{{2}})(?=이?(?:야|예요|이에요|입니다|라고|이라고))"
    ),
]
_PLACE = [
    re.compile(
        rf"\b(?:in|at|from|near|to)\s(?P<x>{_CAP}(?:\s{_CAP})?)(?=[,.!?]|\s(?:and|on|for|at|is|now|today|with|office)\b|$)"
    ),
    re.compile(
        rf"\b(?P<x>(?:{_CAP}\s)+(?:Street|Avenue|Road|Park|Station|Airport|Bridge|River|Lake|City|Island|Square))\b"
    ),
    re.compile(
        r"(?<![가-힣])(?P<x>[가-힣]{1,4}(?:특별시|광역시|특별자치시|특별자치도|공항|대교|해수욕장)|[가-힣]{2,4}(?:역|구청|시청))(?=[\s,.?!]|에서|에|으로|로|의|까지|은|는|이|가|$)"
    ),
    re.compile(
        r"(?<![가-힣])(?P<x>서울|부산|대구|인천|광주|대전|울산|세종|제주도?|경기도|강원도|강남|판교|수원|성남|뉴욕|런던|파리|도쿄|베를린|베이징|상하이|싱가포르|시드니|미국|영국|일본|중국|독일|프랑스|캐나다|한국|대한민국)(?=[\s,.?!]|에서|에|으로|로|의|까지|은|는|이|가|을|과|와|행|지사|$)"
    ),
]
_ORGANISATION = [
    re.compile(
        rf"\b(?P<x>(?:(?:{_CAP}|[A-Z]{{2,6}})\s)+(?:Inc|Corp|Corporation|Ltd|LLC|GmbH|Company|Group|Bank|University"
        rf"|Institute|Foundation|Association|Council|Ministry|Hospital|Labs?))\b\.?"
    ),
    re.compile(rf"\b(?P<x>(?:University|Bank|Ministry|Institute) of {_CAP}(?:\s{_CAP})?)\b"),
    re.compile(
        r"(?<![가-힣A-Za-z])(?P<x>(?:주식회사|㈜|\(주\))\s?[가-힣A-Za-z]{2,12}|[가-힣A-Za-z]{2,10}(?:대학교|은행|병원|연구소|연구원|그룹|전자|재단|협회|위원회|주식회사))"
        r"(?=[\s,.?!]|에서|에|으로|로|의|까지|은|는|이|가|을|를|과|와|$)"
    ),
]
_NOT_NAMES = {
    "I", "The", "This", "That", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday", "January",
    "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
    "English", "Korean", "Japanese", "Chinese", "German", "French", "Spanish", "Python", "Java", "Please", "What", "When",
    "Where", "Who", "Why", "How", "Is", "Are", "Do", "Does", "Can", "Could", "Hello", "Hi", "Slack", "Jira", "Excel",
    "Windows", "Linux", "Friday's", "Korea's", "Settings", "Security", "Finance", "Support", "Sales",
}  # fmt: skip


def find_names(text: str) -> Iterator[Entity]:
    """Entities of type organisation, place and person; the first pattern that takes a stretch of text keeps
    it.
    """
    for kind, patterns in (("organisation", _ORGANISATION), ("person", _PERSON), ("place", _PLACE)):
        for pattern in patterns:
            for match in pattern.finditer(text):
                name = match.group("x")
                if name in _NOT_PEOPLE or name.split()[0] in _NOT_NAMES:
                    continue
                yield Entity(name, name, kind, match.start("x"), match.end("x"))
