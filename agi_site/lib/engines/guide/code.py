# ruff: noqa: E501 - patterns are read whole, line by line
"""Finds the code that a request asks to be run, and tells what came of it."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Mapping
from typing import Any

from agi_site.lib.engines.guide.arithmetic import expression_of
from agi_site.lib.engines.guide.phrases import say

TOOLS = ("python", "shell")
_TOOL_OF = {
    **dict.fromkeys(("python", "python3", "py"), "python"),
    **dict.fromkeys(("bash", "sh", "shell", "zsh"), "shell"),
}
_FENCE = re.compile(r"(?P<mark>`{3,})(?P<language>[\w+#.-]*)[ \t]*\n(?P<code>.*?)\n?(?P=mark)", re.DOTALL)
_INLINE = re.compile(r"`([^`\n]+)`")
_RUN = re.compile(
    r"\b(?:run|execute|evaluate|try out)\b|what (?:does|would|will) (?:this|it) (?:print|give|return|output)|실행|돌려"
    r"|출력(?:이|은|하는|되는)",
    re.IGNORECASE,
)
_SHELL = re.compile(r"\b(?:shell|bash|terminal|command)\b|셸|쉘|터미널|명령", re.IGNORECASE)
_PYTHON = re.compile(r"\bpython\b|파이썬", re.IGNORECASE)
_SPOKEN = [
    re.compile(pattern, re.IGNORECASE | re.DOTALL)
    for pattern in (
        r"\b(?:run|execute|evaluate)\s(?:this\s|the\s|following\s|in\s|with\s|as\s|some\s|a\s)*(?P<language>python|shell|bash|terminal)(?:\s(?:code|command|script|line))?\s?:\s*(?P<code>\S.*)",
        r"(?P<language>파이썬|셸|쉘|터미널|배시)(?:으로|로|에서)?\s?(?:코드|명령)?(?:를|을)?\s?(?:실행|돌려)\S*(?:\s줘\S*|\s주세요)?\s?:\s*(?P<code>\S.*)",
    )
]
# Python could read `ls -la /tmp` as a subtraction and a division.
_LIKE_A_COMMAND = re.compile(r"(?:\$ )?[a-z][\w.+-]*\s+(?:--?\w|[/~.])")
LONGEST_SHOWN = 4000


def code_of(text: str, offered: Collection[str], *, meant: bool) -> tuple[str, str] | None:
    """The tool and the code the request wants run; None where it wants none, or only talks about code.

    `meant` says that the request as a whole was understood as one to run code.
    """
    found = _written(text, meant=meant) or _spoken(text) or _asked_in_words(text)
    return found if found and found[0] in offered else None


def other_language_of(text: str) -> str | None:
    """The language of a block that is to be run and that no tool runs; None where there is no such block."""
    block = _FENCE.search(text)
    if not block or not block["language"] or block["language"].lower() in _TOOL_OF:
        return None
    return block["language"] if _RUN.search(_FENCE.sub(" ", text)) else None


def _written(text: str, *, meant: bool) -> tuple[str, str] | None:
    """Code that stands in the request, in a block or between backticks."""
    block = _FENCE.search(text)
    around = _FENCE.sub(" ", text) if block else text
    if not (meant or _RUN.search(around)):
        return None
    if block:
        code = block["code"].strip("\n")
        tool = _TOOL_OF.get(block["language"].lower()) if block["language"] else _guess(code, around)
        return (tool, code) if tool and code.strip() else None
    if inline := _INLINE.search(text):
        return _guess(inline[1], around), inline[1]
    return None


def _spoken(text: str) -> tuple[str, str] | None:
    """Code after a colon, in a language that is named: "Run in Python: print(1)"."""
    for shape in _SPOKEN:
        if match := shape.search(text):
            tool = "python" if _PYTHON.fullmatch(match["language"]) else "shell"
            return tool, match["code"].strip().strip("`")
    return None


def _asked_in_words(text: str) -> tuple[str, str] | None:
    """A sum that is to be worked out in Python."""
    if not _PYTHON.search(text):
        return None
    expression = expression_of(_PYTHON.sub(" ", text))
    return ("python", f"print({expression})") if expression else None


def _guess(code: str, around: str) -> str:
    """Which tool runs code whose language is not named: what Python can read is Python."""
    if _SHELL.search(around) and not _PYTHON.search(around):
        return "shell"
    if _LIKE_A_COMMAND.match(code):
        return "shell"
    try:
        ast.parse(code)
    except (SyntaxError, ValueError):
        return "shell"
    return "python"


def told(arguments: Mapping[str, Any], result: Mapping[str, Any], tool: str, language: str) -> str:
    """The code that was run, what it printed, and how it ended if that was not well."""
    code = str(arguments.get("code") or arguments.get("command") or "")
    parts = [say(language, "code_ran"), block(code, "python" if tool == "python" else "bash")]
    printed = "\n".join(str(result[name]).rstrip() for name in ("stdout", "stderr") if result.get(name))
    if printed:
        shown = printed if len(printed) <= LONGEST_SHOWN else printed[:LONGEST_SHOWN] + "\n…"
        parts += [say(language, "code_printed"), block(shown, "text")]
    else:
        parts.append(say(language, "code_silent"))
    if result.get("cause") not in (None, "exit"):
        cause = str(result.get("detail") or result["cause"]).rstrip(".")
        parts.append(say(language, "code_stopped", cause=cause))
    elif result.get("exit_code"):
        parts.append(say(language, "code_failed", code=result["exit_code"]))
    return "\n\n".join(parts)


def block(text: str, language: str) -> str:
    """A block of code whose fence is longer than any in it."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"
