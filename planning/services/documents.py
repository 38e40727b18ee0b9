"""Plans as JSON, written by people, programs and models: read into drafts, and written down from rows.

    {"title", "description", "inputs", "budget", "steps": [{"key", "description", "kind", "tool", "arguments",
     "prompt", "depends_on": [key], "condition", "for_each", …}]}

`kind` may be left out: a step with a `tool` runs it, one with a `prompt` asks the assistant.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from agi_site.lib.problems import Invalid

from ..models import OnFailure, Plan, StepKind
from .checking import Faults
from .drafts import StepDraft, drafts_of

TEXTS = ("key", "description", "kind", "condition", "for_each", "on_failure")
NUMBERS = ("max_retries", "retry_seconds", "timeout_seconds")
OTHERS = ("tool", "tool_name", "prompt", "arguments", "depends_on", "sub_plan")
FORMAT = "agi-plan/1"


def drafts_from_json(steps: Any) -> list[StepDraft]:
    """Steps as drafts; raises Invalid, naming the steps at fault. `services.check_steps` checks the rest."""
    if not isinstance(steps, Sequence) or isinstance(steps, str):
        raise Invalid(errors={"steps": [_("A list of steps is expected.")]})
    faults = Faults()
    drafts = [_draft(value, at, faults) for at, value in enumerate(steps, 1)]
    faults.stop()
    return drafts


def _draft(value: Any, at: int, faults: Faults) -> StepDraft:
    if not isinstance(value, Mapping):
        faults.add(f"step_{at}", "step", _("A JSON object is expected."))
        return StepDraft(key=f"step_{at}")
    key = value.get("key")
    key = key if isinstance(key, str) and key else f"step_{at}"
    before = len(faults)
    _check_types(value, key, faults)
    if len(faults) > before:
        return StepDraft(key=key)
    arguments = dict(value.get("arguments") or {})
    if value.get("prompt"):
        arguments["prompt"] = value["prompt"]
    tool = value.get("tool_name") or value.get("tool") or ""
    numbers = {name: value[name] for name in NUMBERS if value.get(name) is not None}
    return StepDraft(
        key=key,
        description=value.get("description") or "",
        kind=value.get("kind") or _kind(value, tool),
        tool_name=tool,
        arguments=arguments or None,
        depends_on=list(value.get("depends_on") or []),
        condition=value.get("condition") or "",
        for_each=value.get("for_each") or "",
        on_failure=value.get("on_failure") or OnFailure.STOP,
        sub_plan_id=value.get("sub_plan") or None,
        **numbers,
    )


def _kind(value: Mapping[str, Any], tool: str) -> str:
    if tool:
        return StepKind.TOOL
    if value.get("prompt"):
        return StepKind.PROMPT
    return StepKind.PLAN if value.get("sub_plan") else StepKind.NONE


def _check_types(value: Mapping[str, Any], key: str, faults: Faults) -> None:
    known = (*TEXTS, *NUMBERS, *OTHERS)
    for name, given in value.items():
        if name not in known:
            message = _("A step has no field of this name. Known: %(known)s.")
            faults.add(key, str(name)[:50], message % {"known": ", ".join(known)})
        elif given is None:
            continue
        elif name == "arguments":
            if not isinstance(given, Mapping):
                faults.add(key, name, _("A JSON object is expected."))
        elif name == "depends_on":
            if not isinstance(given, list | tuple) or not all(isinstance(one, str) for one in given):
                faults.add(key, name, _("A list of keys is expected."))
        elif name in NUMBERS:
            if isinstance(given, bool) or not isinstance(given, int):
                faults.add(key, name, _("A whole number is expected."))
        elif not isinstance(given, str):
            faults.add(key, name, _("Text is expected."))


def plan_as_json(plan: Plan) -> dict[str, Any]:
    """A plan that `drafts_from_json` reads again, here or in another installation."""
    return {
        "format": FORMAT,
        "title": plan.title,
        "description": plan.description or "",
        "inputs": plan.inputs or {},
        "budget": plan.budget or {},
        "steps": [step_as_json(draft) for draft in drafts_of(plan)],
    }


def step_as_json(draft: StepDraft) -> dict[str, Any]:
    """A step without what is as usual."""
    usual = StepDraft(key="")
    values = draft.columns | {"depends_on": list(draft.depends_on)}
    values["sub_plan"] = values.pop("sub_plan_id")
    kept = {
        name: value
        for name, value in values.items()
        if value not in (None, "", [], {}) and value != getattr(usual, name, None)
    }
    kept["kind"] = draft.kind
    if "tool_name" in kept:
        kept["tool"] = kept.pop("tool_name")
    return {"key": draft.key, **kept}
