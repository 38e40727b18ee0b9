"""REST resources of learning."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from agi_site.lib.api.fields import RowSerializer
from agi_site.lib.api.json_fields import JSONObjectField
from agi_site.lib.api.permissions import RoleMayChange
from agi_site.lib.api.viewsets import OwnedViewSet, SharedViewSet

from . import services
from .models import EvaluationResult, Feedback, LearningData, ModelVersion, TrainingJob, TrainingJobStatus

_RATING = {"rating": {"min_value": 1, "max_value": 5, "help_text": "1 to 5; a thumb up is 5, down is 1."}}


class FeedbackSerializer(RowSerializer):
    target = ("entity_type", "entity_id")

    class Meta:
        model = Feedback
        fields = ["id", "user", "entity_type", "entity_id", "rating", "comment", "created_at"]
        read_only_fields = ["id", "user", "created_at"]
        extra_kwargs = _RATING


class FeedbackChangeSerializer(RowSerializer):
    """A change of mind: the row it is about stays."""

    class Meta:
        model = Feedback
        fields = FeedbackSerializer.Meta.fields
        read_only_fields = ["id", "user", "entity_type", "entity_id", "created_at"]
        extra_kwargs = _RATING


class LearningDataSerializer(RowSerializer):
    input_data = JSONObjectField()
    output_data = JSONObjectField()
    metadata = JSONObjectField(required=False, allow_null=True)

    class Meta:
        model = LearningData
        fields = ["id", "type", "input_data", "output_data", "metadata", "created_at"]
        read_only_fields = ["id", "created_at"]


class ModelVersionSerializer(RowSerializer):
    performance = JSONObjectField(required=False, allow_null=True)

    class Meta:
        model = ModelVersion
        fields = ["id", "model_name", "version", "path", "performance", "is_active", "created_at"]
        read_only_fields = ["id", "is_active", "created_at"]


class TrainingJobSerializer(RowSerializer):
    parameters = JSONObjectField(required=False, allow_null=True)

    class Meta:
        model = TrainingJob
        fields = [
            "id",
            "model_name",
            "status",
            "parameters",
            "metrics",
            "result_model_id",
            "created_at",
            "started_at",
            "completed_at",
        ]
        read_only_fields = [
            "id",
            "status",
            "metrics",
            "result_model_id",
            "created_at",
            "started_at",
            "completed_at",
        ]


class MoveSerializer(serializers.Serializer[Any]):
    """The next state of a training job, with what came of it."""

    status = serializers.ChoiceField(choices=[c for c in TrainingJobStatus.choices if c[0] != "pending"])
    metrics = JSONObjectField(required=False)
    result_model_id = serializers.CharField(required=False, max_length=36)


class EvaluationResultSerializer(RowSerializer):
    metrics = JSONObjectField()

    class Meta:
        model = EvaluationResult
        fields = ["id", "model_version", "dataset_name", "metrics", "created_at"]
        read_only_fields = ["id", "created_at"]


class FeedbackViewSet(OwnedViewSet):
    """What a person thought of a row; giving it again for the same row changes it."""

    queryset = Feedback.objects.order_by("-pk")
    serializer_class = FeedbackSerializer
    filterset_fields = {
        "entity_type": ["exact"],
        "entity_id": ["exact"],
        "rating": ["exact", "gte", "lte"],
        "created_at": ["gte", "lt"],
    }
    ordering_fields = ["id", "rating", "created_at"]

    def get_serializer_class(self) -> type[serializers.BaseSerializer[Any]]:
        return FeedbackChangeSerializer if self.action == "partial_update" else FeedbackSerializer

    def perform_create(self, serializer: serializers.BaseSerializer[Any]) -> None:
        values = serializer.validated_data
        serializer.instance = services.give_feedback(
            user=self.request.user,
            entity_type=values["entity_type"],
            entity_id=values["entity_id"],
            rating=values.get("rating"),
            comment=values.get("comment") or "",
        )

    def perform_update(self, serializer: serializers.BaseSerializer[Any]) -> None:
        before: Feedback = serializer.instance  # type: ignore[assignment]
        values = serializer.validated_data
        serializer.instance = services.give_feedback(
            user=self.request.user,
            entity_type=before.entity_type,
            entity_id=before.entity_id,
            rating=values.get("rating", before.rating),
            comment=values.get("comment", before.comment) or "",
        )

    def perform_destroy(self, instance: Feedback) -> None:
        services.withdraw_feedback(feedback=instance)


class LearningDataViewSet(SharedViewSet):
    """One example a model can learn from."""

    queryset = LearningData.objects.order_by("-pk")
    serializer_class = LearningDataSerializer
    filterset_fields = {"type": ["exact"], "created_at": ["gte", "lt"]}
    ordering_fields = ["id", "type", "created_at"]


class ModelVersionViewSet(SharedViewSet):
    """A trained model as it was stored; one version of each model is in use."""

    queryset = ModelVersion.objects.order_by("-pk")
    serializer_class = ModelVersionSerializer
    filterset_fields = {"model_name": ["exact"], "version": ["exact"], "is_active": ["exact"]}
    ordering_fields = ["id", "model_name", "created_at"]

    @extend_schema(request=None, responses=ModelVersionSerializer)
    @action(detail=True, methods=["post"], permission_classes=[RoleMayChange])
    def activate(self, request: Request, pk: str) -> Response:
        """Put this version in use; the version in use before goes out of use."""
        version = services.activate_version(version=self.get_object())
        return Response(self.get_serializer(version).data)


class TrainingJobViewSet(SharedViewSet):
    """One training of a model."""

    queryset = TrainingJob.objects.order_by("-pk")
    serializer_class = TrainingJobSerializer
    filterset_fields = {"model_name": ["exact"], "status": ["exact"], "created_at": ["gte", "lt"]}
    ordering_fields = ["id", "model_name", "created_at"]

    @extend_schema(request=MoveSerializer, responses=TrainingJobSerializer)
    @action(detail=True, methods=["post"], permission_classes=[RoleMayChange])
    def move(self, request: Request, pk: str) -> Response:
        """Say that the job has started, completed or failed; only legal moves are taken."""
        asked = MoveSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        values = dict(asked.validated_data)
        job = services.move_job(job=self.get_object(), to=values.pop("status"), **values)
        return Response(self.get_serializer(job).data, status=status.HTTP_200_OK)


class EvaluationResultViewSet(SharedViewSet):
    """How a model version did on a data set."""

    queryset = EvaluationResult.objects.order_by("-pk")
    serializer_class = EvaluationResultSerializer
    filterset_fields = {"model_version": ["exact"], "dataset_name": ["exact"], "created_at": ["gte", "lt"]}
    ordering_fields = ["id", "dataset_name", "created_at"]


router_entries = [
    ("feedback", FeedbackViewSet),
    ("learning-data", LearningDataViewSet),
    ("model-versions", ModelVersionViewSet),
    ("training-jobs", TrainingJobViewSet),
    ("evaluation-results", EvaluationResultViewSet),
]
