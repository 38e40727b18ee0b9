"""What differs between two runs of a plan, step by step."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import unified_diff
from typing import Any, Literal

from .models import PlanExecution, PlanStepExecution
from .reasons import text_of

LONGEST = 20_000
MAX_ROWS = 2_000
COLUMNS = (
    *("key", "order_index", "status", "output", "error_message", "why", "started_at", "completed_at"),
    "spec",
)
type Change = Literal["same", "changed", "added", "removed"]


@dataclass(frozen=True, slots=True)
class Side:
    """A step as one of the runs had it; `seconds` is None if it never ran to an end."""

    status: str
    output: Any
    error: str
    seconds: float | None
    spec: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class StepDiff:
    """A step in both runs; a side is None where that run did not have it."""

    key: str
    first: Side | None
    second: Side | None

    @property
    def change(self) -> Change:
        """Whether what the step is, came to and gave is the same; how long it took is not asked."""
        if self.first is None:
            return "added"
        if self.second is None:
            return "removed"
        one, two = self.first, self.second
        same = (one.status, one.output, one.error, one.spec) == (two.status, two.output, two.error, two.spec)
        return "same" if same else "changed"

    @property
    def is_different_step(self) -> bool:
        """Whether the step itself was changed between the runs."""
        return bool(self.first and self.second and self.first.spec != self.second.spec)

    @property
    def slower_by(self) -> float | None:
        """Seconds that the second run took longer; below zero where it was faster."""
        sides = self.first, self.second
        if any(side is None or side.seconds is None for side in sides):
            return None
        return self.second.seconds - self.first.seconds  # type: ignore[union-attr,operator]

    @property
    def lines(self) -> list[tuple[str, str]]:
        """The outputs' difference line by line: ("+", "-", " " or "@", text); empty where they are equal."""
        texts = [as_text(side.output if side else None) for side in (self.first, self.second)]
        if texts[0] == texts[1]:
            return []
        found = unified_diff(texts[0].splitlines(), texts[1].splitlines(), lineterm="", n=2)
        return [(line[:1], line[1:]) for line in found if not line.startswith(("---", "+++"))][:400]


def compare(first: PlanExecution, second: PlanExecution) -> list[StepDiff]:
    """The steps of two runs beside each other, in the order of the second, then what only the first had."""
    one, two = _sides(first), _sides(second)
    keys = list(dict.fromkeys([*two, *one]))
    return [StepDiff(key, one.get(key), two.get(key)) for key in keys]


def as_text(value: Any) -> str:
    """A JSON value as lines."""
    if value is None:
        return ""
    text = (
        value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True)
    )
    return text[:LONGEST]


def _sides(execution: PlanExecution) -> dict[str, Side]:
    rows = PlanStepExecution.objects.filter(execution=execution, parent=None).order_by("order_index", "pk")
    found = {}
    for row in rows.values_list(*COLUMNS)[:MAX_ROWS]:
        key, _at, status, output, error, why, started, completed, spec = row
        seconds = (completed - started).total_seconds() if started and completed else None
        found[key] = Side(status, _without_places(output), text_of(why, error), seconds, spec)
    return found


def _without_places(output: Any) -> Any:
    """An output without where its program ran, which differs in every run."""
    if not isinstance(output, dict) or "exit_code" not in output:
        return output
    return {name: value for name, value in output.items() if name not in ("sandbox", "execution")}
