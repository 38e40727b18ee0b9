"""Hybrid search over knowledge and memory: words and meaning, fused into one score.

Every door and the conversation's turn use these two functions. The fusion is a convex blend of the BM25
score and the cosine, each relative to its best row; how much the words have to say depends on how much of
the query they found (README, "Search").
"""

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from django.db.models import QuerySet
from django.utils import timezone

from agi_site.lib import engines, fulltext, vectors
from agi_site.lib.engines.base import EngineError, Matrix, Vector

from . import access, options
from .models import Knowledge, KnowledgeSearch, Memory, MemorySearch, MemoryType

logger = logging.getLogger(__name__)

POOL = 100  # how many rows each of the two ways brings in

# Everyday sentences about nothing in particular: how near they lie to a query shows what an engine calls
# unrelated.
_UNRELATED = (
    "The train to the coast leaves at noon.",
    "She planted tomatoes behind the old fence.",
    "A heavy rain fell over the mountains last night.",
    "The orchestra rehearsed until late in the evening.",
    "어제 저녁에 가족과 함께 바닷가를 걸었다.",
    "도서관은 월요일마다 문을 닫습니다.",
    "고양이가 창가에서 낮잠을 자고 있다.",
    "새로 생긴 빵집 앞에 사람들이 줄을 섰다.",
)
_background: dict[str, Matrix] = {}


