"""REST of plans: written with their steps, started, tried dry, copied, imported, proposed for a goal."""

from typing import Any

from django.db import transaction
from drf_spectacular.utils import OpenApiTypes, extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from agi_site.lib.api.fields import RowSerializer
from agi_site.lib.api.json_fields import JSONObjectField
from agi_site.lib.api.viewsets import OwnedViewSet

from .. import services, starters
from ..models import Plan
from .given import (
    AgainSerializer,
    DocumentSerializer,
    DryRunSerializer,
    DuplicateSerializer,
    GoalSerializer,
    InputsSerializer,
    OrderSerializer,
    StartSerializer,
    StepGivenSerializer,
    TemplateSerializer,
    given,
    language,
)
from .rows import PlanExecutionSerializer, PlanStepSerializer


class PlanSerializer(RowSerializer):
    """A plan; its steps come with a single one, and go with creating and changing it."""

    inputs = JSONObjectField(required=False, allow_null=True, help_text="Names with their defaults.")
    budget = JSONObjectField(required=False, allow_null=True)
    events = serializers.SerializerMethodField(help_text="Where news of a proposal stream.")

    class Meta:
        model = Plan
        fields = [
            "id",
            "user",
            "title",
            "description",
            "status",
            "version",
            "is_template",
            "inputs",
            "budget",
            "draft",
            "created_at",
            "updated_at",
            "started_at",
            "completed_at",
            "trigger_type",
            "trigger_id",
            "events",
        ]
        read_only_fields = [
            name for name in fields if name not in ("title", "description", "is_template", "inputs", "budget")
        ]

    def get_events(self, plan: Plan) -> str:
        return f"/events/plans/{plan.pk}/"


class PlanWithStepsSerializer(PlanSerializer):
    """A plan with all its steps."""

    steps = serializers.SerializerMethodField()

    class Meta(PlanSerializer.Meta):
        fields = [*PlanSerializer.Meta.fields, "steps"]
        read_only_fields = [*PlanSerializer.Meta.read_only_fields, "steps"]

    @extend_schema(responses=PlanStepSerializer(many=True))
    def get_steps(self, plan: Plan) -> list[dict[str, Any]]:
        rows = plan.steps.order_by("order_index", "pk")
        return list(PlanStepSerializer(rows, many=True, context=self.context).data)


class PlanGivenSerializer(PlanSerializer):
    """A plan to be stored; `steps` are in their order, and name each other by key."""

    steps = StepGivenSerializer(many=True, required=False)

    class Meta(PlanSerializer.Meta):
        fields = ["title", "description", "is_template", "inputs", "budget", "steps"]
        read_only_fields: list[str] = []

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """The table's rules hold for the plan alone; the service checks its steps."""
        steps = {"steps": attrs.pop("steps")} if "steps" in attrs else {}
        return super().validate(attrs) | steps


ANY_OBJECT = {"application/json": OpenApiTypes.OBJECT}
CHANGED = extend_schema(request=PlanGivenSerializer, responses=PlanWithStepsSerializer)


