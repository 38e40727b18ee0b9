"""What a card in the chat shows of a call that waits: the consent it wants, the run it has started."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from agi_site.lib import events
from planning.models import PlanExecution, PlanStepExecution
from tools.channels import execution_channel
from tools.models import Approval, ToolExecution

MOST_STEPS = 60


@dataclass(slots=True)
class Card:
    """A call at this moment. `after` is where its live stream goes on; `plan` the run it waits for."""

    execution: ToolExecution
    approval: Approval | None
    after: str
    plan: PlanExecution | None = None
    steps: Sequence[dict[str, Any]] = field(default_factory=list)
    done: int = 0

    @property
    def asks(self) -> bool:
        """Whether it waits for a person's word."""
        return self.approval is not None and self.approval.status == "pending"


def card_of(entry: dict[str, Any], *, user: Any) -> Card | None:
    """The card of a waiting call; five queries at most. None where its row is gone."""
    rows = ToolExecution.objects.for_user(user).select_related("tool")
    after = events.last_id(execution_channel(str(entry.get("execution_id"))))
    execution = rows.filter(pk=entry.get("execution_id")).first()
    if execution is None:
        return None
    approval = execution.approval if execution.policy_effect == "ask" else None
    card = Card(execution=execution, approval=approval, after=after)
    if execution.awaits_type == "plan_execution":
        _add_plan(card, user)
    return card


def _add_plan(card: Card, user: Any) -> None:
    card.plan = PlanExecution.objects.for_user(user).filter(pk=card.execution.awaits_id).first()
    if card.plan is None:
        return
    rows = PlanStepExecution.objects.filter(execution=card.plan, parent=None).order_by("order_index")
    columns = ("pk", "key", "status", "spec__description")
    card.steps = [
        {"id": pk, "key": key, "state": status, "text": text or key}
        for pk, key, status, text in rows.values_list(*columns)[:MOST_STEPS]
    ]
    card.done = sum(step["state"] in ("completed", "skipped", "failed") for step in card.steps)
