"""The program as `make run` starts it, and browsers of new people in front of it."""

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.browser.people import Site, started
from tests.infra.processes import ROOT
from tests.lib.engines.scripted_server import ScriptedServer, scripted_server

SCREENSHOTS = ROOT / "docs" / "screenshots"


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The program with its offline defaults: the guide answers, the packaged model embeds."""
    data_dir = tmp_path_factory.mktemp("site") / "data"
    yield from started(data_dir, CHAT_ENGINE="guide", EMBEDDING_ENGINE="packaged", LANGUAGE_ENGINE="offline")


@pytest.fixture(scope="session")
def upstream() -> Iterator[ScriptedServer]:
    """A model server that does what a test tells it."""
    with scripted_server() as server:
        server.remembers_nothing = True
        yield server


@pytest.fixture(scope="session")
def site_with_model(tmp_path_factory: pytest.TempPathFactory, upstream: ScriptedServer) -> Iterator[Site]:
    """The program with a model server behind it."""
    data_dir = tmp_path_factory.mktemp("model") / "data"
    yield from started(
        data_dir,
        CHAT_ENGINE="openai",
        CHAT_BASE_URL=upstream.base_url,
        CHAT_MODEL="scripted-1",
        EMBEDDING_ENGINE="hashed",
        LANGUAGE_ENGINE="fake",
    )


@pytest.fixture
def open_page(browser: Any) -> Iterator[Callable[..., Any]]:
    """`open_page(locale="ko-KR", width=390)`: a fresh browser; a fault in a page's script fails the test."""
    contexts, faults = [], []

    def make(*, locale: str = "en-US", width: int = 1280, scheme: Any = "light", **options: Any) -> Any:
        phone = width < 600
        context = browser.new_context(
            locale=locale,
            color_scheme=scheme,
            viewport={"width": width, "height": 844 if phone else 800},
            has_touch=phone,
            is_mobile=phone,
            reduced_motion="reduce",
            **options,
        )
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda fault: faults.append(str(fault)))
        page.on(
            "console",
            lambda said: faults.append(said.text) if "Content Security Policy" in said.text else None,
        )
        return page

    yield make
    for context in contexts:
        context.close()
    assert faults == []


@pytest.fixture
def save_screenshot() -> Callable[[Any, str], None]:
    """Keeps a picture for the README when SAVE_SCREENSHOTS is set (make docs)."""

    def save(page: Any, name: str) -> None:
        if os.environ.get("SAVE_SCREENSHOTS"):
            SCREENSHOTS.mkdir(parents=True, exist_ok=True)
            page.wait_for_timeout(300)
            page.screenshot(path=SCREENSHOTS / f"{name}.png")

    return save
