"""Reranking by a server: it reads the query and each text together, which tells more than two vectors do."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import openai

from agi_site.lib.engines import config
from agi_site.lib.engines.base import EngineError, Vector
from agi_site.lib.engines.openai_errors import engine_error

TEXT_CHARACTERS = 4_000  # of each text; cross-encoders read about 512 tokens
TIMEOUT_SECONDS = 5.0
# For how long a server that failed is not asked again: a search must not wait for it each time.
REST_SECONDS = 30.0


class HTTPReranking:
    """`POST /rerank` as Jina, Cohere, vLLM and llama.cpp speak it."""

    def __init__(self, *, base_url: str, api_key: str, model: str, timeout: float = TIMEOUT_SECONDS) -> None:
        self.name = f"rerank/{model}"
        self.model = model
        self._client = openai.OpenAI(
            base_url=base_url, api_key=api_key or "none", timeout=timeout, max_retries=0
        )
        self._lock = threading.Lock()
        self._rests_until = 0.0

    @classmethod
    def from_settings(cls) -> HTTPReranking:
        return cls(
            base_url=config.get("RERANK_BASE_URL"),
            api_key=config.get("RERANK_API_KEY"),
            model=config.get("RERANK_MODEL"),
        )

    def scores(self, query: str, texts: Sequence[str]) -> Vector:
        """How well each text answers, shape (n,), in [0, 1]; raises EngineError."""
        if not texts:
            return np.zeros(0, np.float32)
        with self._lock:
            if time.monotonic() < self._rests_until:
                raise EngineError("unreachable", "The reranking server failed a moment ago.")
        try:
            return _in_order(self._asked(query, texts), len(texts))
        except EngineError:
            with self._lock:
                self._rests_until = time.monotonic() + REST_SECONDS
            raise

    def _asked(self, query: str, texts: Sequence[str]) -> Any:
        body = {"model": self.model, "query": query, "documents": [text[:TEXT_CHARACTERS] for text in texts]}
        try:
            answer: Any = self._client.post("/rerank", cast_to=object, body=body)
        except openai.OpenAIError as error:
            raise engine_error(error) from None
        except ValueError:  # the client leaves a body that is no JSON to whoever asked
            raise EngineError("server", "The reranking server did not answer in JSON.") from None
        return answer

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()


def _in_order(answer: Any, count: int) -> Vector:
    """The scores by the texts' own order; servers list the best first, some of them as raw logits."""
    try:
        found = {int(one["index"]): float(one["relevance_score"]) for one in answer["results"]}
        scores = np.array([found[at] for at in range(count)], np.float32)
    except (KeyError, TypeError, ValueError):
        raise EngineError("server", "The reranking server answered in a form that is not known.") from None
    if not np.isfinite(scores).all():
        raise EngineError("server", "The reranking server answered with what is no number.")
    if scores.min() < 0 or scores.max() > 1:
        scores = (1 / (1 + np.exp(-scores.astype(np.float64)))).astype(np.float32)
    return scores
