"""Tags of the chat page: `{% load chat %}`."""

import json
from typing import Any

from django import template
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from agi_site.lib import markdown

from ..models import Message
from ..wording import TOOLS, words_for

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


@register.filter
def tool_arguments(arguments: Any) -> list[tuple[str, str]]:
    """A tool call's arguments as pairs of name and short text."""
    if not isinstance(arguments, dict):
        return [("", str(arguments))] if arguments else []
    return [(str(name), _short(value)) for name, value in arguments.items()]


@register.filter
def tool_result(text: str | None) -> list[tuple[str, str]]:
    """What a tool said as pairs, where it is a plain object; empty for everything else."""
    try:
        result = json.loads(text or "")
    except ValueError:
        return []
    plain = isinstance(result, dict) and not any(isinstance(value, dict | list) for value in result.values())
    return [(str(name), _short(value)) for name, value in result.items()] if plain else []


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else str(value)
    return text if len(text) <= 300 else text[:299] + "…"
