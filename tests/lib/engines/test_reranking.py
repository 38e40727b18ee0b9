"""A reranking server over real HTTP: its order, its faults."""

import numpy as np
import pytest

from agi_site.lib import engines
from agi_site.lib.engines import rerank_http
from agi_site.lib.engines.base import EngineError, RerankingEngine
from agi_site.lib.engines.rerank_http import HTTPReranking


@pytest.fixture
def engine(server):
    made = HTTPReranking(base_url=server.base_url, api_key="sk-key", model="reader-1", timeout=1)
    yield made
    made.close()


def test_scores_come_in_the_order_of_the_texts(engine, server):
    server.rerank_scores = {"no": 0.1, "yes": 0.9, "perhaps": 0.5}.__getitem__
    assert isinstance(engine, RerankingEngine)
    np.testing.assert_allclose(engine.scores("what?", ["no", "yes", "perhaps"]), [0.1, 0.9, 0.5], rtol=1e-6)
    [asked] = server.requests
    assert asked == {"model": "reader-1", "query": "what?", "documents": ["no", "yes", "perhaps"]}
    assert server.authorisations == ["Bearer sk-key"]


def test_raw_logits_are_brought_between_0_and_1_and_keep_their_order(engine, server):
    server.rerank_scores = {"no": -7.0, "yes": 4.0}.__getitem__
    low, high = engine.scores("what?", ["no", "yes"])
    assert 0 < low < 0.01
    assert 0.98 < high < 1


def test_without_texts_nothing_is_asked(engine, server):
    assert engine.scores("what?", []).shape == (0,)
    assert server.requests == []


@pytest.mark.parametrize(
    "answer", [{}, {"results": [{"index": 0}]}, {"results": []}, [1], {"results": [None]}, b"<html>"]
)
def test_an_answer_of_another_form_is_an_engine_error(engine, server, answer):
    server.rerank = lambda body: (200, answer)
    with pytest.raises(EngineError) as caught:
        engine.scores("what?", ["a"])
    assert caught.value.kind == "server"


def test_a_server_that_failed_is_left_alone_for_a_while(engine, server, monkeypatch):
    server.rerank = lambda body: (503, {"error": {"message": "loading"}})
    for _n in range(3):
        with pytest.raises(EngineError):
            engine.scores("what?", ["a"])
    assert len(server.requests) == 1
    monkeypatch.setattr(rerank_http.time, "monotonic", lambda: engine._rests_until + 1)
    with pytest.raises(EngineError):
        engine.scores("what?", ["a"])
    assert len(server.requests) == 2


def test_there_is_one_only_where_an_address_is_set(settings, server):
    assert engines.reranking() is None
    settings.RERANK_BASE_URL, settings.RERANK_MODEL = server.base_url, "reader-1"
    found = engines.reranking()
    assert found is not None
    assert found.name == "rerank/reader-1"
    assert engines.reranking() is found
