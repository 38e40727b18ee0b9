"""REST of steps, one at a time; each change is checked with the whole plan."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers

from agi_site.lib.api.viewsets import OwnedViewSet
from agi_site.lib.problems import Invalid, Problem

from .. import services
from ..models import Plan, PlanStep
from .rows import PlanStepSerializer

FIELDS = (
    "key",
    "description",
    "kind",
    "tool_name",
    "arguments",
    "condition",
    "for_each",
    "max_retries",
    "retry_seconds",
    "timeout_seconds",
    "on_failure",
)


class PlanStepViewSet(OwnedViewSet):
    """One step of a plan and the steps it depends on."""

    queryset = PlanStep.objects.order_by("-pk")
    serializer_class = PlanStepSerializer
    filterset_fields = {"plan": ["exact"], "status": ["exact"], "kind": ["exact"]}
    ordering_fields = ["id"]

    def perform_create(self, serializer: serializers.BaseSerializer[Any]) -> None:
        """Add it to its plan, at `order_index` if that is given."""
        values = dict(serializer.validated_data)
        plan = values["plan"]
        with _said_of(values.get("key", "")):
            draft = services.StepDraft(**{"key": "", **_fields(values, plan)})
            serializer.instance = services.add_step(
                plan=plan, by=self.request.user, step=draft, position=values.get("order_index")
            )

    def perform_update(self, serializer: serializers.BaseSerializer[Any]) -> None:
        """Change it in its place, or with `order_index` in another."""
        values, row = dict(serializer.validated_data), serializer.instance
        if values.get("plan", row.plan) != row.plan:
            raise Invalid(errors={"plan": [_("A step stays in its plan. Add a new one to the other plan.")]})
        changes = _fields(values, row.plan)
        if "order_index" in values:
            changes["position"] = values["order_index"]
        with _said_of(values.get("key", ""), services.key_of(row)):
            services.update_step(step=row, by=self.request.user, **changes)

    def perform_destroy(self, instance: PlanStep) -> None:
        """Take it away; those that waited for it wait for what it waited for."""
        services.remove_step(step=instance, by=self.request.user)


def _fields(values: dict[str, Any], plan: Plan) -> dict[str, Any]:
    """The given values as fields of a draft."""
    found = {name: values[name] for name in FIELDS if name in values}
    if "sub_plan" in values:
        found["sub_plan_id"] = values["sub_plan"].pk if values["sub_plan"] else None
    if "depends_on" in values:
        found["depends_on"] = _keys(plan, values["depends_on"] or "")
    return found


def _keys(plan: Plan, text: str) -> list[str]:
    """The keys of the steps whose ids stand in the text; raises Invalid, naming the strangers."""
    wanted = services.parse_dependencies(text)
    keys = {row.pk: services.key_of(row) for row in plan.steps.filter(pk__in=wanted).only("key")}
    strangers = [str(pk) for pk in wanted if pk not in keys]
    if strangers:
        message = _("This plan has no step with the id %(ids)s.")
        raise Invalid(errors={"depends_on": [message % {"ids": ", ".join(strangers[:20])}]})
    return [keys[pk] for pk in wanted]


@contextmanager
def _said_of(*keys: str) -> Iterator[None]:
    """Faults of the step that is being written go by their fields alone, those of others by their keys."""
    try:
        yield
    except Problem as problem:
        own = {key for key in keys if key}
        renamed: dict[str, list[Any]] = {}
        for place, faults in problem.errors.items():
            parts = place.split(".", 2)
            is_own = len(parts) == 3 and parts[0] == "steps" and (not own or parts[1] in own)
            renamed.setdefault(parts[2] if is_own else place, []).extend(faults)
        problem.errors = renamed
        raise
