"""What a message says about its author, in Korean and English."""

from decimal import Decimal

import pytest

from knowledge.extraction import extract

SAID = [
    # (message, type, content, reason)
    ("My name is Alice Kim.", "semantic", "My name is Alice Kim.", "name"),
    ("Hi, call me Sam", "semantic", "call me Sam", "name"),
    ("내 이름은 김민수야.", "semantic", "내 이름은 김민수야.", "name"),
    ("제 이름은 박지영입니다", "semantic", "제 이름은 박지영입니다", "name"),
    ("저는 이수진이라고 합니다", "semantic", "저는 이수진이라고 합니다", "name"),
    ("My birthday is on 3 May", "semantic", "My birthday is on 3 May", "birthday"),
    ("내 생일은 5월 3일이야", "semantic", "내 생일은 5월 3일이야", "birthday"),
    ("I live in Busan", "semantic", "I live in Busan", "home"),
    ("나는 서울에 살아", "semantic", "나는 서울에 살아", "home"),
    ("I'm a backend developer at a bank", "semantic", "I'm a backend developer at a bank", "role"),
    ("I work in the data team", "semantic", "I work in the data team", "role"),
    ("My manager is Jane", "semantic", "My manager is Jane", "role"),
    ("저는 데이터팀에서 일해요", "semantic", "저는 데이터팀에서 일해요", "role"),
    ("나는 백엔드 개발자야", "semantic", "나는 백엔드 개발자야", "role"),
    ("우리 팀장은 최영호 님이야", "semantic", "우리 팀장은 최영호 님이야", "role"),
    ("We're building a search engine", "semantic", "We're building a search engine", "project"),
    ("저는 쿠버네티스를 공부하고 있어요", "semantic", "저는 쿠버네티스를 공부하고 있어요", "project"),
    ("My dog is called Bori", "semantic", "My dog is called Bori", "relation"),
    ("I have two daughters", "semantic", "I have two daughters", "relation"),
    ("내 동생은 간호사야", "semantic", "내 동생은 간호사야", "relation"),
    ("내 취미는 등산이야", "semantic", "내 취미는 등산이야", "attribute"),
    ("제 차는 하얀색 아반떼예요", "semantic", "제 차는 하얀색 아반떼예요", "attribute"),
    ("My goal is to run a marathon", "semantic", "My goal is to run a marathon", "attribute"),
    ("I don't drink alcohol", "semantic", "I don't drink alcohol", "life"),
    ("I'm 34 years old", "semantic", "I'm 34 years old", "life"),
    ("I used to live in Seoul", "semantic", "I used to live in Seoul", "life"),
    ("I take metformin every morning", "semantic", "I take metformin every morning", "life"),
    ("I quit smoking", "semantic", "I quit smoking", "life"),
    ("저는 의사가 아니에요", "semantic", "저는 의사가 아니에요", "life"),
    ("지금은 대구에 살아요", "semantic", "지금은 대구에 살아요", "life"),
    ("커피를 끊었어요", "semantic", "커피를 끊었어요", "life"),
    ("매일 아침 혈압약을 먹어요", "semantic", "매일 아침 혈압약을 먹어요", "life"),
    ("My flight got moved to March 5", "semantic", "My flight got moved to March 5", "date"),
    ("치과 예약은 금요일 3시야", "semantic", "치과 예약은 금요일 3시야", "date"),
    ("My uncle runs a bakery", "semantic", "My uncle runs a bakery", "relation"),
    ("Sora likes jazz", "semantic", "Sora likes jazz", "relation"),
    ("민수는 재즈를 좋아해", "semantic", "민수는 재즈를 좋아해", "relation"),
    ("아내는 튤립을 좋아해요", "semantic", "아내는 튤립을 좋아해요", "relation"),
    ("고양이 모모랑 강아지 보리를 키워요", "semantic", "고양이 모모랑 강아지 보리를 키워요", "relation"),
    ("회사 동료 지영씨는 부산에 살아", "semantic", "회사 동료 지영씨는 부산에 살아", "relation"),
    ("My 동생 lives in Busan", "semantic", "My 동생 lives in Busan", "relation"),
    ("이제 녹차는 안 좋아해", "preference", "이제 녹차는 안 좋아해", "preference"),
    ("내 favorite color는 blue야", "preference", "내 favorite color는 blue야", "preference"),
    ("I'm allergic to peanuts", "semantic", "I'm allergic to peanuts", "health"),
    ("나는 땅콩 알레르기가 있어", "semantic", "나는 땅콩 알레르기가 있어", "health"),
    ("From now on, answer in Korean.", "procedural", "From now on, answer in Korean.", "instruction"),
    ("Always show the code first", "procedural", "Always show the code first", "instruction"),
    ("앞으로 존댓말로 대답해 줘", "procedural", "앞으로 존댓말로 대답해 줘", "instruction"),
    ("항상 짧게 답해주세요", "procedural", "항상 짧게 답해주세요", "instruction"),
    ("I prefer tea to coffee", "preference", "I prefer tea to coffee", "preference"),
    ("I don't like long meetings", "preference", "I don't like long meetings", "preference"),
    ("My favourite colour is green", "preference", "My favourite colour is green", "preference"),
    ("나는 매운 음식을 좋아해", "preference", "나는 매운 음식을 좋아해", "preference"),
    ("저는 아침 회의를 싫어해요", "preference", "저는 아침 회의를 싫어해요", "preference"),
    ("난 커피가 더 좋아", "preference", "난 커피가 더 좋아", "preference"),
    ("커피보다 차를 더 좋아해요", "preference", "커피보다 차를 더 좋아해요", "preference"),
    ("Remember that the demo is on Friday", "semantic", "the demo is on Friday", "asked"),
    ("Please remember: I prefer tabs", "preference", "I prefer tabs", "asked"),
    ("내 사물함 번호는 402라는 걸 기억해 줘", "semantic", "내 사물함 번호는 402다", "asked"),
    ("나 땅콩 알레르기 있는 거 잊지 마", "semantic", "나 땅콩 알레르기 있다", "asked"),
    ("제 자리는 창가 쪽이에요. 꼭 기억해 주세요.", "semantic", "제 자리는 창가 쪽이에요", "asked"),
    ("My plate reads 1234. Remember that, please.", "semantic", "My plate reads 1234", "asked"),
    ("The demo is on Thursday, please remember that.", "semantic", "The demo is on Thursday", "asked"),
    ("The gate code is 4471 - don't forget it", "semantic", "The gate code is 4471", "asked"),
    ("Write down that the key is under the mat", "semantic", "the key is under the mat", "asked"),
    ("Save this: the gate code is 4471", "semantic", "the gate code is 4471", "asked"),
    ("Could you remember that Minsu is on leave in June?", "semantic", "Minsu is on leave in June", "asked"),
    ("회의는 목요일 10시야, 기억해 줄래?", "semantic", "회의는 목요일 10시야", "asked"),
    ("제 사물함은 402번이라는 걸 기억해 줄 수 있어요?", "semantic", "제 사물함은 402번이다", "asked"),
    ("기억해 줘: 회의는 목요일 10시야", "semantic", "회의는 목요일 10시야", "asked"),
    ("Yesterday I moved to a new office", "episodic", "Yesterday I moved to a new office", "event"),
    ("다음 주에 제주도로 출장을 갑니다", "episodic", "다음 주에 제주도로 출장을 갑니다", "event"),
]

