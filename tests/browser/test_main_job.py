"""The main job as a new person does it, in both languages, against the program with its offline defaults."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.browser.people import Site, ask, sign_up, started

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@dataclass(frozen=True)
class Words:
    """What a person types, and what has to be in the answers."""

    locale: str
    name: str
    title: str
    content: str
    question: str
    fact: str
    sum: str
    result: str


ENGLISH = Words(
    locale="en-US",
    name="Grace",
    title="Blue Heron office",
    content="The Blue Heron office opens at 7:40 in the morning. The door code is changed every Monday.",
    question="When does the Blue Heron office open?",
    fact="7:40",
    sum="What is 1234 * 5678?",
    result="7,?006,?652",
)
KOREAN = Words(
    locale="ko-KR",
    name="민지",
    title="푸른왜가리 사무실 안내",
    content="푸른왜가리 사무실은 아침 7시 40분에 문을 엽니다. 출입 번호는 매주 월요일에 바뀝니다.",
    question="푸른왜가리 사무실은 몇 시에 문을 여나요?",
    fact="7시 40분",
    sum="1234 곱하기 5678은 얼마야?",
    result="7,?006,?652",
)


@pytest.mark.parametrize("words", [ENGLISH, KOREAN], ids=["en", "ko"])
def test_a_new_person_gets_a_grounded_answer_uses_a_tool_and_rates_it(
    site: Site,
    open_page: Callable[..., Any],
    save_screenshot: Callable[[Any, str], None],
    words: Words,
) -> None:
    language = words.locale[:2]
    page = open_page(locale=words.locale)
    page.goto(site.url)
    assert page.locator("html").get_attribute("lang") == language
    save_screenshot(page, f"landing-{language}")
    sign_up(page, site, f"person-{language}", words.name)
    assert words.name in page.locator("h1").inner_text()
    save_screenshot(page, f"home-{language}")

    knowledge_id = add_knowledge(page, site, words)
    answer = ask_first(page, site, words)
    assert words.fact in answer.locator("[data-body]").inner_text()
    citation = answer.locator(f'a.citation[href="/knowledge/{knowledge_id}/"]').first
    citation.click()
    page.locator("#source-popover:popover-open").get_by_role("heading", name=words.title).wait_for()
    save_screenshot(page, f"source-{language}")
    page.keyboard.press("Escape")

    tool_answer = ask(page, words.sum)
    tool_answer.locator(".tool-completed summary").click()
    assert_matches(words.result, tool_answer.inner_text())
    save_screenshot(page, f"chat-{language}")

    rate(tool_answer)
    tool_answer.locator("[data-why]").click()
    tool_answer.locator("meter").first.wait_for()
    save_screenshot(page, f"why-{language}")
    check_rows(site, page, words, knowledge_id)


def add_knowledge(page: Any, site: Site, words: Words) -> str:
    """The person writes down what only they know; returns the row's id."""
    page.goto(f"{site.url}/knowledge/new/")
    page.fill("[name=title]", words.title)
    page.fill("[name=content]", words.content)
    page.click("main form button[type=submit]")
    page.wait_for_url("**/knowledge/*-*/")
    ((row_id,),) = site.rows("select id from knowledge where title = ?", words.title)
    return str(row_id)


def ask_first(page: Any, site: Site, words: Words) -> Any:
    """The first question, from the start page."""
    page.goto(site.url)
    page.fill("#composer-content", words.question)
    page.keyboard.press("Enter")
    page.wait_for_url("**/conversations/*-*/")
    page.locator('.message-assistant[data-status="complete"]').wait_for(timeout=60_000)
    return page.locator(".message-assistant").first


def assert_matches(pattern: str, text: str) -> None:
    assert re.search(pattern, text), text


def rate(answer: Any) -> None:
    """A thumb up and a word on why."""
    answer.locator("button[value=up]").click()
    answer.locator("textarea[name=comment]").fill("right")
    answer.locator(".comment-form button[type=submit]").click()
    answer.locator(".message-panel [role=status]").wait_for()
    assert answer.locator("button[value=up]").get_attribute("aria-pressed") == "true"


