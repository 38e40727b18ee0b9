"""What each kind of step does. `prepare` says what is to be done, or what became of it already."""

import json
from datetime import datetime, timedelta
from typing import Any

from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.utils.translation import gettext as _

from agi_site.lib import plain_json
from agi_site.lib.problems import Problem
from tools.models import Approval, ApprovalStatus
from tools.policy import EXPIRES_AFTER
from tools.services import ask

from ..models import PlanExecution, PlanExecutionStatus, PlanStepExecution, StepKind, StepState
from ..reasons import because
from ..reasons import text_of as reason_in_words
from ..services.checking_arguments import LONGEST_WAIT, end_of_wait
from . import waking
from .gaps import Forgotten, has_gap
from .moves import CONDITION, USED, Outcome, Step, Work, left_out
from .references import BadReference, evaluated, holds, is_about_items, keys_in, resolved
from .run import Run

MAX_ITEMS = 5000
MOST_ITEMS_BYTES = 16 * 1024**2
TARGET = "plan_step_execution"


def failed(error: object, code: str, *, again: bool = False, why: dict[str, Any] | None = None) -> Outcome:
    """The end of a step that did not work."""
    return Outcome(StepState.FAILED, error=str(error), code=code, again=again, why=why)


def prepare(run: Run, step: Step, *, reading: bool = True) -> Work | Outcome:
    """What the step has to do, with its references replaced; or where it goes at once.

    Without `reading`, in the middle of a transaction, raises Unread where that takes files.
    """
    spec = step.spec
    if step.kind == StepKind.NONE and not spec.get("condition") and not spec.get("for_each"):
        return Outcome(StepState.COMPLETED)
    try:
        scope = run.scope(step, keys_in(spec), reading=reading)
        if _is_off(step, scope):
            return left_out(CONDITION, because("condition"))
        if spec.get("for_each") and step.parent_id is None:
            return _gathered(step) if (step.usage or {}).get("items") else _spread(run, step, scope)
        arguments = resolved(spec.get("arguments") or {}, scope)
        plain_json.check(arguments, field="arguments")
        if not isinstance(arguments, dict):
            return failed(_("A JSON object is expected."), "invalid")
    except BadReference as error:
        return failed(error, error.code)
    except Forgotten as gone:
        return failed(gone, gone.code, why=gone.why)
    except Problem as problem:
        return failed(text_of(problem), problem.code)
    return _for_kind(run, step, arguments)


def _for_kind(run: Run, step: Step, arguments: dict[str, Any]) -> Work | Outcome:
    match step.kind:
        case StepKind.TOOL:
            try:
                known = run.lookup.tool(step.spec.get("tool_name", ""))
            except Problem as problem:
                return failed(text_of(problem), problem.code)
            return Work(known.arguments.with_texts(arguments), repeatable=known.may_run_again)
        case StepKind.PROMPT:
            return Work(arguments, repeatable=True)
        case StepKind.WAIT:
            return _wait(run, step, arguments)
        case StepKind.APPROVAL:
            return _approval(run, step, arguments)
        case StepKind.PLAN:
            return _sub_plan(run, step, arguments)
    return Outcome(StepState.COMPLETED)


def text_of(problem: Problem) -> str:
    """A problem in one text, with the faults of single fields."""
    faults = [f"{name}: {', '.join(map(str, texts))}" for name, texts in problem.errors.items()]
    return " ".join([str(problem.message), *faults])


def _is_off(step: Step, scope: dict[str, Any]) -> bool:
    condition = step.spec.get("condition", "")
    if not condition or (step.usage or {}).get("items"):
        return False
    if step.spec.get("for_each") and step.parent_id is None and is_about_items(condition):
        return False
    return not holds(condition, scope)


# --- For each ---------------------------------------------------------------------------------------------
def _spread(run: Run, step: Step, scope: dict[str, Any]) -> Outcome:
    """One row for each item of the list; the step waits for them."""
    items = evaluated(step.spec["for_each"], scope, items=True)
    if items is None:
        items = []
    if not isinstance(items, list):
        why = because("not_a_list", text=step.spec["for_each"])
        return failed(reason_in_words(why, ""), "not_a_list", why=why)
    if len(items) > MAX_ITEMS:
        message = _("The list has %(count)d items; a step goes through at most %(most)d.")
        return failed(message % {"count": len(items), "most": MAX_ITEMS}, "too_many_items")
    if not items:
        return Outcome(StepState.COMPLETED, output=[])
    if (size := len(json.dumps(items))) > MOST_ITEMS_BYTES:
        message = _("The list has %(size)s; a step goes through at most %(most)s.")
        told = {"size": filesizeformat(size), "most": filesizeformat(MOST_ITEMS_BYTES)}
        return failed(message % told, "too_many_items")
    kept = {name: value for name, value in step.spec.items() if name not in ("for_each", "depends_on")}
    rows = [
        PlanStepExecution(
            execution_id=run.id,
            parent_id=step.id,
            item_index=index,
            order_index=step.order_index,
            key=step.key,
            kind=step.kind,
            spec={**kept, "item": item, **({"item_forgotten": True} if has_gap(item) else {})},
            status=StepState.READY,
            dependents=[step.id],
        )
        for index, item in enumerate(items)
    ]

    def act() -> None:
        PlanStepExecution.objects.bulk_create(rows, batch_size=500)

    return Outcome(
        StepState.WAITING, remaining=len(items), usage={"items": len(items)}, uncounted=True, act=act
    )


