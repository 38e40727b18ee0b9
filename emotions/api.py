"""REST resources of emotions."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from agi_site.lib.api.fields import RowSerializer
from agi_site.lib.api.json_fields import JSONObjectField
from agi_site.lib.api.permissions import RoleMayChange
from agi_site.lib.api.viewsets import OwnedListReadDestroyViewSet, OwnedReadOnlyViewSet, SharedViewSet

from . import services
from .models import EmotionalResponse, EmotionAnalysis, EmpathyModel, UserEmotionHistory


class EmotionAnalysisSerializer(RowSerializer):
    class Meta:
        model = EmotionAnalysis
        fields = [
            "id",
            "user",
            "target_type",
            "target_id",
            "emotions",
            "dominant_emotion",
            "intensity",
            "timestamp",
        ]
        read_only_fields = fields


class UserEmotionHistorySerializer(RowSerializer):
    class Meta:
        model = UserEmotionHistory
        fields = ["id", "user", "emotion", "intensity", "context", "timestamp"]
        read_only_fields = fields


class EmotionalResponseSerializer(RowSerializer):
    class Meta:
        model = EmotionalResponse
        fields = [
            "id",
            "trigger_emotion",
            "response_type",
            "language",
            "template",
            "priority",
            "is_active",
            "created_at",
            "updated_at",
        ]
        read_only_fields = ["id", "created_at", "updated_at"]


class EmpathyModelSerializer(RowSerializer):
    parameters = JSONObjectField(required=False, allow_null=True)

    class Meta:
        model = EmpathyModel
        fields = ["id", "name", "description", "parameters", "version", "is_active", "created_at"]
        read_only_fields = ["id", "is_active", "created_at"]

    def validate_parameters(self, parameters: dict[str, Any] | None) -> dict[str, Any] | None:
        faults = services.parameter_faults(parameters or {})
        if faults:
            raise serializers.ValidationError(faults)
        return parameters

    def create(self, validated_data: dict[str, Any]) -> Any:
        return super().create(validated_data | {"is_active": False})


class EmotionAnalysisViewSet(OwnedReadOnlyViewSet):
    """The emotions found in a row."""

    queryset = EmotionAnalysis.objects.order_by("-pk")
    serializer_class = EmotionAnalysisSerializer
    filterset_fields = {
        "target_type": ["exact"],
        "target_id": ["exact"],
        "dominant_emotion": ["exact"],
        "timestamp": ["gte", "lt"],
    }
    ordering_fields = ["id", "dominant_emotion", "timestamp"]


class UserEmotionHistoryViewSet(OwnedListReadDestroyViewSet):
    """A strong emotion at a moment; a person may delete it."""

    queryset = UserEmotionHistory.objects.order_by("-pk")
    serializer_class = UserEmotionHistorySerializer
    filterset_fields = {"emotion": ["exact"], "timestamp": ["gte", "lt"]}
    ordering_fields = ["id", "emotion", "timestamp"]


class EmotionalResponseViewSet(SharedViewSet):
    """How to answer when an emotion shows."""

    queryset = EmotionalResponse.objects.order_by("-pk")
    serializer_class = EmotionalResponseSerializer
    filterset_fields = {
        "trigger_emotion": ["exact"],
        "response_type": ["exact"],
        "language": ["exact"],
        "is_active": ["exact"],
    }
    ordering_fields = ["id", "trigger_emotion", "priority", "created_at"]


class EmpathyModelViewSet(SharedViewSet):
    """A set of parameters for empathic answers; one is in use."""

    queryset = EmpathyModel.objects.order_by("-pk")
    serializer_class = EmpathyModelSerializer
    filterset_fields = {"name": ["exact"], "is_active": ["exact"]}
    ordering_fields = ["id", "name", "created_at"]

    @extend_schema(request=None, responses=EmpathyModelSerializer)
    @action(detail=True, methods=["post"], permission_classes=[RoleMayChange])
    def activate(self, request: Request, pk: str) -> Response:
        """Put this model in use; the one in use before rests."""
        model = services.activate_model(model=self.get_object())
        return Response(self.get_serializer(model).data)


router_entries = [
    ("emotion-analyses", EmotionAnalysisViewSet),
    ("user-emotion-history", UserEmotionHistoryViewSet),
    ("emotional-responses", EmotionalResponseViewSet),
    ("empathy-models", EmpathyModelViewSet),
]
