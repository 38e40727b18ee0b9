"""What a driver holds: the steps it has claimed, what came of them, and the transaction that writes it."""

import time
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from django.utils import timezone
from django.utils.translation import gettext as _

from tools.services import End, Opened, close_many

from ..models import PlanExecution, PlanStepExecution, StepKind, StepState
from ..reasons import because
from . import budget, endings, moves, waking
from .database import Standing, holding, sharing, transact
from .kinds import failed, prepare
from .ledger import not_started, open_calls, outcome_of
from .moves import Ends, Outcome, Step, Work
from .references import keys_in
from .retries import again_later, later
from .run import Run, Unread
from .telling import tell_begun, tell_steps

# A lane that has no driver is woken no more often.
WAKE_SECONDS = 1.0
type Answer = Opened | Outcome | dict[str, float]


@dataclass
class Moved:
    """What a transaction did, for the driver to follow once it is committed."""

    standing: Standing
    ends: Ends = ()
    claimed: list[Step] = field(default_factory=list)
    prepared: dict[int, Work] = field(default_factory=dict)
    answers: dict[int, Answer] = field(default_factory=dict)
    adopted: list[Step] = field(default_factory=list)
    arrived: Counter[int] = field(default_factory=Counter)
    more: bool = False
    woke: bool = False
    left: bool = False