def _gathered(step: Step) -> Outcome:
    """The items' outputs in their order; it has failed if any of them has."""
    rows = PlanStepExecution.objects.filter(parent=step.id).order_by("item_index")
    found = list(rows.values_list("item_index", "status", "output", "error_message", "output_forgotten"))
    told: dict[str, Any] = {"output": [row[2] for row in found], "forgotten": any(row[4] for row in found)}
    bad = [(index, error) for index, status, _output, error, _gone in found if status == StepState.FAILED]
    if not bad:
        return Outcome(StepState.COMPLETED, usage=step.usage, **told)
    number, error = bad[0]
    why = because("items_failed", count=len(bad), all=len(found), number=number, error=error)
    told |= {"error": reason_in_words(why, ""), "code": "items_failed", "why": why}
    return Outcome(StepState.FAILED, usage=step.usage, **told)


# --- Waiting for a time, a person, another plan -----------------------------------------------------------
def _wait(run: Run, step: Step, arguments: dict[str, Any]) -> Outcome:
    if step.available_at is not None and step.available_at <= timezone.now():
        return Outcome(StepState.COMPLETED, input=arguments, output={"until": step.available_at.isoformat()})
    until = step.available_at or _end_of_wait(arguments)
    if until is None:
        return failed(_("Say how long to wait in `seconds`, or `until` when: at most a year."), "bad_wait")
    return Outcome(
        StepState.WAITING,
        input=arguments,
        available_at=until,
        uncounted=True,
        act=lambda: waking.wake_at(run.id, until),
    )


def _end_of_wait(arguments: dict[str, Any]) -> datetime | None:
    seconds = arguments.get("seconds")
    if isinstance(seconds, int | float) and not isinstance(seconds, bool) and 0 <= seconds <= LONGEST_WAIT:
        return timezone.now() + timedelta(seconds=seconds)
    return end_of_wait(arguments.get("until"))


def _approval(run: Run, step: Step, arguments: dict[str, Any]) -> Outcome:
    seconds = step.spec.get("timeout_seconds")
    expires_in = timedelta(seconds=seconds) if seconds else EXPIRES_AFTER
    title = str(arguments.get("title") or step.spec.get("description") or step.name)
    if run.execution.unattended:
        message = _("This step waits for a person, and the run is unattended.")
        return failed(message, "denied")

    def act() -> None:
        ask(
            user=run.execution.user,
            target_type=TARGET,
            target_id=str(step.id),
            title=title,
            arguments=arguments or None,
            reason=str(arguments.get("reason") or ""),
            expires_in=expires_in,
        )

    return Outcome(StepState.WAITING, input=arguments, act=act)


def answer_of(step_id: int) -> Outcome | None:
    """What became of the question that a step asked; None while it is open."""
    rows = Approval.objects.filter(target_type=TARGET, target_id=str(step_id)).order_by("-pk")
    approval: Approval | None = rows.select_related("decided_by").first()
    if approval is None or approval.status == ApprovalStatus.PENDING:
        return None
    if approval.status == ApprovalStatus.APPROVED:
        decided_by = approval.decided_by.get_username() if approval.decided_by else ""
        output = {
            "approved": True,
            "by": decided_by,
            "note": approval.note,
            "arguments": approval.agreed_arguments,
        }
        return Outcome(StepState.COMPLETED, output=output)
    texts = {
        ApprovalStatus.REJECTED: _("It was not approved."),
        ApprovalStatus.EXPIRED: _("Nobody decided in time."),
    }
    text = texts.get(ApprovalStatus(approval.status), _("The question was withdrawn."))
    return failed(f"{text} {approval.note}".strip(), str(approval.status))


def _sub_plan(run: Run, step: Step, arguments: dict[str, Any]) -> Outcome:
    from .starting import create_child

    try:
        act = create_child(run=run, step=step, inputs=arguments)
    except Problem as problem:
        return failed(text_of(problem), problem.code)
    return Outcome(StepState.WAITING, input=arguments, usage=step.usage, act=act)


def child_of(step_id: int) -> Outcome | None:
    """What became of the run that a step started; None while it goes on."""
    rows = PlanExecution.objects.filter(trigger_type=TARGET, trigger_id=str(step_id)).order_by("-pk")
    child: PlanExecution | None = rows.first()
    if child is None or child.status in (PlanExecutionStatus.PENDING, PlanExecutionStatus.RUNNING):
        return None
    spent = child.spent or {}
    used = {name: spent[name] for name in USED if spent.get(name)}
    if child.status == PlanExecutionStatus.COMPLETED:
        output = (child.result or {}).get("outputs")
        return Outcome(StepState.COMPLETED, output=output, used=used, forgotten=child.result_forgotten)
    text = child.error_text or _("The sub-plan was canceled.")
    code = "canceled" if child.status == PlanExecutionStatus.CANCELED else (child.error_code or "failed")
    return Outcome(StepState.FAILED, error=text, code=code, used=used, again=True)
