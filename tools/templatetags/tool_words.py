"""Tags of the tools' pages: `{% load tool_words %}`."""

import json
from typing import Any

from django import template
from django.template.context import RequestContext

from ..models import Approval
from ..views.approvals import arguments_form
from ..words import Outcome, effect_words, outcome_of

register = template.Library()

# What shows as code rather than as a short value.
CODE = frozenset({"code", "command", "content", "script", "stderr", "stdout"})
SHOWN = 20_000


@register.filter
def outcome(execution: Any) -> Outcome:
    """How a run stands."""
    return outcome_of(execution)


@register.filter
def effect(name: str) -> Outcome:
    """What the policy says, for people."""
    return effect_words(name)


@register.filter
def as_json(value: Any) -> str:
    """A value as JSON with indents; text as it stands."""
    if isinstance(value, str):
        return value[:SHOWN]
    return json.dumps(value, ensure_ascii=False, indent=2)[:SHOWN]


@register.filter
def facts(value: Any) -> list[tuple[str, str, bool]]:
    """An object's fields as (name, text, whether it is code); anything else as one of them."""
    if not isinstance(value, dict):
        return [("", as_json(value), True)] if value not in (None, "") else []
    return [_fact(str(name), inner) for name, inner in value.items()]


@register.filter
def plan_steps(arguments: Any) -> list[dict[str, Any]]:
    """The steps of a plan that is asked about; empty for everything else."""
    steps = arguments.get("steps") if isinstance(arguments, dict) else None
    if not isinstance(steps, list):
        return []
    return [step for step in steps if isinstance(step, dict) and ("description" in step or "key" in step)]


@register.simple_tag(takes_context=True)
def may_decide(context: RequestContext, approval: Approval) -> bool:
    """Whether the question waits for the word of whoever looks at it."""
    if (known := getattr(approval, "is_mine", None)) is not None:
        return bool(known)
    user = context["request"].user
    return bool(Approval.objects.decidable_by(user).filter(pk=approval.pk).exists())


@register.simple_tag
def form_of(approval: Approval, form: Any = None) -> Any:
    """The form for other arguments; the one with its faults where it has just been sent."""
    return form or arguments_form(approval)


def _fact(name: str, value: Any) -> tuple[str, str, bool]:
    is_long = isinstance(value, dict | list) or name in CODE
    text = (
        value
        if isinstance(value, str)
        else json.dumps(value, ensure_ascii=False, indent=2 if is_long else None)
    )
    return name, text[:SHOWN], is_long or "\n" in text