@dataclass(frozen=True, slots=True)
class Hit:
    """A row found, and how well it answers.

    `score` and its `parts` ("text", "vector"; for memories also "importance", "recency") are in [0, 1].
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


def search_knowledge(
    *,
    user: Any,
    query: str,
    vector: Vector | None = None,
    limit: int = 8,
    tags: Sequence[str] = (),
    source: str = "",
    as_typed: bool = False,
) -> list[Hit]:
    """The passages that `user` may read and that answer `query` best, best first.

    `vector` is the query's embedding by the configured engine, shape (d,), if the caller has it. `tags` and
    `source` keep rows with all those tags and that very source. `as_typed`: the last word may be half a word.
    """
    rows = Knowledge.objects.for_user(user)
    scope: QuerySet[Any] = KnowledgeSearch.objects.all()
    among: list[str] | None = None
    if rows.query.is_empty():
        return []
    if tags or source:
        rows = rows.tagged(tags).filter(**({"source": source} if source else {}))
        scope = scope.filter(knowledge__in=rows.values("pk"))
        among = list(rows.values_list("pk", flat=True))
    text = _by_words(scope, query, "knowledge_id", as_typed)
    meaning = _by_meaning(Knowledge, query, vector, text, among=among)
    fused = fuse(text, meaning)
    found = rows.light().in_bulk(_first(fused, limit))
    return [_knowledge_hit(found[key], query, *fused[key]) for key in _first(fused, limit) if key in found]


def search_memory(
    *,
    user: Any,
    query: str,
    vector: Vector | None = None,
    limit: int = 8,
    kind: str = "",
    as_typed: bool = False,
    recalled: bool = True,
) -> list[Hit]:
    """What is remembered of `user` that bears on `query`, best first by relevance, importance and recency.

    `recalled` counts the hits as used (later, in one write for many); pages that only show them say no.
    """
    rows = Memory.objects.for_user(user).of_type(kind)
    if rows.query.is_empty():
        return []
    scope: QuerySet[Any] = MemorySearch.objects.filter(memory__in=rows.values("pk"))
    text = _by_words(scope, query, "memory_id", as_typed)
    among = list(rows.values_list("pk", flat=True)) if kind else None
    meaning = _by_meaning(Memory, query, vector, text, owner=user.pk, among=among)
    fused = fuse(text, meaning)
    found = rows.defer("embedding").in_bulk(_first(fused, POOL))
    now, weights, half_life = timezone.now(), options.memory_weights(), options.memory_half_life_days()
    hits = [
        _memory_hit(
            row,
            query,
            *fused[key],
            weights=weights,
            recency=_recency(row.last_accessed or row.created_at, now, half_life),
        )
        for key, row in found.items()
    ]
    hits = sorted(hits, key=lambda hit: (-hit.score, hit.id))[:limit]
    if recalled:
        access.note(hit.id for hit in hits)
    return hits


# --- The two ways and their fusion ------------------------------------------------------------------------
def fuse(
    text: Sequence[fulltext.Match], meaning: Mapping[str, float]
) -> dict[str, tuple[float, float, float]]:
    """Score, text part and vector part by key, best first.

    score = w · bm25 / best bm25 + (1 − w) · cosine share, with w = 0.65 · min(1, (share of the query found /
    0.2)²): a query whose words are not in the texts is answered by meaning alone.
    """
    best = max((match.score for match in text), default=0.0) or 1.0
    share = max((match.share for match in text), default=0.0)
    weight = options.TEXT_WEIGHT * min(1.0, (share / options.FULL_SAY_AT) ** 2) if meaning else 1.0
    words = {match.key: match.score / best for match in text}
    scored = {
        key: (
            weight * words.get(key, 0.0) + (1 - weight) * meaning.get(key, 0.0),
            words.get(key, 0.0),
            meaning.get(key, 0.0),
        )
        for key in {**words, **meaning}
    }
    kept = {key: parts for key, parts in scored.items() if parts[0] >= options.LEAST_SCORE}
    return dict(sorted(kept.items(), key=lambda item: (-item[1][0], item[0])))


def _first(fused: Mapping[str, Any], limit: int) -> list[str]:
    return list(fused)[: max(0, limit)]


def _by_words(scope: "QuerySet[Any]", query: str, key: str, as_typed: bool) -> list[fulltext.Match]:
    asked = query[: options.LONGEST_QUERY]
    return fulltext.match(scope, asked, key=key, limit=fulltext.MOST_CANDIDATES, prefix=as_typed)


def _by_meaning(
    model: type[Knowledge | Memory],
    query: str,
    vector: Vector | None,
    text: Sequence[fulltext.Match],
    *,
    owner: int | None = None,
    among: Sequence[str] | None = None,
) -> dict[str, float]:
    """Shares by key of the nearest rows and of those the words found; {} while no engine answers."""
    if not query.strip():
        return {}
    try:
        engine = engines.embedding()
        if vector is None or vector.shape != (engine.dimension,):
            vector = engine.embed_queries([query[: options.LONGEST_QUERY]])[0]
        index = vectors.index_of(
            model,
            embedding_model=engine.name,
            dimension=len(vector),
            owner="user_id" if model is Memory else "",
        )
        comparison = index.compare(vector, owner=owner, among=among, background=_unrelated())
    except EngineError as error:
        logger.warning("search goes on without vectors: %s", error)
        return {}
    return comparison.best(POOL) | comparison.of(match.key for match in text)


def _unrelated() -> Matrix:
    engine = engines.embedding()
    if engine.name not in _background:
        _background[engine.name] = engine.embed_documents(_UNRELATED)
    return _background[engine.name]


# --- Hits -------------------------------------------------------------------------------------------------
def _knowledge_hit(row: Knowledge, query: str, score: float, text: float, meaning: float) -> Hit:
    return Hit(
        id=row.pk,
        kind="knowledge",
        title=row.title,
        content=row.content,
        score=round(score, 4),
        parts={"text": round(text, 4), "vector": round(meaning, 4)},
        highlights=fulltext.highlights(row.content, query),
        source=row.source or "",
        row=row,
    )


def _weighted(parts: Sequence[float], weights: Sequence[float]) -> float:
    """The weighted mean (after Park et al. 2023, "Generative Agents"); the first part if no weight counts."""
    total = sum(weights)
    return (
        sum(part * weight for part, weight in zip(parts, weights, strict=True)) / total if total else parts[0]
    )


def _memory_hit(
    row: Memory,
    query: str,
    score: float,
    text: float,
    meaning: float,
    *,
    weights: Sequence[float],
    recency: float,
) -> Hit:
    importance = 1.0 if row.pinned else float(row.importance if row.importance is not None else 0.5)
    total = _weighted((score, importance, recency), weights)
    return Hit(
        id=row.pk,
        kind="memory",
        title=str(MemoryType(row.type).label),
        content=row.content,
        score=round(total, 4),
        parts={
            "text": round(text, 4),
            "vector": round(meaning, 4),
            "importance": round(importance, 4),
            "recency": round(recency, 4),
        },
        highlights=fulltext.highlights(row.content, query),
        source=f"message:{row.source_message}" if row.source_message else "",
        row=row,
    )


def _recency(used: datetime, now: datetime, half_life_days: float) -> float:
    """1 just after use, then halved every so many days."""
    days = max(0.0, (now - used).total_seconds() / 86_400)
    return math.pow(0.5, days / half_life_days)
