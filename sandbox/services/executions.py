"""Commands, code cells and terminals in sandboxes: rows that the agent of the host takes up."""

import time
from collections.abc import Mapping
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import BigIntegerField, CharField, Count, OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext as _

from agi_site.lib import plain_json
from agi_site.lib.database import stubbornly
from agi_site.lib.prepared import prepared
from agi_site.lib.problems import Conflict, Invalid, NotFound, TooMany

from .. import briefs, gateway
from ..lifecycle import trail
from ..models import (
    ExecutionCause,
    ExecutionKind,
    ExecutionStatus,
    Sandbox,
    SandboxExecution,
    SandboxStatus,
)
from .templates import checked_env

LONGEST_COMMAND = 1_000_000
LONGEST_STDIN = 4 << 20
MOST_LIVE = 64
# A sandbox in which something runs soon, if not now.
SOON = {"create", "start", "restart", "resume", "change", "restore"}
WAIT_SECONDS = (0.01, 0.25)
TERMINAL_SECONDS = 24 * 3600
LIVE = Coalesce(
    Subquery(
        SandboxExecution.objects.live()
        .filter(sandbox=OuterRef("pk"))
        .order_by()
        .values("sandbox")
        .annotate(number=Count("pk"))
        .values("number")
    ),
    0,
)


def run_command(
    *,
    sandbox: Sandbox,
    by: Any,
    command: str,
    working_dir: str = "",
    env: Mapping[str, str] | None = None,
    stdin: str = "",
    stdin_open: bool = False,
    timeout: int | None = None,
    output_limit: int | None = None,
) -> SandboxExecution:
    """Queue a shell command; events come on `channels.execution_channel(id)`.

    `stdin` is given at once; `stdin_open` leaves it open for `send_input`. `timeout` (seconds) and
    `output_limit` (bytes) are at most the sandbox's own, which hold when nothing is said. A paused or stopped
    sandbox is a Conflict; one that is still being created, started or restarted takes it and runs it then.
    """
    if not command.strip():
        raise Invalid(errors={"command": [_("Write a command.")]})
    if len(stdin) > LONGEST_STDIN:
        raise Invalid(errors={"stdin": [_("At most %(most)d characters.") % {"most": LONGEST_STDIN}]})
    return _queue(
        sandbox,
        by,
        kind=ExecutionKind.COMMAND,
        command=command,
        working_dir=working_dir,
        env=env,
        timeout=timeout,
        output_limit=output_limit,
        stdin=stdin or None,
        stdin_open=stdin_open,
    )


def run_cell(
    *,
    sandbox: Sandbox,
    by: Any,
    code: str,
    session: str = "",
    working_dir: str = "",
    env: Mapping[str, str] | None = None,
    timeout: int | None = None,
    output_limit: int | None = None,
) -> SandboxExecution:
    """Queue Python code; cells of one `session` share their variables, "" is a fresh state each time."""
    if not code.strip():
        raise Invalid(errors={"code": [_("Write some code.")]})
    if len(session) > 64 or any(not letter.isprintable() for letter in session):
        raise Invalid(errors={"session": [_("A session's name has at most 64 characters.")]})
    return _queue(
        sandbox,
        by,
        kind=ExecutionKind.CELL,
        command=code,
        working_dir=working_dir,
        env=env,
        timeout=timeout,
        output_limit=output_limit,
        python_session=session,
    )


def open_terminal(
    *,
    sandbox: Sandbox,
    by: Any,
    command: str = "",
    working_dir: str = "",
    env: Mapping[str, str] | None = None,
) -> SandboxExecution:
    """Queue an interactive terminal (kind `terminal`); talk to it by `gateway.open_terminal`.

    It ends with its program, with the sandbox, or when it is cancelled.
    """
    return _queue(
        sandbox,
        by,
        kind=ExecutionKind.TERMINAL,
        command=command,
        working_dir=working_dir,
        env=env,
        timeout=None,
        output_limit=None,
        stdin_open=True,
    )


def cancel_execution(*, execution: SandboxExecution, by: Any) -> SandboxExecution:
    """Ask for its end, with all its children; what has ended is left alone, what waits ends at once."""
    now = timezone.now()
    row = SandboxExecution.objects.filter(pk=execution.pk)
    ended = row.filter(status=ExecutionStatus.QUEUED).update(
        status=ExecutionStatus.ENDED,
        cause=ExecutionCause.CANCELLED,
        cancel_requested_at=now,
        completed_at=now,
    )
    if ended:
        trail.tell_end(execution.pk, cause=ExecutionCause.CANCELLED, detail="")
    else:
        row.live().filter(cancel_requested_at__isnull=True).update(cancel_requested_at=now)
        _poke_after_commit(execution.sandbox, str(execution.pk))
    execution.refresh_from_db()
    return execution


def send_input(*, execution: SandboxExecution, by: Any, data: bytes = b"", eof: bool = False) -> None:
    """Write to the open stdin of a running execution; raises Conflict or Unavailable."""
    execution.refresh_from_db(fields=["status"])
    if execution.status != ExecutionStatus.RUNNING or not execution.stdin_open:
        raise Conflict(_("This execution takes no input now."), code="no_input")
    gateway.send_input(execution, data, eof=eof)