class PlanViewSet(OwnedViewSet):
    """A goal broken into steps. Runs are started by the verb `start` and followed at `/plan-executions/`."""

    queryset = Plan.objects.order_by("-pk")
    serializer_class = PlanSerializer
    filterset_fields = {"status": ["exact"], "is_template": ["exact"], "created_at": ["gte", "lt"]}
    ordering_fields = ["id", "created_at"]

    @extend_schema(responses=PlanWithStepsSerializer)
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """A plan with its steps."""
        return self._answer(self.get_object())

    @extend_schema(request=PlanGivenSerializer, responses={201: PlanWithStepsSerializer})
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Store a plan, with its steps if wanted: all of them, or none if one is unsound."""
        values = given(PlanGivenSerializer, request)
        steps = services.drafts_from_json(values.pop("steps", []))
        plan = services.create_plan(owner=request.user, steps=steps, **_texts(values))
        return self._answer(plan, status.HTTP_201_CREATED)

    @CHANGED
    def partial_update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Change a plan; `steps`, if given, become all of its steps. Going runs keep theirs."""
        plan = self.get_object()
        checked = PlanGivenSerializer(data=request.data, partial=True, context={"request": request})
        checked.is_valid(raise_exception=True)
        values = dict(checked.validated_data)
        steps = values.pop("steps", None)
        with transaction.atomic():  # all of the change, or nothing of it
            if steps is not None:
                drafts = services.drafts_from_json(steps)
                services.replace_steps(plan=plan, by=request.user, steps=drafts)
            if values:
                services.update_plan(plan=plan, by=request.user, **_texts(values))
        return self._answer(plan)

    def perform_destroy(self, instance: Plan) -> None:
        services.delete_plan(plan=instance, by=self.request.user)

    # --- Verbs ------------------------------------------------------------------------------------------
    @extend_schema(request=StartSerializer, responses={202: PlanExecutionSerializer})
    @action(detail=True, methods=["post"])
    def start(self, request: Request, pk: str) -> Response:
        """Run it. The answer is the run; its states stream at its `events`."""
        plan, values = self.get_object(), given(StartSerializer, request)
        execution = services.start_plan(plan=plan, by=request.user, language=language(), **values)
        return self._run(execution)

    @extend_schema(request=InputsSerializer, responses=DryRunSerializer)
    @action(detail=True, methods=["post"], url_path="dry-run")
    def dry_run(self, request: Request, pk: str) -> Response:
        """What a run would do, how long it would take, and what is missing for it."""
        plan, values = self.get_object(), given(InputsSerializer, request)
        return Response(services.dry_run(plan=plan, **values).as_json())

    @extend_schema(request=DuplicateSerializer, responses={201: PlanWithStepsSerializer})
    @action(detail=True, methods=["post"])
    def duplicate(self, request: Request, pk: str) -> Response:
        """Another plan, or a template, with the same steps."""
        plan, values = self.get_object(), given(DuplicateSerializer, request)
        copy = services.duplicate_plan(plan=plan, by=request.user, **values)
        return self._answer(copy, status.HTTP_201_CREATED)

    @extend_schema(request=OrderSerializer, responses=PlanWithStepsSerializer)
    @action(detail=True, methods=["post"])
    def reorder(self, request: Request, pk: str) -> Response:
        """Put its steps into another order."""
        plan, values = self.get_object(), given(OrderSerializer, request)
        services.reorder(plan=plan, by=request.user, ids=values["steps"])
        return self._answer(plan)

    @extend_schema(responses={200: OpenApiTypes.OBJECT})
    @action(detail=True, methods=["get"])
    def export(self, request: Request, pk: str) -> Response:
        """The plan as a document that `import` takes."""
        return Response(services.plan_as_json(self.get_object()))

    @extend_schema(
        request={"application/json": OpenApiTypes.OBJECT}, responses={201: PlanWithStepsSerializer}
    )
    @action(detail=False, methods=["post"], url_path="import")
    def import_plan(self, request: Request) -> Response:
        """Store a plan that was exported, or a workflow instance of WfCommons (wfformat 1.5)."""
        document = given(DocumentSerializer, request)
        plan = services.import_document(owner=request.user, document=document)
        return self._answer(plan, status.HTTP_201_CREATED)

    @extend_schema(responses=TemplateSerializer(many=True), filters=False)
    @action(detail=False, methods=["get"], pagination_class=None, filter_backends=[])
    def templates(self, request: Request) -> Response:
        """The templates that come along, in the request's language; one's own are `?is_template=true`."""
        return Response(TemplateSerializer(starters.templates(language()), many=True).data)

    # --- Proposals --------------------------------------------------------------------------------------
    @extend_schema(request=GoalSerializer, responses={202: PlanSerializer})
    @action(detail=False, methods=["post"], url_path="from-goal")
    def from_goal(self, request: Request) -> Response:
        """Have steps proposed for a goal: follow `draft`, then `accept-draft`. Nothing runs before."""
        values = given(GoalSerializer, request)
        plan = services.propose_plan(owner=request.user, language=language(), **values)
        body = PlanSerializer(plan, context=self.get_serializer_context()).data
        return Response(body, status=status.HTTP_202_ACCEPTED)

    @extend_schema(request=None, responses=PlanWithStepsSerializer)
    @action(detail=True, methods=["post"], url_path="accept-draft")
    def accept_draft(self, request: Request, pk: str) -> Response:
        """Make the proposed steps the plan's own."""
        return self._answer(services.accept_proposal(plan=self.get_object(), by=request.user))

    @extend_schema(request=AgainSerializer, responses={202: PlanSerializer})
    @action(detail=True, methods=["post"], url_path="propose-again")
    def propose_again(self, request: Request, pk: str) -> Response:
        """Have other steps proposed."""
        plan, values = self.get_object(), given(AgainSerializer, request)
        services.propose_again(plan=plan, by=request.user, **values)
        body = PlanSerializer(plan, context=self.get_serializer_context()).data
        return Response(body, status=status.HTTP_202_ACCEPTED)

    # --- Answers ----------------------------------------------------------------------------------------
    def _answer(self, plan: Plan, code: int = status.HTTP_200_OK) -> Response:
        plan.refresh_from_db()
        body = PlanWithStepsSerializer(plan, context=self.get_serializer_context()).data
        return Response(body, status=code)

    def _run(self, execution: Any) -> Response:
        body = PlanExecutionSerializer(execution, context=self.get_serializer_context()).data
        return Response(body, status=status.HTTP_202_ACCEPTED)


def _texts(values: dict[str, Any]) -> dict[str, Any]:
    """A description of null is an empty one."""
    return {**values, "description": values["description"] or ""} if "description" in values else values
