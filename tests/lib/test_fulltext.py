"""Text search: the same rows in the same order on every engine."""

from collections.abc import Sequence
from typing import Any

import pytest
from django.db import connection

from agi_site.lib import fulltext
from knowledge import services
from knowledge.models import Knowledge, KnowledgeSearch

PASSAGES = {
    "leave": "연차는 매년 3월 31일에 소멸됩니다. 남은 연차는 이월되지 않습니다.",
    "database": "데이터베이스 백업은 매일 새벽 2시에 실행됩니다. 데이터베이스 복구는 운영자가 합니다.",
    "learning": "강화학습은 보상을 통해 정책을 학습하는 방법이다.",
    "vacation": "Unused vacation days expire at the end of March and are not carried over.",
    "backup": "Database backups run every night at two; restoring databases needs an operator.",
    "café": "The café on the ground floor opens at eight. Ｆｕｌｌ width letters are folded.",
    "mixed": "Kubernetes 클러스터에 Redis를 설치했다. привет 漢字 テスト",
    "words": "the who and what of it about where an with",
}


@pytest.fixture
def passages(transactional_db: None) -> None:
    """The corpus; InnoDB's full text sees committed rows only."""
    for name, content in PASSAGES.items():
        _add(name, content)
    fulltext.forget_statistics()


def _add(name: str, content: str) -> Knowledge:
    return services.add_knowledge(author=None, title="-", content=content, source=name)


def _names(query: str, **options: Any) -> list[str]:
    found = fulltext.match(KnowledgeSearch.objects.all(), query, key="knowledge__source", limit=10, **options)
    return [match.key for match in found]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("데이터베이스", ["database"]),
        ("데이터베이스를", ["database"]),
        ("베이스", ["database"]),
        ("학습", ["learning"]),
        ("강화학습의 보상", ["learning"]),
        ("연차 소멸", ["leave"]),
        ("연차가 언제 소멸되나요?", ["leave"]),
        ("databases", ["backup"]),
        ("restore the database", ["backup"]),
        ("vacation expiring", ["vacation"]),
        ("cafe", ["café"]),
        ("FULL", ["café"]),
        ("kubernetes", ["mixed"]),
        ("Redis 설치", ["mixed"]),
        ("привет", ["mixed"]),
        ("漢字", ["mixed"]),
        ("night operator march", ["backup", "vacation"]),
        ("nothing fits zebra", []),
        ("the who and what", []),
        ('"; DROP TABLE +-*~<>()@ "', []),
        ("", []),
    ],
)
def test_a_query_finds_the_same_rows_in_the_same_order_on_every_engine(
    passages: None, query: str, expected: Sequence[str]
) -> None:
    assert _names(query) == expected


def test_one_syllable_finds_a_word_of_one_syllable(transactional_db: None) -> None:
    _add("벡", "벡 과 콩")
    assert _names("콩") == ["벡"]


@pytest.mark.parametrize("query", ["집", "차", "딸"])
@pytest.mark.parametrize("prefix", [False, True])
def test_one_syllable_finds_a_word_that_carries_a_particle(
    transactional_db: None, query: str, prefix: bool
) -> None:
    _add("집", "집에서 회사까지 한 시간 걸려요")
    _add("차", "커피보다 차를 좋아해요")
    _add("딸", "딸은 초등학교에 다녀요")
    fulltext.forget_statistics()
    assert _names(query, prefix=prefix) == [query]


FILLER = " ".join(f"사내 규정 제{number}조는 복무와 보안과 평가의 원칙을 정한다." for number in range(40))


@pytest.mark.parametrize("prefix", [False, True])
@pytest.mark.parametrize("query", ["남은 연차", "출입 카드", "출입카드"])
def test_a_long_row_with_the_whole_query_comes_before_a_short_one_with_half_of_it(
    transactional_db: None, query: str, prefix: bool
) -> None:
    _add("long", f"{FILLER} 남은 연차는 3월에 소멸한다. 출입 카드는 경비실에 있다. {FILLER}")
    _add("leave", "휴가와 연차 안내는 인사팀에 문의하세요")
    _add("card", "법인카드 안내")
    for number in range(20):
        _add(f"filler {number}", f"점심 메뉴 {number}")
    fulltext.forget_statistics()
    assert _names(query, prefix=prefix)[0] == "long"


