# ruff: noqa: E501 - what the model is told is read whole, line by line
"""From a goal to steps: the chat engine is made to call one tool, whose JSON Schema is the form of a plan.

A model server is held to that call (`tool_choice`); the offline guide makes it by its rules, where the goal
names its steps. What does not fit is shown to a model once more, with the faults named.
"""

import json
import re
from collections.abc import Sequence
from typing import Any

from django.utils import translation
from django.utils.translation import gettext as _
from jsonschema import Draft202012Validator

from agi_site.lib import engines
from agi_site.lib.engines.base import ChatMessage, ChatRequest, EngineError, ToolCall, ToolCalls, ToolSpec
from agi_site.lib.problems import Invalid, Problem, Unavailable
from tools.services import specs_for

from .agent_tools import CREATE, RUN, plan_schema
from .services.checking import KEY, check_steps
from .services.documents import drafts_from_json

MAX_TOKENS = 4000
ROUNDS = 2
LONGEST_SCHEMA = 1500
INSTRUCTIONS = """You turn a goal into a plan: a few steps that are done by tools or by an assistant.
Call the function {tool} once. Rules for its steps:
- `key`: a short English identifier such as find_sources; `description`: one sentence in the language of the goal.
- Each step has either `tool` with `arguments` that fit the tool's schema, or `prompt` (what the assistant is asked).
- `depends_on`: keys of the steps that must be done before. Steps that can be done side by side wait for nothing.
- An argument or prompt takes an earlier output by {{{{ steps.<key>.output }}}}, or a field of it by
  {{{{ steps.<key>.output.<field> }}}}. The output of a prompt is the answer's text.
- `for_each`: a JMESPath expression that gives a list, such as steps.search.output.results; the step is done for
  each, which it calls {{{{ item }}}}. `condition`: a JMESPath expression; the step is left out where it is false.
- Use as few steps as reach the goal. Use only these tools:
{tools}"""


def proposal(*, goal: str, user: Any, language: str = "en") -> dict[str, Any]:
    """`{"title", "steps"}` for a goal, sound as `services.check_steps` asks; raises a Problem for people."""
    with translation.override(language):
        specs = [spec for spec in specs_for(user) if spec.name not in (CREATE, RUN)]
        messages = [
            ChatMessage("system", INSTRUCTIONS.format(tool=RUN, tools=_listed(specs))),
            ChatMessage("user", goal),
        ]
        problem: Problem = Invalid()
        for _round in range(ROUNDS):
            call = _asked(messages, specs, language)
            if call is None:
                raise Invalid(_without_steps(), code="no_steps")
            try:
                return _sound(call.arguments, user)
            except Problem as found:
                problem = found
            if engines.chat().name == "guide":
                break  # asked again it says the same
            messages += [
                ChatMessage("assistant", "", tool_calls=(call,)),
                ChatMessage("tool", _faults(problem), tool_call_id=call.id),
                ChatMessage("user", "Correct these faults and call the function again."),
            ]
        raise problem


def _asked(messages: Sequence[ChatMessage], specs: Sequence[ToolSpec], language: str) -> ToolCall | None:
    """The call that the engine makes of the messages; raises Unavailable."""
    spec = ToolSpec(RUN, "Write down the plan.", plan_schema())
    request = ChatRequest(
        messages=list(messages),
        tools=[spec, *specs],
        language=language,
        max_tokens=MAX_TOKENS,
        temperature=0.2,
        tool_choice=RUN,
    )
    calls: list[ToolCall] = []
    try:
        for event in engines.chat().stream(request):
            if isinstance(event, ToolCalls):
                calls += event.calls
    except EngineError as error:
        raise Unavailable(error.message, code=f"engine_{error.kind}") from error
    return next((call for call in calls if call.name == RUN), None) or _as_plan(calls)


def _as_plan(calls: Sequence[ToolCall]) -> ToolCall | None:
    """A single call is a plan of one step: what the guide says to a goal that one tool reaches."""
    if not calls:
        return None
    call = calls[0]
    step = {"key": "step_1", "description": call.name, "tool": call.name, "arguments": call.arguments}
    return ToolCall(call.id, RUN, {"title": "", "steps": [step]})


def _sound(arguments: dict[str, Any], user: Any) -> dict[str, Any]:
    errors = list(Draft202012Validator(plan_schema()).iter_errors(arguments))
    if errors:
        faults = [
            f"{'.'.join(map(str, error.absolute_path)) or 'plan'}: {error.message[:200]}" for error in errors
        ]
        raise Invalid(_("The model's answer has not the form of a plan."), errors={"plan": faults[:10]})
    steps = with_plain_keys(arguments["steps"])
    check_steps(drafts_from_json(steps), owner=user)
    title = " ".join(str(arguments.get("title") or "").split())
    return {"title": title[:200], "steps": steps}


def with_plain_keys(steps: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same steps with keys that can stand in expressions, wherever they are named."""
    names: dict[str, str] = {}
    for at, step in enumerate(steps, 1):
        old = str(step.get("key") or f"step_{at}")
        new = re.sub(r"\W", "_", old, flags=re.ASCII).strip("_")[:50] or f"step_{at}"
        new = new if KEY.fullmatch(new) else f"step_{new}"[:50]
        while new in names.values():
            new = f"{new[:46]}_{at}"
        names[old] = new
    if all(old == new for old, new in names.items()):
        return list(steps)
    return [_renamed({**step, "key": old}, names) for old, step in zip(names, steps, strict=False)]


def _renamed(step: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    text = json.dumps(step, ensure_ascii=False)
    for old, new in names.items():
        if old != new:
            text = re.sub(rf"\bsteps\.(\\\")?{re.escape(old)}(\\\")?(?=[.\[\s}}\"|)])", f"steps.{new}", text)
    found: dict[str, Any] = json.loads(text)
    found["key"] = names[step["key"]]
    found["depends_on"] = [names.get(key, key) for key in step.get("depends_on") or []]
    return found


def _listed(specs: Sequence[ToolSpec]) -> str:
    return "\n".join(
        f"- {spec.name}: {spec.description} Arguments: {json.dumps(spec.parameters, ensure_ascii=False)[:LONGEST_SCHEMA]}"
        for spec in specs
    )


def _faults(problem: Problem) -> str:
    faults = [f"{name}: {fault}" for name, some in problem.errors.items() for fault in some]
    return "\n".join([str(problem.message), *faults[:20]])


def _without_steps() -> str:
    return _(
        "No steps were found in this. Write them one by one, such as “1. … 2. … 3. …” or “first …, then …”; "
        "with a model connected, a goal alone is enough."
    )
