"""Search in what the team knows."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from agi_site.lib import engines, fulltext
from agi_site.lib.engines.base import Vector

from ..models import Knowledge, KnowledgeSearch
from .fusion import RERANKED, Parts, by_meaning, by_words, first, fuse, reranked, settled
from .hits import Hit

# Of more rows than these no list is made: what is near among all is kept where it is one of them.
MOST_AMONG = 20_000


def search_knowledge(
    *,
    user: Any,
    query: str,
    vector: Vector | None = None,
    limit: int = 8,
    tags: Sequence[str] = (),
    source: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
    as_typed: bool = False,
) -> list[Hit]:
    """The passages that `user` may read and that answer `query` best, best first.

    `vector` is the query's embedding by the configured engine, shape (d,), if the caller has it. `tags` and
    `source` keep rows with all those tags and that very source, `since` and `until` those added from then on
    and before then. `as_typed`: the last word may be half a word. Where a reranking server is configured, it
    puts the best in order, and its score is theirs.
    """
    rows = Knowledge.objects.for_user(user)
    if rows.query.is_empty():
        return []
    scope: QuerySet[Any] = KnowledgeSearch.objects.all()
    narrowed = bool(tags or source or since or until)
    if narrowed:
        rows = rows.narrowed(tags=tags, source=source, since=since, until=until)
        scope = scope.filter(knowledge__in=rows.values("pk"))
    text = by_words(scope, query, "knowledge_id", as_typed)
    # Nobody waits for a server at each key.
    rerank = limit > 0 and not as_typed and engines.reranking() is not None
    wanted = max(limit, RERANKED) if rerank else limit
    among = _few_keys(rows) if narrowed else None

    def ask() -> Mapping[str, Parts]:
        fused = fuse(text, by_meaning(Knowledge, query, vector, text, among=among))
        return _only(rows, fused) if narrowed and among is None else fused

    fused, found = settled(Knowledge, rows.light(), wanted, ask)
    best = [key for key in first(fused, wanted) if key in found]
    texts = {key: f"{found[key].title}\n{found[key].content}" for key in best} if rerank else {}
    again = reranked(query, texts)
    best = sorted(best, key=lambda key: -again.get(key, 0.0))[: max(0, limit)]
    return [_knowledge_hit(found[key], query, *fused[key], again.get(key)) for key in best]


def _few_keys(rows: "QuerySet[Any]") -> list[str] | None:
    """The rows' keys, None where they are too many to be listed."""
    keys = list(rows.values_list("pk", flat=True)[: MOST_AMONG + 1])
    return keys if len(keys) <= MOST_AMONG else None


def _only(rows: "QuerySet[Any]", fused: Mapping[str, Parts]) -> dict[str, Parts]:
    there = set(rows.filter(pk__in=list(fused)).values_list("pk", flat=True))
    return {key: parts for key, parts in fused.items() if key in there}


def _knowledge_hit(
    row: Knowledge, query: str, score: float, text: float, meaning: float, again: float | None
) -> Hit:
    parts = {"text": round(text, 4), "vector": round(meaning, 4)}
    if again is not None:
        parts["rerank"], score = round(again, 4), again
    return Hit(
        id=row.pk,
        kind="knowledge",
        title=row.title,
        content=row.content,
        score=round(score, 4),
        parts=parts,
        highlights=fulltext.highlights(row.content, query),
        source=row.source or "",
        row=row,
    )
