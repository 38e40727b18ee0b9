"""Steps while they are written: by key, not yet rows; and how rows keep what a step waits for."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.utils.translation import gettext as _

from agi_site.lib.problems import Invalid

from ..models import OnFailure, Plan, PlanStep, StepKind

COLUMN_LENGTH = 255


@dataclass(frozen=True, slots=True)
class StepDraft:
    """A step as it is written down. `depends_on` holds keys; `id` names the row that it already is."""

    key: str
    description: str = ""
    kind: str = StepKind.NONE
    tool_name: str = ""
    arguments: Mapping[str, Any] | None = None
    depends_on: Sequence[str] = ()
    condition: str = ""
    for_each: str = ""
    max_retries: int = 0
    retry_seconds: int = 5
    timeout_seconds: int | None = None
    on_failure: str = OnFailure.STOP
    sub_plan_id: str | None = None
    id: int | None = None

    @property
    def columns(self) -> dict[str, Any]:
        """The columns of its row, but for the order and what it waits for."""
        return {
            "key": self.key,
            "description": self.description,
            "kind": self.kind,
            "tool_name": self.tool_name,
            "arguments": dict(self.arguments) if self.arguments else None,
            "sub_plan_id": self.sub_plan_id,
            "condition": self.condition,
            "for_each": self.for_each,
            "max_retries": self.max_retries,
            "retry_seconds": self.retry_seconds,
            "timeout_seconds": self.timeout_seconds,
            "on_failure": self.on_failure,
        }


def key_of(row: PlanStep) -> str:
    """A row's key; a row from before there were keys is called by its id."""
    return str(row.key or f"step_{row.pk}")


def drafts_of(plan: Plan) -> list[StepDraft]:
    """The plan's steps in their order, to be changed and given to `authoring.replace_steps`."""
    rows = list(plan.steps.order_by("order_index", "pk"))
    keys = {row.pk: key_of(row) for row in rows}
    return [_draft(row, keys) for row in rows]


def _draft(row: PlanStep, keys: Mapping[int, str]) -> StepDraft:
    return StepDraft(
        key=keys[row.pk],
        description=row.description,
        kind=str(row.kind),
        tool_name=row.tool_name,
        arguments=row.arguments if isinstance(row.arguments, dict) else None,
        depends_on=[keys[pk] for pk in row.dependencies if pk in keys],
        condition=row.condition,
        for_each=row.for_each,
        max_retries=row.max_retries,
        retry_seconds=row.retry_seconds,
        timeout_seconds=row.timeout_seconds,
        on_failure=str(row.on_failure),
        sub_plan_id=row.sub_plan_id,
        id=row.pk,
    )


def copies(drafts: Iterable[StepDraft]) -> list[StepDraft]:
    """The same steps, to become rows of their own."""
    return [replace(draft, id=None) for draft in drafts]


def parse_dependencies(text: str) -> list[int]:
    """The step ids in `depends_on`, which the schema keeps as text with commas; raises Invalid."""
    words = [word.strip() for word in text.split(",") if word.strip()]
    wrong = [word for word in words if not (word.isascii() and word.isdigit() and len(word) < 19)]
    if wrong:
        message = _("Give the ids of steps, separated by commas; “%(wrong)s” is none.")
        raise Invalid(errors={"depends_on": [message % {"wrong": ", ".join(wrong)[:200]}]})
    return [int(word) for word in words]


def write_dependencies(ids: Iterable[int]) -> tuple[str | None, str]:
    """Step ids as the two columns that hold them: `depends_on` as far as it reaches, and the rest."""
    words = [str(pk) for pk in dict.fromkeys(ids)]
    head: list[str] = []
    length = 0
    for word in words:
        length += len(word) + bool(head)
        if length > COLUMN_LENGTH:
            break
        head.append(word)
    return ",".join(head) or None, ",".join(words[len(head) :])
