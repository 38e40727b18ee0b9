"""The offline language engine, on sentences none of which it was trained on (data/heldout_*.jsonl)."""

import datetime as dt
import json
from pathlib import Path

import pytest

from agi_site.lib.engines.analysis import OfflineLanguage, heads, language_of
from agi_site.lib.engines.analysis.entities import find_entities
from agi_site.lib.engines.base import LanguageEngine
from agi_site.lib.engines.fake import FakeEmbedding

HELD_OUT = Path(__file__).parent / "data"
NOW = dt.date(2026, 3, 4)  # a Wednesday


@pytest.mark.slow
@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize(
    ("head", "least"),
    [("intents", 0.9), ("sentiment", 0.85), ("emotions", 0.85)],
    ids=str,
)
def test_the_heads_are_right_on_sentences_they_have_not_seen(offline_language, head, least, language):
    best = {
        "intents": lambda analysis: analysis.intents[0][0],
        "sentiment": lambda analysis: analysis.sentiment_label,
        "emotions": lambda analysis: analysis.dominant_emotion,
    }[head]
    lines = (HELD_OUT / f"heldout_{head}.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [row for row in map(json.loads, lines) if row["language"] == language]
    wrong = [row for row in rows if best(offline_language.analyse(row["text"])) != row["label"]]
    assert 1 - len(wrong) / len(rows) >= least, wrong


@pytest.mark.slow
def test_an_analysis_keeps_its_promises(offline_language):
    assert isinstance(offline_language, LanguageEngine)
    for text in ("I am SO angry!!!", "회의는 세 시에 있습니다", "?", "🙂", "x" * 5000):
        analysis = offline_language.analyse(text)
        scores = [score for _, score in analysis.intents]
        assert scores == sorted(scores, reverse=True)
        assert sum(scores) <= 1.001
        assert -1 <= analysis.sentiment_score <= 1
        assert 0 <= analysis.intensity <= 1
        assert analysis.dominant_emotion in analysis.emotions
        assert all(text[e.start : e.end] == e.name for e in analysis.entities)


@pytest.mark.slow
def test_strong_words_weigh_more(offline_language):
    angry = offline_language.analyse("I'm really furious about this!")
    assert (angry.dominant_emotion, angry.sentiment_label) == ("anger", "negative")
    assert angry.sentiment_score < -0.5
    assert angry.intensity > offline_language.analyse("회의는 세 시에 있습니다").intensity


def test_nothing_said_is_neutral(tmp_path):
    analysis = OfflineLanguage(embedding=FakeEmbedding(32), directory=tmp_path).analyse("   ")
    assert (analysis.language, analysis.sentiment_label, analysis.dominant_emotion) == (
        "und",
        "neutral",
        "neutral",
    )
    assert analysis.intents == []


def test_heads_are_stored_without_pickles_and_read_back(tmp_path):
    embedding = FakeEmbedding(32)
    trained = heads.load_or_train(embedding, tmp_path)
    (file,) = tmp_path.glob("*.npz")
    again = heads.load(file)
    features = again.features(["hello"], embedding.embed_queries(["hello"]))[0]
    assert again.intents.probabilities(features) == pytest.approx(trained.intents.probabilities(features))


def test_damaged_heads_are_trained_again(tmp_path):
    embedding = FakeEmbedding(32)
    (tmp_path / f"language-{heads.fingerprint(embedding.name)}.npz").write_bytes(b"PK\x03\x04 nonsense")
    assert heads.load_or_train(embedding, tmp_path).intents.labels


def test_other_sentences_or_another_embedding_mean_other_heads():
    assert heads.fingerprint("one") != heads.fingerprint("two")


def test_every_intent_has_enough_reviewed_sentences_in_both_languages():
    rows = heads.read_rows("intents")
    counts = {}
    for row in rows:
        counts[row.label, row.language] = counts.get((row.label, row.language), 0) + 1
    assert min(counts.values()) >= 25
    assert len({row.text for row in rows}) == len(rows)


@pytest.mark.parametrize(
    ("text", "language"),
    [("안녕하세요", "ko"), ("Hello", "en"), ("오늘 meeting 몇 시?", "ko"), ("12:30 !!", "und"), ("", "und"),
     ("The word 안녕 means hello in the Korean language", "en"),
     ("이 코드를 실행해 줘\n```python\nimport sys\nprint(sum(range(101)), file=sys.stderr)\n```", "ko"),
     ("이거 실행\n```python\nimport sys\nprint(sum(range(101)))", "ko"),
     ("요약해 줘: https://example.com/guides/installation", "ko"),
     ("run `인사 = 1; print(인사 + 인사)`", "en"), ("```\nprint(1)\n```", "en"),
     ("```\nprint('안녕하세요')\n```", "ko")],
)  # fmt: skip
def test_the_language_is_told_by_its_letters(text, language):
    assert language_of(text) == language


@pytest.mark.parametrize(
    ("text", "kind", "name", "value"),
    [
        ("Lunch costs $12.50 today", "money", "$12.50", "12.5 USD"),
        ("예산은 3만 5천원입니다", "money", "3만 5천원", "35000 KRW"),
        ("a raise of 15%", "percent", "15%", "15"),
        ("20퍼센트 할인", "percent", "20퍼센트", "20"),
        ("on May 3rd, 2027", "date", "May 3rd, 2027", "2027-05-03"),
        ("2026년 3월 2일까지", "date", "2026년 3월 2일", "2026-03-02"),
        ("내일 봐요", "date", "내일", "2026-03-05"),
        ("next Friday works", "date", "next Friday", "2026-03-13"),
        ("다음 주 금요일에", "date", "다음 주 금요일", "2026-03-13"),
        ("on 31 March", "date", "31 March", "--03-31"),
        ("at 3:30pm sharp", "time", "3:30pm", "15:30"),
        ("오후 세 시 반에 만나요", "time", "오후 세 시 반", "15:30"),
        ("within 2 hours", "duration", "2 hours", "2 hours"),
        ("30분 동안", "duration", "30분", "30분"),
        ("write to Anna@Example.com now", "email", "Anna@Example.com", "anna@example.com"),
        ("see https://a.example/x?y=1.", "url", "https://a.example/x?y=1", "https://a.example/x?y=1"),
        ("call 010-1234-5678", "phone", "010-1234-5678", "01012345678"),
        ('he said "read me"', "quoted", "read me", "read me"),
        ("5GB를 올려", "quantity", "5GB", "5GB"),
        ("학생 12명이", "quantity", "12명", "12명"),
        ("I met Dr. Jane Doe", "person", "Jane Doe", "Jane Doe"),
        ("김민수 팀장님이 왔어요", "person", "김민수", "김민수"),
        ("we live in Lisbon.", "place", "Lisbon", "Lisbon"),
        ("부산에서 만나요", "place", "부산", "부산"),
        ("she works at Acme Corporation", "organisation", "Acme Corporation", "Acme Corporation"),
        ("한국은행에 제출", "organisation", "한국은행", "한국은행"),
        ("twenty five people", "number", "twenty five", "25"),
    ],
)
def test_entities_are_found_with_their_place_and_normal_form(text, kind, name, value):
    found = [e for e in find_entities(text, today=NOW) if e.type == kind]
    assert [(e.name, e.value) for e in found] == [(name, value)]
    assert text[found[0].start : found[0].end] == name


@pytest.mark.parametrize(
    "text", ["I'm tired and at home", "이 사람은 누구야 일이 많아", "Nothing to see here", ""]
)
def test_ordinary_words_are_no_entities(text):
    assert find_entities(text, today=NOW) == []
