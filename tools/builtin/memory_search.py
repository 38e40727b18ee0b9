"""Looks up what the assistant remembers about the person who asks."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from knowledge.search import first_memories, search_memory
from knowledge.services import memory_of
from tools.registry import Parameter, ToolContext, tool

from .knowledge_search import snippet


@tool(
    "memory_search",
    category="memory",
    description=_("Search what is remembered about this person by meaning and words; gives notes with ids."),
    parameters=[
        Parameter(
            "query",
            "string",
            _("What to look for, in Korean or English. Leave it out for what matters most."),
            default="",
            schema={"maxLength": 1000},
        ),
        Parameter(
            "limit",
            "integer",
            _("How many memories at most."),
            default=5,
            schema={"minimum": 1, "maximum": 20},
        ),
    ],
    retry_safe=True,
)
def memory_search(call: ToolContext, *, query: str = "", limit: int = 5) -> dict[str, Any]:
    """The best memories, best first: `{"query", "results": [{kind, id, snippet, score, parts}]}`.

    Without a query those that matter most. Nothing for a person who has turned memory off.
    """
    if not memory_of(user=call.user).enabled:
        return {"query": query, "results": [], "note": "This person has turned memory off."}
    if query.strip():
        found = search_memory(user=call.user, query=query, limit=limit)
    else:
        found = first_memories(user=call.user, limit=limit)
    return {
        "query": query,
        "results": [
            {
                "kind": "memory",
                "id": hit.id,
                "snippet": snippet(hit),
                "score": round(float(hit.score), 4),
                "parts": dict(hit.parts),
            }
            for hit in found
        ],
    }
