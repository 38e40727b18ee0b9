"""What programs wrote, as text on a page: `{% load sandbox_output %}`."""

import re

from django import template

register = template.Library()

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
def byte_length(text: str | None) -> int:
    """How many bytes of UTF-8 a text is: where a live stream goes on."""
    return len((text or "").encode())
