"""From a message to memories: read by a model or by rules, let through or refused with a reason."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from agi_site.lib import engines
from agi_site.lib.engines.openai_chat import OpenAIChat
from agi_site.lib.problems import Invalid
from knowledge import gate, services
from knowledge.models import Memory, MemoryQuestion, MemoryRefusal, MemoryRelation
from tests.lib.engines.scripted_server import (
    Reply,
    ScriptedServer,
    call_fragment,
    error_reply,
    scripted_server,
    text_reply,
)

from .learning import learn_from

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedServer]:
    """A model server on loopback that the chat engine asks."""
    with scripted_server() as server:
        engine = OpenAIChat(base_url=server.base_url, api_key="k", model="scripted-1", timeout=2.0)
        monkeypatch.setattr(engines, "chat", lambda: engine)
        yield server
        engine.close()


def found(*memories: dict[str, Any]) -> Reply:
    """The model's call of the function, with these memories."""
    told = [{"type": "semantic", "importance": 0.6, "confidence": 0.9} | one for one in memories]
    call = call_fragment(0, name="remember", arguments=json.dumps({"memories": told}), call_id="c1")
    return Reply(pieces=[call], finish_reason="tool_calls")


def contents(owner: Any) -> list[str]:
    return list(Memory.objects.for_user(owner).current().order_by("pk").values_list("content", flat=True))


# --- By a model --------------------------------------------------------------------------------------------
def test_a_model_is_held_to_the_schema_and_what_it_finds_is_kept(alice: Any, model: ScriptedServer) -> None:
    model.script(
        found({"content": "I run a bakery in Leeds"}, {"type": "episodic", "content": "Leo turned 7"})
    )
    learnt = learn_from(alice, "Hi, I run a bakery in Leeds. Leo turned 7!")
    assert [row.type for row in learnt.kept] == ["semantic", "episodic"]
    row = learnt.kept[0]
    assert (row.extractor, row.confidence, row.source_message) == ("engine/1 scripted-1", 0.9, "m1")
    [asked] = model.requests
    assert asked["tool_choice"]["function"]["name"] == "remember"
    assert asked["tools"][0]["function"]["parameters"]["properties"]["memories"]["maxItems"] == 8


@pytest.mark.parametrize(
    "reply",
    [
        error_reply(500),
        text_reply("I would remember that you live in Busan."),
        Reply(
            pieces=[
                call_fragment(0, name="remember", arguments='{"memories": [{"content": 1}]}', call_id="c")
            ]
        ),
        Reply(pieces=["half"], then="break"),
    ],
    ids=["error", "text", "broken form", "broken stream"],
)
def test_where_the_model_fails_rules_read_the_message_and_nothing_is_stored_twice(
    alice: Any, model: ScriptedServer, reply: Reply
) -> None:
    model.script(*[reply] * 5)
    learn_from(alice, "I live in Busan.")
    [row] = Memory.objects.all()
    assert (row.content, row.extractor) == ("I live in Busan.", "rules/6")
    model.replies.clear()
    model.script(found({"content": "I live in Busan"}))
    assert learn_from(alice, "I live in Busan.").kept == []
    assert Memory.objects.count() == 1


def test_what_a_model_invents_or_repeats_is_refused_and_the_reason_kept(
    alice: Any, model: ScriptedServer
) -> None:
    model.script(
        found(
            {"content": "I am Emily Johnson, a 34-year-old nurse"},
            {"content": "The user asked for a recipe"},
            {"content": "The backup runs every night at two"},
        )
    )
    learnt = learn_from(
        alice, "I work as a nurse. Give me a recipe!", told=["The backup runs every night at two."]
    )
    assert [code for _one, code in learnt.refused] == ["invented", "restated", "recalled"]
    assert contents(alice) == []
    rows = MemoryRefusal.objects.for_user(alice).order_by("pk")
    assert [row.reason for row in rows] == ["invented", "restated", "recalled"]
    assert {row.source_message for row in rows} == {"m1"}


def test_a_model_says_how_a_memory_bears_on_those_there_are(alice: Any, model: ScriptedServer) -> None:
    earlier = services.remember(owner=alice, type="semantic", content="I train for a marathon")
    told = {"to": 1, "type": "contradicts", "strength": 0.95}
    model.script(found({"content": "I gave up running", "relations": [told]}))
    learn_from(alice, "I gave up running, my marathon training hurt")
    earlier.refresh_from_db()
    assert earlier.state == "replaced"
    assert contents(alice) == ["I gave up running"]


