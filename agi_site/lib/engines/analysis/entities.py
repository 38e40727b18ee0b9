# ruff: noqa: E501 - patterns and sentences are read whole, line by line
"""Entities by rules, Korean and English: precise rather than complete, no lists of names."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator

from django.utils import timezone

from agi_site.lib.engines.analysis import names
from agi_site.lib.engines.base import Entity
from agi_site.lib.engines.numbers import NATIVE, find_numbers, written

_MONTHS = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
]
_MONTH = "|".join([*_MONTHS, *(m[:3] + r"\b\.?" for m in _MONTHS), r"sept\b\.?"])
_WEEKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
_KO_WEEKDAYS = "월화수목금토일"
_AMOUNT = r"(?:\d[\d,]*(?:\.\d+)?(?:\s?[십백천만억조]+(?:\s?\d*[십백천만억조]+)*)?|[일이삼사오육칠팔구]?[십백천만억]+)"
_NATIVE = "|".join(sorted(NATIVE, key=len, reverse=True))

URL = re.compile(
    r"https?://[^\s<>\"'가-힣]+[^\s<>\"'.,;:!?)\]가-힣]|\bwww\.[\w.-]+\.[a-z]{2,}(?:/[\w./?=&%-]*)?",
    re.IGNORECASE,
)
EMAIL = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}")
PHONE = re.compile(
    r"(?<![\d-])(?:\+\d{1,3}[\s-]?(?:\(?\d{1,4}\)?[\s-]?){2,4}\d{3,4}|0\d{1,2}-\d{3,4}-\d{4}|\(\d{3}\)\s?\d{3}-\d{4}"
    r"|\d{3}-\d{3}-\d{4}|1[56]\d{2}-\d{4}|010\d{8})(?![\d-])"
)
QUOTED = re.compile(
    r"\"([^\"\n]{1,200})\"|“([^”\n]{1,200})”|「([^」\n]{1,200})」|『([^』\n]{1,200})』|‘([^’\n]{1,200})’"
)
MONEY = re.compile(
    rf"(?:[$€£¥₩]|\b(?:USD|EUR|GBP|JPY|KRW)\s)\s?\d[\d,]*(?:\.\d+)?(?:\s?(?:thousand|million|billion|[kmb]\b))?"
    rf"|{_AMOUNT}\s?(?:원|달러|유로|엔|위안|파운드)(?![가-힣]?[장점래본])"
    rf"|(?:\b(?:one|two|three|four|five|six|seven|eight|nine|ten|twenty|thirty|forty|fifty)(?:\s(?:hundred|thousand|million))?"
    rf"|\d[\d,]*(?:\.\d+)?)\s(?:thousand\s|million\s|billion\s)?(?:dollars?|euros?|pounds?|won|yen|cents?|USD|EUR|KRW)\b",
    re.IGNORECASE,
)
PERCENT = re.compile(r"\d[\d,]*(?:\.\d+)?\s?(?:%|퍼센트|프로(?![가-힣])|percent\b|per cent\b)", re.IGNORECASE)
DATE = re.compile(
    rf"(?P<iso>\b\d{{4}}[-/.]\d{{1,2}}[-/.]\d{{1,2}}\b)"
    rf"|(?:(?P<ky>\d{{2,4}})년\s?)?(?P<km>\d{{1,2}})월\s?(?P<kd>\d{{1,2}})일"
    rf"|(?P<yonly>\d{{4}})년(?:\s?(?P<ymonth>\d{{1,2}})월)?"
    rf"|\b(?P<em>{_MONTH})\s(?P<ed>\d{{1,2}})(?:st|nd|rd|th)?\b(?:,?\s(?P<ey>\d{{4}}))?"
    rf"|\b(?P<ed2>\d{{1,2}})(?:st|nd|rd|th)?\s(?:of\s)?(?P<em2>{_MONTH})(?:,?\s(?P<ey2>\d{{4}}))?"
    rf"|\b(?P<rel>today|tomorrow|yesterday|day after tomorrow)\b|(?<![가-힣])(?P<krel>오늘|내일|모레|어제|그저께)"
    rf"|\b(?P<wd>(?:(?:this|next|last|on)\s)?(?:{'|'.join(_WEEKDAYS)})s?)\b"
    rf"|(?P<kwd>(?:(?:이번|다음|지난)\s?주\s?)?(?<![가-힣])[{_KO_WEEKDAYS}]요일|(?:이번|다음|지난)\s?주\s?[{_KO_WEEKDAYS}]요일)",
    re.IGNORECASE,
)
TIME = re.compile(
    rf"(?P<ampm>오전|오후|새벽|아침|저녁|밤|정오)?\s?(?:(?P<kh>\d{{1,2}})|(?P<knh>{_NATIVE}))\s?시(?![간도작험설])"
    rf"(?:\s?(?P<kmin>\d{{1,2}})분|\s?(?P<half>반)(?=에|부터|까지|[\s,.?!]|$))?"
    rf"|\b(?P<h>[01]?\d|2[0-3]):(?P<m>[0-5]\d)(?::[0-5]\d)?\s?(?P<ap>[ap]\.?m\b\.?)?"
    rf"|\b(?P<h2>1[0-2]|[1-9])\s?(?P<ap2>[ap]\.?m\b\.?)|\b(?P<noon>noon|midnight)\b",
    re.IGNORECASE,
)
_UNIT_EN = "seconds?|minutes?|hours?|days?|weeks?|months?|years?|business days?|working days?"
DURATION = re.compile(
    rf"(?:\b(?:\d[\d,]*(?:\.\d+)?|one|two|three|four|five|six|seven|eight|nine|ten|twelve|half an?)[\s-](?:{_UNIT_EN})\b)"
    rf"|(?:\d[\d,]*(?:\.\d+)?\s?(?:영업일|시간|개월|주일|주(?![가-힣])|주간|일간|분간|초간|년간|분(?![가-힣])|초(?![가-힣])))"
    rf"|(?:\d+일(?=\s|$|[,.]|동안|이내|간|까지|전|후|입니다|이에요|예요|이고|이며|이야|만))|(?:{_NATIVE})\s?(?:시간|달|주일)",
    re.IGNORECASE,
)
QUANTITY = re.compile(
    rf"\b\d[\d,]*(?:\.\d+)?\s?(?:km/h|km|cm|mm|kg|mg|ml|GB|MB|KB|TB|GHz|MHz|kWh|kW|°C|℃|m²|㎡|meters?|metres?|kilometers?"
    rf"|miles?|grams?|kilograms?|pounds|litres?|liters?|inches|feet|people|users?|employees|seats?|floors?|pages?|times"
    rf"|g|m|l|L)(?![A-Za-z])"
    rf"|(?:\d[\d,]*(?:\.\d+)?\s?(?:만|천|백)?|(?:{_NATIVE})\s)(?:명|개|대|권|장|층|번|회|쪽|건|킬로미터|미터|센티미터|킬로그램"
    rf"|그램|리터|기가바이트|메가바이트|기가|메가|평|마리|잔|석)(?![월국])"
)

_RULES: list[tuple[str, re.Pattern[str]]] = [
    ("url", URL),
    ("email", EMAIL),
    ("phone", PHONE),
    ("date", DATE),
    ("money", MONEY),
    ("percent", PERCENT),
    ("time", TIME),
    ("duration", DURATION),
    ("quantity", QUANTITY),
]


def find_entities(text: str, *, today: dt.date | None = None) -> list[Entity]:
    """Entities in order of place. No two overlap, but for quoted text, which may hold others.

    `today` is what relative dates (내일, tomorrow) are counted from; the person's local date when not given.
    """
    found = list(_quoted(text))
    taken = [False] * len(text)
    value = _values(today or timezone.localdate())
    for kind, pattern in _RULES:
        for match in pattern.finditer(text):
            start, end = _trim(text, match.start(), match.end())
            if not any(taken[start:end]) and start < end:
                found.append(Entity(text[start:end], value[kind](match), kind, start, end))
                taken[start:end] = [True] * (end - start)
    for entity in (*names.find_names(text), *_numbers(text)):
        if not any(taken[entity.start : entity.end]):
            found.append(entity)
            taken[entity.start : entity.end] = [True] * (entity.end - entity.start)
    return sorted(found, key=lambda entity: (entity.start, -entity.end))


def _quoted(text: str) -> Iterator[Entity]:
    for match in QUOTED.finditer(text):
        inner = next(group for group in match.groups() if group is not None)
        start = match.start() + 1
        if inner.strip():
            yield Entity(inner, inner.strip(), "quoted", start, start + len(inner))


def _numbers(text: str) -> Iterator[Entity]:
    for number in find_numbers(text):
        raw = text[number.start : number.end]
        glued = number.start > 0 and text[number.start - 1].isascii() and text[number.start - 1].isalnum()
        if not glued and raw.lower() != "one":
            yield Entity(raw, written(number.value), "number", number.start, number.end)


def _trim(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start].isspace():
        start += 1
    while start < end and text[end - 1].isspace():
        end -= 1
    return start, end


type _Value = Callable[[re.Match[str]], str]


def _values(today: dt.date) -> dict[str, _Value]:
    same: _Value = lambda match: match.group().strip()  # noqa: E731
    return {
        "url": same,
        "email": lambda match: match.group().lower(),
        "phone": lambda match: re.sub(r"[^\d+]", "", match.group()),
        "date": lambda match: _date(match, today),
        "money": _money,
        "percent": _amount,
        "time": _time,
        "duration": same,
        "quantity": same,
    }


def _amount(match: re.Match[str]) -> str:
    number = next(find_numbers(match.group()), None)
    return written(number.value) if number else match.group().strip()


_CURRENCIES = {
    "$": "USD", "달러": "USD", "dollar": "USD", "usd": "USD", "€": "EUR", "유로": "EUR", "euro": "EUR", "eur": "EUR",
    "£": "GBP", "파운드": "GBP", "pound": "GBP", "gbp": "GBP", "¥": "JPY", "엔": "JPY", "yen": "JPY", "jpy": "JPY",
    "₩": "KRW", "원": "KRW", "won": "KRW", "krw": "KRW", "위안": "CNY", "cent": "USD",
}  # fmt: skip
_SHORT = {"k": 1_000, "m": 1_000_000, "b": 1_000_000_000}


def _money(match: re.Match[str]) -> str:
    """Amount and ISO currency: "35000 KRW"."""
    text = match.group().strip().lower()
    number = next(find_numbers(text), None)
    currency = next((code for sign, code in _CURRENCIES.items() if sign in text), "")
    if number is None:
        return match.group().strip()
    value = number.value * _SHORT.get(text[-1] if text[-1] in _SHORT and text[-2].isdigit() else "", 1)
    if "cent" in text:
        value /= 100
    return f"{written(value)} {currency}".strip()


_RELATIVE = {
    "today": 0, "tomorrow": 1, "yesterday": -1, "day after tomorrow": 2,
    "오늘": 0, "내일": 1, "모레": 2, "어제": -1, "그저께": -2,
}  # fmt: skip


def _date(match: re.Match[str], today: dt.date) -> str:
    """ISO date; --MM-DD without a year, YYYY or YYYY-MM for less than a day; the next such weekday for a
    weekday.
    """
    got = {name: value for name, value in match.groupdict().items() if value}
    if "iso" in got:
        year, month, day = (int(part) for part in re.split(r"[-/.]", got["iso"]))
        return _iso(year, month, day)
    if "km" in got:
        return _iso(_year(got.get("ky")), int(got["km"]), int(got["kd"]))
    if "yonly" in got:
        return got["yonly"] + (f"-{int(got['ymonth']):02d}" if "ymonth" in got else "")
    for named, date, of in (("em", "ed", "ey"), ("em2", "ed2", "ey2")):
        if named in got:
            number = next(at for at, name in enumerate(_MONTHS, 1) if name[:3] == got[named].lower()[:3])
            return _iso(_year(got.get(of)), number, int(got[date]))
    relative = got.get("rel", got.get("krel", "")).lower()
    if relative:
        return (today + dt.timedelta(days=_RELATIVE[relative])).isoformat()
    return _weekday(match.group(), today)


def _weekday(text: str, today: dt.date) -> str:
    low = text.strip().lower()
    at = next((n for n, name in enumerate(_WEEKDAYS) if name in low), None)
    if at is None:
        at = _KO_WEEKDAYS.index(low[low.index("요일") - 1])
    monday = today - dt.timedelta(days=today.weekday())
    if "next" in low or "다음" in low:
        return (monday + dt.timedelta(days=7 + at)).isoformat()
    if "last" in low or "지난" in low:
        return (monday + dt.timedelta(days=at - 7)).isoformat()
    return (today + dt.timedelta(days=(at - today.weekday()) % 7)).isoformat()


def _year(text: str | None) -> int | None:
    if not text:
        return None
    return int(text) + (2000 if len(text) == 2 else 0)


def _iso(year: int | None, month: int, day: int) -> str:
    try:
        dt.date(year or 2000, month, day)
    except ValueError:
        return f"{year or '-'}-{month}-{day}"
    return f"{year:04d}-{month:02d}-{day:02d}" if year else f"--{month:02d}-{day:02d}"


def _time(match: re.Match[str]) -> str:
    """24-hour HH:MM."""
    got = {name: value.lower() for name, value in match.groupdict().items() if value}
    if "noon" in got:
        return "12:00" if got["noon"] == "noon" else "00:00"
    hour = int(got.get("h") or got.get("h2") or got.get("kh") or NATIVE.get(got.get("knh", ""), 0))
    minute = int(got.get("m") or got.get("kmin") or (30 if "half" in got else 0))
    half = got.get("ap") or got.get("ap2") or got.get("ampm") or ""
    if half[:1] == "p" or half in ("오후", "저녁", "밤"):
        hour = hour + 12 if hour < 12 else hour
    elif (half[:1] == "a" or half in ("오전", "새벽")) and hour == 12:
        hour = 0
    return f"{hour % 24:02d}:{minute:02d}"
