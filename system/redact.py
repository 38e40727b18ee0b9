"""Keeping secrets out of logs and error messages."""

import re

HIDDEN = "[hidden]"

_NAMES = (
    r"pass(?:word|wd|phrase)?|secret(?:[_-]?key)?|(?:api|access|private)[_-]?key|token|authorization"
    r"|credentials?|cookie|session[_-]?id|csrf\w*"
)
_VALUE = rf"""("[^"]*"|'[^']*'|(?!{re.escape(HIDDEN)})[^\s,;&"'}}\])]+)"""
_PATTERNS = [
    # Authorization: Bearer abc, Basic abc
    (re.compile(r"(?i)\b(bearer|basic|token)(\s+)[A-Za-z0-9._~+/=-]{8,}"), rf"\1\2{HIDDEN}"),
    # password=abc, "api_key": "abc", SECRET_KEY='abc'
    (re.compile(rf"""(["']?[\w-]*(?:{_NAMES})["']?\s*[=:]\s*){_VALUE}""", re.IGNORECASE), rf"\1{HIDDEN}"),
    # scheme://user:password@host
    (re.compile(r"(\b[a-z][a-z0-9+.-]*://[^\s:/@]*:)[^\s@/]+(@)", re.IGNORECASE), rf"\1{HIDDEN}\2"),
    # keys by their look: OpenAI, GitHub, Slack, AWS, JSON web tokens, Fernet tokens
    (
        re.compile(
            r"\b(?:sk-[A-Za-z0-9_-]{16,}|gh[pousr]_[A-Za-z0-9]{20,}|xox[abprs]-[A-Za-z0-9-]{10,}|AKIA[A-Z0-9]{16}"
            r"|eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]*|gAAAAA[A-Za-z0-9_-]{40,}={0,2})"
        ),
        HIDDEN,
    ),
]


def redact(text: str) -> str:
    """Return `text` with everything that looks like a secret replaced."""
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text