def test_a_number_and_its_unit_belong_together_while_they_are_typed(transactional_db: None) -> None:
    _add("another", "민수의 생일은 5월 3일")
    _add("asked", "지우의 생일은 3월 5일")
    fulltext.forget_statistics()
    assert _names("3월 5일", prefix=True) == ["asked", "another"]


def test_half_a_word_finds_the_word_while_it_is_typed(passages: None) -> None:
    assert _names("kuberne") == []
    assert _names("kuberne", prefix=True) == ["mixed"]
    assert _names("opens at vacat", prefix=True)[0] in ("vacation", "café")


def test_a_changed_text_is_found_by_its_new_words_only(passages: None, admin_user: Any) -> None:
    row = Knowledge.objects.get(source="learning")
    services.change_knowledge(knowledge=row, by=admin_user, content="Zebras run.")

    assert _names("강화학습") == []
    assert _names("zebra") == ["learning"]


def test_a_row_deleted_by_the_database_leaves_no_trace(passages: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM knowledge WHERE source = 'leave'")

    assert _names("연차") == []
    assert KnowledgeSearch.objects.count() == len(PASSAGES) - 1


@pytest.mark.on_sqlite
def test_a_cascade_empties_the_index_of_sqlite(passages: None) -> None:
    Knowledge.objects.all().delete()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM knowledge_search_fts_docsize")
        assert cursor.fetchone() == (0,)
        cursor.execute("INSERT INTO knowledge_search_fts(knowledge_search_fts) VALUES ('integrity-check')")


def test_common_terms_still_find_rows_when_more_rows_hold_them_than_are_read(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fulltext.ranking, "MOST_CANDIDATES", 5)
    for number in range(12):
        _add(f"row {number}", f"apple pie {number}")
    _add("rare", "apple quince")
    fulltext.forget_statistics()

    assert _names("apple quince") == ["rare"]
    assert len(_names("apple pie")) == 5


def test_a_long_query_costs_a_bounded_number_of_terms(passages: None) -> None:
    assert _names(" ".join(f"word{number}" for number in range(5_000)) + " 강화학습") in ([], ["learning"])


def test_words_side_by_side_come_before_the_same_words_apart(transactional_db: None) -> None:
    _add("apart", "the boundary was a wall and the layer of paint was thin")
    _add("beside", "paint was thin and a wall was the boundary layer of it")
    fulltext.forget_statistics()
    assert _names("boundary layer") == ["beside", "apart"]


def test_a_korean_compound_is_the_same_with_and_without_a_space(transactional_db: None) -> None:
    _add("apart", "은행 직원이 금리를 한국 손님에게 설명했다")
    _add("together", "한국 은행 금리를 직원이 손님에게 설명했다")
    fulltext.forget_statistics()
    assert _names("한국은행의 금리") == ["together", "apart"]
    assert _names("한국 은행 금리") == ["together", "apart"]


def test_what_equally_good_rows_share_ranks_the_rest(transactional_db: None) -> None:
    """None of the last two holds more of the query; one is about the same as the best five."""
    for number in range(5):
        _add(f"best {number}", f"wing flutter supersonic panel {number}")
    _add("other", "wing recipe chicken dinner")
    _add("topic", "wing supersonic panel speed")
    for number in range(20):
        _add(f"filler {number}", f"soup bread butter jam {number}")
    fulltext.forget_statistics()
    found = _names("wing flutter")
    assert found.index("topic") < found.index("other")


def test_one_row_that_stands_out_gets_no_feedback() -> None:
    share = fulltext.scoring._share_of_feedback
    assert share([10, 4, 4, 4, 4]) == 0
    assert share([10, 8, 8, 8, 8]) == pytest.approx(0.25)
    assert share([10, 10, 10, 10, 10]) == 0.5
    assert share([10, 10]) == 0


def test_a_query_of_hangul_bigrams_gets_no_feedback() -> None:
    scoring = fulltext.scoring
    rows = [scoring.Candidate(str(number), ["날개_", "초음_", "wing_"], 3, 10.0) for number in range(6)]

    def again(*asked: str) -> bool:
        scorer = scoring.Scorer(dict.fromkeys(asked, 2.0), 3.0, {})
        return list(scoring.with_feedback(rows, scorer, lambda _term: 1.0)) != rows

    assert again("wing_", "flutter_")
    assert again("wing_", "날개_")
    assert not again("wing_", "날개_", "진동_")


def test_the_share_says_how_much_of_the_query_was_found(passages: None) -> None:
    [whole] = fulltext.match(KnowledgeSearch.objects.all(), "vacation days expire", key="pk", limit=5)
    [part] = fulltext.match(KnowledgeSearch.objects.all(), "vacation zebra unicorn", key="pk", limit=5)
    assert 0 < part.share < 0.4 < whole.share <= 1


@pytest.mark.parametrize("query", ["연차 소멸", "소멸", "민준", "출입카드"])
def test_a_query_that_is_found_whole_is_found_whole_in_a_long_row_and_inside_of_words(
    transactional_db: None, query: str
) -> None:
    """The share decides what the words have to say beside the meaning."""
    _add("long", f"{FILLER} 연차는 3월에 소멸한다. 담당은 김민준이다. 출입 카드는 경비실에 있다. {FILLER}")
    for number in range(20):
        _add(f"filler {number}", f"점심 메뉴 {number}")
    fulltext.forget_statistics()
    [found] = fulltext.match(KnowledgeSearch.objects.all(), query, key="pk", limit=1, prefix=True)
    assert found.share > 0.2


def test_terms_are_plain_enough_for_every_tokeniser() -> None:
    text = "Ünïcödé 데이터베이스를 𠮷野家 x_y 3.14 don't " + "long" * 100 + " " + "가" * 300
    for term in fulltext.terms(text):
        assert term.endswith("_")
        assert 3 <= len(term) <= 84
        assert all(letter in "abcdefghijklmnopqrstuvwxyz0123456789_" or letter >= "぀" for letter in term)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("databases", "database"),
        ("connecting", "connected"),
        ("stopped", "stopping"),
        ("cities", "city"),
        ("classes", "class"),
        ("데이터베이스는", "데이터베이스에서"),
        ("CAFÉ", "cafe"),
    ],
)
def test_forms_of_a_word_share_a_term(one: str, other: str) -> None:
    assert set(fulltext.terms(one)) & set(fulltext.terms(other))


