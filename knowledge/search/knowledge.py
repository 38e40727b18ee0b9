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
# Of this many times the rows that are wanted some are looked at where the first say the same.
MOST_TAKEN_IN = 5


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
    puts the best in order, and its score is theirs. What a file and a source have both brought in is found
    once, as the row that ranks first.
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
    found = _said_once(rows.light(), fused, found, wanted)
    best = list(found)
    texts = {key: f"{found[key].title}\n{found[key].content}" for key in best} if rerank else {}
    again = reranked(query, texts)
    best = sorted(best, key=lambda key: -again.get(key, 0.0))[: max(0, limit)]
    return [_knowledge_hit(found[key], query, *fused[key], again.get(key)) for key in best]


def _said_once(
    rows: "QuerySet[Any]", fused: Mapping[str, Parts], found: Mapping[str, Knowledge], wanted: int
) -> dict[str, Knowledge]:
    """The first `wanted` rows, best first, but for those that say what one before them says."""
    said: dict[tuple[str, str], Knowledge] = {}
    for key in first(fused, wanted):
        if (row := found.get(key)) is not None:
            said.setdefault((row.title, row.content_hash or key), row)
    if len(said) < min(wanted, len(found)):  # others take the places of those that were left out
        for row in _in_order(rows, list(fused)[wanted : MOST_TAKEN_IN * wanted]):
            if len(said) < wanted:
                said.setdefault((row.title, row.content_hash or row.pk), row)
    return {row.pk: row for row in said.values()}


def _in_order(rows: "QuerySet[Any]", keys: Sequence[str]) -> list[Knowledge]:
    there = rows.in_bulk(keys)
    return [there[key] for key in keys if key in there]


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
