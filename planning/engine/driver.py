"""The driver: one task that does a run's ready steps, one after the other, for as long as there are any.

Quick steps come in batches that grow while they stay quick, and are written together; as soon as one takes
its time, the rest is given back and other drivers (lanes) are woken for it.
"""

import logging
import threading
import time
from concurrent.futures import Future, wait
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils import translation
from django.utils.translation import gettext as _

from system.queue import TaskRun
from tools.services import End, Opened, run_opened

from ..models import PlanExecution, PlanExecutionStatus, PlanStepExecution, StepKind, StepState
from ..reasons import because
from . import budget, endings, moves, recovery, waking
from .batch import Batch, Moved
from .begin import begin
from .database import holding, standing, transact
from .faults import reach
from .helper import Helper
from .kinds import failed, prepare
from .ledger import end_of, outcome_of
from .moves import Outcome, Step, Work
from .prompts import ask
from .run import Run
from .skeleton import revive
from .telling import Teller, tell

logger = logging.getLogger(__name__)

# A batch holds what is done in this time, by the pace of the one before; a step that takes as long alone is
# slow.
SLOW_SECONDS = 0.1
GROWTH = 4
LOOK_SECONDS = 0.5
GRACE_SECONDS = 1.0
MOST_AT_ONCE = 128
# Ends wait no longer than this to be written, and one driver leaves its worker to others after so long.
FLUSH_SECONDS = 0.25
SHIFT_SECONDS = 30.0


def drive(task: TaskRun, execution_id: str, lane: int) -> dict[str, Any] | None:
    """Do what is ready in a run; returns how many steps came to an end."""
    try:
        transact(lambda: begin(execution_id))
        run = Run.load(execution_id)
    except PlanExecution.DoesNotExist:
        return None
    with translation.override(run.language):
        driver = Driver(task, run, lane)
        try:
            driver.drive()
        except PlanExecution.DoesNotExist:
            logger.info("the run %s was deleted in its middle", execution_id)
        finally:
            driver.helper.leave()
    return {"steps": driver.done}