def wait_for(*, execution: SandboxExecution, timeout: float) -> SandboxExecution:
    """Wait until it has ended, for `timeout` seconds at most; returns the row as it is then."""
    deadline = time.monotonic() + timeout
    pause, longest = WAIT_SECONDS
    row = SandboxExecution.objects.filter(pk=execution.pk)
    while time.monotonic() < deadline:
        status = stubbornly(row.values_list("status", flat=True).first)
        if status in {ExecutionStatus.ENDED, None}:
            break
        time.sleep(pause)
        pause = min(pause * 1.3, longest)
    execution.refresh_from_db()
    return execution


def _queue(
    sandbox: Sandbox,
    by: Any,
    *,
    kind: ExecutionKind,
    command: str,
    working_dir: str,
    env: Mapping[str, str] | None,
    timeout: int | None,
    output_limit: int | None,
    **values: Any,
) -> SandboxExecution:
    _check(kind, command, working_dir)
    variables = checked_env(env)
    limits = sandbox.resource
    if _live_in(sandbox) >= MOST_LIVE:
        raise TooMany(
            _("At most %(most)d executions wait or run in a sandbox at a time.") % {"most": MOST_LIVE},
            retry_after=5,
            code="too_many_executions",
        )
    # one statement, so no transaction of its own: that would be three more round trips
    row: SandboxExecution = SandboxExecution.objects.create(
        sandbox=sandbox,
        user=by,
        kind=kind,
        command=command,
        working_dir=working_dir or None,
        environment=variables or None,
        started_at=None,
        timeout=_at_most(
            timeout,
            TERMINAL_SECONDS if kind == ExecutionKind.TERMINAL else limits.execution_timeout,
            "timeout",
        ),
        output_limit=None
        if kind == ExecutionKind.TERMINAL
        else _at_most(output_limit, limits.output_limit, "output_limit"),
        **values,
    )
    _poke_after_commit(sandbox, str(row.pk), brief=briefs.brief_of(row))
    return row


def sandbox_to_run(*, user: Any, pk: str) -> Sandbox:
    """One's sandbox, with what running something in it needs; raises NotFound."""
    sandbox: Sandbox | None = _to_run.first(user=user.pk, pk=pk)
    if sandbox is None:
        raise NotFound
    return sandbox


@prepared(user=BigIntegerField(), pk=CharField())
def _to_run(user: Any, pk: Any) -> Any:
    return Sandbox.objects.for_running().filter(user=user, pk=pk).annotate(live_executions=LIVE)


def _live_in(sandbox: Sandbox) -> int:
    """How many executions wait or run in a sandbox; raises Conflict where none may, as of now.

    A sandbox that was just loaded with the number says so itself, once.
    """
    count = sandbox.__dict__.pop("live_executions", None)
    if count is None:
        found = Sandbox.objects.filter(pk=sandbox.pk).annotate(live_executions=LIVE)
        now = found.values_list("status", "verb", "live_executions").first()
        sandbox.status, sandbox.verb, count = now or (SandboxStatus.DELETED, None, 0)
    _check_runs(sandbox.status, sandbox.verb)
    return int(count)


def _check(kind: ExecutionKind, command: str, working_dir: str) -> None:
    field = "code" if kind == ExecutionKind.CELL else "command"
    fault = plain_json.fault_in_text(command)
    if len(command) > LONGEST_COMMAND:
        fault = _("At most %(most)d characters.") % {"most": LONGEST_COMMAND}
    if fault:
        raise Invalid(errors={field: [fault]})
    if len(working_dir) > 255 or plain_json.fault_in_text(working_dir):
        raise Invalid(errors={"working_dir": [_("A working directory has at most 255 characters.")]})


def _check_runs(status: str, verb: str | None) -> None:
    if verb in SOON or (status == SandboxStatus.RUNNING and not verb):
        return
    if status == SandboxStatus.DELETED or verb == "delete":
        message = _("This sandbox was deleted.")
    elif verb == "pause" or (status == SandboxStatus.PAUSED and not verb):
        message = _("This sandbox is paused. Resume it first.")
    else:
        message = _("This sandbox does not run. Start it first.")
    raise Conflict(message, code="not_running")


def _at_most(asked: int | None, most: int | None, field: str) -> int | None:
    """What was asked for, or the sandbox's own limit; raises Invalid beyond that."""
    if asked is None:
        return most
    if isinstance(asked, bool) or not isinstance(asked, int) or asked < 1 or (most and asked > most):
        raise Invalid(
            errors={field: [_("Choose a number from 1 to %(most)d.") % {"most": most or 2**31 - 1}]}
        )
    return asked


def _poke_after_commit(sandbox: Sandbox, execution_id: str, *, brief: str = "") -> None:
    if sandbox.host is not None:
        poke = partial(gateway.poke, sandbox.host, execution=execution_id, brief=brief)
        transaction.on_commit(poke, robust=True)
