"""REST of sources and of what was read from them."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from agi_site.lib.api.fields import RowSerializer
from agi_site.lib.api.viewsets import SharedReadOnlyViewSet, SharedViewSet

from .. import services
from ..models import (
    Contents,
    KnowledgeSource,
    KnowledgeSourceItem,
    SourceKind,
)
from .rows import ChangedSerializer


class KnowledgeSourceSerializer(ChangedSerializer):
    kind = serializers.ChoiceField(choices=SourceKind.choices, default=SourceKind.FILE)
    reason = serializers.CharField(
        source="told_reason",
        read_only=True,
        allow_null=True,
        help_text="Why it is in its state, in your language.",
    )

    class Meta:
        model = KnowledgeSource
        fields = [
            "id",
            "name",
            "domain",
            "description",
            "kind",
            "connection_info",
            "contents",
            "is_active",
            "read_every",
            "next_read_at",
            "failures",
            "scheduled_by",
            "status",
            "reason",
            "reason_code",
            "counts",
            "synced_at",
            "created_by",
            "created_at",
            "updated_at",
        ]
        read_only_fields = [
            "id",
            "next_read_at",
            "failures",
            "scheduled_by",
            "status",
            "reason",
            "reason_code",
            "counts",
            "synced_at",
            "created_by",
            "created_at",
            "updated_at",
        ]
        extra_kwargs = {
            "name": {"validators": []},
            "connection_info": {"required": True},
        }

    def create(self, validated_data: dict[str, Any]) -> KnowledgeSource:
        connection = validated_data.pop("connection_info") or {}
        validated_data["description"] = validated_data.get("description") or ""
        if validated_data.get("is_active") is None:
            validated_data.pop("is_active", None)
        return services.add_source(by=self.person, connection=connection, **validated_data)

    def update(self, instance: KnowledgeSource, validated_data: dict[str, Any]) -> KnowledgeSource:
        if validated_data.pop("kind", instance.kind) != instance.kind:
            raise serializers.ValidationError({"kind": ["This cannot be changed."]})
        if "connection_info" in validated_data:
            validated_data["connection"] = validated_data.pop("connection_info") or {}
        return services.change_source(source=instance, by=self.person, **validated_data)


class SyncSerializer(serializers.Serializer[Any]):
    contents = serializers.ChoiceField(
        choices=Contents.choices, required=False, help_text="As the source is set where it is left out."
    )


class KnowledgeSourceItemSerializer(RowSerializer):
    reason = serializers.CharField(
        source="told_reason",
        read_only=True,
        allow_null=True,
        help_text="Why it could not be taken, in your language.",
    )

    class Meta:
        model = KnowledgeSourceItem
        fields = ["id", "source", "external_id", "knowledge", "reason", "reason_code", "updated_at"]
        read_only_fields = fields


class KnowledgeSourceViewSet(SharedViewSet):
    """Where knowledge of a domain comes from."""

    queryset = KnowledgeSource.objects.order_by("-pk")
    serializer_class = KnowledgeSourceSerializer
    filterset_fields = {
        "name": ["exact"],
        "domain": ["exact"],
        "is_active": ["exact"],
        "read_every": ["exact"],
        "next_read_at": ["gte", "lte"],
        "kind": ["exact"],
        "status": ["exact"],
    }
    ordering_fields = ["id", "domain", "is_active", "created_at"]

    def perform_destroy(self, instance: KnowledgeSource) -> None:
        services.delete_source(source=instance, by=self.request.user)

    @extend_schema(request=SyncSerializer, responses={202: KnowledgeSourceSerializer})
    @action(detail=True, methods=["post"])
    def sync(self, request: Request, pk: str) -> Response:
        """Read the source now, in a task; one that was interrupted goes on where it was."""
        asked = SyncSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        source = services.sync_source(source=self.get_object(), by=request.user, **asked.validated_data)
        return Response(self.get_serializer(source).data, status=status.HTTP_202_ACCEPTED)


class KnowledgeSourceItemViewSet(SharedReadOnlyViewSet):
    """What was read from sources, one row an item, with the passage it became or the reason why not."""

    queryset = KnowledgeSourceItem.objects.order_by("-pk")
    serializer_class = KnowledgeSourceItemSerializer
    filterset_fields = {"source": ["exact"], "knowledge": ["exact"]}
    ordering_fields = ["id", "updated_at"]
