"""The guide and code: what a request wants run, and how the outcome is told."""

import json

import pytest

from agi_site.lib.engines.base import ToolCall
from agi_site.lib.engines.guide.code import code_of
from agi_site.lib.engines.guide.results import phrase

BOTH = ("python", "shell")


@pytest.mark.parametrize(
    ("text", "tool", "code"),
    [
        ("Run this:\n```python\nprint(2**100)\n```", "python", "print(2**100)"),
        ("이 코드 실행해 줘\n```py\nx = 1\nprint(x)\n```", "python", "x = 1\nprint(x)"),
        ("execute\n```bash\nls -la | wc -l\n```\nplease", "shell", "ls -la | wc -l"),
        ("Please run\n```\nprint('no language')\n```", "python", "print('no language')"),
        ("Run\n```\nls -la /workspace\n```", "shell", "ls -la /workspace"),
        ("What does this print?\n```python\nprint(1)\n```", "python", "print(1)"),
        ("run `print(3)`", "python", "print(3)"),
        ("`uname -a` 명령을 실행해 줘", "shell", "uname -a"),
        ("compute 2**100 with Python", "python", "print(2**100)"),
        ("파이썬으로 2의 10제곱 계산해줘", "python", "print(2 ** 10)"),
        ("Run in Python: print(1+1)", "python", "print(1+1)"),
        ("Please execute this shell command: ls -la /workspace", "shell", "ls -la /workspace"),
        ("파이썬으로 실행해 줘: print(7)", "python", "print(7)"),
        ("셸 명령을 실행해줘: uname -a", "shell", "uname -a"),
        ("Run\n````python\ns = '''\n```\n'''\n````", "python", "s = '''\n```\n'''"),
    ],
)
def test_code_that_is_to_be_run_is_found(text: str, tool: str, code: str) -> None:
    assert code_of(text, BOTH, meant=False) == (tool, code)


@pytest.mark.parametrize(
    "text",
    [
        "Explain this code:\n```python\nprint(1)\n```",
        "What is Python?",
        "How do I execute a plan?",
        "Run\n```java\nclass A {}\n```",
        "Run\n```python\n\n```",
        "파이썬이 뭐야?",
        "How do I run Python code?",
        "Our policy on python: use version 3.13",
    ],
)
def test_code_that_is_only_talked_about_is_left_alone(text: str) -> None:
    assert code_of(text, BOTH, meant=False) is None


def test_only_tools_that_are_offered_are_used() -> None:
    assert code_of("run `print(3)`", ("shell",), meant=False) is None


def told(language: str = "en", code: str = "print(1)", **result: object) -> str:
    whole = {"stdout": "", "stderr": "", "exit_code": 0, "cause": "exit", "detail": ""} | result
    return phrase(ToolCall("1", "python", {"code": code}), json.dumps(whole), language)


def test_the_answer_shows_the_code_and_what_it_printed() -> None:
    assert told(stdout="1\n") == (
        "I ran this in your sandbox:\n\n```python\nprint(1)\n```\n\nIt printed:\n\n```text\n1\n```"
    )


def test_a_failure_is_told_with_its_errors_in_the_person_s_language() -> None:
    text = told("ko", stderr="NameError: x", exit_code=1)
    assert "NameError: x" in text
    assert "종료 코드 1" in text


def test_an_end_from_outside_is_told_with_its_cause() -> None:
    assert "It was ended: out of memory." in told(cause="oom", detail="out of memory", exit_code=None)
    assert "It was ended: The sandbox was stopped." in told(
        cause="cancelled", detail="The sandbox was stopped."
    )
    assert ".." not in told(cause="cancelled", detail="The sandbox was stopped.")
    assert "It printed nothing." in told()


def test_output_with_fences_of_its_own_stays_one_block() -> None:
    assert "````text\n```\nprint\n```\n````" in told(stdout="```\nprint\n```")
