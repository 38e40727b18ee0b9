"""Plans that a model proposes for a goal: made by a task, shown to the person, kept with their consent."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from agi_site.lib import events, plain_json
from agi_site.lib.problems import Conflict, Invalid, Problem
from system import queue

from ..models import Plan
from .authoring import TITLE_LENGTH, create_plan, replace_steps, update_plan
from .checking import check_steps
from .documents import drafts_from_json

TASK = "planning.propose"
LONGEST_GOAL = 4000
THINKING, READY, FAILED = "thinking", "ready", "failed"


def plan_channel(plan_id: str) -> str:
    """Event `draft` with its state: the proposal for a plan is there, or cannot be made."""
    return f"plan:{plan_id}"


@transaction.atomic
def propose_plan(*, owner: Any, goal: str, language: str = "en") -> Plan:
    """Store an empty plan and let a task write a proposal for it; raises Invalid.

    `plan.draft` tells how far it is: {"state", "goal", "language", "title", "steps", "error"}.
    """
    goal = goal.strip()
    if not goal:
        raise Invalid(errors={"goal": [_("Say what is to be reached.")]})
    if len(goal) > LONGEST_GOAL:
        message = _("Must have at most %(value)s characters.")
        raise Invalid(errors={"goal": [message % {"value": LONGEST_GOAL}]})
    if fault := plain_json.fault_in_text(goal):
        raise Invalid(errors={"goal": [fault]})
    title = " ".join(goal.split())
    plan = create_plan(owner=owner, title=title[:TITLE_LENGTH], description=goal)
    _ask(plan, goal=goal, language=language)
    return plan


@transaction.atomic
def propose_again(*, plan: Plan, by: Any, goal: str = "") -> Plan:
    """Have another proposal made, for the same goal or another; raises Conflict if nothing is proposed."""
    draft = _draft_of(plan)
    _ask(plan, goal=goal.strip()[:LONGEST_GOAL] or draft["goal"], language=draft.get("language", "en"))
    return plan


@transaction.atomic
def accept_proposal(*, plan: Plan, by: Any) -> Plan:
    """Make the proposed steps the plan's own; raises Conflict if there are none to accept."""
    draft = _draft_of(plan)
    if draft["state"] != READY:
        raise Conflict(_("There is no proposal to accept yet."), code="no_proposal")
    replace_steps(plan=plan, by=by, steps=drafts_from_json(draft["steps"]))
    update_plan(plan=plan, by=by, title=draft.get("title") or plan.title)
    Plan.objects.filter(pk=plan.pk).update(draft=None)
    plan.draft = None
    return plan


def write_proposal(*, plan_id: str) -> str:
    """Ask the chat engine for steps and keep them as proposal; returns its state. No transaction is open."""
    from .. import goal

    plan = Plan.objects.select_related("user").filter(pk=plan_id).first()
    if plan is None or (plan.draft or {}).get("state") != THINKING:
        return ""
    draft = plan.draft
    try:
        proposed = goal.proposal(goal=draft["goal"], user=plan.user, language=draft.get("language", "en"))
        check_steps(drafts_from_json(proposed["steps"]), owner=plan.user, plan=plan)
        plain_json.check(proposed, field="draft")
        found = {"state": READY, **proposed}
    except Problem as problem:
        found = {"state": FAILED, "error": _text(problem)}
    tell(plan, **found)
    return str(found["state"])


def give_up(*, plan_id: str) -> None:
    """Say that no proposal could be made: something broke, and the log says what."""
    plan = Plan.objects.filter(pk=plan_id).first()
    if plan is not None and (plan.draft or {}).get("state") == THINKING:
        tell(plan, state=FAILED, error=_("Something went wrong. Try again; the log has the details."))


def tell(plan: Plan, **found: Any) -> None:
    """Keep what came of the proposal, unless another was asked for meanwhile; then tell who looks."""
    draft = plan.draft or {}
    rows = Plan.objects.filter(pk=plan.pk, draft__asked_at=draft.get("asked_at"))
    if rows.update(draft={**draft, **found}):
        events.publish(plan_channel(plan.pk), "draft", {"state": found["state"]})


def _ask(plan: Plan, *, goal: str, language: str) -> None:
    plan.draft = {
        "state": THINKING,
        "goal": goal,
        "language": language,
        "asked_at": timezone.now().isoformat(),
    }
    Plan.objects.filter(pk=plan.pk).update(draft=plan.draft)
    queue.enqueue(task_type=TASK, payload={"plan_id": plan.pk})


def _draft_of(plan: Plan) -> Mapping[str, Any]:
    row = Plan.objects.select_for_update().filter(pk=plan.pk).first()
    if row is None or not row.draft:
        raise Conflict(_("Nothing is proposed for this plan."), code="no_proposal")
    found: Mapping[str, Any] = row.draft
    return found


def _text(problem: Problem) -> str:
    faults = [f"{name}: {fault}" for name, some in problem.errors.items() for fault in some]
    return "\n".join([str(problem.message), *faults[:5]])
