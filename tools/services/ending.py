"""How rows end that were not ended by whoever called the tool: finished, canceled, refused, given up."""

from contextlib import suppress
from typing import Any

from django.db import transaction
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from agi_site.lib.problems import Conflict
from system import queue
from system.services import audit

from .. import results
from ..models import Approval, ApprovalStatus, ToolExecution, ToolExecutionStatus
from . import attempts, stops, told

ENDED = "tool_execution.ended"
STOP_REQUESTED = "tool_execution.stop_requested"
FORGOTTEN = "forgotten"


def end(execution: ToolExecution, *, to: str, attempt: int | None = None, **values: Any) -> bool:
    """End a row and announce it in the same transaction; False if somebody else has ended it."""
    if to == ToolExecutionStatus.FAILED:
        values.setdefault("idempotency_key", None)
    values.setdefault("completed_at", timezone.now())
    with transaction.atomic():
        if not ToolExecution.objects.move(pk=execution.pk, to=to, attempt=attempt, **values):
            return False
        attempts.keep(execution, status=to, **values)
        told.tell_state(execution)
        announce_end(execution)
    return True


def announce_end(execution: ToolExecution) -> None:
    """Tell, in the caller's transaction, whoever waits for a row that its own caller did not end."""
    queue.announce(ENDED, {
        "execution_id": execution.pk,
        "status": str(execution.status),
        "trigger_type": execution.trigger_type,
        "trigger_id": execution.trigger_id,
    })  # fmt: skip
    data = {"status": str(execution.status), "error_code": execution.error_code}
    transaction.on_commit(lambda: attempts.tell(execution, "ended", data), robust=True)


def fail(execution: ToolExecution, *, code: str, text: str, attempt: int | None = None) -> bool:
    """End a row as failed, with a code for programs and a text for people."""
    return end(execution, to=ToolExecutionStatus.FAILED, attempt=attempt, error_code=code, error_message=text)


def forgotten_text() -> str:
    """What is said of a run whose arguments held what was forgotten before it began."""
    return _("It did not run: a part of what it was given was forgotten meanwhile. Ask again without that.")


@transaction.atomic
def call_off_forgotten(execution: ToolExecution) -> None:
    """End a row that has not begun, as a part of its arguments was forgotten; one that has begun goes on."""
    if execution.status != ToolExecutionStatus.PENDING:
        return
    with translation.override(execution.language or None):
        text = forgotten_text()
    _cancel_approvals(execution, note=text)
    rows = ToolExecution.objects.select_for_update().filter(pk=execution.pk)
    if rows.filter(status=ToolExecutionStatus.PENDING).first() is not None:
        fail(execution, code=FORGOTTEN, text=text)


def finish_execution(*, execution_id: str, result: Any = None, error: str = "", error_code: str = "") -> bool:
    """End a row that waited for something else (`registry.Later`); False if it has ended already.

    With `error` it ends as failed. Whoever waits for the row hears of it.
    """
    execution = ToolExecution.objects.filter(pk=execution_id).first()
    if execution is None or execution.ended:
        return False
    if error or error_code:
        return fail(execution, code=error_code or "failed", text=error)
    found = results.stored(result, name=execution.pk)
    done = end(execution, to=ToolExecutionStatus.COMPLETED, **found.columns())
    if not done:
        results.discard(found.file)
    return done


@transaction.atomic
def cancel_execution(*, execution: ToolExecution, by: Any) -> ToolExecution:
    """Stop a run: one that waits ends now, one that runs is asked to stop and ends within moments.

    Raises Conflict when it has ended already. The caller has made sure that it is theirs to stop.
    """
    execution.refresh_from_db()
    if execution.ended:
        raise Conflict(_("This run has ended already, so it cannot be stopped."), code="execution_ended")
    audit(component="tools", message=f"execution {execution.pk} was canceled", by=by)
    now = timezone.now()
    if execution.status == ToolExecutionStatus.RUNNING:
        ToolExecution.objects.filter(pk=execution.pk, stop_requested_at=None).update(stop_requested_at=now)
        execution.stop_requested_at = now
        transaction.on_commit(lambda: stops.stop_here(execution.pk), robust=True)
        if not execution.awaits_type:
            return execution
        queue.announce(STOP_REQUESTED, {
            "execution_id": execution.pk,
            "awaits_type": execution.awaits_type,
            "awaits_id": execution.awaits_id,
            "by": getattr(by, "pk", None),
        })  # fmt: skip
    with translation.override(execution.language or None):
        text = _("It was stopped before it ended.")
    _cancel_approvals(execution)
    if not fail(execution, code="canceled", text=text):
        raise Conflict(_("This run has ended already, so it cannot be stopped."), code="execution_ended")
    return execution


def _cancel_approvals(execution: ToolExecution, note: str = "") -> None:
    """End what is asked about it; before the row itself, in the order in which approving takes the two."""
    from .approvals import close

    asked = Approval.objects.waiting().filter(target_type="tool_execution", target_id=execution.pk)
    for approval in asked:
        with suppress(Conflict):  # decided at this very moment: then the run is stopped instead
            close(approval, to=ApprovalStatus.CANCELED, note=note)
