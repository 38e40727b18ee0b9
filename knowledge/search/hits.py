"""What a search finds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Hit:
    """A row found, and how well it answers.

    `score` and its `parts` ("text", "vector"; for knowledge "rerank" where a server has read it again; for
    memories "importance", "recency", "use") are in [0, 1].
    `highlights`: excerpts, each a list of (text, whether it answers). `source`: where the row comes from.
    """

    id: str
    kind: Literal["knowledge", "memory"]
    title: str
    content: str
    score: float
    parts: Mapping[str, float]
    highlights: list[list[tuple[str, bool]]] = field(default_factory=list)
    source: str = ""
    row: Any = field(default=None, compare=False, repr=False)


def by_meaning_alone(hits: Sequence[Hit]) -> bool:
    """Whether something was found, and none of it by a word of the query."""
    return bool(hits) and not any(hit.parts.get("text") for hit in hits)
