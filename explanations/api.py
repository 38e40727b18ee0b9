"""REST resources of explanations."""

from typing import Any

from django.utils import translation
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from agi_site.lib.api.fields import RowSerializer
from agi_site.lib.api.viewsets import OwnedReadOnlyViewSet, SharedViewSet
from agi_site.lib.problems import Invalid, Problem

from . import services, wording
from .models import Complexity, Explanation, ExplanationFeature, ExplanationTemplate


class ExplanationFeatureSerializer(RowSerializer):
    class Meta:
        model = ExplanationFeature
        fields = ["id", "explanation", "feature_name", "feature_value", "importance"]
        read_only_fields = fields


class ExplanationSerializer(RowSerializer):
    features = ExplanationFeatureSerializer(many=True, read_only=True)

    class Meta:
        model = Explanation
        fields = [
            "id",
            "user",
            "target_type",
            "target_id",
            "explanation",
            "algorithm",
            "confidence",
            "features",
            "created_at",
        ]
        read_only_fields = fields


class ExplanationTemplateSerializer(RowSerializer):
    class Meta:
        model = ExplanationTemplate
        fields = [
            "id",
            "name",
            "template_text",
            "target_type",
            "language",
            "complexity_level",
            "is_active",
            "created_at",
            "updated_at",
        ]
        read_only_fields = ["id", "created_at", "updated_at"]

    def validate_template_text(self, text: str) -> str:
        try:
            wording.check(text)
        except Problem as problem:
            raise serializers.ValidationError(problem.errors["template_text"]) from problem
        return text


class ToldSerializer(serializers.Serializer[Any]):
    """An explanation in words."""

    text = serializers.CharField()


class ExplanationViewSet(OwnedReadOnlyViewSet):
    """Why a row came to be as it is, with the features that weighed in it."""

    queryset = Explanation.objects.with_features().order_by("-pk")
    serializer_class = ExplanationSerializer
    filterset_fields = {
        "target_type": ["exact"],
        "target_id": ["exact"],
        "algorithm": ["exact"],
        "created_at": ["gte", "lt"],
    }
    ordering_fields = ["id", "created_at"]

    @extend_schema(
        parameters=[
            OpenApiParameter("complexity", enum=Complexity.values, default=Complexity.MODERATE.value),
            OpenApiParameter("language", description="en or ko; by default the request's own."),
        ],
        responses=ToldSerializer,
    )
    @action(detail=True, methods=["get"])
    def text(self, request: Request, pk: str) -> Response:
        """The explanation told in words, as simply or in such detail as asked."""
        complexity = request.query_params.get("complexity", Complexity.MODERATE.value)
        if complexity not in Complexity.values:
            raise Invalid(errors={"complexity": [", ".join(Complexity.values)]})
        language = request.query_params.get("language") or translation.get_language() or "en"
        told = services.tell(explanation=self.get_object(), language=language, complexity=complexity)
        return Response({"text": told})


class ExplanationFeatureViewSet(OwnedReadOnlyViewSet):
    """One thing that weighed in a decision."""

    queryset = ExplanationFeature.objects.order_by("-pk")
    serializer_class = ExplanationFeatureSerializer
    filterset_fields = {"explanation": ["exact"], "feature_name": ["exact"], "importance": ["gte", "lt"]}
    ordering_fields = ["id", "feature_name", "importance"]


class ExplanationTemplateViewSet(SharedViewSet):
    """The words an explanation is told in."""

    queryset = ExplanationTemplate.objects.order_by("-pk")
    serializer_class = ExplanationTemplateSerializer
    filterset_fields = {
        "target_type": ["exact"],
        "language": ["exact"],
        "complexity_level": ["exact"],
        "is_active": ["exact"],
    }
    ordering_fields = ["id", "name", "target_type", "created_at"]


router_entries = [
    ("explanations", ExplanationViewSet),
    ("explanation-features", ExplanationFeatureViewSet),
    ("explanation-templates", ExplanationTemplateViewSet),
]
