"""Names of sandboxes and what programs wrote, as text on a page: `{% load sandbox_words %}`."""

import re

from django import template

from .. import files, reasons, words
from ..models import Sandbox

register = template.Library()
register.filter("sayable", files.sayable)
register.filter("told", reasons.told)

# Escape sequences of terminals (ECMA-48: CSI, OSC and other strings, two-byte ones), and control characters
# other than tab and line feed. Pages show text; what would move a cursor means nothing there.
ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_].*?(?:\x1b\\|\x07)|\x1b[ -/]*[0-~]|[\x00-\x08\x0b-\x1f\x7f]",
    re.DOTALL,
)


@register.filter
def plain_output(text: str | None) -> str:
    """Output without the escape sequences of terminals."""
    return ESCAPES.sub("", (text or "").replace("\r\n", "\n"))


@register.filter
def title(sandbox: Sandbox) -> str:
    """What a sandbox is called on pages."""
    return words.title_of(sandbox)


@register.filter
def size(value: float | None) -> str:
    """Bytes with a unit, or a dash."""
    return "–" if value is None else words.size(value)


@register.filter
def duration(value: float | None) -> str:
    """Seconds with their units, or a dash."""
    return "–" if value is None else words.duration(value)
