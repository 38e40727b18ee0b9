# ruff: noqa: E501 - patterns are read whole, line by line
"""Finds the work that a request wants kept, and the picture, recording or video that it asks about."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from agi_site.lib.engines.guide.phrases import FACTS, say

CREATIVE = "create_creative_work"
_KEEP = [
    re.compile(pattern, re.IGNORECASE | re.DOTALL)
    for pattern in (
        r"\b(?:keep|save|store)\s(?:this\s|the\s|my\s|a\s|an\s|following\s)*(?:creative\s)?(?P<kind>work|poem|story|text|song|essay|letter|code|script)\s(?:called|titled|named)\s[\"“](?P<title>[^\"”\n]{1,255})[\"”]\s?:\s*(?P<content>\S.*)",
        r"[\"“](?P<title>[^\"”\n]{1,255})[\"”](?:이?라는|란)?\s?(?:제목(?:의|으로)\s?)?(?P<kind>작품|시|글|이야기|노래|편지|코드)?(?:을|를|으로|로)?\s?(?:저장|보관|간직)\S*(?:\s줘\S*|\s주세요)?\s?:\s*(?P<content>\S.*)",
    )
]
_CODE = frozenset({"code", "script", "코드"})

_ENDINGS = {
    "image_info": ("png", "jpg", "jpeg", "gif", "webp", "bmp", "tif", "tiff"),
    "audio_info": ("wav", "mp3", "ogg", "flac", "m4a", "aac", "opus"),
    "video_info": ("mp4", "webm", "mov", "mkv", "avi"),
}
_NAMED = {
    "image_info": re.compile(r"\b(?:image|picture|photo)\b|이미지|사진|그림", re.IGNORECASE),
    "audio_info": re.compile(r"\b(?:audio|recording|sound)\b|오디오|녹음|음성", re.IGNORECASE),
    "video_info": re.compile(r"\bvideo\b|동영상|비디오|영상", re.IGNORECASE),
}
TOOLS = tuple(_NAMED)
_PATH = re.compile(
    rf"(?<![\w@/.])(?P<path>(?:[\w가-힣-]+/)*[\w가-힣-]+\.(?P<ending>{'|'.join(ending for some in _ENDINGS.values() for ending in some)}))(?![A-Za-z0-9_/@])",
    re.IGNORECASE,
)
_ID = re.compile(r"(?<![\w-])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![0-9a-z-])", re.IGNORECASE)
_ASKS = re.compile(
    r"\bhow (?:big|large|wide|high|tall|long|many pixels)\b|\b(?:size|dimensions?|resolution|format|duration|length|info|information|details|metadata|exif|codec|tags|about)\b"
    r"|크기|길이|형식|포맷|해상도|정보|메타데이터|코덱|태그|에 ?(?:대해|관해)|몇 ?(?:초|분|픽셀)",
    re.IGNORECASE,
)


def work_of(text: str, offered: Collection[str]) -> dict[str, str] | None:
    """The arguments by which the request's text is kept; None where it wants nothing kept."""
    if CREATIVE not in offered:
        return None
    for shape in _KEEP:
        if match := shape.search(text):
            kind = "code" if (match["kind"] or "").lower() in _CODE else "text"
            return {"title": match["title"].strip(), "content": match["content"].strip(), "kind": kind}
    return None


def media_of(text: str, offered: Collection[str]) -> tuple[str, dict[str, str]] | None:
    """The tool and the file, by its path or its id, that the request asks about; None where it does not."""
    if not _ASKS.search(text):
        return None
    if path := _PATH.search(text):
        ending = path["ending"].lower()
        tool = next(name for name, endings in _ENDINGS.items() if ending in endings)
        return (tool, {"path": path["path"]}) if tool in offered else None
    if media := _ID.search(text):
        for tool, named in _NAMED.items():
            if tool in offered and named.search(text):
                return tool, {"media_id": media.group().lower()}
    return None


def kept(value: Any, language: str) -> str | None:
    """That a work was kept, by its title."""
    found = isinstance(value, dict) and value.get("title")
    return say(language, "work_kept", title=value["title"]) if found else None


def facts(value: Any, language: str) -> str | None:
    """What is known of a file, a line each; what it has not is left out."""
    if not isinstance(value, Mapping) or "name" not in value:
        return None
    return "\n".join([say(language, "facts", name=value["name"]), "", *_lines(value, language)])


def _lines(value: Mapping[str, Any], language: str) -> list[str]:
    words = FACTS[language if language in FACTS else "en"]
    lines = []
    for name, fact in value.items():
        if name == "name" or fact in (None, "", [], {}, False):
            continue
        word = words.get(name, name.replace("_", " "))
        told = f"{fact:,} B" if name == "size_bytes" else _short(fact, words)
        lines.append(f"- {word}" if fact is True else f"- {word}: {told}")
    return lines


def _short(fact: Any, words: Mapping[str, str]) -> str:
    if isinstance(fact, Mapping):
        told = {name: value for name, value in fact.items() if value not in (None, "", [], {})}
        return ", ".join(f"{words.get(name, name)} {_short(value, words)}" for name, value in told.items())
    if isinstance(fact, list):
        return "; ".join(_short(one, words) for one in fact)
    return str(fact)[:300]
