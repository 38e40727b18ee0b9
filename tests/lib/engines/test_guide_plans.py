# ruff: noqa: E501 - requests are read whole, line by line
"""The guide and plans: requests of several steps, files, memories, and what is said when a plan has ended."""

import json

import pytest

from agi_site.lib.engines.base import Analysis, ToolCall, ToolSpec
from agi_site.lib.engines.guide.planning import plan_of
from agi_site.lib.engines.guide.results import phrase
from agi_site.lib.engines.guide.routing import route
from agi_site.lib.engines.guide.splitting import steps_of

NAMES = (
    "calculator",
    "create_plan",
    "current_time",
    "knowledge_search",
    "memory_search",
    "python",
    "read_file",
    "run_plan",
    "shell",
    "web_fetch",
    "write_file",
)
TOOLS = [ToolSpec(name, name, {}) for name in NAMES]
PLAIN = Analysis("en", [("question", 0.4)], [], 0.0, "neutral", {}, "neutral", 0.0)


def planned(text: str, offered=NAMES, meant=False):
    return plan_of(text, offered, lambda part: route(part, PLAIN, TOOLS), meant=meant)


def shape(call: ToolCall | None) -> list[tuple[str, object, list[str]]]:
    assert call is not None
    return [
        (step.get("tool", "prompt"), step.get("arguments", step.get("prompt")), step["depends_on"])
        for step in call.arguments["steps"]
    ]


COMPUTED = [
    ("python", {"code": "print(6*7)"}, []),
    ("calculator", {"expression": "10 + {{ steps.step1.output.stdout }}"}, ["step1"]),
    ("calculator", {"expression": "{{ steps.step2.output.result }} * 2"}, ["step2"]),
]


@pytest.mark.parametrize(
    "text",
    [
        "Make a plan and run it: first compute 6*7 with Python, then add 10 to it, and finally multiply that by 2.",
        "Plan: 1. compute 6*7 with Python 2. add 10 to the result 3. multiply it by 2",
        "Please do these steps:\n1) compute 6*7 with Python\n2) add 10 to it\n3) multiply the last result by 2",
        "Step 1: compute 6*7 in Python. Step 2: add 10 to the result of step 1. Step 3: multiply step 2's result by 2.",
    ],
)
def test_steps_become_a_plan_that_passes_results_on(text: str) -> None:
    call = planned(text)
    assert call is not None
    assert call.name == "run_plan"
    assert shape(call) == COMPUTED


def test_asking_for_the_time_is_not_taken_for_an_earlier_result() -> None:
    text = "1. calculate 2+2 2. calculate 3*3 3. what time is it"
    assert [tool for tool, _arguments, _after in shape(planned(text))] == [
        "calculator",
        "calculator",
        "current_time",
    ]


def test_korean_steps_become_the_same_plan() -> None:
    text = "계획을 세워 실행해 줘: 먼저 파이썬으로 6 곱하기 7을 계산하고, 그다음 그 결과에 10을 더하고, 마지막으로 그 결과에 2를 곱해 줘."
    assert shape(planned(text)) == [
        ("python", {"code": "print(6 * 7)"}, []),
        ("calculator", {"expression": "{{ steps.step1.output.stdout }} + 10"}, ["step1"]),
        ("calculator", {"expression": "{{ steps.step2.output.result }} * 2"}, ["step2"]),
    ]


def test_a_number_at_the_end_of_a_step_is_not_taken_for_the_next_one() -> None:
    found = steps_of("I'd like a plan. 1) Add 4 and 5. 2) Multiply the result by 3. 3) Halve it.")
    assert found is not None
    assert found.parts == ["Add 4 and 5", "Multiply the result by 3", "Halve it"]


def test_two_results_are_used_together() -> None:
    steps = shape(planned("Plan:\n1. What is 12 times 8?\n2. What is 5% of 2000?\n3. Add both results."))
    total = "{{ steps.step1.output.result }} + {{ steps.step2.output.result }}"
    assert steps[2] == ("calculator", {"expression": total}, ["step1", "step2"])


def test_a_result_can_be_written_to_a_file() -> None:
    steps = shape(
        planned("First compute 15% of 2400, then save the result to tip.txt, finally read tip.txt.")
    )
    assert steps[1:] == [
        ("write_file", {"path": "tip.txt", "content": "{{ steps.step1.output.result }}"}, ["step1"]),
        ("read_file", {"path": "tip.txt"}, ["step2"]),
    ]


