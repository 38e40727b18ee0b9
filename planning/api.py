"""REST resources of plans."""

from typing import Any

from django.utils.translation import gettext as _

from agi_site.lib.api.fields import RowSerializer
from agi_site.lib.api.viewsets import OwnedReadOnlyViewSet, OwnedViewSet
from agi_site.lib.problems import Invalid

from . import services
from .models import Plan, PlanExecution, PlanStep


class PlanSerializer(RowSerializer):
    class Meta:
        model = Plan
        fields = [
            "id",
            "user",
            "title",
            "description",
            "created_at",
            "updated_at",
            "status",
            "started_at",
            "completed_at",
        ]
        read_only_fields = ["id", "user", "created_at", "updated_at", "status", "started_at", "completed_at"]


class PlanStepSerializer(RowSerializer):
    class Meta:
        model = PlanStep
        fields = [
            "id",
            "plan",
            "order_index",
            "description",
            "status",
            "depends_on",
            "started_at",
            "completed_at",
            "execution_details",
        ]
        read_only_fields = ["id", "status", "started_at", "completed_at", "execution_details"]

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if self.instance and attrs.get("plan", self.instance.plan) != self.instance.plan:
            raise Invalid(errors={"plan": [_("A step stays in its plan. Add a new one to the other plan.")]})
        if attrs.get("depends_on"):
            plan = attrs.get("plan") or self.instance.plan
            attrs["depends_on"] = services.check_dependencies(
                plan=plan, step=self.instance, text=attrs["depends_on"]
            )
        return super().validate(attrs)


class PlanExecutionSerializer(RowSerializer):
    class Meta:
        model = PlanExecution
        fields = ["id", "plan", "user", "status", "started_at", "completed_at", "result", "error_details"]


class PlanViewSet(OwnedViewSet):
    """A goal broken into steps."""

    queryset = Plan.objects.order_by("-pk")
    serializer_class = PlanSerializer
    filterset_fields = {"status": ["exact"], "created_at": ["gte", "lt"]}
    ordering_fields = ["id", "created_at"]


class PlanStepViewSet(OwnedViewSet):
    """One step of a plan and the steps it depends on."""

    queryset = PlanStep.objects.order_by("-pk")
    serializer_class = PlanStepSerializer
    filterset_fields = {"plan": ["exact"], "status": ["exact"]}
    ordering_fields = ["id"]


class PlanExecutionViewSet(OwnedReadOnlyViewSet):
    """One run of a plan."""

    queryset = PlanExecution.objects.order_by("-pk")
    serializer_class = PlanExecutionSerializer
    filterset_fields = {"plan": ["exact"], "status": ["exact"], "started_at": ["gte", "lt"]}
    ordering_fields = ["id", "started_at"]


router_entries = [
    ("plans", PlanViewSet),
    ("plan-steps", PlanStepViewSet),
    ("plan-executions", PlanExecutionViewSet),
]
