"""Search with a reranking server, over real HTTP."""

from collections.abc import Iterator
from typing import Any

import pytest

from knowledge import services
from knowledge.search import search_knowledge
from tests.lib.engines.scripted_server import ScriptedServer, scripted_server

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def server(settings: Any) -> Iterator[ScriptedServer]:
    with scripted_server() as running:
        settings.RERANK_BASE_URL, settings.RERANK_MODEL = running.base_url, "reader-1"
        yield running


@pytest.fixture
def teas(alice: Any) -> None:
    for title, content in [
        ("Green tea", "Green tea is brewed at eighty degrees."),
        ("Black tea", "Black tea is brewed at a hundred degrees. Green tea is not."),
        ("Tea room", "The tea room is on the second floor."),
    ]:
        services.add_knowledge(author=alice, title=title, content=content)


def titles(user: Any, **options: Any) -> list[str]:
    return [hit.title for hit in search_knowledge(user=user, query="green tea degrees", **options)]


def test_the_server_puts_the_best_in_order(alice: Any, teas: None, server: ScriptedServer) -> None:
    server.rerank_scores = lambda text: 0.9 if "hundred" in text else 0.2
    found = search_knowledge(user=alice, query="green tea degrees", limit=1)
    assert [hit.title for hit in found] == ["Black tea"]
    assert found[0].score == found[0].parts["rerank"] == 0.9
    assert found[0].parts["text"] > 0
    assert len(server.requests[0]["documents"]) > 1, "more than were asked for are read again"


def test_where_it_fails_the_search_s_own_order_stands(
    alice: Any, teas: None, server: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.rerank = lambda body: (500, {"error": {"message": "no"}})  # type: ignore[method-assign]
    found = search_knowledge(user=alice, query="green tea degrees")
    assert found[0].title == "Green tea"
    assert "rerank" not in found[0].parts
    assert "rerank/reader-1" in caplog.text


def test_nobody_waits_for_it_while_typing(alice: Any, teas: None, server: ScriptedServer) -> None:
    assert titles(alice, as_typed=True)[0] == "Green tea"
    assert server.requests == []
