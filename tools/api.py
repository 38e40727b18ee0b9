"""REST resources of tools: what there is, running one, and the ledger."""

from typing import Any

from django.utils import translation
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from agi_site.lib.api.fields import RowSerializer
from agi_site.lib.api.json_fields import JSONObjectField
from agi_site.lib.api.permissions import RoleMayChange
from agi_site.lib.api.viewsets import OwnedReadOnlyViewSet, SharedReadOnlyViewSet

from . import registry, schemas, services
from .models import Tool, ToolExecution, ToolParameter


class ToolSerializer(RowSerializer):
    available = serializers.SerializerMethodField(help_text="Whether this installation can run it.")
    schema = serializers.SerializerMethodField(help_text="JSON Schema of the arguments.")

    class Meta:
        model = Tool
        fields = [
            "id",
            "name",
            "description",
            "category",
            "version",
            "enabled",
            "exec_env",
            "available",
            "schema",
            "created_at",
            "updated_at",
        ]
        read_only_fields = fields

    def get_available(self, tool: Tool) -> bool:
        return registry.get(tool.name) is not None

    @extend_schema_field({"type": "object", "additionalProperties": True})
    def get_schema(self, tool: Tool) -> dict[str, Any]:
        return schemas.json_schema(tool.parameters.all())


class ToolParameterSerializer(RowSerializer):
    class Meta:
        model = ToolParameter
        fields = ["id", "tool", "name", "description", "type", "required", "default_value", "schema"]
        read_only_fields = fields


class ToolExecutionSerializer(RowSerializer):
    tool_name = serializers.CharField(source="tool.name", read_only=True)
    duration = serializers.FloatField(read_only=True, allow_null=True, help_text="Seconds.")

    class Meta:
        model = ToolExecution
        fields = [
            "id",
            "tool",
            "tool_name",
            "user",
            "sandbox",
            "parameters",
            "result",
            "status",
            "error_message",
            "trigger_type",
            "trigger_id",
            "duration",
            "created_at",
            "started_at",
            "completed_at",
        ]
        read_only_fields = fields


class RunSerializer(serializers.Serializer[Any]):
    """The arguments of a call, by name."""

    arguments = JSONObjectField(default=dict)


class ToolViewSet(SharedReadOnlyViewSet):
    """Something that can be run by name."""

    queryset = Tool.objects.with_parameters().order_by("-pk")
    serializer_class = ToolSerializer
    filterset_fields = {
        "name": ["exact"],
        "category": ["exact"],
        "enabled": ["exact"],
        "exec_env": ["exact"],
    }
    ordering_fields = ["id", "name", "category", "created_at"]

    @extend_schema(request=RunSerializer, responses={201: ToolExecutionSerializer})
    @action(detail=True, methods=["post"], permission_classes=[IsAuthenticated])
    def run(self, request: Request, pk: str) -> Response:
        """Run the tool and wait for its end; the answer is its line in the ledger, completed or failed."""
        asked = RunSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        execution = services.run_tool(
            user=request.user,
            name=self.get_object().name,
            arguments=asked.validated_data["arguments"],
            language=translation.get_language() or "en",
        )
        body = ToolExecutionSerializer(execution, context=self.get_serializer_context()).data
        return Response(body, status=status.HTTP_201_CREATED)

    @extend_schema(request=None, responses=ToolSerializer)
    @action(detail=True, methods=["post"], permission_classes=[RoleMayChange])
    def enable(self, request: Request, pk: str) -> Response:
        """Switch the tool on for everyone."""
        return self._switched(enabled=True)

    @extend_schema(request=None, responses=ToolSerializer)
    @action(detail=True, methods=["post"], permission_classes=[RoleMayChange])
    def disable(self, request: Request, pk: str) -> Response:
        """Switch the tool off for everyone."""
        return self._switched(enabled=False)

    def _switched(self, *, enabled: bool) -> Response:
        tool = services.set_enabled(tool=self.get_object(), enabled=enabled)
        return Response(self.get_serializer(tool).data)


class ToolParameterViewSet(SharedReadOnlyViewSet):
    """An argument that a tool takes."""

    queryset = ToolParameter.objects.order_by("-pk")
    serializer_class = ToolParameterSerializer
    filterset_fields = {"tool": ["exact"], "name": ["exact"], "type": ["exact"], "required": ["exact"]}
    ordering_fields = ["id", "name"]


class ToolExecutionViewSet(OwnedReadOnlyViewSet):
    """One run of a tool."""

    queryset = ToolExecution.objects.select_related("tool").order_by("-pk")
    serializer_class = ToolExecutionSerializer
    filterset_fields = {
        "tool": ["exact"],
        "tool__name": ["exact"],
        "status": ["exact"],
        "trigger_type": ["exact"],
        "trigger_id": ["exact"],
        "created_at": ["gte", "lt"],
    }
    ordering_fields = ["id", "created_at", "started_at"]


router_entries = [
    ("tools", ToolViewSet),
    ("tool-parameters", ToolParameterViewSet),
    ("tool-executions", ToolExecutionViewSet),
]
