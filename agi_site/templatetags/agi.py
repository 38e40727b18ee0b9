"""Tags of the house's templates: `{% load agi %}`."""

from datetime import datetime

from django import template
from django.http import HttpRequest
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince, timeuntil
from django.utils.translation import gettext as _

register = template.Library()


@register.simple_tag
def icon(name: str, css_class: str = "") -> SafeString:
    """An icon of `static/agi/icons.svg`; it says nothing to screen readers, so the text beside it must."""
    return format_html(
        '<svg class="icon{}" aria-hidden="true" focusable="false"><use href="{}#{}"></use></svg>',
        f" {css_class}" if css_class else "",
        static("agi/icons.svg"),
        name,
    )


@register.simple_tag(takes_context=True)
def current(context: template.Context, *prefixes: str) -> SafeString | str:
    """`aria-current="page"` when the request's path lies below a prefix: marks the open link of the nav."""
    request: HttpRequest | None = context.get("request")
    if request is None or not request.path.startswith(prefixes):
        return ""
    return format_html(' aria-current="{}"', "page")


@register.filter
def initials(name: str) -> str:
    """What an avatar shows: the first letter, or the last two of a Korean name (its given name)."""
    name = (name or "?").strip()
    return name[-2:] if name and "가" <= name[0] <= "힣" else name[:1]


@register.filter
def translated(text: str | None) -> str:
    """A text from a row in the reader's language, where the catalogue has it.

    The tag `translate` does not find a text of a variable that holds a percent sign.
    """
    return _(text) if text else ""


@register.filter
def ago(when: datetime | None) -> str:
    """How long ago something was, in its largest unit: "just now", "3 hours ago"."""
    if when is None:
        return ""
    if (timezone.now() - when).total_seconds() < 60:
        return _("just now")
    return _("%(time)s ago") % {"time": timesince(when, depth=1)}


@register.filter
def ahead(when: datetime | None) -> str:
    """How far ahead something is, in its largest unit: "in a moment", "in 3 hours"."""
    if when is None:
        return ""
    if (when - timezone.now()).total_seconds() < 60:
        return _("in a moment")
    return _("in %(time)s") % {"time": timeuntil(when, depth=1)}
