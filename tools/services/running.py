"""Running tools by name: at once, or by a worker; each run in the ledger before it starts."""

from collections.abc import Callable
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from agi_site.lib.database import stubbornly
from agi_site.lib.problems import Conflict, Problem
from system import queue
from system.services import audit

from .. import policy, rates
from ..models import ApprovalStatus, PolicyEffect, ToolExecution, ToolExecutionStatus
from ..policy import Decision
from ..steps import reach
from . import attempts, ending, told
from .approvals import ask
from .attempts import Heard, Job, Outcome, carry_out
from .calls import Call, Prepared, check_account, checked, denial, prepare, row_of
from .lookup import Known, Lookup

RUN_TASK = "tools.run"
LOST = "lost"
MOST_ATTEMPTS = 4


def run_tool(
    *,
    user: Any,
    name: str,
    arguments: dict[str, Any],
    conversation_id: str | None = None,
    message_id: str | None = None,
    trigger: tuple[str, str] | None = None,
    language: str = "en",
    stopped: Callable[[], bool] = lambda: False,
    unattended: bool = False,
    attended_by: str = "",
    timeout: float | None = None,
    exec_env: str | None = None,
    idempotency_key: str | None = None,
    heard: Heard | None = None,
    lookup: Lookup | None = None,
) -> ToolExecution:
    """Run a tool for `user` and return its line in the ledger; a failing tool never raises.

    The row is `completed` or `failed` (`error_code`: failed, error, timeout, canceled, denied); or it waits:
    `pending` with an `approval` where the policy asks first, `running` with `awaits_type` where the end
    comes from elsewhere. What is asked wrongly raises before anything is written: NotFound, Conflict,
    Forbidden, Invalid (arguments by name), TooMany. Never called inside a transaction: the row has to be
    there before the tool runs (RuntimeError).

    `trigger`, or else `message_id` or `conversation_id`, is kept as what asked. Texts are in `language`;
    `stopped` is asked while the tool runs; `heard(execution, name, data)` hears "started" and "output".
    `timeout` shortens the tool's own limit. A second call with an `idempotency_key` whose call has not
    failed returns the first one's row. A `lookup` that is kept saves look-ups for calls one after another.
    """
    call = Call(
        user=user,
        name=name,
        arguments=arguments,
        conversation_id=conversation_id,
        message_id=message_id,
        trigger=trigger,
        language=language,
        unattended=unattended,
        attended_by=attended_by,
        timeout=timeout,
        exec_env=exec_env,
        idempotency_key=idempotency_key,
    )
    with translation.override(language):
        execution, prepared = _opened(call, lookup or Lookup(), started=True)
        if prepared is None or execution.status != ToolExecutionStatus.RUNNING:
            return execution
        reach("run:opened")
        job = Job(known=prepared.known, seconds=prepared.seconds, stopped=stopped, heard=heard)
        outcome = carry_out(execution, job)
        conclude(execution, outcome, followed=job.followed)
        return execution


def start_tool(*, lookup: Lookup | None = None, **asked: Any) -> ToolExecution:
    """As `run_tool`, but a worker does the work: returns the row, mostly still `pending`.

    Takes what `run_tool` takes, without `stopped` and `heard`. May be called inside a transaction; then row
    and task are both stored with it, or neither.
    """
    call = Call(**asked)
    with translation.override(call.language), transaction.atomic():
        execution, prepared = _opened(call, lookup or Lookup(), started=False)
        if prepared is not None and prepared.decision.effect == PolicyEffect.ALLOW:
            enqueue_run(execution)
        return execution


@transaction.atomic
def repeat_execution(*, execution: ToolExecution, by: Any) -> ToolExecution:
    """Start what has failed once more, as a new row, for the person it was for.

    The policy is asked again, and with it, where it wants that, a person. Raises Conflict.
    """
    if execution.status != ToolExecutionStatus.FAILED or execution.user is None:
        raise Conflict(_("Only a failed run can be repeated."), code="execution_not_failed")
    if execution.arguments_forgotten:
        message = _("A part of what it was given was forgotten, so it cannot be repeated as it was.")
        raise Conflict(message, code="arguments_forgotten")
    audit(component="tools", message=f"execution {execution.pk} was repeated", by=by)
    return start_tool(
        user=execution.user,
        name=execution.tool.name,
        arguments=execution.parameters or {},
        conversation_id=execution.conversation or None,
        trigger=("tool_execution", execution.pk),
        language=execution.language or "en",
        attended_by="page",
    )


def enqueue_run(execution: ToolExecution) -> None:
    """Let a worker run a pending row; asking twice is harmless."""
    queue.enqueue(
        task_type=RUN_TASK, payload={"execution_id": execution.pk}, key=f"{RUN_TASK}:{execution.pk}"
    )


def run_execution(*, execution_id: str, stopped: Callable[[], bool] = lambda: False) -> ToolExecution | None:
    """Run a row that was started or approved; the work of the task `tools.run`, which may come twice.

    A row that an attempt left behind, whose process died, runs again if its tool allows that, and ends as
    lost if not.
    """
    rows = ToolExecution.objects.select_related("tool", "user")
    execution: ToolExecution | None = rows.filter(pk=execution_id).first()
    if execution is None or execution.ended or execution.awaits_type:
        return execution
    with translation.override(execution.language or None):
        known = _still_allowed(execution)
        if known is None or not _taken(execution, known):
            return execution
        reach("run:taken")
        job = Job(
            known=known,
            seconds=known.within(execution.seconds),
            stopped=stopped,
            followed=True,
            announce=ending.announce_end,
        )
        outcome = carry_out(execution, job)
        conclude(execution, outcome, followed=False, announced=True)
    return execution


