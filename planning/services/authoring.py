"""Writing plans down and changing them. Every change of steps is checked whole and counts up the version.

A run keeps the steps as they were when it began, so a plan may be changed while it runs.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from agi_site.lib import plain_json
from agi_site.lib.problems import Conflict, Invalid, NotFound

from ..models import Plan, PlanExecution, PlanStep
from .checking import check_budget, check_object, check_steps
from .drafts import StepDraft, copies, drafts_of, key_of, write_dependencies

BATCH = 500
TITLE_LENGTH = 200
# The columns that a change of steps writes, but for the order.
STEP_COLUMNS = [*StepDraft(key="").columns, "depends_on", "depends_on_rest"]


@transaction.atomic
def create_plan(
    *,
    owner: Any,
    title: str,
    description: str = "",
    steps: Sequence[StepDraft] = (),
    inputs: Mapping[str, Any] | None = None,
    budget: Mapping[str, Any] | None = None,
    trigger: tuple[str, str] | None = None,
    is_template: bool = False,
) -> Plan:
    """Store a plan and its steps; raises Invalid, naming keys, for steps that cannot be done.

    `inputs` are names with their defaults; a name without one (null) must be given at the start of a run.
    `trigger` is the target (type, id) that asked for the plan.
    """
    trigger_type, trigger_id = trigger or (None, None)
    plan = Plan(
        user=owner,
        is_template=is_template,
        trigger_type=trigger_type,
        trigger_id=trigger_id,
        **_checked_head(title=title, description=description, inputs=inputs, budget=budget),
    )
    drafts = check_steps(steps, owner=owner)
    plan.save(force_insert=True)
    _store(plan, drafts)
    return plan


@transaction.atomic
def update_plan(*, plan: Plan, by: Any, **changes: Any) -> Plan:
    """Change `title`, `description`, `inputs`, `budget` or `is_template`; raises Invalid."""
    head: dict[str, Any] = {
        "title": plan.title,
        "description": plan.description,
        "inputs": plan.inputs,
        "budget": plan.budget,
    }
    values = _checked_head(**{name: changes.get(name, value) for name, value in head.items()})
    values["is_template"] = changes.get("is_template", plan.is_template)
    for name, value in values.items():
        setattr(plan, name, value)
    plan.save(update_fields=[*values, "updated_at"])
    return plan


@transaction.atomic
def replace_steps(*, plan: Plan, by: Any, steps: Sequence[StepDraft]) -> Plan:
    """Make these the plan's steps, in this order; raises Invalid.

    A step keeps its row where its `id`, or else its key, is one of the plan's.
    """
    return _change(plan, lambda drafts: _matched(steps, drafts))


@transaction.atomic
def add_step(*, plan: Plan, by: Any, step: StepDraft, position: int | None = None) -> PlanStep:
    """Put a step at a position (from 0; by default at the end); raises Invalid. Without a key it gets one."""
    keys: list[str] = []

    def insert(drafts: list[StepDraft]) -> list[StepDraft]:
        new = replace(step, key=step.key or free_key(drafts), id=None)
        keys.append(new.key)
        at = len(drafts) if position is None else max(0, min(position, len(drafts)))
        return [*drafts[:at], new, *drafts[at:]]

    _change(plan, insert)
    added: PlanStep = plan.steps.get(key=keys[0])
    return added


@transaction.atomic
def update_step(*, step: PlanStep, by: Any, **changes: Any) -> PlanStep:
    """Change fields of a `StepDraft`, and with `position` its place; raises Invalid."""
    position = changes.pop("position", None)
    old = key_of(step)
    new = changes.get("key", old)

    def change(drafts: list[StepDraft]) -> list[StepDraft]:
        changed = [
            replace(draft, **changes) if draft.id == step.pk else _after_renaming(draft, old, new)
            for draft in drafts
        ]
        if position is not None:
            moved = next(draft for draft in changed if draft.id == step.pk)
            changed.remove(moved)
            changed.insert(max(0, min(position, len(changed))), moved)
        return changed

    _change(step.plan, change)
    step.refresh_from_db()
    return step


@transaction.atomic
def remove_step(*, step: PlanStep, by: Any) -> None:
    """Take a step away; those that waited for it then wait for what it did. Raises Invalid if one uses it."""

    def remove(drafts: list[StepDraft]) -> list[StepDraft]:
        gone = next((draft for draft in drafts if draft.id == step.pk), None)
        if gone is None:
            raise NotFound
        return [
            replace(draft, depends_on=_without(draft.depends_on, gone.key, gone.depends_on))
            for draft in drafts
            if draft.id != step.pk
        ]

    _change(step.plan, remove)


@transaction.atomic
def reorder(*, plan: Plan, by: Any, ids: Sequence[int]) -> Plan:
    """Put the steps into this order; raises Invalid unless `ids` names each of them once."""

    def arrange(drafts: list[StepDraft]) -> list[StepDraft]:
        by_id = {draft.id: draft for draft in drafts}
        strangers = [str(pk) for pk in ids if pk not in by_id]
        if strangers:
            message = _("This plan has no step with the id %(ids)s.")
            raise Invalid(errors={"steps": [message % {"ids": ", ".join(strangers[:20])}]})
        if len(set(ids)) != len(ids) or len(ids) != len(drafts):
            raise Invalid(errors={"steps": [_("Name each step of the plan once.")]})
        return [by_id[pk] for pk in ids]

    return _change(plan, arrange)


@transaction.atomic
def duplicate_plan(*, plan: Plan, by: Any, title: str = "", is_template: bool | None = None) -> Plan:
    """A plan of one's own with the same steps, not connected with the first."""
    name = title or (plan.title if plan.is_template else _("Copy of %(title)s") % {"title": plan.title})
    return create_plan(
        owner=by,
        title=name[:TITLE_LENGTH],
        description=plan.description or "",
        steps=copies(drafts_of(plan)),
        inputs=plan.inputs,
        budget=plan.budget,
        is_template=bool(is_template),
    )


