"""What pages say about plans: states with their colours and signs, lengths of time, kinds of steps."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from .models import Plan, PlanExecution, PlanExecutionStatus, PlanStatus, StepKind, StepState

# state -> icon, class of its tag; the icon says it to those who see no colours
STEP_LOOKS: dict[str, tuple[str, str]] = {
    StepState.PENDING: ("circle", ""),
    StepState.READY: ("half", ""),
    StepState.RUNNING: ("running", "tag-accent"),
    StepState.WAITING: ("clock", "tag-warning"),
    StepState.COMPLETED: ("check", "tag-success"),
    StepState.FAILED: ("close", "tag-danger"),
    StepState.SKIPPED: ("skip", ""),
}
RUN_LOOKS: dict[str, tuple[str, str]] = {
    PlanExecutionStatus.PENDING: ("circle", ""),
    PlanExecutionStatus.RUNNING: ("running", "tag-accent"),
    PlanExecutionStatus.COMPLETED: ("check", "tag-success"),
    PlanExecutionStatus.FAILED: ("close", "tag-danger"),
    PlanExecutionStatus.CANCELED: ("stop", ""),
}
KIND_ICONS = {
    StepKind.TOOL: "tool",
    StepKind.PROMPT: "spark",
    StepKind.PLAN: "plan",
    StepKind.APPROVAL: "person",
    StepKind.WAIT: "clock",
    StepKind.NONE: "tag",
}
BUDGET_WORDS = {
    "steps": gettext_lazy("Steps"),
    "seconds": gettext_lazy("Seconds"),
    "tokens": gettext_lazy("Tokens"),
    "sandbox_seconds": gettext_lazy("Seconds in sandboxes"),
}


@dataclass(frozen=True, slots=True)
class State:
    """A state as a page shows it: word, tag's class, icon; `busy` while something happens by itself."""

    name: str
    word: str
    tag: str
    icon: str
    busy: bool = False


def state_of_step(state: str) -> State:
    """A step's state."""
    icon, tag = STEP_LOOKS.get(state, ("circle", ""))
    word = str(StepState(state).label) if state in STEP_LOOKS else ""
    return State(state, word, tag, icon, state == StepState.RUNNING)


def state_of_run(execution: PlanExecution) -> State:
    """A run's state; one that is paused, or about to begin, says so."""
    status = str(execution.status)
    if status == PlanExecutionStatus.RUNNING and execution.paused_at is not None:
        return State("paused", _("paused"), "tag-warning", "pause")
    icon, tag = RUN_LOOKS.get(status, ("circle", ""))
    word = (
        _("about to begin") if status == PlanExecutionStatus.PENDING else str(execution.get_status_display())
    )
    busy = status in (PlanExecutionStatus.PENDING, PlanExecutionStatus.RUNNING)
    return State(status, word, tag, icon, busy)


def state_of_plan(plan: Plan) -> State:
    """A plan's state, which is that of its newest run."""
    if plan.draft:
        found = {
            "thinking": ("tag-accent", _("being drafted")),
            "ready": ("tag-warning", _("to be approved")),
        }
        tag, word = found.get(plan.draft.get("state", ""), ("tag-danger", _("no draft")))
        return State("draft", word, tag, "spark", plan.draft.get("state") == "thinking")
    if plan.status == PlanStatus.PENDING:
        return State("pending", _("not run yet"), "", "circle")
    icon, tag = RUN_LOOKS.get(str(plan.status), ("circle", ""))
    return State(
        str(plan.status), str(plan.get_status_display()), tag, icon, plan.status == PlanStatus.RUNNING
    )


def script_words() -> dict[str, Any]:
    """The words and icons of the states of steps, for the script that follows a run."""
    states = {str(state): {"word": str(state.label), "icon": STEP_LOOKS[state][0]} for state in StepState}
    return {"states": states, "progress": _("%(done)s of %(total)s steps")}


def duration(seconds: float | None) -> str:
    """A length of time in its largest two units; a dash for an unknown one."""
    if seconds is None:
        return "–"
    if seconds < 1:
        return _("%(count)s ms") % {"count": round(seconds * 1000)}
    if seconds < 10:
        return _("%(count)s s") % {"count": f"{seconds:.1f}".removesuffix(".0")}
    whole = round(seconds)
    if whole < 60:
        return _("%(count)s s") % {"count": whole}
    minutes, seconds = divmod(whole, 60)
    if minutes < 60:
        return _("%(minutes)s min %(seconds)s s") % {"minutes": minutes, "seconds": seconds}
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return _("%(hours)s h %(minutes)s min") % {"hours": hours, "minutes": minutes}
    days, hours = divmod(hours, 24)
    return _("%(days)s d %(hours)s h") % {"days": days, "hours": hours}


def budget_lines(budget: Mapping[str, Any] | None, spent: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    """What a run may use, and what it has used: (word, "3 / 10")."""
    budget, spent = budget or {}, spent or {}
    found = []
    for name, word in BUDGET_WORDS.items():
        used, most = spent.get(name), budget.get(name)
        if used or most:
            parts = [f"{used or 0:g}" if isinstance(used or 0, int | float) else str(used)]
            found.append((str(word), " / ".join([*parts, *([f"{most:g}"] if most else [])])))
    return found