def check_rows(site: Site, page: Any, words: Words, knowledge_id: str) -> None:
    """Everything that happened stands in the tables."""
    conversation = page.url.rstrip("/").rsplit("/", 1)[-1]
    said = site.rows(
        "select id, role, content, metadata from message"
        " where conversation_id = ? and role in ('user', 'assistant') order by id",
        conversation,
    )
    assert [role for _id, role, _content, _facts in said] == ["user", "assistant"] * 2
    first_answer, second_answer = said[1], said[3]
    facts = json.loads(first_answer[3])
    assert facts["status"] == "complete"
    assert knowledge_id in [cited["id"] for cited in facts["citations"]]
    assert json.loads(second_answer[3])["tools"][0]["status"] == "completed"
    for table, count in [("intent", 2), ("sentiment", 2)]:
        found = site.rows(
            f"select count(distinct message_id) from {table} where message_id in (?, ?)",
            said[0][0],
            said[2][0],
        )
        assert found[0][0] == count, table
    ((rating, comment),) = site.rows(
        "select rating, comment from feedback where entity_id = ?", second_answer[0]
    )
    assert (rating, comment) == (5, "right")
    assert site.rows("select 1 from explanation where target_id = ?", first_answer[0])
    assert site.rows("select 1 from tool_execution where status = 'completed'")


def test_a_session_ended_elsewhere_is_signed_out_here(site: Site, open_page: Callable[..., Any]) -> None:
    here = open_page()
    sign_up(here, site, "two-devices", "Two")
    there = open_page()
    there.goto(f"{site.url}/accounts/sign-in/")
    there.fill("[name=username]", "two-devices")
    there.fill("[name=password]", "correct horse battery")
    there.click("main form button[type=submit]")
    there.wait_for_url(f"{site.url}/")
    here.goto(f"{site.url}/accounts/sessions/")
    assert here.locator(".list-row").count() == 2
    here.locator("form[action$='/revoke-all/'] button").click()
    here.locator(".list-row").nth(1).wait_for(state="detached")
    there.goto(f"{site.url}/conversations/")
    assert "/accounts/sign-in/" in there.url


def test_without_javascript_the_same_question_is_answered(site: Site, open_page: Callable[..., Any]) -> None:
    page = open_page(java_script_enabled=False)
    sign_up(page, site, "plain-html", "Plain")
    page.fill("#composer-content", "What can you do?")
    page.locator("#composer .send-button").click()
    page.wait_for_url("**/conversations/*-*/")
    for _look in range(60):
        if page.locator('.message-assistant[data-status="complete"]').count():
            break
        page.wait_for_timeout(500)
        page.get_by_role("link", name="Look for the answer").click()
    assert page.locator(".message-assistant [data-body]").inner_text().strip()


@pytest.mark.local_model
def test_the_local_model_answers_and_says_that_it_is_a_demonstration(
    smollm2: str, tmp_path_factory: pytest.TempPathFactory, open_page: Callable[..., Any]
) -> None:
    data_dir = tmp_path_factory.mktemp("local") / "data"
    settings = {"CHAT_ENGINE": "local", "LOCAL_MODEL_PATH": smollm2}
    for site in started(data_dir, EMBEDDING_ENGINE="hashed", LANGUAGE_ENGINE="fake", **settings):
        page = open_page()
        sign_up(page, site, "local", "Local")
        page.get_by_text("demonstration").first.wait_for()
        page.fill("#composer-content", "Say hello in one short sentence.")
        page.keyboard.press("Enter")
        page.wait_for_url("**/conversations/*-*/")
        page.locator('.message-assistant[data-status="complete"]').wait_for(timeout=180_000)
        ((content, facts),) = site.rows("select content, metadata from message where role = 'assistant'")
        assert content.strip()
        assert json.loads(facts)["engine"] == "local"