NOT_SAID = [
    "What is my name?",
    "내 이름이 뭐야?",
    "내 생일이 언제인지 알아?",
    "Do you remember that I like tea?",
    "Can you remember my birthday?",
    "내 노트북이 느려",
    "내 차가 고장났어",
    "My laptop is slow",
    "My car is broken",
    "Can you remember that song?",
    "Where was it, I can't remember that",
    "save this file: report.txt",
    "내 생일 기억해?",
    "I'd like to know how backups work",
    "I like it",
    "I like the second option better",
    "I don't like this answer",
    "If I like it I'll buy it",
    "I may be allergic to cats",
    "고양이 알레르기가 있을지도 몰라",
    "고양이가 키보드 위에서 자고 있어",
    "Always fails with error 500.",
    "앞으로 비가 올 거 같아",
    "The test is at line 30 in the file",
    "The appointment form has 3 fields",
    "My friend wants a recipe for 4 people",
    "I don't work on that part",
    "I stopped receiving e-mails from the server",
    "Python likes indentation",
    "파이썬은 들여쓰기를 좋아해",
    "서버를 키워요",
    "연결을 끊었어",
    "세 살이에요",
    "보통 이렇게 해",
    "회의는 5분 뒤야",
    "Thanks, that's great!",
    "고마워요",
    "안녕하세요",
    "How do I restore the database?",
    "데이터베이스는 어떻게 복구하나요?",
    "Write a poem about my hometown",
    "이 문서를 요약해 줘",
    "The server restarts every night at two.",
    "서버는 매일 새벽 2시에 재시작된다.",
    "> I prefer tea\n",
    "```\nmy name is bash\n```",
    "",
    "?",
]


@pytest.mark.parametrize(("message", "kind", "content", "reason"), SAID)
def test_what_people_say_about_themselves_becomes_a_candidate(
    message: str, kind: str, content: str, reason: str
) -> None:
    [candidate] = extract(message)
    assert (candidate.type, candidate.content, candidate.reason) == (kind, content, reason)
    assert Decimal(0) < candidate.importance <= 1
    assert 0 < candidate.confidence <= 1


@pytest.mark.parametrize("message", NOT_SAID)
def test_what_says_nothing_about_the_person_yields_nothing(message: str) -> None:
    assert extract(message) == []


def test_each_sentence_of_a_message_may_say_something() -> None:
    message = "Hello! My name is Bob. I work at a hospital. What can you do?\n나는 고양이를 좋아해."
    assert [candidate.reason for candidate in extract(message)] == ["name", "role", "preference"]


@pytest.mark.parametrize(
    ("message", "contents"),
    [
        ("My name is Alice Park and I live in Busan.", ["My name is Alice Park", "I live in Busan."]),
        ("Hi, my name is Sam, I'm allergic to nuts", ["my name is Sam", "I'm allergic to nuts"]),
        ("Remember that my desk is blue and I prefer tea", ["my desk is blue", "I prefer tea"]),
        ("제 이름은 김철수이고 저는 서울에 살아요.", ["제 이름은 김철수", "저는 서울에 살아요."]),
    ],
)
def test_clauses_that_each_say_something_are_candidates_of_their_own(
    message: str, contents: list[str]
) -> None:
    assert [candidate.content for candidate in extract(message)] == contents


@pytest.mark.parametrize(
    "message",
    [
        "I live in Busan with my wife and my two cats.",
        "I like tea and my cat likes it, too.",
        "나는 서울에 살고 있어",
    ],
)
def test_a_clause_that_leans_on_another_stays_with_it(message: str) -> None:
    assert [candidate.content for candidate in extract(message)] == [message]


def test_the_same_sentence_twice_is_one_candidate() -> None:
    assert len(extract("I prefer tea.\nI prefer tea.")) == 1


def test_a_very_long_message_is_read_in_bounded_time() -> None:
    assert extract("나는 " + "가" * 50_000) == []
    assert extract("I like " * 20_000) == []
