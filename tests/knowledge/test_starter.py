"""Starter knowledge: there from the first start, and never in a person's way."""

from typing import Any

import pytest

from knowledge import services, starter
from knowledge.models import Knowledge
from knowledge.search import search_knowledge

pytestmark = pytest.mark.django_db(transaction=True)


def test_every_passage_stands_in_both_languages_and_is_short() -> None:
    passages = starter.passages()
    languages = [language for _slug, language, _passage in passages]
    assert languages.count("ko") == languages.count("en") >= 10
    for _slug, language, passage in passages:
        assert len(passage["content"]) < 700
        assert any("가" <= letter <= "힣" for letter in passage["title"]) == (language == "ko")


def test_loading_twice_brings_each_passage_once() -> None:
    starter.load()
    starter.load()
    assert Knowledge.objects.count() == len(starter.passages())
    row = Knowledge.objects.get(source="starter:memory:ko")
    assert row.created_by is None
    assert "ko" in row.tag_names


def test_what_a_person_changed_or_deleted_stays_so(operator: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    starter.load()
    changed = Knowledge.objects.get(source="starter:tools:en")
    services.change_knowledge(knowledge=changed, by=operator, content="We have our own tools.")
    services.delete_knowledge(knowledge=Knowledge.objects.get(source="starter:api:en"), by=operator)
    newer = [
        (s, lang, passage | {"content": passage["content"] + " New."})
        for s, lang, passage in starter.passages()
    ]
    monkeypatch.setattr(starter, "passages", lambda: newer)
    starter.load()

    changed.refresh_from_db()
    assert changed.content == "We have our own tools."
    assert not Knowledge.objects.filter(source="starter:api:en").exists()
    assert Knowledge.objects.get(source="starter:why:en").content.endswith(" New.")


def test_a_passage_that_somebody_wrote_already_stops_no_other(alice: Any) -> None:
    [(_slug, _language, known), *_rest] = starter.passages()
    services.add_knowledge(author=alice, title="Ours", content=known["content"])
    starter.load()
    assert Knowledge.objects.count() == len(starter.passages())
    assert Knowledge.objects.filter(title=known["title"], created_by=None).count() == 0


@pytest.mark.parametrize(
    ("question", "slug"),
    [
        ("기억을 지우려면 어떻게 하나요?", "forget:ko"),
        ("언어 모델 연결 방법", "connect-model:ko"),
        ("how do I add knowledge", "add-knowledge:en"),
        ("which tools does the assistant have", "tools:en"),
    ],
)
def test_the_product_can_be_asked_about_itself(alice: Any, question: str, slug: str) -> None:
    starter.load()
    assert search_knowledge(user=alice, query=question)[0].source == f"starter:{slug}"
