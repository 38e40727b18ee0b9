"""Steps that call tools, and the ledger: opened before they begin, closed with the step's end."""

from collections.abc import Sequence
from copy import copy
from typing import Any

from django.utils.translation import gettext as _

from agi_site.lib.problems import Problem, TooMany
from tools.models import ToolExecution, ToolExecutionStatus
from tools.results import outline
from tools.services import Call, End, Opened, close_many, open_many, settle_lost
from tools.services.attempts import Outcome as CallOutcome
from tools.services.attempts import keep

from ..models import StepState
from . import waking
from .kinds import TARGET, failed, text_of
from .moves import Outcome, Step
from .retries import later
from .run import Run

# After these another attempt would come to the same end.
FINAL = frozenset(
    {"account_closed", "denied", "rejected", "canceled", "expired", "forgotten", "lost", "not_started"}
)


def open_calls(run: Run, steps: Sequence[Step], seconds: dict[int, float]) -> dict[int, Opened | Outcome]:
    """Write the calls' rows in the caller's transaction.

    Returns for each step what is to be run, or the Outcome of a call that does not begin. Whoever opens a
    call holds its step, so an earlier call that still runs belongs to a process that does not count any more.
    """
    answers: dict[int, Opened | Outcome] = {}
    keys = {_key(step): step for step in steps}
    rows = ToolExecution.objects.filter(user=run.execution.user, idempotency_key__in=list(keys))
    if found := dict(rows.values_list("pk", "idempotency_key")):
        for row in settle_lost(list(found)):
            step = keys[found[row.pk]]
            if row.status == ToolExecutionStatus.COMPLETED and _fault_of_program(row.result):
                ToolExecution.objects.filter(pk=row.pk).update(idempotency_key=None)  # it is tried again
            elif row.status != ToolExecutionStatus.FAILED:
                answers[step.id] = outcome_of(step, row)
    fresh = [step for step in steps if step.id not in answers]
    calls = [_call(run, step, seconds.get(step.id)) for step in fresh]
    for step, opened in zip(fresh, open_many(calls, lookup=run.lookup), strict=True):
        if isinstance(opened, TooMany):
            pause = float(min(max(opened.retry_after, 1), 60))
            answers[step.id] = later(run.id, pause, text=str(opened.message))
        elif isinstance(opened, Problem):
            answers[step.id] = failed(text_of(opened), opened.code)
        elif opened.execution.status == ToolExecutionStatus.RUNNING:
            answers[step.id] = opened
        else:
            answers[step.id] = outcome_of(step, opened.execution)
    return answers


def _key(step: Step) -> str:
    """What a tool knows the call by, over all attempts at it."""
    return f"plan-step-{step.id}"


def _call(run: Run, step: Step, seconds: float | None) -> Call:
    assert step.work is not None
    return Call(
        user=run.execution.user,
        name=step.spec["tool_name"],
        arguments=step.work.arguments,
        trigger=(TARGET, str(step.id)),
        conversation_id=run.conversation_id,
        language=run.language,
        unattended=run.execution.unattended,
        attended_by="plan",
        timeout=seconds,
        idempotency_key=_key(step),
    )


def outcome_of(step: Step, row: ToolExecution) -> Outcome:
    """Where a step goes with what its call has come to."""
    common: dict[str, Any] = {
        "input": row.parameters,
        "tool_execution_id": row.pk,
        "usage": {name: value for name, value in (step.usage or {}).items() if name != "reserved"} or None,
        "used": _used(row),
    }
    if row.status == ToolExecutionStatus.COMPLETED:
        common |= {"output": _kept(row.result), "forgotten": row.result_forgotten}
        if fault := _fault_of_program(row.result):
            text, code = fault
            return Outcome(StepState.FAILED, error=text, code=code, again=True, **common)
        return Outcome(StepState.COMPLETED, **common)
    if row.status == ToolExecutionStatus.FAILED:
        return Outcome(
            StepState.FAILED,
            error=row.error_message or _("The tool gave no reason."),
            code=row.error_code or "failed",
            again=row.error_code not in FINAL,
            **common,
        )
    return Outcome(StepState.WAITING, act=lambda: _look_again(step, row.pk), **common)


def _kept(result: Any) -> Any:
    """A result as the step keeps it: of a large one the head, and where the whole is."""
    if outline(result) is result:
        return result
    return {name: value for name, value in result.items() if name != "excerpt"}


def _fault_of_program(result: Any) -> tuple[str, str] | None:
    """Text and code where a program in a sandbox came to no good end.

    To whoever called the tool that is a result like any other; what waits for a step may not build on it.
    """
    result = outline(result)
    if not isinstance(result, dict) or not {"exit_code", "cause", "stderr"} <= result.keys():
        return None
    if result["cause"] != "exit":
        message = _("The program was ended: %(why)s.")
        why = str(result.get("detail") or result["cause"]).rstrip(".")
        return message % {"why": why}, str(result["cause"])
    if result["exit_code"] == 0:
        return None
    text = _("The program ended with exit code %(code)s.") % {"code": result["exit_code"]}
    said = str(result["stderr"] or "").strip().splitlines()
    return f"{text} {said[-1][:300]}" if said else text, "exit_code"


def _look_again(step: Step, execution_id: str) -> None:
    """What the step waits for may have ended before it began to wait; nobody would tell it again."""
    ended = ToolExecution.objects.filter(
        pk=execution_id, status__in=[ToolExecutionStatus.COMPLETED, ToolExecutionStatus.FAILED]
    )
    if ended.exists():
        waking.settle_later(step.id)


def _used(row: ToolExecution) -> dict[str, float] | None:
    if row.ran_in != "sandbox" or row.duration is None:
        return None
    return {"sandbox_seconds": round(row.duration, 3)}


def end_of(opened: Opened, *, error: str, code: str) -> End:
    """The end of a call that its tool did not bring about; the tool may still be at work, unheard."""
    execution, outcome = copy(opened.execution), CallOutcome(error=error, error_code=code)
    keep(execution, status=outcome.status, **outcome.columns())
    return End(execution, outcome)


def not_started(opened: Opened) -> End:
    """The end of a call that was opened and did not begin."""
    text = _("It was not started, because the step before it took longer than expected.")
    return end_of(opened, error=text, code="not_started")


__all__ = ["close_many", "end_of", "not_started", "open_calls", "outcome_of"]
