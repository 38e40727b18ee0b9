"""Consent: asked for, given, refused, handed on, or too late; each question ends exactly once."""

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from agi_site.lib import plain_json
from agi_site.lib.problems import Conflict, Forbidden, Invalid
from system import queue
from system.services import audit

from ..models import Approval, ApprovalStatus, Approver, ToolExecution
from ..policy import EXPIRES_AFTER
from ..steps import reach
from . import ending, told
from .calls import MAX_ARGUMENT_TEXT, checked
from .lookup import Lookup

DECIDED = "approval.decided"
LONGEST_NOTE = 500
BATCH = 200


def ask(
    *,
    user: Any,
    target_type: str,
    target_id: str,
    title: str,
    arguments: Any = None,
    reason: str = "",
    approver: str = Approver.SELF,
    expires_in: timedelta = EXPIRES_AFTER,
) -> Approval:
    """Ask, in the caller's transaction, for consent to what waits as the target."""
    approval: Approval = Approval.objects.create(
        user=user,
        target_type=target_type,
        target_id=target_id,
        title=title[:200],
        arguments=arguments,
        reason=reason[:500],
        approver=approver,
        expires_at=timezone.now() + expires_in,
    )
    told.tell_approval(approval)
    return approval


@transaction.atomic
def approve(*, approval: Approval, by: Any, arguments: Any = None, note: str = "") -> Approval:
    """Agree, perhaps with other `arguments`; what waited goes on.

    Raises Forbidden (not theirs to decide), Conflict (decided already, or too late), Invalid (the edited
    arguments, named one by one).
    """
    check_decider(approval, by)
    edited = None if arguments is None else _edited(approval, arguments)
    close(approval, to=ApprovalStatus.APPROVED, by=by, note=note, edited_arguments=edited)
    if approval.target_type == "tool_execution":
        _go_on(approval)
    return approval


@transaction.atomic
def reject(*, approval: Approval, by: Any, note: str = "") -> Approval:
    """Refuse; what waited ends as rejected. Raises Forbidden or Conflict."""
    check_decider(approval, by)
    close(approval, to=ApprovalStatus.REJECTED, by=by, note=note)
    _end_target(approval, code="rejected", text=_("It was not allowed to run."))
    return approval


@transaction.atomic
def delegate_to(*, approval: Approval, by: Any, delegate: Any) -> Approval:
    """Hand the question to somebody else, who alone decides from then on.

    Raises Forbidden, Conflict or Invalid.
    """
    check_decider(approval, by)
    if not delegate.is_active or delegate.pk == approval.delegate_id:
        raise Invalid(errors={"delegate": [_("Choose another person, whose account is open.")]})
    waiting = Approval.objects.waiting().filter(pk=approval.pk, delegate=approval.delegate_id)
    if not waiting.update(delegate=delegate):
        raise _too_late(approval)
    approval.delegate = delegate
    audit(component="tools", message=f"approval {approval.pk} was handed to {delegate}", by=by)
    return approval


def expire_approvals() -> int:
    """End what nobody has decided in time, and what waited for it; returns how many."""
    overdue = Approval.objects.overdue(timezone.now()).order_by("expires_at")[:BATCH]
    return sum(_expire(approval) for approval in overdue)


def check_decider(approval: Approval, by: Any) -> None:
    """Raise Conflict where nothing is to be decided any more, Forbidden where it is not theirs."""
    is_theirs = Approval.objects.decidable_by(by).filter(pk=approval.pk).exists()
    approval.refresh_from_db()  # afterwards: what another has just decided is nobody's to decide
    if approval.status != ApprovalStatus.PENDING or approval.expires_at <= timezone.now():
        raise _too_late(approval)
    if not is_theirs:
        message = _("Somebody else has to decide this.")
        raise Forbidden(message, code="not_yours_to_decide")


def close(
    approval: Approval, *, to: str, by: Any = None, note: str = "", edited_arguments: Any = None
) -> None:
    """End a question, once, and announce it, in the caller's transaction; raises Conflict if it has ended."""
    now = timezone.now()
    waiting = Approval.objects.waiting().filter(pk=approval.pk)
    if by is not None:  # a person's word counts in time only
        waiting = waiting.filter(expires_at__gt=now, delegate=approval.delegate_id)
    values = {"status": to, "decided_at": now, "decided_by": by, "note": note[:LONGEST_NOTE]}
    if not waiting.update(**values, edited_arguments=edited_arguments):
        approval.refresh_from_db()
        raise _too_late(approval)
    for name, value in {**values, "edited_arguments": edited_arguments}.items():
        setattr(approval, name, value)
    if by is not None:
        audit(component="tools", message=f"approval {approval.pk} was {to}", by=by)
    told.tell_approval(approval)
    queue.announce(DECIDED, {
        "approval_id": approval.pk,
        "status": str(to),
        "target_type": approval.target_type,
        "target_id": approval.target_id,
    })  # fmt: skip
    reach(f"approval:{to}")


def _edited(approval: Approval, arguments: Any) -> Any:
    """The arguments that a decider has put in place of those proposed, checked as a call's are."""
    plain_json.check(arguments, field="arguments", max_text=MAX_ARGUMENT_TEXT)
    if approval.target_type != "tool_execution":
        return arguments
    if not isinstance(arguments, dict):
        raise Invalid(errors={"arguments": [_("The arguments have to be an object.")]})
    execution = _target(approval)
    return checked(Lookup().tool(execution.tool.name), arguments)


def _go_on(approval: Approval) -> None:
    from .running import enqueue_run

    execution = _target(approval)
    waiting = ToolExecution.objects.filter(pk=execution.pk, status="pending")
    if not waiting.update(parameters=approval.agreed_arguments):
        raise Conflict(_("What waited for this has ended meanwhile."), code="execution_ended")
    enqueue_run(execution)


def _target(approval: Approval) -> ToolExecution:
    rows = ToolExecution.objects.select_related("tool")
    found: ToolExecution | None = rows.filter(pk=approval.target_id).first()
    if found is None:
        raise Conflict(_("What waited for this is gone."), code="target_gone")
    return found


def _end_target(approval: Approval, *, code: str, text: str) -> None:
    if approval.target_type != "tool_execution":
        return
    execution = ToolExecution.objects.filter(pk=approval.target_id).first()
    if execution is not None:
        said = f"{text} ({approval.note})" if approval.note else text
        ending.fail(execution, code=code, text=said)


def _expire(approval: Approval) -> bool:
    with transaction.atomic(), translation.override(approval.user.language or None):
        try:
            close(approval, to=ApprovalStatus.EXPIRED)
        except Conflict:  # decided at this very moment
            return False
        _end_target(approval, code="expired", text=_("Nobody allowed it in time. Ask for it again."))
    return True


def _too_late(approval: Approval) -> Conflict:
    if approval.status in (ApprovalStatus.PENDING, ApprovalStatus.EXPIRED):
        message = _("The time to decide this is over. Ask for it again.")
        return Conflict(message, code="approval_expired")
    message = _("This was decided already: %(status)s.") % {"status": approval.get_status_display()}
    return Conflict(message, code="approval_decided")