@transaction.atomic
def delete_plan(*, plan: Plan, by: Any) -> None:
    """Delete a plan with its runs; raises Conflict while one is going on."""
    row = _locked(plan)
    if PlanExecution.objects.filter(plan=row).live().exists():
        raise Conflict(_("The plan is running. Cancel the run first."), code="plan_running")
    row.delete()


def free_key(drafts: Sequence[StepDraft]) -> str:
    """A key that no step has yet."""
    taken = {draft.key for draft in drafts}
    number = len(drafts) + 1
    while f"step_{number}" in taken:
        number += 1
    return f"step_{number}"


def _after_renaming(draft: StepDraft, old: str, new: str) -> StepDraft:
    """What waits for a step waits for its new key; what refers to its old one will be refused."""
    if old == new or old not in draft.depends_on:
        return draft
    return replace(draft, depends_on=[new if key == old else key for key in draft.depends_on])


def _without(keys: Sequence[str], gone: str, instead: Sequence[str]) -> list[str]:
    if gone not in keys:
        return list(keys)
    return list(dict.fromkeys([*(key for key in keys if key != gone), *instead]))


def _matched(steps: Sequence[StepDraft], existing: Sequence[StepDraft]) -> list[StepDraft]:
    """The steps with the ids of the rows they are; an id of another plan counts for nothing."""
    own = {draft.id for draft in existing}
    taken = {step.id for step in steps if step.id in own}
    by_key = {draft.key: draft.id for draft in existing if draft.id not in taken}
    return [
        step if step.id in own and step.id is not None else replace(step, id=by_key.get(step.key))
        for step in steps
    ]


