"""Tells what came of a plan, from what its run gave back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agi_site.lib.engines.guide.phrases import say

# What a step gave, as one value: the first of these fields that is there.
_FIELDS = ("result", "value", "answer", "stdout", "content", "text", "path", "time")
LONGEST_VALUE = 300


def told(arguments: Mapping[str, Any], value: Any, tool: str, language: str) -> str:
    """The end of the run and its outcome, one line for each step whose output is known."""
    steps = [step for step in arguments.get("steps") or [] if isinstance(step, dict)]
    if tool == "create_plan":
        return say(language, "plan_stored", title=arguments.get("title", ""), total=len(steps))
    if not isinstance(value, dict):
        return say(language, "plan_not_done", reason=value)
    given = value.get("outputs")
    outputs: dict[str, Any] = given if isinstance(given, dict) else value
    known = [(step, outputs[step["key"]]) for step in steps if step.get("key") in outputs]
    done = value.get("steps_completed", len(steps))
    parts = [say(language, "plan_done", done=done, total=len(steps))]
    if len(known) == 1:
        parts.append(say(language, "plan_result", result=short(known[0][1])))
    elif known:
        lines = [f"- {step.get('description') or step['key']}: **{short(output)}**" for step, output in known]
        parts.append("\n".join([say(language, "plan_results"), "", *lines]))
    return "\n\n".join(parts)


def short(output: Any) -> str:
    """An output in one line."""
    if isinstance(output, dict):
        output = next((output[name] for name in _FIELDS if output.get(name) not in (None, "")), output)
    text = " ".join(str(output).split())
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…"
