"""A run's graph without its contents, and how its states follow from each other.

Used where a run is taken up again: what was skipped because of a failure comes back when the failure does
not stand in its way any more.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from ..models import OnFailure, PlanStepExecution, StepState
from .bulk import update_each
from .moves import BUDGET, CANCELED, CONDITION, DEPENDENCY, PERSON, mirror

REVIVED = frozenset({DEPENDENCY, CANCELED, BUDGET})


@dataclass(slots=True)
class Node:
    """One step of the run: where it stands, whom it makes wait, and whether others go on when it fails."""

    id: int
    step_id: int | None
    key: str
    status: str
    code: str
    remaining: int
    dependents: list[int]
    goes_on: bool
    waits_for: list[int] = field(default_factory=list)

    @property
    def satisfied(self) -> bool:
        """Whether what waits for it may go on."""
        if self.status == StepState.FAILED:
            return self.goes_on
        return self.status == StepState.COMPLETED or (
            self.status == StepState.SKIPPED and self.code in (CONDITION, PERSON)
        )

    @property
    def waits(self) -> bool:
        """Whether it has neither begun nor ended for good."""
        return self.status in (StepState.PENDING, StepState.READY) or (
            self.status == StepState.SKIPPED and self.code in REVIVED
        )


def load(execution_id: str) -> dict[int, Node]:
    """The steps of a run by id; items of a for-each are not among them."""
    rows = PlanStepExecution.objects.filter(execution=execution_id, parent=None).values_list(
        "pk", "step_id", "key", "status", "error_code", "remaining", "dependents", "spec__on_failure"
    )
    nodes = {
        pk: Node(pk, step, key, status, code, remaining, dependents, on_failure == OnFailure.CONTINUE)
        for pk, step, key, status, code, remaining, dependents, on_failure in rows.order_by(
            "order_index", "pk"
        )
    }
    for node in nodes.values():
        for other in node.dependents:
            if other in nodes:
                nodes[other].waits_for.append(node.id)
    return nodes


def follow(nodes: dict[int, Node]) -> dict[int, dict[str, object]]:
    """What the waiting steps' rows have to say, by id, where it is not what they say now."""
    changes: dict[int, dict[str, object]] = {}
    blocked: dict[int, str] = {}
    for node in _in_order(nodes):
        before = [nodes[pk] for pk in node.waits_for]
        cause = next((_cause(other, blocked) for other in before if _cause(other, blocked)), "")
        if not node.waits:
            continue
        if cause:
            blocked[node.id] = cause
            state, left = StepState.SKIPPED, node.remaining
        else:
            left = sum(not other.satisfied for other in before)
            state = StepState.PENDING if left else StepState.READY
        if (state, left) != (node.status, node.remaining) or node.code in (CANCELED, BUDGET):
            changes[node.id] = {"status": state, "remaining": left, "error_code": DEPENDENCY if cause else ""}
        node.status, node.code = state, DEPENDENCY if cause else ""
    return changes


def _cause(node: Node, blocked: dict[int, str]) -> str:
    """The key of the failure that a step, or one it waits for, stands for."""
    if node.id in blocked:
        return blocked[node.id]
    if node.status == StepState.FAILED and not node.goes_on:
        return node.key
    return ""


def _in_order(nodes: dict[int, Node]) -> Iterable[Node]:
    """Each after those it waits for."""
    left = {node.id: len(node.waits_for) for node in nodes.values()}
    ready = deque(node for node in nodes.values() if not left[node.id])
    while ready:
        node = ready.popleft()
        yield node
        for other in node.dependents:
            if other in left:
                left[other] -= 1
                if not left[other]:
                    ready.append(nodes[other])


def revive(execution_id: str) -> int:
    """Bring the waiting steps of a run in line with the others; returns how many changed.

    The caller holds the run alone.
    """
    nodes = load(execution_id)
    changes = follow(nodes)
    rows = {
        pk: {
            **change,
            "completed_at": None,
            "error_message": "",
            "why": None,
            "claimed_by": "",
            "available_at": None,
        }
        for pk, change in changes.items()
        if change["status"] != StepState.SKIPPED
    }
    if rows:
        update_each(PlanStepExecution, rows)
        mirror({nodes[pk].step_id: (StepState.PENDING, None, None) for pk in rows})
    return len(rows)