def test_highlights_mark_the_words_of_the_query_in_any_form() -> None:
    [pieces] = fulltext.highlights("We are connecting 데이터베이스를 today.", "connected 데이터베이스")
    assert [text for text, marked in pieces if marked] == ["connecting", "데이터베이스"]
    assert "".join(text for text, _marked in pieces) == "We are connecting 데이터베이스를 today."


@pytest.mark.parametrize(
    ("text", "query", "marked"),
    [
        ("신입의 수습 기간은 육 개월이다.", "한 해에 쉴 수 있나요?", []),
        ("집에서 일한다. 편집은 하지 않는다.", "집", ["집"]),
        ("우리 집", "집", ["집"]),
        ("휴가는 스무 날", "휴가를 어떻게 신청하나요", ["휴가"]),
    ],
)
def test_a_korean_word_is_marked_where_it_stands_and_function_words_nowhere(
    text: str, query: str, marked: list[str]
) -> None:
    assert [word for pieces in fulltext.highlights(text, query) for word, is_it in pieces if is_it] == marked


def test_highlights_of_a_long_text_are_a_few_short_excerpts() -> None:
    excerpts = fulltext.highlights("needle " + "hay " * 500 + "needle " + "hay " * 500 + "needle", "needle")
    assert len(excerpts) == 3
    assert all(len("".join(text for text, _marked in pieces)) < 140 for pieces in excerpts)
    assert fulltext.highlights("anything", "the of") == []
