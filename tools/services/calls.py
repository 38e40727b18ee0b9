"""A call that is asked for: checked, decided on, and written down before anything runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from agi_site.lib import plain_json, targets
from agi_site.lib.problems import Forbidden

from .. import policy
from ..models import PolicyEffect, ToolExecution, ToolExecutionStatus
from ..policy import Decision
from .lookup import Known, Lookup

MAX_ARGUMENT_TEXT = 100_000


@dataclass(frozen=True, kw_only=True)
class Call:
    """What is asked: which tool, with what, for whom, from where, and how long it may take.

    `trigger` (type, id) is kept as what asked for it; without one, `message_id` or else `conversation_id`
    is, which then must be the person's. `timeout` can only shorten the tool's own limit.
    """

    user: Any
    name: str
    arguments: Mapping[str, Any]
    conversation_id: str | None = None
    message_id: str | None = None
    trigger: tuple[str, str] | None = None
    language: str = "en"
    unattended: bool = False
    attended_by: str = ""
    timeout: float | None = None
    exec_env: str | None = None
    idempotency_key: str | None = None


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A call that fits its tool, and what the policy says to it."""

    call: Call
    known: Known
    arguments: dict[str, Any]
    decision: Decision
    trigger: tuple[str, str] | None = None
    seconds: float = 0.0
    env: str = field(default="host")


def prepare(call: Call, lookup: Lookup) -> Prepared:
    """Check a call; raises what the caller did wrong, before anything is written.

    NotFound (no such tool, a trigger that is not the person's), Conflict (switched off, or without
    implementation), Forbidden (an account that is closed), Invalid (the arguments, named one by one).
    """
    check_account(call.user)
    known = lookup.tool(call.name)
    arguments = checked(known, call.arguments)
    decision = policy.decide(
        lookup.rules(),
        tool=known.tool,
        role_ids=lookup.roles(call.user),
        unattended=call.unattended,
        default_effect=known.implementation.default_effect,
    )
    return Prepared(
        call=call,
        known=known,
        arguments=arguments,
        decision=decision,
        trigger=_trigger(call),
        seconds=known.within(call.timeout),
        env=policy.env_of(
            tool_env=known.implementation.exec_env, decided=decision.exec_env, wished=call.exec_env
        ),
    )


def check_account(user: Any) -> None:
    """Raise Forbidden for an account that is closed, or gone (None)."""
    if user is None or not user.is_active:
        raise Forbidden(_("This account is closed, so no tool runs for it."), code="account_closed")


def checked(known: Known, arguments: Any) -> dict[str, Any]:
    """The arguments with defaults filled in; raises Invalid with the faults of each by name."""
    plain_json.check(arguments, field="arguments", max_text=MAX_ARGUMENT_TEXT)
    return known.arguments.checked(arguments)


def row_of(prepared: Prepared, *, started: bool = True) -> ToolExecution:
    """The line in the ledger, not stored yet: running where the policy allows it, failed where it denies.

    With `started=False` an allowed call waits as `pending` for whoever runs it.
    """
    call, decision, now = prepared.call, prepared.decision, timezone.now()
    trigger_type, trigger_id = prepared.trigger or (None, None)
    row = ToolExecution(
        tool=prepared.known.tool,
        user=call.user,
        parameters=prepared.arguments,
        trigger_type=trigger_type,
        trigger_id=trigger_id,
        conversation=call.conversation_id or "",
        ran_in=prepared.env,
        policy_effect=decision.effect,
        policy=decision.rule,
        asked_through=call.attended_by,
        unattended=call.unattended,
        language=call.language,
        seconds=call.timeout,
        idempotency_key=call.idempotency_key,
        created_at=now,
    )
    if decision.effect == PolicyEffect.DENY:
        row.status, row.completed_at, row.idempotency_key = ToolExecutionStatus.FAILED, now, None
        row.error_code, row.error_message = "denied", denial(decision, call.name)
    elif decision.effect == PolicyEffect.ALLOW and started:
        row.status, row.attempt, row.started_at = ToolExecutionStatus.RUNNING, 1, now
        row.deadline_at = now + timedelta(seconds=prepared.seconds)
    return row


def denial(decision: Decision, name: str) -> str:
    """Why a call is refused, and what can be done about it."""
    if decision.unattended_denied:
        text = _(
            "The tool “%(name)s” needs someone's consent, and nobody is there to give it. An operator can "
            "change what the policy says for unattended runs."
        )
    else:
        text = _("The policy does not allow the tool “%(name)s” here. An operator can change the policy.")
    told = text % {"name": name}
    return f"{told} ({decision.reason})" if decision.reason else told


def _trigger(call: Call) -> tuple[str, str] | None:
    if call.trigger is not None:
        return call.trigger
    named = ("message", call.message_id) if call.message_id else ("conversation", call.conversation_id)
    if named[1] is None:
        return None
    targets.resolve(target_type=named[0], target_id=named[1], user=call.user)
    return named[0], named[1]
