"""Looks passages up in the team's knowledge base."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from knowledge.search import Hit, search_knowledge
from tools.registry import Parameter, ToolContext, tool

SNIPPET_CHARACTERS = 600


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
    ],
)
def knowledge_search(call: ToolContext, *, query: str, limit: int = 5) -> dict[str, Any]:
    """The best passages, best first: `{"query", "results": [{id, title, snippet, score}]}`."""
    found = search_knowledge(user=call.user, query=query, limit=limit)
    return {"query": query, "results": [_passage(hit) for hit in found]}


def _passage(hit: Hit) -> dict[str, Any]:
    return {
        "id": hit.id,
        "title": hit.title,
        "snippet": _snippet(hit),
        "score": round(float(hit.score), 4),
    }


def _snippet(hit: Hit) -> str:
    """The whole passage if it is short, otherwise its excerpts that answer the query."""
    if len(hit.content) <= SNIPPET_CHARACTERS:
        return hit.content
    excerpts = ["".join(text for text, _answers in excerpt) for excerpt in hit.highlights]
    return (" … ".join(filter(None, excerpts)) or hit.content)[:SNIPPET_CHARACTERS]
