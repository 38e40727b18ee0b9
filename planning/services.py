"""What makes a plan sound: the steps a step waits for are steps of the same plan, and no ring of them."""

from collections.abc import Mapping

from django.utils.translation import gettext as _

from agi_site.lib.problems import Invalid

from .models import Plan, PlanStep


def parse_dependencies(text: str) -> list[int]:
    """The step ids in `depends_on`, which the schema keeps as text with commas; raises Invalid."""
    words = [word.strip() for word in text.split(",") if word.strip()]
    wrong = [word for word in words if not (word.isascii() and word.isdigit())]
    if wrong:
        message = _("Give the ids of steps, separated by commas; “%(wrong)s” is none.")
        raise Invalid(errors={"depends_on": [message % {"wrong": ", ".join(wrong)}]})
    return [int(word) for word in words]


def check_dependencies(*, plan: Plan, step: PlanStep | None, text: str) -> str:
    """The dependencies in their normal form; raises Invalid, naming the ids, for strangers and rings.

    `step` is the step that waits, None while it is not stored: then nothing can wait for it yet.
    """
    wanted = parse_dependencies(text)
    waits_for = {row.pk: row.dependencies for row in plan.steps.only("pk", "depends_on")}
    strangers = [key for key in wanted if key not in waits_for]
    if strangers:
        message = _("This plan has no step with the id %(ids)s.")
        raise Invalid(errors={"depends_on": [message % {"ids": _listed(strangers)}]})
    if step is not None:
        ring = find_ring({**waits_for, step.pk: wanted}, start=step.pk)
        if ring:
            message = _("These steps would wait for each other: %(ids)s.")
            raise Invalid(errors={"depends_on": [message % {"ids": _listed(ring)}]})
    return ",".join(map(str, dict.fromkeys(wanted)))


def find_ring(waits_for: Mapping[int, list[int]], *, start: int) -> list[int]:
    """The steps on a ring through `start`, in order; empty when there is none."""
    came_from: dict[int, int] = {}
    waiting = [start]
    while waiting:
        step = waiting.pop()
        for other in waits_for.get(step, []):
            if other == start:
                ring = [step]
                while ring[-1] != start:
                    ring.append(came_from[ring[-1]])
                return ring[::-1]
            if other not in came_from:
                came_from[other] = step
                waiting.append(other)
    return []


def _listed(ids: list[int]) -> str:
    return ", ".join(map(str, ids))
