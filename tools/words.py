"""What people read of runs and rules."""

from dataclasses import dataclass
from typing import Any

from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _

from .models import ApprovalStatus, ToolExecution, ToolExecutionStatus

# Where the rows have pages of their own; these apps stand above this one, so only their names are known here.
_PAGES = {
    "conversation": "conversations:chat",
    "plan_execution": "planning:execution",
    "sandbox": "sandbox:detail",
    "tool_execution": "tools:execution",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run stands: a word, and the class of its tag."""

    word: str
    tag: str = ""


def outcome_of(execution: ToolExecution) -> Outcome:
    """How a run stands, more exactly than its state alone says."""
    if execution.status == ToolExecutionStatus.COMPLETED:
        return Outcome(_("done"), "tag-success")
    if execution.status == ToolExecutionStatus.FAILED:
        return _failed(execution.error_code)
    if execution.stop_requested_at:
        return Outcome(_("stopping"), "tag-warning")
    if execution.status == ToolExecutionStatus.PENDING:
        approval = execution.approval if execution.policy_effect == "ask" else None
        waits = approval is not None and approval.status == ApprovalStatus.PENDING
        return (
            Outcome(_("waits for consent"), "tag-warning") if waits else Outcome(_("starting"), "tag-accent")
        )
    return Outcome(_("running"), "tag-accent")


def _failed(code: str) -> Outcome:
    words = {
        "canceled": Outcome(_("stopped")),
        "denied": Outcome(_("not allowed"), "tag-danger"),
        "expired": Outcome(_("too late"), "tag-warning"),
        "forgotten": Outcome(_("not run"), "tag-warning"),
        "lost": Outcome(_("lost"), "tag-danger"),
        "rejected": Outcome(_("rejected"), "tag-warning"),
        "timeout": Outcome(_("took too long"), "tag-danger"),
    }
    return words.get(code, Outcome(_("failed"), "tag-danger"))


def address_of(kind: str | None, pk: Any) -> str:
    """The page of a row of another app, "" where there is none."""
    if not kind or not pk or kind not in _PAGES:
        return ""
    try:
        return reverse(_PAGES[kind], args=[pk])
    except NoReverseMatch:
        return ""


def effect_words(effect: str) -> Outcome:
    """What the policy says, for people."""
    words = {
        "allow": Outcome(_("allowed"), "tag-success"),
        "ask": Outcome(_("asks first"), "tag-warning"),
        "deny": Outcome(_("not allowed"), "tag-danger"),
        "off": Outcome(_("switched off")),
        "unavailable": Outcome(_("not available"), "tag-danger"),
    }
    return words.get(str(effect), Outcome(str(effect)))
