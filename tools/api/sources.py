"""REST of tool sources: servers and documents whose tools operators offer; and of script tools."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from agi_site.lib.api.fields import RowSerializer
from agi_site.lib.api.json_fields import JSONObjectField
from agi_site.lib.api.permissions import RoleMayChange
from agi_site.lib.api.viewsets import SharedViewSet
from agi_site.lib.crypto import MASK

from .. import scripts
from ..models import ToolSource
from ..sources import openapi, services
from .rows import ToolSerializer


class ToolSourceSerializer(RowSerializer):
    document_text = serializers.CharField(
        write_only=True,
        required=False,
        max_length=openapi.LARGEST_DOCUMENT,
        trim_whitespace=False,
        help_text="An OpenAPI document as text, JSON or YAML, instead of `document_url`.",
    )

    class Meta:
        model = ToolSource
        fields = [
            "id",
            "name",
            "kind",
            "url",
            "document_url",
            "document_text",
            "command",
            "secrets",
            "enabled",
            "created_by",
            "created_at",
            "updated_at",
            "synced_at",
            "error_message",
        ]
        read_only_fields = ["id", "created_by", "created_at", "updated_at", "synced_at", "error_message"]

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        text = attrs.pop("document_text", None)
        attrs = super().validate(attrs)
        if attrs.get("secrets") and self.instance:  # what comes back as it was shown stays as it is
            kept = self.instance.secrets or {}
            attrs["secrets"] = {
                name: kept.get(name, value) if value == MASK else value
                for name, value in attrs["secrets"].items()
            }
        return attrs if text is None else attrs | {"document": openapi.parse(text)}

    def create(self, validated_data: dict[str, Any]) -> ToolSource:
        return services.add_source(by=self.context["request"].user, **validated_data)

    def update(self, instance: ToolSource, validated_data: dict[str, Any]) -> ToolSource:
        return services.change_source(source=instance, by=self.context["request"].user, **validated_data)


class SwitchSerializer(serializers.Serializer[Any]):
    """One tool of the source, and whether it is to be on."""

    tool = serializers.CharField(max_length=36)
    enabled = serializers.BooleanField(default=True)


class ScriptSerializer(serializers.Serializer[Any]):
    """A script that becomes a tool; its arguments come as JSON on its input and as variables `ARG_<NAME>`."""

    name = serializers.CharField(max_length=64, help_text="Small letters, digits and _.")
    description = serializers.CharField(max_length=4000, required=False, allow_blank=True)
    script = serializers.CharField(max_length=scripts.LONGEST_SCRIPT, trim_whitespace=False)
    interpreter = serializers.ChoiceField(choices=[(name, name) for name in scripts.INTERPRETERS])
    parameters = JSONObjectField(required=False, help_text="A JSON Schema object with properties.")
    timeout_seconds = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=int(scripts.TIMEOUT_SECONDS)
    )


class ToolSourceViewSet(SharedViewSet):
    """A server or a document whose tools are offered here. Reading what it offers is done by a worker."""

    queryset = ToolSource.objects.defer("document").order_by("-pk")
    serializer_class = ToolSourceSerializer
    filterset_fields = {"name": ["exact"], "kind": ["exact"], "enabled": ["exact"]}
    ordering_fields = ["id", "name", "created_at"]

    def perform_destroy(self, instance: ToolSource) -> None:
        services.remove_source(source=instance, by=self.request.user)

    @extend_schema(request=None, responses={202: ToolSourceSerializer})
    @action(detail=True, methods=["post"], permission_classes=[RoleMayChange])
    def sync(self, request: Request, pk: str) -> Response:
        """Read anew what it offers; see `synced_at` and `error_message` afterwards."""
        source = self.get_object()
        services.sync_soon(source=source)
        return Response(self.get_serializer(source).data, status=status.HTTP_202_ACCEPTED)

    @extend_schema(request=SwitchSerializer, responses=ToolSerializer)
    @action(detail=True, methods=["post"], permission_classes=[RoleMayChange])
    def switch(self, request: Request, pk: str) -> Response:
        """Switch one of its tools on or off."""
        given = SwitchSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        tool = services.switch_tool(
            source=self.get_object(),
            tool_id=given.validated_data["tool"],
            enabled=given.validated_data["enabled"],
            by=request.user,
        )
        return Response(ToolSerializer(tool, context=self.get_serializer_context()).data)

    @extend_schema(request=ScriptSerializer, responses={201: ToolSerializer})
    @action(detail=False, methods=["post"])
    def scripts(self, request: Request) -> Response:
        """Make a tool of a script; it runs in the sandbox of whoever calls it."""
        given = ScriptSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        tool = scripts.create_script(by=request.user, **given.validated_data)
        body = ToolSerializer(tool, context=self.get_serializer_context()).data
        return Response(body, status=status.HTTP_201_CREATED)