@dataclass
class Batch:
    """The steps of one driver between two commits."""

    run: Run
    token: str
    lane: int
    steps: deque[Step] = field(default_factory=deque)
    ends: list[tuple[Step, Outcome]] = field(default_factory=list)
    calls: list[End] = field(default_factory=list)
    # How many of the steps that a step ahead waits for have come to a good end in this batch.
    arrived: Counter[int] = field(default_factory=Counter)
    woke_at: float = float("-inf")
    # The step that is being done while something else is flushed.
    current: Step | None = None

    # --- In memory ----------------------------------------------------------------------------------------
    def end(self, step: Step, outcome: Outcome, call: End | None = None) -> None:
        """Note where a step goes; it is written with the next flush."""
        outcome = again_later(self.run, step, outcome)
        self.ends.append((step, outcome))
        if call is not None:
            self.calls.append(call)
        if moves.satisfies(step, outcome):
            self.arrived.update(step.dependents)
            self.run.remember(step, outcome)

    def next(self) -> Step | None:
        """The next step that may begin; those ahead whose turn does not come are let go."""
        while self.steps:
            step = self.steps.popleft()
            if not step.ahead or self.arrived[step.id] >= step.remaining:
                step.started_at = timezone.now()  # not when it was claimed, or read ahead of others' ends
                return step
            if isinstance(step.opened, Opened):
                self.calls.append(not_started(step.opened))
        return None

    # --- The transaction ----------------------------------------------------------------------------------
    def flush(self, *, claim: int = 0, opening: Step | None = None, give_back: bool = False) -> Moved:
        """Write what is known by now; then claim up to `claim` steps, or open the call of one.

        `give_back` lets go of what has not begun. A run that was paused or has ended lets go of all.
        """
        held = [opening] if opening is not None else []
        while True:
            try:
                moved = transact(
                    lambda: self._move(claim, opening, give_back),
                    after_loss=lambda: self._after_loss(held),
                )
                break
            except moves.Displaced:
                self._drop_displaced(held)
                if opening is not None and not held:
                    return Moved(Standing("", None), left=True)
        self._follow(moved)
        late = not moved.standing.running and not self.run.budget
        if late and any(outcome.used for _step, outcome in moved.ends):
            transact(lambda: budget.count_anew(self.run.id))
        return moved

    def _move(self, claim: int, opening: Step | None, give_back: bool) -> Moved:
        context = holding(self.run.id) if self.run.budget else sharing(self.run.id)
        with context as row:
            execution = row if isinstance(row, PlanExecution) else None
            standing = Standing(row.status, row.paused_at)
            moved = Moved(standing)
            moved.left = give_back or not standing.moving
            ends = self._closed() if standing.running else self._ended()
            calls = [] if not moved.left else self._let_go(ends, opening, standing)
            if calls:
                close_many(calls)
            if execution is not None:
                self._reserve_for_plans(execution, ends)
            held = [] if moved.left else [*self.steps, *([opening] if opening else [])]
            if self.current is not None and standing.running:
                held.append(self.current)
            moved.adopted, moved.arrived = moves.apply(self.run.id, ends, token=self.token, ahead=held)
            moved.ends = ends
            tell_steps(self.run.execution, ends)
            if standing.moving and not moved.left:
                self._go_on(moved, execution, claim, opening)
                begun = [step for step in moved.claimed if not step.ahead]
                tell_begun(self.run.execution, [*moved.adopted, *begun])
            if execution is not None:
                budget.spend(execution, begun=len(moved.claimed), ends=ends)
            return moved

    def _closed(self) -> list[tuple[Step, Outcome]]:
        """Close the calls; where somebody else had ended one, its row says what became of the step."""
        ends = list(self.ends)
        taken = {row.pk: row for row in close_many(self.calls)}
        if not taken:
            return ends
        return [
            (step, outcome_of(step, taken[outcome.tool_execution_id]))
            if outcome.tool_execution_id in taken
            else (step, outcome)
            for step, outcome in ends
        ]

    def _ended(self) -> list[tuple[Step, Outcome]]:
        """In a run that has ended no step waits or is ready again; what it would wait for is called off."""
        ends, over = self._closed(), moves.left_out(moves.CANCELED, because("run_ended_within"))
        for number, (step, outcome) in enumerate(ends):
            if outcome.status in moves.ENDED:
                continue
            if outcome.tool_execution_id:
                by = self.run.execution.user
                endings.call_off(step.id, kind=step.kind, tool_execution_id=outcome.tool_execution_id, by=by)
            ends[number] = (
                step,
                replace(
                    outcome,
                    status=StepState.SKIPPED,
                    error=over.error,
                    code=over.code,
                    why=over.why,
                    available_at=None,
                    remaining=0,
                    act=None,
                ),
            )
        return ends

    def _let_go(
        self, ends: list[tuple[Step, Outcome]], opening: Step | None, standing: Standing
    ) -> list[End]:
        """Return what has not begun: to be ready again, or to be skipped in a run that has ended."""
        kept = list(self.steps) if opening is None else [opening, *self.steps]
        for step in kept:
            if not step.ahead and standing.running:
                ends.append((step, Outcome(StepState.READY, usage=step.usage, uncounted=True)))
            elif not step.ahead:
                ends.append((step, moves.left_out(moves.CANCELED, because("run_ended_before"))))
        return [not_started(step.opened) for step in kept if isinstance(step.opened, Opened)]

    def _go_on(self, moved: Moved, execution: PlanExecution | None, claim: int, opening: Step | None) -> None:
        """Claim further steps and open calls."""
        if opening is not None:
            self._open(moved, execution, [opening])
        if not claim:
            return
        most = claim
        if execution is not None and (left := budget.steps_left(execution)) is not None:
            most = min(most, left)
        if execution is not None and budget.time_is_over(execution):
            most = 0
        if most:
            moved.claimed, moved.more = moves.claim(self.run.id, token=self.token, most=most)
        if moved.claimed and len(moved.claimed) < most and execution is None:
            moved.claimed += moves.read_ahead(self.run.id, moved.claimed, most=most - len(moved.claimed))
        self._open(moved, execution, self._openable(moved.claimed))
        if moved.more and self.lane + 1 < waking.lanes() and time.monotonic() > self.woke_at + WAKE_SECONDS:
            waking.wake(self.run.id, self.lane + 1)
            moved.woke = True

    def _openable(self, claimed: list[Step]) -> list[Step]:
        """The tool steps that can be opened at once: doing them twice is harmless, or they come first."""
        keys = {step.key for step in claimed}
        found = []
        for number, step in enumerate(claimed):
            if step.kind != StepKind.TOOL or not keys.isdisjoint(keys_in(step.spec)):
                continue
            try:
                work = prepare(self.run, step, reading=False)
            except Unread:
                continue
            if isinstance(work, Work) and not work.alone and (number == 0 or work.repeatable):
                step.work = work
                found.append(step)
        return found

    def _open(self, moved: Moved, execution: PlanExecution | None, steps: Iterable[Step]) -> None:
        """Set aside what the steps may use, and write the ledger's rows."""
        seconds: dict[int, float] = {}
        calls = []
        for step in steps:
            try:
                granted = (
                    budget.reserve(execution, step, budget.wanted_by(self.run, step)) if execution else {}
                )
            except budget.Exhausted as exhausted:
                moved.answers[step.id] = self._exhausted(exhausted)
                continue
            limits = [granted.get("sandbox_seconds"), step.spec.get("timeout_seconds")]
            limits.append(budget.seconds_left(self.run))
            if found := [limit for limit in limits if limit is not None]:
                seconds[step.id] = max(0.1, min(found))
            moved.answers[step.id] = granted
            if step.kind == StepKind.TOOL:
                calls.append(step)
        if calls:
            moved.answers |= open_calls(self.run, calls, seconds)

    def _exhausted(self, exhausted: budget.Exhausted) -> Outcome:
        """Wait for what others have set aside; or the run has used up what it may use."""
        if exhausted.later:
            return later(self.run.id, 1.0, text=_("Waits for what others may give back to the budget."))
        outcome = failed(_("The budget does not suffice for this step."), moves.BUDGET)
        outcome.act = lambda: endings.out_of_budget(
            PlanExecution.objects.select_related("user").get(pk=self.run.id), exhausted.name
        )
        return outcome

    def _reserve_for_plans(self, execution: PlanExecution, ends: list[tuple[Step, Outcome]]) -> None:
        for number, (step, outcome) in enumerate(ends):
            if step.kind == StepKind.PLAN and outcome.status == StepState.WAITING:
                try:
                    granted = budget.reserve(execution, step, budget.wanted_by(self.run, step))
                except budget.Exhausted as exhausted:
                    ends[number] = step, self._exhausted(exhausted)
                else:
                    outcome.usage = step.usage if granted else outcome.usage

    # --- After it -----------------------------------------------------------------------------------------
    def _follow(self, moved: Moved) -> None:
        self.ends, self.calls = [], []
        if moved.woke:
            self.woke_at = time.monotonic()
        if moved.left:
            self.steps.clear()
        for step in moved.adopted:
            step.ahead, step.remaining = False, 0
        for step in [*self.steps, *([self.current] if self.current else [])]:
            if step.ahead:
                step.remaining -= moved.arrived[step.id]
                self.arrived[step.id] -= moved.arrived[step.id]
        self.steps.extend(moved.claimed)
        if moved.claimed:
            self.arrived = Counter()
        for step in self.steps:
            if step.id in moved.answers:
                step.opened = moved.answers[step.id]

    def _after_loss(self, held: list[Step]) -> tuple[bool, Moved]:
        """Whether the transaction before the server went away was committed; what it began is taken back."""
        from .recovery import take_back

        mine = self._mine([step for step, _outcome in self.ends])
        through = not mine
        current = [] if self.current is None else [self.current]
        kept = [*self.steps, *held, *current, *([] if through else [step for step, _outcome in self.ends])]
        take_back(self.run.id, token=self.token, kept=kept)
        return through and bool(self.ends), Moved(Standing("", None), ends=tuple(self.ends))

    def _mine(self, steps: Iterable[Step]) -> set[int]:
        """Those of the steps that nobody has moved since they were claimed, or read ahead."""
        ids = {step.id: step.ahead for step in steps}
        rows = PlanStepExecution.objects.filter(pk__in=list(ids)).values_list("pk", "status", "claimed_by")
        return {
            pk
            for pk, status, token in rows
            if (
                status == StepState.PENDING if ids[pk] else (status, token) == (StepState.RUNNING, self.token)
            )
        }

    def _drop_displaced(self, held: list[Step]) -> None:
        """Forget the steps that somebody else has moved; their calls are closed all the same."""
        current = [] if self.current is None else [self.current]
        mine = self._mine([*(step for step, _outcome in self.ends), *self.steps, *held, *current])
        if self.current is not None and self.current.id not in mine:
            self.current = None
        if len(mine) < len(self.ends) + len(self.steps) + len(held) + len(current):
            # What was read ahead may stand on what has been taken from us: it is left to others, too.
            ahead = [step for step, _outcome in self.ends if step.ahead]
            ahead += [step for step in [*self.steps, *held] if step.ahead]
            mine -= {step.id for step in ahead}
        gone = [step for step in [*self.steps, *held] if step.id not in mine]
        self.calls += [not_started(step.opened) for step in gone if isinstance(step.opened, Opened)]
        self.ends = [(step, outcome) for step, outcome in self.ends if step.id in mine]
        self.steps = deque(step for step in self.steps if step.id in mine)
        held[:] = [step for step in held if step.id in mine]