def test_being_told_the_result_is_no_step() -> None:
    text = "계획: 먼저 12 곱하기 12를 계산하고 그다음 거기에서 44를 빼고 마지막으로 결과를 알려 줘"
    assert [tool for tool, *_rest in shape(planned(text))] == ["calculator", "calculator"]


def test_what_no_tool_fits_is_a_prompt_in_a_plan_that_was_asked_for() -> None:
    text = "Make a plan: first describe our values, then compute 2 + 3, finally double it."
    assert [tool for tool, *_rest in shape(planned(text))] == ["prompt", "calculator", "calculator"]
    assert planned("First describe our values, then compute 2 + 3, finally double it.") is None


def test_a_plan_that_is_not_to_run_is_only_stored() -> None:
    call = planned("Create a plan but don't run it: first compute 3+4, then double it, finally add 1 to it")
    assert call is not None
    assert call.name == "create_plan"


@pytest.mark.parametrize(
    "text",
    [
        "What happens first, and then what comes after that?",
        "How do I first register and then log in?",
        "Who was the first president, then?",
        "입사하면 먼저 무엇을 하고 그다음에는 무엇을 하나요?",
        "Run this:\n```python\nx = 1\n# 1. first\n# 2. then\n```",
        "What is 1. 2 + 3?",
    ],
)
def test_other_requests_are_no_plans(text: str) -> None:
    assert planned(text) is None


def test_without_the_tool_for_plans_none_is_made() -> None:
    assert planned("First compute 1+1, then add 2 to it, finally double it", offered=("calculator",)) is None


@pytest.mark.parametrize(
    ("text", "name", "arguments"),
    [
        (
            'Write "hello world" to notes/hello.txt',
            "write_file",
            {"path": "notes/hello.txt", "content": "hello world"},
        ),
        (
            "Create a file called a.md containing Hi there",
            "write_file",
            {"path": "a.md", "content": "Hi there"},
        ),
        (
            "Write a file notes.txt with the text: buy milk",
            "write_file",
            {"path": "notes.txt", "content": "buy milk"},
        ),
        ("메모.txt에 안녕하세요라고 저장해 줘", "write_file", {"path": "메모.txt", "content": "안녕하세요"}),
        ("Show me the contents of data/r.csv", "read_file", {"path": "data/r.csv"}),
        ("hello.txt 파일을 읽어 줘", "read_file", {"path": "hello.txt"}),
        ("Search my memory for the demo date", "memory_search", {"query": "the demo date"}),
        ("내 기억에서 시연 날짜를 찾아 줘", "memory_search", {"query": "시연 날짜"}),
        ("Fetch https://example.com/a?b=1.", "web_fetch", {"url": "https://example.com/a?b=1"}),
        ("https://example.com/page 내용을 읽어 줘", "web_fetch", {"url": "https://example.com/page"}),
    ],
)
def test_files_memories_and_pages_have_their_tools(text: str, name: str, arguments: dict[str, str]) -> None:
    call = route(text, PLAIN, TOOLS)
    assert call is not None
    assert (call.name, call.arguments) == (name, arguments)


@pytest.mark.parametrize(
    "text", ["Write to me at a.b@example.com", "What do you read?", "I like file systems", "저장해 줘"]
)
def test_what_only_sounds_like_a_file_is_left_alone(text: str) -> None:
    call = route(text, PLAIN, TOOLS)
    assert call is None or call.name not in ("read_file", "write_file")


STEPS = [{"key": "step1", "description": "a"}, {"key": "step2", "description": "b"}]


def told(result: object, language: str = "en", name: str = "run_plan") -> str:
    content = result if isinstance(result, str) else json.dumps(result)
    return phrase(ToolCall("1", name, {"title": "T", "steps": STEPS}), content, language)


def test_the_end_of_a_plan_is_told_with_its_result() -> None:
    assert told({"outputs": {"step2": {"result": "104"}}}) == (
        "The plan is done: 2 of 2 steps.\n\nThe result is **104**."
    )
    assert "결과는 **104**입니다." in told({"outputs": {"step2": {"stdout": "104\n"}}}, "ko")
    both = told({"outputs": {"step1": {"result": "1"}, "step2": {"path": "x.txt"}}})
    assert "- a: **1**" in both
    assert "- b: **x.txt**" in both


def test_a_plan_that_failed_or_was_refused_says_why() -> None:
    assert told(json.dumps({"error": "You said no."})) == "That did not work: You said no."
    assert told("Step step2 failed.") == "The plan did not come to its end: Step step2 failed."


def test_a_stored_plan_is_told_as_such() -> None:
    assert "“T” is stored with 2 steps" in told({"plan": "x"}, name="create_plan")
