"""The two ways to a row, by words and by meaning, and how they become one score."""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np
from django.db.models import QuerySet

from agi_site.lib import engines, fulltext, vectors
from agi_site.lib.engines.base import Composed, EmbeddingEngine, EngineError, Matrix, Vector

from .. import options, vector_sets
from ..models import Knowledge, Memory

logger = logging.getLogger(__name__)

# Where results turn out to be deleted, the search is repeated without them.
MOST_TRIES = 4
POOL = 100  # how many rows each of the two ways brings in
RERANKED = 24  # how many of the best a reranking server is given

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

type Parts = tuple[float, float, float]  # score, text part, vector part


def fuse(text: Sequence[fulltext.Match], meaning: Mapping[str, float]) -> dict[str, Parts]:
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


def first(fused: Mapping[str, Any], limit: int) -> list[str]:
    return list(fused)[: max(0, limit)]


def by_words(scope: "QuerySet[Any]", query: str, key: str, as_typed: bool) -> list[fulltext.Match]:
    asked = query[: options.LONGEST_QUERY]
    return fulltext.match(scope, asked, key=key, limit=fulltext.MOST_CANDIDATES, prefix=as_typed)


def by_meaning(
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
    for engine in vector_sets.to_ask(model):
        try:
            asked = _asked(engine, query, vector)
            index = vector_sets.index_of(model, engine.name, len(asked))
            middle = _in_common(engine, asked, index.middle(owner=owner, among=among))
            asked = off_the_middle(asked, middle)
            comparison = index.compare(asked, owner=owner, among=among, background=unrelated(engine))
            return comparison.best(POOL) | comparison.of(match.key for match in text)
        except (EngineError, vectors.Unavailable) as error:
            logger.warning("search goes on without vectors of %s: %s", engine.name, error)
    return {}


def off_the_middle(asked: Vector, middle: vectors.Middle) -> Vector:
    """A query without a share of what the rows it is compared with have in common.

    A row near their middle is near to every query, and would stand before the one that answers. Of few rows
    the middle is mostly themselves, so less of it is left out.
    """
    share = options.MIDDLE_SHARE * middle.rows / (middle.rows + options.FEW_FOR_A_MIDDLE)
    left: Vector = asked - np.float32(share) * middle.vector
    return left


def _in_common(engine: EmbeddingEngine, asked: Vector, middle: vectors.Middle) -> vectors.Middle:
    if not isinstance(engine, Composed):
        return middle
    return vectors.Middle(middle.rows, engine.in_common(asked, middle.vector))


def _asked(engine: EmbeddingEngine, query: str, vector: Vector | None) -> Vector:
    """The query's vector by this engine; `vector` is one by the configured engine."""
    if vector is not None and engine is engines.embedding() and vector.shape == (engine.dimension,):
        return vector
    found: Vector = engine.embed_queries([query[: options.LONGEST_QUERY]])[0]
    return found


def reranked(query: str, texts: Mapping[str, str]) -> dict[str, float]:
    """How well a reranking server says these texts, by key, answer; {} where there is none or it fails."""
    engine = engines.reranking()
    if engine is None or not texts:
        return {}
    try:
        scores = engine.scores(query[: options.LONGEST_QUERY], list(texts.values()))
    except EngineError as error:
        logger.warning("search goes on without %s: %s", engine.name, error)
        return {}
    return {key: float(score) for key, score in zip(texts, scores, strict=True)}


def settled(
    model: type[Knowledge | Memory],
    rows: "QuerySet[Any]",
    wanted: int,
    ask: Callable[[], Mapping[str, Parts]],
) -> tuple[Mapping[str, Parts], dict[str, Any]]:
    """What `ask` has fused, and the first `wanted` of it as rows.

    A row deleted behind a large index's back is met here: it is asked again without that, so that it takes
    no other's place.
    """
    for _again in range(MOST_TRIES):
        fused = ask()
        best = first(fused, wanted)
        found = rows.in_bulk(best)
        if len(found) == len(best) or not forget_gone(model, set(best) - found.keys()):
            break
    return fused, found


def forget_gone(model: type[Knowledge | Memory], keys: Collection[str]) -> bool:
    """Let the indexes drop those rows that the table does not have any more; whether there were such."""
    there = set(model._base_manager.filter(pk__in=keys).values_list("pk", flat=True))
    gone = set(keys) - there
    vectors.drop(model, gone)
    return bool(gone)


def unrelated(engine: EmbeddingEngine) -> Matrix:
    """The background of everyday sentences, by this engine."""
    if engine.name not in _background:
        _background[engine.name] = engine.embed_documents(_UNRELATED)
    return _background[engine.name]