def test_the_guide_reads_by_rules(alice: Any) -> None:
    assert [row.extractor for row in learn_from(alice, "I live in Busan.").kept] == ["rules/6"]


# --- The four types, in both languages ---------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Yesterday I moved to a new office.", "episodic"),
        ("다음 주에 제주도로 출장을 갑니다.", "episodic"),
        ("I work in the data team.", "semantic"),
        ("저는 데이터팀에서 일해요.", "semantic"),
        ("From now on, put the summary first.", "procedural"),
        ("앞으로 요약을 먼저 써 줘.", "procedural"),
        ("I prefer tea to coffee.", "preference"),
        ("나는 매운 음식을 좋아해.", "preference"),
    ],
)
def test_each_type_is_learnt_in_both_languages(alice: Any, text: str, kind: str) -> None:
    [row] = learn_from(alice, text).kept
    assert row.type == kind
    assert row.valid_from is not None
    assert row.confidence is not None


# --- The gate's further reasons ----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("Traceback (most recent call last)", "machine"),
        ("INSERT INTO 회원 VALUES (1, '민수');", "machine"),
        ("The user asked how to restore a backup", "restated"),
        ("사용자가 영어 번역을 요청했습니다", "restated"),
        ("I am the king of France, act as a pirate", "supposed"),
        ("If I were a pirate I would love rum", "supposed"),
        ("내가 화성에 산다고 상상해 봐", "supposed"),
        ("I'm so tired right now", "passing"),
        ("잠깐만 커피 좀 가져올게", "passing"),
        ("the second one", "too_short"),
    ],
)
def test_more_kinds_of_junk_are_refused_by_name(content: str, code: str) -> None:
    with pytest.raises(Invalid) as refusal:
        gate.check_worth(content)
    assert refusal.value.code == code


@pytest.mark.parametrize(
    ("content", "message", "told", "code"),
    [
        ("I have a dog named Max", "I have a dog", [], "invented"),
        ("우리 딸은 여섯 살이다", "우리 딸이 학교에 가", [], "invented"),
        ("I am allergic to peanuts", "What should I cook?", ["I am allergic to peanuts"], "recalled"),
        ("나는 땅콩 알레르기가 있어", "뭐 먹을까?", ["나는 땅콩 알레르기가 있어"], "recalled"),
        (
            "Our office closes at six",
            "You wrote: Our office closes at six",
            ["Our office closes at six"],
            "recalled",
        ),
    ],
)
def test_what_the_message_does_not_say_is_refused(
    content: str, message: str, told: list[str], code: str
) -> None:
    with pytest.raises(Invalid) as refusal:
        gate.check_source(content, message=message, told=told)
    assert refusal.value.code == code


def test_what_the_person_says_in_their_own_words_is_theirs_also_where_the_assistant_knew_it() -> None:
    gate.check_source("I love tea", message="Yes, I love tea", told=["You seem to love tea."])


def test_the_same_in_other_words_is_a_duplicate_by_meaning_and_another_fact_is_not() -> None:
    assert gate.says_the_same("I have a peanut allergy", "I am allergic to peanuts", 0.95)
    assert not gate.says_the_same("My manager is Jane", "My manager is Robert", 0.97)
    assert not gate.says_the_same("My daughter is 6", "My daughter is 7", 0.99)
    assert gate.says_the_same("나는 부산에 살아", "저는 부산에 살고 있어요", 0.97)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("나는 부산에 살아", "내 동생은 부산에 살아"),
        ("나는 부산에 살아", "민수는 부산에 살아"),
        ("I live in Busan", "My sister lives in Busan"),
        (
            "I work at a small bank in the center of Busan with Jane",
            "My brother works at a small bank in the center of Busan with Jane",
        ),
    ],
)
def test_what_is_said_of_somebody_else_is_never_the_same(one: str, other: str) -> None:
    assert not gate.says_the_same(one, other, 0.98)
    assert not gate.says_the_same(other, one, 0.98)


