"""Whether a step's arguments fit what it does. What refers to other steps is checked when it runs."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from agi_site.lib.problems import Problem
from tools import schemas
from tools.models import Tool

from ..models import StepKind
from .drafts import StepDraft
from .mentions import has_reference

LONGEST_WAIT = 366 * 86_400
# What a kind reads of its arguments. Those of a tool are the tool's business, those of a sub-plan its inputs,
# and what a person is asked may come with anything they should see and may change.
KNOWN = {
    StepKind.PROMPT: {"prompt", "system", "max_tokens"},
    StepKind.WAIT: {"seconds", "until"},
    StepKind.NONE: set[str](),
}


def tools_named(names: Collection[str]) -> dict[str, Tool]:
    """The tools of these names with their parameters, also those that are switched off."""
    return {row.name: row for row in Tool.objects.filter(name__in=names).with_parameters()}


def argument_faults(step: StepDraft, tools: dict[str, Tool]) -> dict[str, list[str]]:
    """The faults by field: `tool_name`, `arguments`, or `arguments.<name>` for a single one."""
    arguments = dict(step.arguments or {})
    if step.kind == StepKind.TOOL:
        return _tool_faults(step, arguments, tools)
    if step.kind not in KNOWN:
        return {}
    faults: dict[str, list[str]] = {}
    unknown = [name for name in arguments if name not in KNOWN[StepKind(step.kind)]]
    if unknown and step.kind != StepKind.NONE:
        known = ", ".join(sorted(KNOWN[StepKind(step.kind)]))
        text = _("There is no such argument. Known: %(known)s.") % {"known": known}
        faults |= {f"arguments.{name[:50]}": [text] for name in unknown}
    if step.kind == StepKind.PROMPT:
        faults |= _prompt_faults(arguments)
    if step.kind == StepKind.WAIT:
        faults |= _wait_faults(arguments)
    return faults


def _tool_faults(step: StepDraft, arguments: dict[str, Any], tools: dict[str, Tool]) -> dict[str, list[str]]:
    if not step.tool_name:
        return {"tool_name": [_("Choose the tool that this step runs.")]}
    tool = tools.get(step.tool_name)
    if tool is None:
        message = _("There is no tool called “%(name)s”.")
        return {"tool_name": [message % {"name": step.tool_name}]}
    try:
        schemas.checked(list(tool.parameters.all()), arguments)
    except Problem as problem:
        return {
            f"arguments.{name}": [str(fault) for fault in found]
            for name, found in problem.errors.items()
            if not has_reference(arguments.get(name))
        } or ({} if problem.errors else {"arguments": [str(problem.message)]})
    return {}


def _prompt_faults(arguments: dict[str, Any]) -> dict[str, list[str]]:
    prompt = arguments.get("prompt")
    if not isinstance(prompt, str) or not prompt.strip():
        return {"arguments.prompt": [_("Write what the assistant is asked.")]}
    return {}


def _wait_faults(arguments: dict[str, Any]) -> dict[str, list[str]]:
    """Either a number of seconds, or a time."""
    seconds, until = arguments.get("seconds"), arguments.get("until")
    if (seconds is None) == (until is None):
        return {"arguments": [_("Say how long to wait in `seconds`, or `until` when.")]}
    if seconds is not None and not has_reference(seconds):
        is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
        if not is_number or not 0 <= seconds <= LONGEST_WAIT:
            return {"arguments.seconds": [_("Must be a number of seconds, at most a year.")]}
    if until is not None and not has_reference(until) and end_of_wait(until) is None:
        message = _("Must be a time such as 2026-03-01T09:00:00+09:00, at most a year from now.")
        return {"arguments.until": [message]}
    return {}


def end_of_wait(until: Any) -> datetime | None:
    """When a wait `until` then ends: now at the soonest; None for no time, or one more than a year from now.

    Times at the ends of the calendar cannot be moved to another zone, so no database takes them.
    """
    now = timezone.now()
    try:
        moment = parse_datetime(until) if isinstance(until, str) else None
        if moment is None:
            return None
        moment = timezone.make_aware(moment) if timezone.is_naive(moment) else moment
        ahead = (moment - now).total_seconds()
    except (ValueError, OverflowError):
        return None
    if ahead > LONGEST_WAIT:
        return None
    return moment if ahead > 0 else now
