"""Tags of the chat page: `{% load chat %}`."""

import json
from typing import Any

from django import template
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from agi_site.lib import markdown

from ..models import Message
from ..wording import CODE, FIELDS, TOOLS, UNSAID, words_for

register = template.Library()


@register.simple_tag
def message_html(message: Message) -> SafeString:
    """What a message says: an answer's Markdown with citations as links, a person's text as typed."""
    if message.role != "assistant":
        return mark_safe(escape(message.content))  # noqa: S308 - escaped just now
    links = message.citation_links() if message.citations else ()
    return markdown.render(message.content, citations=links, streaming=message.is_running)


@register.filter
def as_words(name: str) -> str:
    """The name of a tool, intent, feature or entity as people read it."""
    return words_for(name)


@register.simple_tag
def tool_names() -> str:
    """The known tools' names as JSON, for cards that the page's script makes."""
    return json.dumps({name: str(label) for name, label in TOOLS.items()}, ensure_ascii=False)


@register.simple_tag
def field_names() -> str:
    """What the fields of tool cards are called, and which are code, as JSON for the page's script."""
    names = {name: str(label) for name, label in FIELDS.items()}
    return json.dumps({"names": names, "code": sorted(CODE)}, ensure_ascii=False)


type Fact = tuple[str, str, bool]  # name for people, text, whether it is code


@register.filter
def tool_arguments(arguments: Any) -> list[Fact]:
    """A tool call's arguments as people read them."""
    if not isinstance(arguments, dict):
        return [("", _short(arguments), False)] if arguments else []
    return [_fact(str(name), value) for name, value in arguments.items()]


@register.filter
def tool_result(text: str | None) -> list[Fact]:
    """What a tool said, where it is a plain object; empty for everything else."""
    result = _parsed(text)
    if any(isinstance(value, dict | list) for value in result.values()):
        return []
    return [
        _fact(str(name), value)
        for name, value in result.items()
        if value not in ("", None) and (name not in UNSAID or "execution" not in result)
    ]


@register.filter
def tool_sandbox(text: str | None) -> str:
    """The id of the sandbox a tool ran in, "" for the others."""
    return str(_parsed(text).get("sandbox") or "")


def _parsed(text: str | None) -> dict[str, Any]:
    try:
        result = json.loads(text or "")
    except ValueError:
        return {}
    return result if isinstance(result, dict) else {}


def _fact(name: str, value: Any) -> Fact:
    is_code = name in CODE
    return str(FIELDS.get(name, name)), str(value) if is_code else _short(value), is_code


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else str(value)
    return text if len(text) <= 300 else text[:299] + "…"
