"""REST of mappings and their review."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from agi_site.lib.api.viewsets import SharedViewSet

from .. import services
from ..models import (
    RELATION_TYPES,
    KnowledgeMapping,
)
from .rows import ChangedSerializer


class KnowledgeMappingSerializer(ChangedSerializer):
    relation_type = serializers.CharField(
        max_length=100, default="is_equivalent_to", help_text=", ".join(RELATION_TYPES)
    )
    confidence = serializers.DecimalField(
        max_digits=5, decimal_places=4, min_value=0, max_value=1, required=False
    )

    class Meta:
        model = KnowledgeMapping
        fields = [
            "id",
            "source_concept",
            "target_concept",
            "source_domain",
            "target_domain",
            "relation_type",
            "confidence",
            "status",
            "parts",
            "reviewed_by",
            "reviewed_at",
            "created_at",
            "updated_at",
        ]
        read_only_fields = [
            "id",
            "status",
            "parts",
            "reviewed_by",
            "reviewed_at",
            "created_at",
            "updated_at",
        ]

    def create(self, validated_data: dict[str, Any]) -> KnowledgeMapping:
        return services.add_mapping(by=self.person, **validated_data)

    def update(self, instance: KnowledgeMapping, validated_data: dict[str, Any]) -> KnowledgeMapping:
        fixed = {"source_domain", "target_domain"} & validated_data.keys()
        if fixed:
            raise serializers.ValidationError({name: ["This cannot be changed."] for name in fixed})
        return services.change_mapping(mapping=instance, by=self.person, **validated_data)


class BetweenSerializer(serializers.Serializer[Any]):
    source_domain = serializers.CharField(max_length=100)
    target_domain = serializers.CharField(max_length=100)


class SurestSerializer(BetweenSerializer):
    least = serializers.FloatField(min_value=0, max_value=1, default=0.9)


class KnowledgeMappingViewSet(SharedViewSet):
    """Two concepts of two domains that correspond: proposed or made by hand, reviewed by people."""

    queryset = KnowledgeMapping.objects.order_by("-pk")
    serializer_class = KnowledgeMappingSerializer
    filterset_fields = {
        "source_domain": ["exact"],
        "target_domain": ["exact"],
        "source_concept": ["exact"],
        "target_concept": ["exact"],
        "relation_type": ["exact"],
        "confidence": ["exact", "gte", "lte"],
        "status": ["exact"],
    }
    ordering_fields = ["id", "source_concept", "target_concept", "relation_type", "confidence", "created_at"]

    def perform_destroy(self, instance: KnowledgeMapping) -> None:
        services.delete_mapping(mapping=instance, by=self.request.user)

    @extend_schema(request=BetweenSerializer, responses={202: OpenApiTypes.OBJECT})
    @action(detail=False, methods=["post"])
    def propose(self, request: Request) -> Response:
        """Look for mappings between two domains, in a task; decisions of people stay."""
        asked = BetweenSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        task = services.propose_mappings(by=request.user, **asked.validated_data)
        return Response({"task": task}, status=status.HTTP_202_ACCEPTED)

    @extend_schema(request=SurestSerializer, responses={200: OpenApiTypes.OBJECT})
    @action(detail=False, methods=["post"], url_path="accept-surest")
    def accept_surest(self, request: Request) -> Response:
        """Accept every proposal between two domains with at least this confidence, 500 at most."""
        self.check_may_change(request)
        asked = SurestSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        return Response({"accepted": services.review_surest(by=request.user, **asked.validated_data)})

    def check_may_change(self, request: Request) -> None:
        """A POST wants the right to add; accepting wants the right to change."""
        if not request.user.has_perm("transfer.change_knowledgemapping"):
            self.permission_denied(request)

    @extend_schema(request=None, responses={200: KnowledgeMappingSerializer})
    @action(detail=True, methods=["post"])
    def accept(self, request: Request, pk: str) -> Response:
        """The two correspond."""
        return self._decide("accept")

    @extend_schema(request=None, responses={200: KnowledgeMappingSerializer})
    @action(detail=True, methods=["post"])
    def reject(self, request: Request, pk: str) -> Response:
        """They do not; the matcher will not propose them again."""
        return self._decide("reject")

    @extend_schema(request=None, responses={200: KnowledgeMappingSerializer})
    @action(detail=True, methods=["post"])
    def reopen(self, request: Request, pk: str) -> Response:
        """Take a decision back."""
        return self._decide("reopen")

    def _decide(self, decision: str) -> Response:
        row = services.review_mapping(mapping=self.get_object(), by=self.request.user, decision=decision)
        return Response(self.get_serializer(row).data)
