"""Tags of the chat page: `{% load chat %}`."""

from typing import Any

from django import template
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from agi_site.lib import markdown

from ..models import Message

register = template.Library()


@register.simple_tag
def message_html(message: Message) -> SafeString:
    """What a message says: an answer's Markdown with citations as links, a person's text as typed."""
    if message.role != "assistant":
        return mark_safe(escape(message.content))  # noqa: S308 - escaped just now
    links = message.citation_links() if message.citations else ()
    return markdown.render(message.content, citations=links, streaming=message.is_running)


@register.filter
def tool_label(name: str) -> str:
    """A tool's name as words: `knowledge_search` → `Knowledge search`."""
    words = str(name).replace("_", " ").replace(".", " ").strip()
    return words[:1].upper() + words[1:]


@register.filter
def tool_arguments(arguments: Any) -> list[tuple[str, str]]:
    """A tool call's arguments as pairs of name and short text."""
    if not isinstance(arguments, dict):
        return [("", str(arguments))] if arguments else []
    return [(str(name), _short(value)) for name, value in arguments.items()]


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else str(value)
    return text if len(text) <= 300 else text[:299] + "…"