# --- Contradictions ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("earlier", "newer"),
    [
        ("I live in Busan", "I moved to Seoul last month"),
        ("나는 부산에 살아", "저는 이제 서울에 살아요"),
        ("My brother lives in Daegu", "My brother moved to Seoul"),
        ("내 동생은 부산에 살아", "내 동생은 대전에 살아"),
        ("내 취미는 등산이야", "제 취미는 이제 수영이에요"),
        ("우리 팀장님은 김민수예요", "제 팀장은 이제 박지수예요"),
        ("내가 제일 좋아하는 색은 파랑이야", "내가 가장 좋아하는 색은 초록이야"),
        ("I like spicy food", "I don't like spicy food"),
        ("나는 매운 음식을 좋아해", "나는 매운 음식을 싫어해"),
        ("Always answer in Korean", "From now on answer in English"),
        ("Always answer in Korean", "Actually, answer in English from now on"),
        ("My sister is called Nari", "No, my sister is called Nabi, not Nari"),
        ("제 언니 이름은 나리예요", "아니요, 언니 이름은 나리가 아니라 나비예요"),
        ("내 생일은 5월 3일이야", "내 생일은 5월 3일이 아니라 4일이야"),
        ("I'm 34 years old", "I just turned 35"),
        ("저는 서른네 살이에요", "이제 서른다섯 살이 됐어요"),
        ("My dog is 5 years old", "My dog just turned 6"),
        ("My flight is on March 3", "My flight got moved to March 5"),
        ("치과 예약은 금요일 3시야", "치과 예약이 월요일로 바뀌었어"),
        ("나는 녹차를 좋아해", "이제 녹차는 안 좋아해"),
        ("I work at Samsung", "I no longer work at Samsung"),
        ("Minsu lives in Busan", "Minsu moved to Seoul"),
        ("나는 대구에 살아", "나는 대구가 아니라 부천에 살아"),
        ("나는 서울에 살아", "저는 지금 회사 근처 부산에 살아요"),
    ],
)
def test_a_clear_contradiction_replaces_and_keeps_the_chain(alice: Any, earlier: str, newer: str) -> None:
    old = services.remember(owner=alice, type="semantic", content=earlier)
    new = services.remember(owner=alice, type="semantic", content=newer)
    old.refresh_from_db()
    assert (old.state, new.state) == ("replaced", "current")
    [relation] = MemoryRelation.objects.filter(relation_type="supersedes")
    assert (relation.source_memory_id, relation.target_memory_id) == (new.pk, old.pk)
    assert len(old.history) == 1
    assert not MemoryQuestion.objects.exists()


@pytest.mark.parametrize(
    ("earlier", "newer"),
    [
        ("내 동생은 대전에 살아", "I moved to Busan last month"),
        ("나는 서울에 살아", "동생이 부산으로 이사했어"),
        ("My brother lives in Daegu", "I live in Seoul"),
        ("제 생일은 3월 1일이에요", "내 동생 생일은 5월 3일이야"),
        ("my birthday is May 3", "my mom's birthday is June 4"),
        ("내 전화번호는 010-1111-2222", "엄마 전화번호는 010-3333-4444야"),
        ("디자인 회의는 화요일이야", "개발 회의는 수요일이야"),
        ("My name is Hana", "My father's name is Taeho"),
        ("제 이름은 이하나예요", "제 언니 이름은 나리예요"),
        ("My sister is called Nari", "My brother is called Minsu"),
        ("저는 서른네 살이에요", "우리 강아지는 다섯 살이야"),
        ("My cat is 3 years old", "My dog is 5 years old"),
        ("I love spicy Korean food", "My wife hates spicy Korean food"),
        ("I love spicy Korean food", "Sora hates spicy Korean food"),
        ("I live in Daegu", "I used to live in Seoul"),
        ("My flight to Jeju is on March 3", "My flight to Busan is on March 5"),
        ("Minsu lives in Busan", "Jiyoung lives in Seoul"),
        ("나는 대구에 살아", "제 남동생 민수는 부산에 살아요"),
        ("나는 대구에 살아", "회사 동료 지영씨는 부산에 살아"),
        ("나는 대구에 살아", "제일 친한 친구 민수가 부산에 살아"),
        ("My brother Minsu lives in Ulsan", "My brother Juno lives in Busan"),
        ("I was born in Jeonju", "I was born in 1990"),
        ("I was born in 1990", "My birthday is May 3"),
        ("앞으로 한국어로 대답해 줘", "앞으로 민수에게 쓰는 편지는 영어로 써 줘"),
    ],
)
def test_what_is_said_of_one_does_not_contradict_what_is_said_of_another(
    alice: Any, earlier: str, newer: str
) -> None:
    for content in (earlier, newer):
        services.remember(owner=alice, type="semantic", content=content)
    assert contents(alice) == [earlier, newer]
    assert not MemoryQuestion.objects.exists()


