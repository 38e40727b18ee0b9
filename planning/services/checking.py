"""What makes steps sound: keys, dependencies, references, and arguments that fit the kind and the tool."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.utils.translation import gettext as _

from agi_site.lib import plain_json
from agi_site.lib.problems import Invalid

from ..graph.order import find_ring
from ..models import OnFailure, Plan, StepKind
from .checking_arguments import argument_faults, tools_named
from .drafts import StepDraft
from .mentions import mentions_of, never_closed

KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,49}")
MAX_STEPS = 10_000
MAX_SHOWN = 10
LENGTHS = {"description": 10_000, "tool_name": 100, "condition": 500, "for_each": 500}
MOST = {"max_retries": 100, "retry_seconds": 86_400, "timeout_seconds": 7 * 86_400}


class Faults(dict[str, list[str]]):
    """The faults of many steps, each under `steps.<key>.<field>`."""

    def add(self, key: str, field: str, text: str) -> None:
        """Note a fault of one step."""
        self.setdefault(f"steps.{key[:50]}.{field}", []).append(text)

    def stop(self) -> None:
        """Raise Invalid if there is any fault; its text names the first steps."""
        if not self:
            return
        keys = list(dict.fromkeys(name.split(".")[1] for name in self))
        shown = ", ".join(keys[:MAX_SHOWN]) + (" …" if len(keys) > MAX_SHOWN else "")
        message = _("Please correct these steps: %(keys)s.")
        raise Invalid(message % {"keys": shown}, code="bad_steps", errors=dict(list(self.items())[:100]))


def check_steps(steps: Sequence[StepDraft], *, owner: Any, plan: Plan | None = None) -> list[StepDraft]:
    """The steps in their normal form; raises Invalid, naming the keys (and ids) of those at fault.

    A step that refers to another's output waits for it, whether it says so or not. `plan` is the plan they
    are for, once it is stored: it cannot be a step of itself.
    """
    if len(steps) > MAX_STEPS:
        message = _("A plan has at most %(most)s steps.")
        raise Invalid(errors={"steps": [message % {"most": MAX_STEPS}]})
    faults = Faults()
    _check_keys(steps, faults)
    faults.stop()
    for step in steps:
        _check_columns(step, faults)
    linked = _linked(steps, faults)
    faults.stop()
    _check_rings(linked, faults)
    _check_arguments(linked, owner=owner, faults=faults)
    _check_sub_plans(linked, owner=owner, plan=plan, faults=faults)
    faults.stop()
    return linked


def label(step: StepDraft) -> str:
    """How a fault names a step: its key, and its id once it has one."""
    return step.key if step.id is None else f"{step.key} ({step.id})"


def _check_keys(steps: Iterable[StepDraft], faults: Faults) -> None:
    seen: set[str] = set()
    for step in steps:
        if not KEY.fullmatch(step.key):
            faults.add(
                step.key or "?",
                "key",
                _("A key has letters, digits and _, begins with no digit, and has at most 50 characters."),
            )
        elif step.key in seen:
            faults.add(step.key, "key", _("Two steps have this key. Keys are unique within a plan."))
        seen.add(step.key)


def _check_columns(step: StepDraft, faults: Faults) -> None:
    """What the table's columns ask for."""
    if step.kind not in StepKind.values:
        faults.add(step.key, "kind", _one_of(StepKind.values))
    if step.on_failure not in OnFailure.values:
        faults.add(step.key, "on_failure", _one_of(OnFailure.values))
    for name, most in LENGTHS.items():
        text = getattr(step, name)
        if len(text) > most:
            faults.add(step.key, name, _("Must have at most %(value)s characters.") % {"value": most})
        elif fault := plain_json.fault_in_text(text):
            faults.add(step.key, name, fault)
    for name, most in MOST.items():
        number = getattr(step, name)
        least = 1 if name == "timeout_seconds" else 0
        if number is not None and not least <= number <= most:
            message = _("Must be a whole number from %(least)s to %(most)s.")
            faults.add(step.key, name, message % {"least": least, "most": most})
    try:
        plain_json.check(dict(step.arguments or {}), field="arguments")
    except Invalid as problem:
        faults.add(step.key, "arguments", str(problem.errors["arguments"][0]))


def _one_of(values: Iterable[str]) -> str:
    return _("Must be one of: %(value)s.") % {"value": ", ".join(values)}


def _linked(steps: Sequence[StepDraft], faults: Faults) -> list[StepDraft]:
    """The steps with everything they wait for: what they say, then the steps that they refer to."""
    keys = {step.key for step in steps}
    return [_with_dependencies(step, keys, faults) for step in steps]


