"""A run as a driver knows it: for whom, with what, how much it may still use, and what its steps gave."""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tools.models import ToolExecution
from tools.services.lookup import Lookup

from ..models import PlanExecution, PlanStepExecution, StepState
from . import whole
from .gaps import marked
from .moves import Outcome, Step
from .references import Scope

KEPT_OUTPUTS = 1000


class Unread(Exception):
    """What a step refers to is in files, and this is no time to read them."""


@dataclass
class Run:
    """Everything that does not change while a driver lives, and a memory of recent outputs."""

    execution: PlanExecution
    lookup: Lookup = field(default_factory=Lookup)
    conversation_id: str | None = None
    _outputs: "OrderedDict[str, dict[str, Any]]" = field(default_factory=OrderedDict)
    # The large outputs that the last step referred to: those after it, such as items, often do, too.
    _wholes: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def load(cls, execution_id: str) -> "Run":
        """The run with its person; raises PlanExecution.DoesNotExist."""
        execution = PlanExecution.objects.select_related("user").get(pk=execution_id)
        return cls(execution, conversation_id=_conversation(execution))

    @property
    def id(self) -> str:
        """The run's id."""
        return str(self.execution.pk)

    @property
    def language(self) -> str:
        """The language of results and errors."""
        return self.execution.language or "en"

    @property
    def budget(self) -> dict[str, Any]:
        """What the run may use at most; empty for a run without a budget."""
        return self.execution.budget or {}

    def remember(self, step: Step, outcome: Outcome) -> None:
        """Keep an output that following steps may refer to; one with gaps is read anew."""
        if step.parent_id is None and not outcome.forgotten:
            self._outputs[step.key] = {"output": outcome.output, "status": str(outcome.status)}
            while len(self._outputs) > KEPT_OUTPUTS:
                self._outputs.popitem(last=False)

    def forget(self) -> None:
        """What was remembered may not have been written."""
        self._outputs.clear()

    def scope(self, step: Step, keys: Iterable[str], *, reading: bool = True) -> Scope:
        """What a step's expressions see; raises Unread where that takes files, and no `reading` is to be."""
        wanted = {key: self._outputs.get(key) for key in keys}
        missing, cut = [key for key, found in wanted.items() if found is None], False
        if missing:
            rows = PlanStepExecution.objects.filter(
                execution=self.id, key__in=missing, parent=None
            ).values_list("key", "status", "output", "output_forgotten")
            for key, status, output, gone in rows:
                wanted[key] = {"output": marked(output) if gone else output, "status": status}
                cut = cut or gone
        steps = {key: found for key, found in wanted.items() if found is not None}
        if large := whole.named_in(steps):
            if not reading:
                raise Unread
            self._wholes, gone = whole.load(large, user=self.execution.user, known=self._wholes)
            cut = cut or gone
            steps = whole.filled(steps, self._wholes)
        inputs, item = self.execution.inputs or {}, step.spec.get("item")
        if self.execution.inputs_forgotten:
            inputs, cut = marked(inputs), True
        if step.spec.get("item_forgotten"):
            item, cut = marked(item), True
        scope = Scope(steps=steps, inputs=inputs, item=item, index=step.item_index)
        scope.cut = cut
        return scope


def _conversation(execution: PlanExecution) -> str | None:
    """The conversation in which the run was asked for: its tools use what belongs to it."""
    if execution.trigger_type == "conversation":
        return execution.trigger_id
    if execution.trigger_type == "tool_execution":
        rows = ToolExecution.objects.filter(pk=execution.trigger_id)
        return rows.values_list("conversation", flat=True).first() or None
    return None


def outputs_of_ends(execution_id: str) -> tuple[dict[str, Any], bool]:
    """The outputs by key of the completed steps that nobody waits for; whether any has lost something."""
    rows = PlanStepExecution.objects.filter(execution=execution_id, parent=None, dependents=[])
    rows = rows.filter(status=StepState.COMPLETED).order_by("order_index")
    found = list(rows.values_list("key", "output", "output_forgotten")[:100])
    return {key: output for key, output, _gone in found}, any(gone for _key, _output, gone in found)