def conclude(execution: ToolExecution, outcome: Outcome, *, followed: bool, announced: bool = False) -> None:
    """Write what came of a call, unless the tool's own transaction did; `announced`: tell who waits."""
    if announced:
        stubbornly(lambda: _conclude_announced(execution, outcome))
    elif not outcome.written and not stubbornly(lambda: attempts.write(execution, outcome)):
        execution.refresh_from_db()
    reach("run:ended")
    if followed and execution.ended:
        data = {"status": str(execution.status), "error_code": execution.error_code}
        attempts.tell(execution, "ended", data)


def _conclude_announced(execution: ToolExecution, outcome: Outcome) -> None:
    if outcome.written:  # announced by the tool's own transaction
        return
    with transaction.atomic():
        if not attempts.write(execution, outcome):
            execution.refresh_from_db()
            return
        if execution.ended:
            ending.announce_end(execution)


def _opened(call: Call, lookup: Lookup, *, started: bool) -> tuple[ToolExecution, Prepared | None]:
    """The stored row of a call; without Prepared where an earlier call with its key is the same call."""
    earlier = _earlier(call)
    if earlier is not None:
        return earlier, None
    prepared = prepare(call, lookup)
    rates.check_rate(tool=prepared.known.tool, user=call.user)
    execution = row_of(prepared, started=started)
    try:
        # Durable: in somebody's transaction the row would come after the tool, or not at all.
        with transaction.atomic(durable=started):
            if execution.status == ToolExecutionStatus.RUNNING:
                rates.check_room(tool=prepared.known.tool)
            execution.save(force_insert=True)
            told.tell_state(execution)
            if prepared.decision.effect == PolicyEffect.ASK:
                ask_for(execution, prepared.decision)
    except IntegrityError:
        earlier = _earlier(call)
        if earlier is None:
            raise
        return earlier, None
    return execution, prepared


def _earlier(call: Call) -> ToolExecution | None:
    if call.idempotency_key is None:
        return None
    rows = ToolExecution.objects.for_user(call.user).select_related("tool")
    found: ToolExecution | None = rows.filter(idempotency_key=call.idempotency_key).first()
    if found is not None and found.tool.name != call.name:
        message = _("This key names a call of the tool “%(name)s”. Take another key.")
        raise Conflict(message % {"name": found.tool.name}, code="key_of_another_call")
    return found


def ask_for(execution: ToolExecution, decision: Decision) -> None:
    """Ask for the consent that the policy wants, in the transaction of the row."""
    ask(
        user=execution.user,
        target_type="tool_execution",
        target_id=execution.pk,
        title=execution.tool.name,
        arguments=execution.parameters,
        reason=decision.reason,
        approver=decision.approver,
        expires_in=decision.expires_after,
    )


def _still_allowed(execution: ToolExecution) -> Known | None:
    """The tool of a row that is about to run; None where it may not: it has ended then, or still waits."""
    approval = execution.approval
    if approval is not None and approval.status == ApprovalStatus.PENDING:
        return None
    if execution.arguments_forgotten:  # an attempt began with them whole, and its process died
        ending.fail(execution, code=ending.FORGOTTEN, text=ending.forgotten_text())
        return None
    lookup = Lookup()
    try:
        check_account(execution.user)
        known = lookup.tool(execution.tool.name)
        checked(known, execution.parameters)
    except Problem as problem:
        ending.fail(execution, code=problem.code, text=str(problem.message))
        return None
    agreed = approval is not None and approval.status == ApprovalStatus.APPROVED
    decision = policy.decide(
        lookup.rules(),
        tool=known.tool,
        role_ids=lookup.roles(execution.user),
        unattended=execution.unattended and not agreed,
        default_effect=known.implementation.default_effect,
    )
    if agreed and decision.effect != PolicyEffect.DENY:
        return known
    if approval is None and decision.effect == PolicyEffect.ALLOW:
        return known
    asks = approval is None and decision.effect == PolicyEffect.ASK
    if asks and execution.status == ToolExecutionStatus.PENDING:
        _ask_after_all(execution, decision)
    else:  # also of a second attempt: nobody is asked about what has run in part
        ending.fail(execution, code="denied", text=denial(decision, known.tool.name))
    return None


def _ask_after_all(execution: ToolExecution, decision: Decision) -> None:
    """Ask about a row that was allowed when it was written: the policy has been changed while it waited."""
    with transaction.atomic():
        rows = ToolExecution.objects.filter(pk=execution.pk, status=ToolExecutionStatus.PENDING)
        held = rows.select_for_update().first()
        if held is None or held.approval is not None:  # somebody was faster
            return
        rows.update(policy_effect=decision.effect, policy=decision.rule)
        ask_for(execution, decision)


def _taken(execution: ToolExecution, known: Known) -> bool:
    """Hold the row for an attempt: the first, or one after an attempt whose process died."""
    until = attempts.deadline(known.within(execution.seconds))
    if execution.status == ToolExecutionStatus.PENDING:
        values = {"attempt": 1, "started_at": timezone.now(), "deadline_at": until}
        waiting = ToolExecution.objects.filter(pk=execution.pk, status=ToolExecutionStatus.PENDING)
        with transaction.atomic():
            rates.check_room(tool=known.tool)  # TooMany: the queue comes back with it later
            if not waiting.update(status=ToolExecutionStatus.RUNNING, **values):
                return False
            attempts.keep(execution, status=ToolExecutionStatus.RUNNING, **values)
            told.tell_state(execution)
        return True
    if known.may_run_again and execution.attempt < MOST_ATTEMPTS:
        return attempts.take(execution, deadline_at=until)
    ending.fail(execution, code=LOST, text=lost_text(), attempt=execution.attempt)
    return False


def lost_text() -> str:
    """What is said of a run whose process died under it."""
    return _("The program stopped while this tool was running. Run it again.")