def _with_dependencies(step: StepDraft, keys: set[str], faults: Faults) -> StepDraft:
    strangers = [key for key in dict.fromkeys(step.depends_on) if key not in keys]
    if strangers:
        message = _("This plan has no step called %(keys)s.")
        faults.add(step.key, "depends_on", message % {"keys": ", ".join(strangers)[:300]})
    if step.key in step.depends_on:
        faults.add(step.key, "depends_on", _("%(key)s waits for itself.") % {"key": label(step)})
    for name in ("arguments", "condition", "for_each"):
        found = mentions_of(**{name: getattr(step, name)})
        if found.broken:
            message = _("This expression cannot be read (it is JMESPath): %(text)s")
            faults.add(step.key, name, message % {"text": ", ".join(found.broken)[:300]})
        unknown = [key for key in found.steps if key not in keys]
        if unknown:
            message = _("This refers to the output of %(keys)s, but this plan has no such step.")
            faults.add(step.key, name, message % {"keys": ", ".join(unknown)[:300]})
        if step.key in found.steps:
            faults.add(step.key, name, _("%(key)s refers to its own output.") % {"key": label(step)})
    for name, value in (step.arguments or {}).items():
        if opened := never_closed(value):
            message = _("This reference is never closed with two braces: %(text)s")
            faults.add(step.key, f"arguments.{name[:50]}", message % {"text": opened.strip()[:100]})
    named = mentions_of(arguments=step.arguments, condition=step.condition, for_each=step.for_each).steps
    return replace(step, depends_on=list(dict.fromkeys([*step.depends_on, *named])))


def _check_rings(steps: Sequence[StepDraft], faults: Faults) -> None:
    ring = find_ring({step.key: step.depends_on for step in steps})
    if ring:
        named = {step.key: label(step) for step in steps}
        message = _("These steps would wait for each other: %(ids)s.")
        shown = " → ".join(named[key] for key in [*ring, ring[0]])
        for key in ring:
            faults.add(key, "depends_on", message % {"ids": shown})


def _check_arguments(steps: Sequence[StepDraft], *, owner: Any, faults: Faults) -> None:
    tools = tools_named({step.tool_name for step in steps if step.kind == StepKind.TOOL})
    for step in steps:
        for field, texts in argument_faults(step, tools).items():
            for text in texts:
                faults.add(step.key, field, text)


def _check_sub_plans(steps: Sequence[StepDraft], *, owner: Any, plan: Plan | None, faults: Faults) -> None:
    """Sub-plans are the owner's own, and none of them leads back to this plan."""
    wanted = {step.sub_plan_id for step in steps if step.kind == StepKind.PLAN and step.sub_plan_id}
    own = set(Plan.objects.for_user(owner).filter(pk__in=wanted).values_list("pk", flat=True))
    leading_back = _plans_that_lead_to(plan, own) if plan is not None else set()
    for step in steps:
        if step.kind != StepKind.PLAN:
            continue
        if not step.sub_plan_id:
            faults.add(step.key, "sub_plan", _("Choose the plan that this step runs."))
        elif step.sub_plan_id not in own:
            message = _("You have no plan with the id %(id)s.")
            faults.add(step.key, "sub_plan", message % {"id": step.sub_plan_id[:40]})
        elif step.sub_plan_id in leading_back:
            faults.add(step.key, "sub_plan", _("That plan runs this one: they would never end."))


def _plans_that_lead_to(plan: Plan, starts: set[str]) -> set[str]:
    """Those of `starts` that are the plan, or run it by way of their own sub-plans."""
    runs: dict[str, set[str]] = {}
    frontier = set(starts)
    while frontier:
        for start in frontier:
            runs[start] = set()
        rows = Plan.objects.filter(pk__in=frontier, steps__sub_plan__isnull=False)
        for pk, sub in rows.values_list("pk", "steps__sub_plan"):
            runs[pk].add(sub)
        frontier = {sub for subs in runs.values() for sub in subs} - runs.keys()
    found: set[str] = {plan.pk}
    grew = True
    while grew:
        more = {pk for pk, subs in runs.items() if subs & found} - found
        found |= more
        grew = bool(more)
    return found


def names_of_inputs(steps: Iterable[StepDraft]) -> list[str]:
    """The inputs that the steps refer to, in the order of their first mention."""
    found: dict[str, None] = {}
    for step in steps:
        mentions = mentions_of(arguments=step.arguments, condition=step.condition, for_each=step.for_each)
        found |= mentions.inputs
    return list(found)


def check_object(value: Mapping[str, Any] | None, *, field: str) -> dict[str, Any] | None:
    """A JSON object of a plan or a schedule, fit for its column; raises Invalid."""
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise Invalid(errors={field: [_("A JSON object is expected.")]})
    plain_json.check(dict(value), field=field)
    return dict(value)


BUDGET = ("steps", "seconds", "tokens", "sandbox_seconds")
MOST_BUDGET = 10**12


def check_budget(value: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """A budget: positive numbers under the four names it knows; raises Invalid."""
    budget = check_object(value, field="budget")
    for name, amount in (budget or {}).items():
        if name not in BUDGET:
            message = _("A budget has no “%(name)s”. It knows: %(known)s.")
            known = ", ".join(BUDGET)
            raise Invalid(errors={"budget": [message % {"name": name[:50], "known": known}]})
        if isinstance(amount, bool) or not isinstance(amount, int | float) or not 0 < amount <= MOST_BUDGET:
            message = _("“%(name)s” must be a number above zero.")
            raise Invalid(errors={"budget": [message % {"name": name}]})
    return budget or None
