"""Looks passages up in the team's knowledge base."""

from datetime import datetime, time, timedelta
from typing import Any

from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.translation import gettext_lazy as _

from knowledge.search import Hit, search_knowledge
from tools.registry import Parameter, ToolContext, tool

SNIPPET_CHARACTERS = 600
_DAY = {"pattern": r"^\d{4}-\d{2}-\d{2}$"}


@tool(
    "knowledge_search",
    category="knowledge",
    description=_("Search the team's knowledge base by meaning and words; gives passages with their ids."),
    parameters=[
        Parameter(
            "query",
            "string",
            _("What to look for, in Korean or English."),
            required=True,
            schema={"minLength": 1, "maxLength": 1000},
        ),
        Parameter(
            "limit",
            "integer",
            _("How many passages at most."),
            default=5,
            schema={"minimum": 1, "maximum": 20},
        ),
        Parameter("tag", "string", _("Only passages with this tag."), schema={"maxLength": 50}),
        Parameter(
            "source", "string", _("Only passages with exactly this source."), schema={"maxLength": 255}
        ),
        Parameter("since", "string", _("Only passages added from this day on."), schema=_DAY),
        Parameter("until", "string", _("Only passages added up to this day."), schema=_DAY),
    ],
)
def knowledge_search(
    call: ToolContext,
    *,
    query: str,
    limit: int = 5,
    tag: str = "",
    source: str = "",
    since: str = "",
    until: str = "",
) -> dict[str, Any]:
    """The best passages, best first: `{"query", "results": [{id, title, snippet, source, score, parts}]}`."""
    found = search_knowledge(
        user=call.user,
        query=query,
        limit=limit,
        tags=[tag] if tag else [],
        source=source,
        since=_midnight(since),
        until=_midnight(until, days=1),
    )
    return {"query": query, "results": [_passage(hit) for hit in found]}


def _passage(hit: Hit) -> dict[str, Any]:
    return {
        "id": hit.id,
        "title": hit.title,
        "snippet": snippet(hit),
        "source": hit.source,
        "score": round(float(hit.score), 4),
        "parts": dict(hit.parts),
    }


def _midnight(day: str, *, days: int = 0) -> datetime | None:
    """When that day begins here, so many days later; None where it is no day."""
    try:
        parsed = parse_date(day)
        if parsed is None:
            return None
        return timezone.make_aware(datetime.combine(parsed + timedelta(days=days), time.min))
    except (ValueError, OverflowError):
        return None


def snippet(hit: Hit) -> str:
    """The whole passage if it is short, otherwise its excerpts that answer the query."""
    if len(hit.content) <= SNIPPET_CHARACTERS:
        return hit.content
    excerpts = ["".join(text for text, _answers in excerpt) for excerpt in hit.highlights]
    return (" … ".join(filter(None, excerpts)) or hit.content)[:SNIPPET_CHARACTERS]
