"""Reads a page of the web, from the hosts that an operator has listed."""

from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from agi_site.lib import outbound
from agi_site.lib.plain_json import repaired
from agi_site.lib.problems import Problem
from tools.registry import Parameter, ToolContext, ToolFailure, tool

from .web_text import readable

TIMEOUT_SECONDS = 30
LARGEST_PAGE = 5_000_000
MOST_CHARACTERS = 50_000
_TEXTS = ("text/", "application/json", "application/xml", "application/xhtml+xml", "application/javascript")


@tool(
    "web_fetch",
    category="web",
    description=gettext_lazy("Read a web page or text file by its address, from the hosts that are allowed."),
    parameters=[
        Parameter(
            "url",
            "string",
            gettext_lazy("The address, beginning with https:// or http://."),
            required=True,
            schema={"minLength": 8, "maxLength": 2000},
        ),
        Parameter(
            "max_characters",
            "integer",
            gettext_lazy("How much text at most."),
            default=8000,
            schema={"minimum": 100, "maximum": MOST_CHARACTERS},
        ),
    ],
    timeout=TIMEOUT_SECONDS,
    retry_safe=True,
)
def web_fetch(call: ToolContext, *, url: str, max_characters: int = 8000) -> dict[str, Any]:
    """`{"url", "status", "title", "media_type", "text", "complete"}`; `url` is where redirects led."""
    allowed = outbound.HostList.of(settings.WEB_FETCH_HOSTS)
    if not allowed:
        raise ToolFailure(
            _("Reading web pages is switched off. An operator switches it on by the setting WEB_FETCH_HOSTS.")
        )
    try:
        answer = outbound.fetch(
            "GET",
            url,
            headers={
                "accept": "text/html,application/xhtml+xml,text/*;q=0.9,application/json;q=0.9",
                "accept-language": f"{call.language},en;q=0.5",
            },
            rules=outbound.Rules(only=allowed),
            max_bytes=LARGEST_PAGE,
            timeout=max(1.0, min(call.remaining() - 1, TIMEOUT_SECONDS)),
            stopped=call.cancelled,
        )
    except Problem as problem:
        raise ToolFailure(
            str(problem.message), passing=problem.code in ("timeout", "unreachable")
        ) from problem
    return _told(answer, max_characters)


def _told(answer: outbound.Answer, most: int) -> dict[str, Any]:
    kind = answer.media_type or "text/plain"
    if not kind.startswith(_TEXTS) and not kind.endswith(("+json", "+xml")):
        message = _("“%(type)s” is no text; only texts can be read.")
        raise ToolFailure(message % {"type": kind[:100]})
    title, text = readable(answer.text) if "html" in kind else ("", answer.text)
    text = repaired(text)
    return {
        "url": answer.url,
        "status": answer.status,
        "title": repaired(title),
        "media_type": kind,
        "text": text[:most],
        "complete": len(text) <= most,
    }