def _change(plan: Plan, change: Callable[[list[StepDraft]], list[StepDraft]]) -> Plan:
    """Apply a change to the steps of the plan, one change at a time, if what comes out is sound."""
    row = _locked(plan)
    before = drafts_of(row)
    drafts = check_steps(change(before), owner=row.user, plan=row)
    _store(row, drafts, before)
    now = timezone.now()
    Plan.objects.filter(pk=row.pk).update(version=F("version") + 1, updated_at=now)
    plan.version, plan.updated_at = row.version + 1, now
    return plan


def _locked(plan: Plan) -> Plan:
    row = Plan.objects.select_for_update().filter(pk=plan.pk).first()
    if row is None:
        raise NotFound
    found: Plan = row
    return found


def _checked_head(*, title: str, description: str | None, inputs: Any, budget: Any) -> dict[str, Any]:
    title, description = str(title).strip(), description or ""
    faults: dict[str, list[str]] = {}
    if not title:
        faults["title"] = [_("Give the plan a title.")]
    elif len(title) > TITLE_LENGTH:
        faults["title"] = [_("Must have at most %(value)s characters.") % {"value": TITLE_LENGTH}]
    for name, text in (("title", title), ("description", description)):
        if fault := plain_json.fault_in_text(text):
            faults[name] = [fault]
    if faults:
        raise Invalid(errors=faults)
    return {
        "title": title,
        "description": description,
        "inputs": check_object(inputs, field="inputs"),
        "budget": check_budget(budget),
    }


def _store(plan: Plan, drafts: Sequence[StepDraft], before: Sequence[StepDraft] = ()) -> None:
    """Bring the rows in line with the drafts; what they wait for is written once all have their ids."""
    was = {draft.id: draft for draft in before}
    kept = {draft.id for draft in drafts if draft.id is not None}
    gone = {pk for pk in was if pk is not None} - kept
    if gone:
        plan.steps.filter(pk__in=gone).delete()
    moved = _make_room(plan, drafts, was) if kept else False
    new = [
        PlanStep(plan=plan, order_index=at, **draft.columns)
        for at, draft in enumerate(drafts)
        if draft.id is None
    ]
    PlanStep.objects.bulk_create(new, batch_size=BATCH)
    ids = dict(plan.steps.filter(key__isnull=False).values_list("key", "pk")) if new else {}
    ids |= {draft.key: draft.id for draft in drafts if draft.id is not None}
    rows = [_row(plan, at, draft, ids) for at, draft in enumerate(drafts)]
    pairs = list(zip(rows, drafts, strict=True))
    if moved:
        places = [row for row, draft in pairs if draft.id is not None]
        PlanStep.objects.bulk_update(places, ["order_index", "key"], batch_size=BATCH)
    changed = [row for row, draft in pairs if draft.id is not None and was.get(draft.id) != draft]
    PlanStep.objects.bulk_update(changed, STEP_COLUMNS, batch_size=BATCH)
    waiting = [row for row, draft in pairs if draft.id is None and row.depends_on]
    PlanStep.objects.bulk_update(waiting, ["depends_on", "depends_on_rest"], batch_size=BATCH)


def _make_room(plan: Plan, drafts: Sequence[StepDraft], was: Mapping[int | None, StepDraft]) -> bool:
    """Whether rows change place or key; they are then out of the way: both are unique within the plan."""
    places = dict(plan.steps.values_list("pk", "order_index"))
    moved = any(
        places.get(draft.id) != at or was[draft.id].key != draft.key
        for at, draft in enumerate(drafts)
        if draft.id is not None
    )
    if moved:
        beyond = max(places.values()) + len(drafts) + 1
        plan.steps.update(order_index=F("order_index") + beyond, key=None)
    return moved


def _row(plan: Plan, at: int, draft: StepDraft, ids: Mapping[str, int]) -> PlanStep:
    depends_on, rest = write_dependencies(ids[key] for key in draft.depends_on)
    return PlanStep(
        pk=ids[draft.key],
        plan=plan,
        order_index=at,
        depends_on=depends_on,
        depends_on_rest=rest,
        **draft.columns,
    )
