"""Tags of the chat page: `{% load chat %}`."""

import json
from typing import Any

from django import template
from django.template.context import RequestContext
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from agi_site.lib import markdown
from media.services import LARGEST_PICTURE

from .. import cards, services
from ..models import Message, MessagePicture
from ..receipts import Recalled
from ..wording import CODE, FIELDS, PARTS, STEPS, TOOLS, UNSAID, unseen_words, words_for

register = template.Library()
WIDEST, HIGHEST = 352, 320  # of one picture in a message, in CSS pixels


@register.simple_tag
def message_html(message: Message) -> SafeString:
    """What a message says: an answer's Markdown with citations as links, a person's text as typed."""
    if message.role != "assistant":
        return markdown.as_typed(message.content)
    links = message.citation_links() if message.citations else ()
    return markdown.render(message.content, citations=links, streaming=message.is_running)


@register.simple_tag
def picture_limits() -> dict[str, int]:
    """How many pictures a message may have, and how many bytes each."""
    return {"most": services.MOST_PICTURES, "largest": LARGEST_PICTURE}


@register.simple_tag
def fitted(picture: MessagePicture) -> tuple[int, int]:
    """The size in which a message shows a picture: its own, or what fits into the place there is."""
    width, height = max(picture.width, 1), max(picture.height, 1)
    scale = min(1.0, WIDEST / width, HIGHEST / height)
    return max(round(width * scale), 1), max(round(height * scale), 1)


@register.simple_tag
def unseen_note(message: Message) -> str:
    """That an answer's model did not see pictures, and why; "" where it saw all there were."""
    return unseen_words(message.pictures_told)


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


@register.simple_tag(takes_context=True)
def card_of(context: RequestContext, entry: Any) -> cards.Card | None:
    """What a call waits for, as things are now; nothing where it does not wait."""
    if not isinstance(entry, dict) or entry.get("status") != "waiting":
        return None  # the page's empty card is none either
    return cards.card_of(entry, user=context["request"].user)


@register.simple_tag
def card_words() -> str:
    """The words of a card's states as JSON, for the page's script."""
    return json.dumps({name: str(word) for name, word in STEPS.items()}, ensure_ascii=False)


@register.filter
def step_word(state: str) -> str:
    """The state of a plan's step, for people; "" for those that have not begun."""
    return str(STEPS.get(state, ""))


@register.filter
def tool_plan(text: str | None) -> str:
    """The id of the plan's run that a tool has started, "" for the others."""
    return str(_parsed(text).get("plan_execution_id") or "")


@register.simple_tag
def recalled_words(recalled: Recalled) -> str:
    """How many memories and passages an answer had before it, in a line; its receipt tells which it used."""
    counted = []
    if number := recalled.memories:
        counted.append(ngettext("%(n)s memory", "%(n)s memories", number) % {"n": number})
    if number := recalled.passages:
        counted.append(ngettext("%(n)s passage", "%(n)s passages", number) % {"n": number})
    return _("Looked at %(what)s") % {"what": " · ".join(counted)}


@register.filter
def score_parts(parts: Any) -> list[tuple[str, float]]:
    """What a score is made of, as people read it."""
    found = parts.items() if isinstance(parts, dict) else ()
    return [
        (str(PARTS.get(name, name)), float(share)) for name, share in found if isinstance(share, int | float)
    ]


@register.filter
def tool_time(milliseconds: float) -> str:
    """How long a tool took: 12 ms, 3.4 s, 2 min."""
    if milliseconds < 1000:
        return f"{milliseconds:.0f} ms"
    seconds = milliseconds / 1000
    if seconds < 120:
        return f"{seconds:.1f} s"
    return _("%(n)s min") % {"n": round(seconds / 60)}


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
