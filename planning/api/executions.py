"""REST of runs and of their steps: read, moved by verbs, compared."""

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from agi_site.lib.api.viewsets import OwnedReadOnlyViewSet

from .. import diffs, services
from ..models import PlanExecution, PlanStepExecution
from .given import BudgetSerializer, InputsSerializer, ReasonSerializer, StepDiffSerializer, given
from .rows import PlanExecutionSerializer, PlanStepExecutionSerializer

VERB = extend_schema(request=None, responses=PlanExecutionSerializer)


class PlanExecutionViewSet(OwnedReadOnlyViewSet):
    """One run of a plan. Its steps are at `/plan-step-executions/?execution=`."""

    queryset = PlanExecution.objects.order_by("-pk")
    serializer_class = PlanExecutionSerializer
    filterset_fields = {
        "plan": ["exact"],
        "status": ["exact"],
        "trigger_type": ["exact"],
        "trigger_id": ["exact"],
        "started_at": ["gte", "lt"],
    }
    ordering_fields = ["id", "started_at"]

    @VERB
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, pk: str) -> Response:
        """Begin no further steps."""
        return self._answer(services.pause_plan(execution=self.get_object(), by=request.user))

    @VERB
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: str) -> Response:
        """Go on after a pause."""
        return self._answer(services.resume_plan(execution=self.get_object(), by=request.user))

    @VERB
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """End it; running tools are stopped."""
        return self._answer(services.cancel_plan(execution=self.get_object(), by=request.user))

    @extend_schema(request=BudgetSerializer, responses=PlanExecutionSerializer)
    @action(detail=True, methods=["post"])
    def retry(self, request: Request, pk: str) -> Response:
        """Take a failed or canceled run up where it stopped; what is completed stays."""
        execution, values = self.get_object(), given(BudgetSerializer, request)
        return self._answer(services.retry_plan(execution=execution, by=request.user, **values))

    @extend_schema(request=InputsSerializer, responses={202: PlanExecutionSerializer})
    @action(detail=True, methods=["post"], url_path="run-again")
    def run_again(self, request: Request, pk: str) -> Response:
        """Run the plan anew, with the same inputs or with others over them."""
        execution, values = self.get_object(), given(InputsSerializer, request)
        again = services.run_again(execution=execution, by=request.user, **values)
        return self._answer(again, status.HTTP_202_ACCEPTED)

    @extend_schema(
        parameters=[OpenApiParameter("with", OpenApiTypes.STR, required=True, description="The other run.")],
        responses=StepDiffSerializer(many=True),
        filters=False,
    )
    @action(detail=True, methods=["get"], pagination_class=None, filter_backends=[])
    def diff(self, request: Request, pk: str) -> Response:
        """What another run of the same plan, the later one, did otherwise."""
        first = self.get_object()
        others = self.get_queryset().filter(plan=first.plan_id)
        second = get_object_or_404(others, pk=request.query_params.get("with", "")[:36])
        return Response([_diff(step) for step in diffs.compare(first, second)])

    def _answer(self, execution: PlanExecution, code: int = status.HTTP_200_OK) -> Response:
        body = PlanExecutionSerializer(execution, context=self.get_serializer_context()).data
        return Response(body, status=code)


def _diff(step: diffs.StepDiff) -> dict[str, Any]:
    sides = step.first, step.second
    return {
        "key": step.key,
        "change": step.change,
        "status": [side.status if side else None for side in sides],
        "seconds": [side.seconds if side else None for side in sides],
        "lines": [f"{sign}{text}" for sign, text in step.lines],
    }


class PlanStepExecutionViewSet(OwnedReadOnlyViewSet):
    """One step in one run; with a `parent`, one item of a for-each."""

    queryset = PlanStepExecution.objects.order_by("-pk")
    serializer_class = PlanStepExecutionSerializer
    filterset_fields = {
        "execution": ["exact"],
        "status": ["exact"],
        "key": ["exact"],
        "parent": ["exact", "isnull"],
    }
    ordering_fields = ["id", "order_index"]

    @extend_schema(request=ReasonSerializer, responses=PlanStepExecutionSerializer)
    @action(detail=True, methods=["post"])
    def skip(self, request: Request, pk: str) -> Response:
        """Go on without it, for a reason that is kept; a run that failed by it is taken up again."""
        row, values = self.get_object(), given(ReasonSerializer, request)
        services.skip_step(step=row, by=request.user, **values)
        row.refresh_from_db()
        return Response(PlanStepExecutionSerializer(row, context=self.get_serializer_context()).data)
