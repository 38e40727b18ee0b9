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
    KnowledgeSource,
    KnowledgeSourceItem,
    SourceKind,
)
from .rows import ChangedSerializer


class KnowledgeSourceSerializer(ChangedSerializer):
    kind = serializers.ChoiceField(choices=SourceKind.choices, default=SourceKind.FILE)

    class Meta:
        model = KnowledgeSource
        fields = [
            "id",
            "name",
            "domain",
            "description",
            "kind",
            "connection_info",
            "is_active",
            "status",
            "reason",
            "counts",
            "synced_at",
            "created_by",
            "created_at",
            "updated_at",
        ]
        read_only_fields = [
            "id",
            "status",
            "reason",
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
        is_active = validated_data.pop("is_active", None)
        connection = validated_data.pop("connection_info") or {}
        validated_data["description"] = validated_data.get("description") or ""
        source = services.add_source(by=self.person, connection=connection, **validated_data)
        if is_active is not None:
            source = services.change_source(source=source, by=self.person, is_active=is_active)
        return source

    def update(self, instance: KnowledgeSource, validated_data: dict[str, Any]) -> KnowledgeSource:
        if validated_data.pop("kind", instance.kind) != instance.kind:
            raise serializers.ValidationError({"kind": ["This cannot be changed."]})
        if "connection_info" in validated_data:
            validated_data["connection"] = validated_data.pop("connection_info") or {}
        return services.change_source(source=instance, by=self.person, **validated_data)


class SyncSerializer(serializers.Serializer[Any]):
    contents = serializers.ChoiceField(choices=["passages", "ontology"], default="passages")


class KnowledgeSourceItemSerializer(RowSerializer):
    class Meta:
        model = KnowledgeSourceItem
        fields = ["id", "source", "external_id", "knowledge", "reason", "updated_at"]
        read_only_fields = fields


class KnowledgeSourceViewSet(SharedViewSet):
    """Where knowledge of a domain comes from."""

    queryset = KnowledgeSource.objects.order_by("-pk")
    serializer_class = KnowledgeSourceSerializer
    filterset_fields = {
        "name": ["exact"],
        "domain": ["exact"],
        "is_active": ["exact"],
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
