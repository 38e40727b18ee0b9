"""Making a call: the attempts of one row that is running, and what came of them."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db import DatabaseError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from agi_site.lib import events
from agi_site.lib.database import lost_connection, stubbornly

from .. import registry, results
from ..channels import execution_channel
from ..limits import TimeOver, run_within
from ..models import ToolExecution, ToolExecutionStatus
from ..registry import Later, ToolContext, ToolFailure
from ..steps import reach
from . import stops, told
from .lookup import Known

logger = logging.getLogger(__name__)

RETRY_SECONDS = 0.2
type Heard = Callable[[ToolExecution, str, dict[str, Any]], None]


@dataclass(slots=True)
class Outcome:
    """What came of a call. `written`: the row says so already (a transactional tool ends it itself).

    Of `stored`, `later` and `error` exactly one is there. `again`: another attempt may do better; `undone`:
    the database went away under a tool that may be done again, which uses up no attempt.
    """

    stored: results.Stored | None = None
    later: Later | None = None
    error: str = ""
    error_code: str = ""
    again: bool = False
    undone: bool = False
    written: bool = False
    sandbox_id: str | None = None

    def columns(self) -> dict[str, Any]:
        """The columns of the row that ends with it (or waits, if `later`)."""
        found: dict[str, Any] = {"sandbox_id": self.sandbox_id} if self.sandbox_id else {}
        if self.later is not None:
            waits = {"awaits_type": self.later.awaits_type, "awaits_id": self.later.awaits_id}
            return found | waits | {"deadline_at": None}
        found["completed_at"] = timezone.now()
        if self.stored is not None:
            return found | self.stored.columns()
        failed = {"error_message": self.error, "error_code": self.error_code, "idempotency_key": None}
        return found | failed

    @property
    def status(self) -> str:
        """The state of a row with this outcome."""
        if self.later is not None:
            return ToolExecutionStatus.RUNNING
        return ToolExecutionStatus.FAILED if self.error_code else ToolExecutionStatus.COMPLETED


class TakenAway(Exception):
    """Somebody else has ended the row: what the tool wrote must not count."""


@dataclass(kw_only=True)
class Job:
    """How the call of a running row is made. `here`: in this thread, whose caller watches the time.

    `announce` is called in the transaction in which a transactional tool ends its row.
    """

    known: Known
    seconds: float
    stopped: Callable[[], bool] = lambda: False
    here: bool = False
    heard: Heard | None = None
    followed: bool = False
    announce: Callable[[ToolExecution], None] | None = None
    began: float = field(default_factory=time.monotonic)


def carry_out(execution: ToolExecution, job: Job) -> Outcome:
    """Run the tool of a row that is `running`, again if that is safe and promises something."""
    with stops.listening(stops.Stopping(execution, job.stopped)) as stopping:
        _tell(execution, job, "started", {"attempt": execution.attempt})
        most = job.known.retries
        while True:
            call = _context(execution, job, stopping)
            outcome = _attempt(execution, job, call)
            most += outcome.undone
            if not outcome.again or execution.attempt > most or call.cancelled():
                return outcome
            if not _next_attempt(execution, call):
                return outcome


def write(execution: ToolExecution, outcome: Outcome) -> bool:
    """Write the outcome to the row if this attempt still holds it; the instance then follows."""
    values = outcome.columns()
    with told.together(execution, str(outcome.status)):
        if not _update(execution, outcome, values):
            results.discard(values.get("result_file", ""))
            return False
        keep(execution, status=outcome.status, **values)
        if execution.ended:
            told.tell_state(execution)
    return True


def _update(execution: ToolExecution, outcome: Outcome, values: dict[str, Any]) -> bool:
    if outcome.later is None:
        return ToolExecution.objects.move(
            pk=execution.pk, to=outcome.status, attempt=execution.attempt, **values
        )
    rows = ToolExecution.objects.filter(
        pk=execution.pk, status=ToolExecutionStatus.RUNNING, attempt=execution.attempt
    )
    return bool(rows.update(**values))


def keep(execution: ToolExecution, **values: Any) -> None:
    """Let the instance say what its row says."""
    for name, value in values.items():
        setattr(execution, name, value)


def tell(execution: ToolExecution, name: str, data: dict[str, Any]) -> None:
    """Publish an event to whoever follows the execution; telling never fails the work."""
    try:
        events.publish(execution_channel(execution.pk), name, data)
    except Exception:
        logger.warning("an event of execution %s could not be told", execution.pk, exc_info=True)


def _tell(execution: ToolExecution, job: Job, name: str, data: dict[str, Any]) -> None:
    if job.followed or name == "output":
        job.followed = True
        tell(execution, name, data)
    if job.heard is not None:
        job.heard(execution, name, data)


def _context(execution: ToolExecution, job: Job, stopping: stops.Stopping) -> ToolContext:
    trigger = (str(execution.trigger_type), execution.trigger_id) if execution.trigger_id else None
    return ToolContext(
        user=execution.user,
        execution_id=execution.pk,
        conversation_id=execution.conversation or None,
        language=execution.language or "en",
        deadline=job.began + job.seconds,
        stopped=stopping,
        idempotency_key=execution.idempotency_key or execution.pk,
        attempt=execution.attempt,
        exec_env=execution.ran_in or "host",
        trigger=trigger,
        unattended=execution.unattended,
        told=lambda text: _tell(execution, job, "output", {"text": text}),
    )


def _attempt(execution: ToolExecution, job: Job, call: ToolContext) -> Outcome:
    implementation = job.known.implementation
    work = _in_one_transaction if implementation.transactional else _plainly
    try:
        return run_within(
            call,
            lambda: work(execution, job, call),
            name=implementation.name,
            here=job.here,
        )
    except TakenAway:
        execution.refresh_from_db()
        return Outcome(written=True)
    except ToolFailure as failure:
        stopped = call.stopped()
        return Outcome(
            error=str(failure) or _("The tool gave no reason."),
            error_code="canceled" if stopped else "failed",
            again=failure.passing and not stopped,
            sandbox_id=call.facts.get("sandbox_id"),
        )
    except TimeOver:
        return _given_up(call, job.seconds)
    except Exception as error:
        logger.exception("Tool %s failed in execution %s", implementation.name, execution.pk)
        message = _("The tool failed with an error of its own (%(error)s). The log has the details.")
        told = message % {"error": type(error).__name__}
        harmless = implementation.transactional or job.known.tool.retry_safe
        undone = harmless and lost_connection(error)
        return Outcome(error=told, error_code="error", again=True, undone=undone)


def _plainly(execution: ToolExecution, job: Job, call: ToolContext) -> Outcome:
    reach("tool:started")
    answer = job.known.implementation.run(call, **(execution.parameters or {}))
    outcome = _outcome(execution, answer, call)
    reach("tool:done")
    return outcome


def _in_one_transaction(execution: ToolExecution, job: Job, call: ToolContext) -> Outcome:
    """The tool and the end of its row, both or neither; raises TakenAway when the row is not ours."""
    outcome: Outcome | None = None
    try:
        with transaction.atomic():
            outcome = _plainly(execution, job, call)
            values = outcome.columns()
            if not _update(execution, outcome, values):
                raise TakenAway
            keep(execution, status=outcome.status, **values)
            if execution.ended:
                _announce(execution, job)
            reach("tool:written")
    except BaseException as error:
        if outcome is not None and outcome.stored is not None:
            results.discard(outcome.stored.file)
        stubbornly(execution.refresh_from_db)
        # The connection may have broken at the commit: the row knows whether it counts.
        if isinstance(error, DatabaseError) and (execution.ended or execution.awaits_type):
            raise TakenAway from None
        raise
    outcome.written = True
    return outcome


def _announce(execution: ToolExecution, job: Job) -> None:
    told.tell_state(execution)
    if job.announce is not None:
        job.announce(execution)


def _outcome(execution: ToolExecution, answer: registry.Answer, call: ToolContext) -> Outcome:
    sandbox_id = call.facts.get("sandbox_id")
    if isinstance(answer, Later):
        return Outcome(later=answer, sandbox_id=sandbox_id)
    return Outcome(stored=results.stored(answer, name=execution.pk), sandbox_id=sandbox_id)


def _given_up(call: ToolContext, seconds: float) -> Outcome:
    sandbox_id = call.facts.get("sandbox_id")
    if call.stopped():
        return Outcome(error=_("The tool was stopped."), error_code="canceled", sandbox_id=sandbox_id)
    message = _("The tool took longer than %(seconds)s seconds and was given up.")
    return Outcome(error=message % {"seconds": f"{seconds:g}"}, error_code="timeout", sandbox_id=sandbox_id)


def _next_attempt(execution: ToolExecution, call: ToolContext) -> bool:
    """Wait a moment and take the row for another attempt; False if there is no time or somebody ended it."""
    pause = min(RETRY_SECONDS * 2**execution.attempt, 10)
    if call.remaining() <= pause:
        return False
    until = time.monotonic() + pause
    while time.monotonic() < until:
        if call.cancelled():
            return False
        time.sleep(min(0.1, pause))
    return stubbornly(lambda: take(execution, deadline_at=execution.deadline_at))


def take(execution: ToolExecution, *, deadline_at: Any) -> bool:
    """Hold a running row for the attempt after the one that held it; False if somebody was faster."""
    rows = ToolExecution.objects.filter(
        pk=execution.pk, status=ToolExecutionStatus.RUNNING, attempt=execution.attempt
    )
    values = {"attempt": execution.attempt + 1, "deadline_at": deadline_at}
    if not rows.update(**values):
        execution.refresh_from_db()
        return False
    keep(execution, **values)
    return True


def deadline(seconds: float) -> Any:
    """The time at which `seconds` from now are over."""
    return timezone.now() + timedelta(seconds=seconds)
