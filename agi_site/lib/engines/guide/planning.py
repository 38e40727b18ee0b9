# ruff: noqa: E501 - patterns are read whole, line by line
"""Makes a plan of a request that names its steps; a step may use what an earlier one gave."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Collection
from typing import Any

from agi_site.lib.engines.base import ToolCall
from agi_site.lib.engines.guide.arithmetic import expression_of
from agi_site.lib.engines.guide.splitting import steps_of

_ASKED = re.compile(r"\bplan\b|\bsteps?\b|step[- ]by[- ]step|계획|단계|절차|순서대로|차례로", re.IGNORECASE)
_ONLY_STORE = re.compile(
    r"\b(?:don'?t|do not|without) (?:run|execute|start)|\b(?:run|start) it later|only (?:store|save|write)|(?:실행|시작)(?:은|는)?\s?(?:하지|나중)|나중에 (?:실행|돌)|저장만",
    re.IGNORECASE,
)
_PYTHON = re.compile(r"\bpython\b|파이썬", re.IGNORECASE)
_ONLY_TELL = re.compile(
    r"(?:please )?(?:show|tell|give|report|return|let me know)\b.{0,20}\b(?:result|answer|it|outcome|number)"
    r"|(?:최종\s?|그\s?)?(?:결과|답|값)[을를]?\s?(?:나에게\s?|나한테\s?)?(?:알려|보여|말해)\s?(?:줘|주세요|줄래)?",
    re.IGNORECASE,
)
_ORDINALS = {"first": 1, "second": 2, "third": 3, "fourth": 4, "첫": 1, "두": 2, "세": 3, "네": 4}
# "the second result", "the result of step 2", "2단계 결과", "첫 번째 결과"
_NAMED = re.compile(
    r"\bthe (?P<word>first|second|third|fourth) (?:result|number|value|answer|sum|product)\b"
    r"|\b(?:the )?(?:result|output|answer|value) (?:of|from) step (?P<of>\d{1,2})\b|\bstep (?P<step>\d{1,2})(?:'s)? (?:result|output|answer|value)\b"
    r"|(?P<kostep>\d{1,2})\s?(?:단계|번)(?:의)?\s?(?:결과|값|답)(?:값)?|(?P<koword>[첫두세네])\s?번째\s?(?:단계의?\s?)?(?:결과|값|답|수)(?:값)?",
    re.IGNORECASE,
)
_BOTH = re.compile(
    r"\b(?:both|the two|these two|those two)(?: of them)?(?: results?| numbers?| values?)?\b|(?:그\s|위\s|앞의\s)?두\s(?:결과|값|수|숫자)(?:값)?",
    re.IGNORECASE,
)
_LAST = re.compile(
    r"\bthe (?:(?:last|previous|final) )?(?:result|sum|product|answer|outcome|output|number|value|difference|quotient|total)\b|\b(?:(?<!time is )it|that|this)\b"
    r"|(?:그|이|위의?|앞의?|앞선|이전|방금|나온)\s?(?:단계의?\s?)?(?:결과|값|수|숫자|답|합|곱)(?:값)?|(?<![가-힣])결과(?:값)?(?=[에를을의로가는\s])|(?<![가-힣])(?:거기|여기)(?=[에다서])|(?<![가-힣])(?:그것|이것|그걸|이걸)",
    re.IGNORECASE,
)
# Which field of a tool's result is the value that people mean by "the result".
_VALUES = {"calculator": "result", "python": "stdout", "shell": "stdout", "read_file": "content"}
LONGEST_TITLE, LONGEST_DESCRIPTION, LONGEST_GOAL = 80, 200, 1000

type Step = dict[str, Any]
type Router = Callable[[str], ToolCall | None]


def plan_of(text: str, offered: Collection[str], router: Router, *, meant: bool) -> ToolCall | None:
    """The plan a request names; None where it names none, or where nothing but words would come of it.

    `router` gives the call that one step wants; `meant` says that the request was understood as asking for
    a plan. Steps that no tool fits are prompts, in a plan that was asked for.
    """
    tool = "create_plan" if "create_plan" in offered and _ONLY_STORE.search(text) else "run_plan"
    found = steps_of(text) if tool in offered else None
    if found is None:
        return None
    asked = (
        meant
        or bool(_ASKED.search(found.before))
        or bool(_ASKED.search(text.replace(" ".join(found.parts), "")))
    )
    parts = [*found.parts]
    if len(parts) > 1 and _ONLY_TELL.fullmatch(parts[-1].rstrip(".! ")):
        parts.pop()  # the answer tells it anyway
    steps: list[Step] = []
    for part in parts:
        step = _step(part, steps, offered, router)
        if step is None or not (asked or step.get("tool")):
            return None
        steps.append(step)
    if not steps or not (any(step.get("tool") for step in steps) or asked):
        return None
    arguments = {"title": _title(parts), "goal": " ".join(text.split())[:LONGEST_GOAL], "steps": steps}
    return ToolCall(f"call_{uuid.uuid4().hex[:12]}", tool, arguments)


def _title(parts: list[str]) -> str:
    whole = " → ".join(" ".join(part.split()) for part in parts)
    return whole if len(whole) <= LONGEST_TITLE else whole[: LONGEST_TITLE - 1] + "…"


def _step(part: str, before: list[Step], offered: Collection[str], router: Router) -> Step | None:
    """One step: what it says, the call that does it, and which steps it has to come after."""
    stood_for, used = _with_stand_ins(part, before)
    call = _reckoned(stood_for, offered) if used else None
    call = call or router(stood_for)
    step: Step = {
        "key": f"step{len(before) + 1}",
        "description": " ".join(part.split())[:LONGEST_DESCRIPTION],
    }
    if call is not None:
        step |= {"tool": call.name, "arguments": _with_references(call.arguments, before)}
    else:
        step["prompt"] = _with_references(stood_for, before)
    needed = {before[at]["key"] for at in used} | ({before[-1]["key"]} if before else set())
    step["depends_on"] = [one["key"] for one in before if one["key"] in needed]
    return step


def _reckoned(text: str, offered: Collection[str]) -> ToolCall | None:
    """A sum with an earlier result in it."""
    expression = expression_of(_PYTHON.sub(" ", text))
    if expression is None:
        return None
    if "python" in offered and (_PYTHON.search(text) or "calculator" not in offered):
        return ToolCall("", "python", {"code": f"print({expression})"})
    return ToolCall("", "calculator", {"expression": expression}) if "calculator" in offered else None


def _with_stand_ins(part: str, before: list[Step]) -> tuple[str, list[int]]:
    """The part with a number in the place of each earlier result, so that it can be read as any other."""
    used: list[int] = []

    def stand(at: int) -> str:
        used.append(at)
        return _stand_in(at)

    def named(match: re.Match[str]) -> str:
        word = (match["word"] or match["koword"] or "").lower()
        number = _ORDINALS.get(word) or int(match["of"] or match["step"] or match["kostep"])
        return stand(number - 1) if 0 < number <= len(before) else match.group()

    if not before:
        return part, []
    text = _NAMED.sub(named, part)
    if len(before) > 1:
        korean = bool(re.search("[가-힣]", part))
        between = "과 " if korean else " and "
        text = _BOTH.sub(lambda _m: stand(len(before) - 2) + between + stand(len(before) - 1), text)
    # Once: "it" may come again in "print it", but the first is the one that is reckoned with.
    text = _LAST.sub(lambda _m: stand(len(before) - 1), text)
    return text, used


def _stand_in(at: int) -> str:
    """A number nobody writes, for the result of a step."""
    return f"7{at:02d}40961083"


def _with_references(value: Any, before: list[Step]) -> Any:
    """The numbers that stand for results, replaced by references to them."""
    if isinstance(value, dict):
        return {name: _with_references(inner, before) for name, inner in value.items()}
    if not isinstance(value, str):
        return value
    for at, step in enumerate(before):
        field = _VALUES.get(step.get("tool", ""))
        path = f"steps.{step['key']}.output" + (f".{field}" if field else "")
        value = value.replace(_stand_in(at), f"{{{{ {path} }}}}")
    return value
