# ruff: noqa: E501 - patterns are read whole, line by line
"""Finds the file that a request wants read or written in the sandbox."""

from __future__ import annotations

import re
from typing import Any

_NAME = r"[`\"“]?(?P<path>(?<![\w@/.])(?:[\w가-힣-]+/)*[\w가-힣-]+\.[A-Za-z][A-Za-z0-9]{0,7})(?![A-Za-z0-9_/@])[`\"”]?"
_WRITE = [
    re.compile(pattern, re.IGNORECASE | re.DOTALL)
    for pattern in (
        rf"\b(?:create|write|make)\s(?:me\s)?(?:a|the)?\s?(?:new\s)?(?:text\s)?file\s(?:called\s|named\s)?{_NAME}\s(?:with|containing|that says)\s(?:the\s(?:text|content|words?):?\s)?(?P<content>.+)",
        rf"\b(?:write|save|store|put)\s(?P<content>.+?)\s(?:in|to|into|as)\s(?:a\s|the\s)?(?:new\s)?(?:text\s)?(?:file\s)?(?:called\s|named\s)?{_NAME}",
        rf"{_NAME}\s?(?:(?:이?라는)\s)?(?:파일)?(?:에|로|으로)\s(?P<content>.+?)(?:을|를|이라고|라고)?\s?(?:저장|써|쓰|적어|적고|기록|넣어)",
        rf"(?P<content>.+?)(?:을|를|이라고|라고)\s{_NAME}\s?(?:(?:이?라는)\s)?(?:파일)?(?:에|로|으로)\s?(?:저장|써|쓰|적어|적고|기록|넣어)",
    )
]
_READ = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\b(?:read|open|show|print|display|cat)\s(?:me\s)?(?:the\s)?(?:contents?\sof\s)?(?:the\s)?(?:file\s)?(?:called\s|named\s)?{_NAME}",
        rf"\bwhat(?:'s| is| does)?\s(?:in\s)?(?:the\s)?(?:file\s)?{_NAME}(?:\s(?:say|contain|hold))?\s?\??$",
        rf"{_NAME}\s?(?:파일)?(?:의\s?내용)?(?:을|를)?\s?(?:읽|열어|보여)",
    )
]
_QUOTED = re.compile(r"^[`\"“‘'](?P<inner>.*)[`\"”’']$", re.DOTALL)
_LEAD_IN = re.compile(
    r"^(?:please\s|the\s(?:text|words?|content|line):?\s|(?:텍스트|내용):?\s)", re.IGNORECASE
)


def file_call(text: str, offered: Any) -> tuple[str, dict[str, str]] | None:
    """The tool and its arguments; None where no file is to be read or written."""
    if "write_file" in offered:
        for shape in _WRITE:
            if (match := shape.search(text)) and (content := _content(match["content"])):
                return "write_file", {"path": match["path"], "content": content}
    if "read_file" in offered:
        for shape in _READ:
            if match := shape.search(text):
                return "read_file", {"path": match["path"]}
    return None


def _content(said: str) -> str:
    bare = _LEAD_IN.sub("", said.strip()).strip()
    quoted = _QUOTED.match(bare)
    return quoted["inner"] if quoted else bare