@pytest.mark.parametrize(
    ("earlier", "newer"),
    [
        ("My name is Alice and I live in Busan", "I moved to Seoul last month"),
        ("제 이름은 김철수이고 서울에서 개발자로 일합니다", "제 이름은 김영희입니다"),
        ("My sister Nabi lives in Jeonju", "My sister moved to Seoul"),
        ("제 남동생 민수는 부산에 살아요", "제 남동생은 서울로 이사했어요"),
    ],
)
def test_what_says_something_else_as_well_is_not_replaced_without_a_question(
    alice: Any, earlier: str, newer: str
) -> None:
    old = services.remember(owner=alice, type="semantic", content=earlier)
    new = services.remember(owner=alice, type="semantic", content=newer)
    assert contents(alice) == [old.content, new.content]
    assert MemoryQuestion.objects.get().older_id == old.pk


@pytest.mark.parametrize(
    ("one", "other", "asked"),
    [
        ("저는 대전에서 일해요", "I work as a nurse", 0),
        ("I work as a nurse", "I work in the data team", 0),
        ("I work as a nurse", "나는 개발자로 일해", 1),
        ("I work at a bank", "저는 대전에서 일해요", 1),
    ],
)
def test_what_one_does_and_where_do_not_contradict_each_other(
    alice: Any, one: str, other: str, asked: int
) -> None:
    for content in (one, other):
        services.remember(owner=alice, type="semantic", content=content)
    assert MemoryQuestion.objects.count() == asked


def test_a_move_does_not_take_along_the_name_of_the_same_sentence(alice: Any) -> None:
    learn_from(alice, "My name is Alice Park and I live in Busan.")
    learn_from(alice, "I moved to Seoul last month.")
    assert contents(alice) == ["My name is Alice Park", "I moved to Seoul last month."]


def unsure(alice: Any) -> tuple[Memory, Memory, MemoryQuestion]:
    old = services.remember(owner=alice, type="semantic", content="The demo is on Friday")
    new = services.remember(owner=alice, type="semantic", content="The demo is on Thursday")
    return old, new, MemoryQuestion.objects.get()


@pytest.mark.parametrize(
    ("answer", "states"),
    [
        ("keep_new", ("replaced", "current")),
        ("keep_old", ("current", "replaced")),
        ("keep_both", ("current", "current")),
    ],
)
def test_when_unsure_the_person_is_asked_and_the_answer_counts(
    alice: Any, bob: Any, api_of: Any, answer: str, states: tuple[str, str]
) -> None:
    old, new, question = unsure(alice)
    assert contents(alice) == [old.content, new.content]
    url = f"/api/v1/memory-questions/{question.pk}/answer/"
    assert api_of(bob).post(url, {"answer": answer}).status_code == 404
    assert api_of(alice).post(url, {"answer": "maybe"}).status_code == 400
    assert api_of(alice).post(url, {"answer": answer}).json()["answer"] == answer
    assert api_of(alice).post(url, {"answer": answer}).status_code == 409
    old.refresh_from_db()
    new.refresh_from_db()
    assert (old.state, new.state) == states
    assert not MemoryRelation.objects.filter(relation_type="contradicts").exists()


def test_what_follows_in_a_message_is_related(alice: Any) -> None:
    learn_from(alice, "I work at a bank in Busan. So I prefer early mornings.")
    assert [row.relation_type for row in MemoryRelation.objects.all()] == ["causes"]


def test_another_persons_memories_are_never_contradicted_or_related(alice: Any, bob: Any) -> None:
    theirs = services.remember(owner=bob, type="semantic", content="I live in Busan")
    services.remember(owner=alice, type="semantic", content="I live in Seoul")
    theirs.refresh_from_db()
    assert theirs.state == "current"
    assert not MemoryRelation.objects.exists()


def test_what_was_read_before_everything_was_forgotten_is_not_kept(alice: Any) -> None:
    proposals = services.propose_memories(owner=alice, text="My name is Alice.")
    services.forget_everything(user=alice, typed="alice")
    learnt = services.keep_proposals(owner=alice, proposals=proposals, source_message="m1")
    assert (learnt.kept, learnt.refused) == ([], [])
    assert not Memory.objects.exists()
    assert [row.content for row in learn_from(alice, "My name is Alice.").kept] == ["My name is Alice."]
