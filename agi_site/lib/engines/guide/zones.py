# ruff: noqa: E501 - patterns and sentences are read whole, line by line
"""The time zone a text names, by city, country or IANA name, Korean and English."""

from __future__ import annotations

import re
import zoneinfo

_CITIES = {
    "Asia/Seoul": "seoul|korea|busan|서울|한국|부산|대한민국",
    "Asia/Tokyo": "tokyo|japan|osaka|도쿄|일본|오사카|동경",
    "Asia/Shanghai": "beijing|shanghai|china|베이징|상하이|중국|북경|상해",
    "Asia/Hong_Kong": "hong kong|홍콩",
    "Asia/Taipei": "taipei|taiwan|타이베이|대만",
    "Asia/Singapore": "singapore|싱가포르",
    "Asia/Bangkok": "bangkok|thailand|방콕|태국",
    "Asia/Ho_Chi_Minh": "hanoi|vietnam|ho chi minh|하노이|베트남|호찌민|호치민",
    "Asia/Jakarta": "jakarta|자카르타",
    "Asia/Manila": "manila|마닐라|필리핀",
    "Asia/Kolkata": "delhi|mumbai|india|bangalore|델리|뭄바이|인도(?!네)",
    "Asia/Dubai": "dubai|두바이",
    "Europe/London": "london|england|britain|런던|영국",
    "Europe/Paris": "paris|france|파리|프랑스",
    "Europe/Berlin": "berlin|germany|munich|frankfurt|베를린|독일|뮌헨|프랑크푸르트",
    "Europe/Madrid": "madrid|spain|barcelona|마드리드|스페인|바르셀로나",
    "Europe/Rome": "rome|italy|milan|로마|이탈리아|밀라노",
    "Europe/Amsterdam": "amsterdam|netherlands|암스테르담|네덜란드",
    "Europe/Zurich": "zurich|switzerland|취리히|스위스",
    "Europe/Stockholm": "stockholm|sweden|스톡홀름|스웨덴",
    "Europe/Copenhagen": "copenhagen|denmark|코펜하겐|덴마크",
    "Europe/Lisbon": "lisbon|portugal|리스본|포르투갈",
    "Europe/Warsaw": "warsaw|krakow|poland|바르샤바|폴란드",
    "Europe/Moscow": "moscow|모스크바",
    "Europe/Istanbul": "istanbul|이스탄불|튀르키예",
    "Africa/Cairo": "cairo|카이로|이집트",
    "America/New_York": "new york|boston|washington|toronto|뉴욕|보스턴|워싱턴|토론토",
    "America/Chicago": "chicago|dallas|houston|시카고|댈러스",
    "America/Denver": "denver|덴버",
    "America/Los_Angeles": "los angeles|san francisco|seattle|california|silicon valley|샌프란시스코|로스앤젤레스|시애틀|캘리포니아",
    "America/Vancouver": "vancouver|밴쿠버",
    "America/Sao_Paulo": "sao paulo|brazil|상파울루|브라질",
    "America/Mexico_City": "mexico|멕시코",
    "Australia/Sydney": "sydney|melbourne|시드니|멜버른",
    "Pacific/Auckland": "auckland|new zealand|오클랜드|뉴질랜드",
    "Pacific/Honolulu": "honolulu|hawaii|하와이|호놀룰루",
    "UTC": "utc|gmt|협정 ?세계시",
}
_PATTERNS = [
    (zone, re.compile(rf"\b(?:{latin})\b|{hangul}" if hangul else rf"\b(?:{latin})\b", re.IGNORECASE))
    for zone, words in _CITIES.items()
    for latin, hangul in [
        (
            "|".join(word for word in words.split("|") if word.isascii()),
            "|".join(word for word in words.split("|") if not word.isascii()),
        )
    ]
]
_IANA = re.compile(r"\b[A-Z][A-Za-z]+/[A-Z][A-Za-z_]+(?:/[A-Z][A-Za-z_]+)?\b")


def zone_of(text: str) -> str | None:
    """The IANA name of the first zone the text names; None when it names none."""
    if (match := _IANA.search(text)) and match.group() in zoneinfo.available_timezones():
        return match.group()
    found = [(match.start(), zone) for zone, pattern in _PATTERNS if (match := pattern.search(text))]
    return min(found)[1] if found else None


def without_zones(text: str) -> str:
    """The text without the places and zones it names."""
    for _, pattern in _PATTERNS:
        text = pattern.sub(" ", text)
    return _IANA.sub(" ", text)