class Driver:
    """One attempt of one lane. Its token, under which it holds steps, is its task's worker."""

    def __init__(self, task: TaskRun, run: Run, lane: int) -> None:
        self.task, self.run, self.lane = task, run, lane
        self.batch = Batch(run, task.worker, lane)
        self.helper = Helper()
        self.teller = Teller(run.id, int(run.execution.steps_total))
        self.size = 1
        self.done = 0
        self._began = self._flushed = time.monotonic()
        self._spent, self._worked = 0.0, 0

    def drive(self) -> None:
        """Until nothing is ready, or the run stands still, or the shift is over."""
        self._recover()
        while True:
            self.task.check()
            step = self.batch.next()
            if step is not None:
                self._do(step)
                if time.monotonic() - self._flushed > FLUSH_SECONDS:
                    self._flush()
                continue
            if time.monotonic() - self._began > SHIFT_SECONDS:
                self._flush()
                self._hand_over()
                break
            moved = self._flush(claim=self._next_size())
            if not self.batch.steps and not moved.claimed and transact(self._rest):
                break
        self.teller.tell(now=True)

    # --- Transactions -------------------------------------------------------------------------------------
    def _flush(self, *, claim: int = 0, opening: Step | None = None, give_back: bool = False) -> Moved:
        reach("flush:begun")
        moved = self.batch.flush(claim=claim, opening=opening, give_back=give_back)
        reach("flush:committed")
        self._flushed = time.monotonic()
        self.done += sum(outcome.status in moves.ENDED for _step, outcome in moved.ends)
        self.teller.note(moved.ends)
        self.teller.tell()
        return moved

    def _next_size(self) -> int:
        """As many steps as the last ones' pace allows; none of them took time, or there were none: more."""
        pace = self._spent / self._worked if self._worked else 0.0
        fitting = int(SLOW_SECONDS / pace) if pace else MOST_AT_ONCE
        self.size = max(1, min(self.size * GROWTH, fitting, MOST_AT_ONCE))
        self._spent, self._worked = 0.0, 0
        return self.size

    def _recover(self) -> None:
        def work() -> list[tuple[Step, Outcome]]:
            with holding(self.run.id) as execution:
                return recovery.recover(self.run, execution, own=self.task.worker)

        if ends := transact(work):
            self.teller.note(ends)
            tell(self.run.id, "refresh", {})

    def _hand_over(self) -> None:
        """Another task goes on in this lane; who waits for a worker gets one before."""

        def work() -> None:
            with holding(self.run.id):
                self.task.release_key()
                waking.wake(self.run.id, self.lane)

        transact(work)

    def _rest(self) -> bool:
        """Give the lane back if nothing is to be done; end the run if all is done."""
        with holding(self.run.id) as execution:
            reach("rest:begun")
            if execution.status == PlanExecutionStatus.RUNNING:
                if not self._at_rest(execution):
                    return False
            elif recovery.recover(self.run, execution, own=self.task.worker):
                return False
            self.task.release_key()
        reach("rest:committed")
        return True

    def _at_rest(self, execution: PlanExecution) -> bool:
        rows = PlanStepExecution.objects.filter(execution=execution.pk)
        states = set(rows.filter(status__in=moves.OPEN).values_list("status", flat=True).distinct())
        if StepState.RUNNING in states and recovery.recover(self.run, execution, own=self.task.worker):
            return False
        if not states:
            execution.user = self.run.execution.user
            endings.finish(execution)
            return True
        if execution.paused_at is not None:
            return True
        if StepState.READY in states:
            if budget.time_is_over(execution):
                endings.out_of_budget(execution, "seconds")
                return True
            if budget.steps_left(execution) == 0 and states <= {StepState.READY, StepState.PENDING}:
                endings.out_of_budget(execution, "steps")
                return True
            return budget.steps_left(execution) == 0
        if states == {StepState.PENDING}:
            return self._repaired(execution)
        return True

    def _repaired(self, execution: PlanExecution) -> bool:
        """Steps that wait for nothing that could still come. It does not happen; if it does, it is mended."""
        logger.error("the run %s stood still with steps waiting", execution.pk)
        if revive(execution.pk):
            return False
        endings.stop(execution, status=PlanExecutionStatus.FAILED, code="stuck", why=because("stuck"))
        return True

    # --- One step -----------------------------------------------------------------------------------------
    def _do(self, step: Step) -> None:
        if isinstance(step.opened, Outcome):
            self.batch.end(step, step.opened)
            return
        if step.work is None:
            found = prepare(self.run, step)
            if isinstance(found, Outcome):
                self.batch.end(step, found)
                return
            step.work = found
        if step.opened is None and self._needs_opening(step):
            moved = self._flush(opening=step)
            if moved.left:
                return
            if step.id not in moved.answers:  # the server went away in between
                self.batch.steps.appendleft(step)
                return
            step.opened = moved.answers[step.id]
            if isinstance(step.opened, Outcome):
                self.batch.end(step, step.opened)
                return
        self._work(step, step.work)

    def _needs_opening(self, step: Step) -> bool:
        return step.kind == StepKind.TOOL or bool(self.run.budget)

    def _work(self, step: Step, work: Work) -> None:
        began, stop = time.monotonic(), threading.Event()
        call: End | None = None
        if step.kind == StepKind.TOOL:
            opened: Opened = step.opened
            called = self.helper.start(lambda: run_opened(opened, stopped=stop.is_set, here=True))
            outcome, call = self._watched_call(step, opened, called, stop)
        else:
            granted = step.opened.get("tokens") if step.opened else None
            asked = self.helper.start(
                lambda: ask(work.arguments, language=self.run.language, stop=stop, tokens=granted)
            )
            outcome = self._watched_prompt(step, asked, stop)
            outcome.input = work.arguments
        reach("step:done")
        self._spent += time.monotonic() - began
        self._worked += 1
        self.batch.end(step, outcome, call)
        if not work.repeatable or work.alone:
            self._flush()

    def _watched_call(
        self, step: Step, opened: Opened, future: "Future[End]", stop: threading.Event
    ) -> tuple[Outcome, End]:
        why = self._watch(step, future, stop, opened.prepared.seconds)
        if future.done():
            call = future.result()
        else:
            self.helper.leave()
            self.helper = Helper()
            error, code = _given_up(why, opened.prepared.seconds)
            call = end_of(opened, error=error, code=code)
        return outcome_of(step, call.execution), call

    def _watched_prompt(self, step: Step, future: "Future[Outcome]", stop: threading.Event) -> Outcome:
        seconds = float(step.spec.get("timeout_seconds") or settings.CHAT_TIMEOUT)
        if (left := budget.seconds_left(self.run)) is not None:
            seconds = min(seconds, left)
        why = self._watch(step, future, stop, seconds)
        if why:
            error, code = _given_up(why, seconds)
            used = future.result().used if future.done() and future.exception() is None else None
            if not future.done():
                self.helper.leave()
                self.helper = Helper()
            return Outcome(StepState.FAILED, error=error, code=code, used=used, again=code == "timeout")
        try:
            return future.result()
        except Exception as error:
            logger.exception("The prompt of step %s failed", step.id)
            text = _("The assistant failed with an error of its own (%(error)s). The log has the details.")
            return failed(text % {"error": type(error).__name__}, "error", again=True)

    # --- Watching what takes its time ---------------------------------------------------------------------
    def _watch(self, step: Step, future: "Future[Any]", stop: threading.Event, seconds: float) -> str:
        """Wait for it; why it was stopped: "" (it ended by itself), "timeout" or "canceled"."""
        deadline = time.monotonic() + seconds
        if wait([future], timeout=min(SLOW_SECONDS, seconds)).done or connection.in_atomic_block:
            return ""
        self._slow(step)
        why = ""
        while not why and not wait([future], timeout=min(LOOK_SECONDS, _until(deadline))).done:
            if time.monotonic() >= deadline:
                why = "timeout"
            elif self.task.cancelled() or not transact(lambda: self._still_wanted(step)):
                why = "canceled"
        if why:
            stop.set()
            wait([future], timeout=GRACE_SECONDS)
        return why

    def _slow(self, step: Step) -> None:
        """Let others have what waits here, and say that this step is under way."""
        self.size = 1
        self.batch.current = step
        self._flush(give_back=True)
        self.batch.current = None

        def work() -> None:
            with holding(self.run.id):
                if step.parent_id is None:
                    moves.mirror({step.step_id: (StepState.RUNNING, step.started_at, None)})
                ready = PlanStepExecution.objects.filter(execution=self.run.id, status=StepState.READY)
                if ready.exists():
                    waking.wake(self.run.id, (self.lane + 1) % waking.lanes())

        transact(work)
        self.teller.running(step.id, step.name)
        self.teller.tell()

    def _still_wanted(self, step: Step) -> bool:
        """Whether the run goes on and the step is still ours."""
        rows = PlanStepExecution.objects.filter(
            pk=step.id, status=StepState.RUNNING, claimed_by=self.task.worker
        )
        return standing(self.run.id).running and (step.ahead or rows.exists())


def _until(deadline: float) -> float:
    return max(0.0, deadline - time.monotonic())


def _given_up(why: str, seconds: float) -> tuple[str, str]:
    if why == "canceled":
        return _("The step was stopped."), "canceled"
    message = _("The step took longer than %(seconds)s seconds and was given up.")
    return message % {"seconds": f"{seconds:g}"}, "timeout"
