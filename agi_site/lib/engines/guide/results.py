"""Phrases what a tool returned, in the person's language."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable, Sequence
from typing import Any

from agi_site.lib.engines.base import ChatMessage, ToolCall
from agi_site.lib.engines.guide import code, plans, works
from agi_site.lib.engines.guide.phrases import DAYS, say

_SHOWN = 5  # of what a search found
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?")


def latest_results(messages: Sequence[ChatMessage]) -> list[tuple[ToolCall, str]]:
    """The tool messages at the end of the conversation, each with the call it answers, in order."""
    results = []
    calls = {call.id: call for message in messages for call in message.tool_calls}
    for message in reversed(messages):
        if message.role != "tool":
            break
        call = calls.get(message.tool_call_id, ToolCall(message.tool_call_id, "", {}))
        results.append((call, message.content))
    return results[::-1]


def phrase(call: ToolCall, content: str, language: str) -> str:
    """One or more sentences that tell the result; errors are told as such."""
    value = _parsed(content)
    if isinstance(value, dict) and value.get("error"):
        error = value["error"]
        reason = error.get("message") if isinstance(error, dict) else error
        return say(language, "tool_failed", reason=reason or content)
    told = _TELLERS[call.name](call, value, language) if call.name in _TELLERS else None
    return told or say(language, "tool_plain", result=_plain(value))


def _sum(call: ToolCall, value: Any, language: str) -> str:
    result = _tidy(_pick(value, "result", "value", "answer"))
    return say(language, "sum", expression=call.arguments.get("expression", ""), result=result)


def _code(call: ToolCall, value: Any, language: str) -> str | None:
    return code.told(call.arguments, value, call.name, language) if isinstance(value, dict) else None


def _plan(call: ToolCall, value: Any, language: str) -> str:
    return plans.told(call.arguments, value, call.name, language)


def _written(call: ToolCall, value: Any, language: str) -> str | None:
    found = isinstance(value, dict) and "path" in value
    return say(language, "file_written", path=value["path"]) if found else None


def _kept(call: ToolCall, value: Any, language: str) -> str | None:
    return works.kept(value, language)


def _facts(call: ToolCall, value: Any, language: str) -> str | None:
    return works.facts(value, language)


def _text_of(call: ToolCall, value: Any, language: str) -> str | None:
    """A text that was read, whole or as far as it goes."""
    if not isinstance(value, dict):
        return None
    text = str(_pick(value, "content", "text"))
    shown = text if len(text) <= code.LONGEST_SHOWN else text[: code.LONGEST_SHOWN] + "\n…"
    named = call.arguments.get("path") or call.arguments.get("url") or ""
    if not shown.strip():
        return say(language, "file_empty", path=named)
    return f"{say(language, 'file_read', path=named)}\n\n{code.block(shown, 'text')}"


def _parsed(content: str) -> Any:
    try:
        return json.loads(content)
    except (json.JSONDecodeError, TypeError):
        return content


def _pick(value: Any, *names: str) -> Any:
    if isinstance(value, dict):
        return next((value[name] for name in names if name in value), _plain(value))
    return value


def _tidy(result: Any) -> str:
    if isinstance(result, float):
        return f"{round(result, 10):.10f}".rstrip("0").rstrip(".")
    return str(result)


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}: {item}" for key, item in value.items())
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _time(call: ToolCall, value: Any, language: str) -> str | None:
    """The ISO moment anywhere in the result, told with its weekday; None when there is none."""
    match = _ISO.search(value if isinstance(value, str) else json.dumps(value))
    if match is None:
        return None
    moment = dt.datetime.fromisoformat(match.group())
    zone = _pick(value, "timezone", "time_zone", "zone") if isinstance(value, dict) else ""
    named = zone if isinstance(zone, str) and "/" in zone else moment.strftime("%Z") or "UTC"
    return say(
        language,
        "time",
        time=moment.strftime("%H:%M"),
        day=DAYS[language if language in DAYS else "en"][moment.weekday()],
        date=moment.date().isoformat(),
        zone=named,
    )


def _search(call: ToolCall, value: Any, language: str) -> str:
    """The titles found, with a line of each; a plain text result is told as it is."""
    query = str(call.arguments.get("query", ""))
    if isinstance(value, dict) and value.get("note"):
        return say(language, "memory_off")
    rows = _pick(value, "results", "items", "passages") if isinstance(value, dict) else value
    if isinstance(rows, list):
        lines = [_line(row) for row in rows[: call.arguments.get("limit", _SHOWN)]]
        if not query:
            return (
                "\n".join([say(language, "memories"), "", *lines])
                if lines
                else say(language, "memories_none")
            )
        if not lines:
            return say(language, "search_none", query=query)
        return "\n".join([say(language, "search_found", query=query), "", *lines])
    if not str(rows).strip():
        return say(language, "search_none", query=query)
    return f"{say(language, 'search_found', query=query)}\n\n{_plain(rows)}"


def _line(row: Any) -> str:
    if not isinstance(row, dict):
        return f"- {_plain(row)}"
    text = " ".join(
        str(row.get("content") or row.get("excerpt") or row.get("snippet") or row.get("text") or "").split()
    )
    number = f" [{row['number']}]" if isinstance(row.get("number"), int) else ""
    short = text if len(text) <= 160 else f"{text[:159]}…"
    return f"- **{row.get('title', '')}**: {short}{number}" if row.get("title") else f"- {short}{number}"


def cited_numbers(text: str) -> tuple[int, ...]:
    """The [n] of a text, each once, in order."""
    return tuple(dict.fromkeys(int(number) for number in re.findall(r"\[(\d{1,3})\]", text)))


_TELLERS: dict[str, Callable[[ToolCall, Any, str], str | None]] = {
    "calculator": _sum,
    "create_creative_work": _kept,
    "create_plan": _plan,
    "current_time": _time,
    "knowledge_search": _search,
    "memory_search": _search,
    "read_file": _text_of,
    "run_plan": _plan,
    "web_fetch": _text_of,
    "write_file": _written,
    **dict.fromkeys(code.TOOLS, _code),
    **dict.fromkeys(works.TOOLS, _facts),
}
