"""REST of transfer tasks and their figures."""

from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers

from agi_site.lib.api.fields import RowSerializer
from agi_site.lib.api.json_fields import JSONObjectField
from agi_site.lib.api.viewsets import SharedReadOnlyViewSet, SharedViewSet

from .. import services
from ..models import (
    KnowledgeDomain,
    TransferMetric,
    TransferTask,
)
from .rows import ChangedSerializer


class TransferTaskSerializer(ChangedSerializer):
    parameters = JSONObjectField(allow_null=True)
    task_type = serializers.CharField(max_length=100, help_text="answer, label or carry")

    class Meta:
        model = TransferTask
        fields = [
            "id",
            "source_id",
            "target_id",
            "task_type",
            "status",
            "parameters",
            "created_at",
            "started_at",
            "completed_at",
            "result",
            "error_message",
            "created_by",
        ]
        read_only_fields = [
            "id",
            "status",
            "created_at",
            "started_at",
            "completed_at",
            "result",
            "error_message",
            "created_by",
        ]

    def create(self, validated_data: dict[str, Any]) -> TransferTask:
        return services.start_transfer(
            by=self.person,
            task_type=validated_data["task_type"],
            source=self._domain("source_id", validated_data),
            target=self._domain("target_id", validated_data),
            parameters=validated_data["parameters"] or {},
        )

    def _domain(self, field: str, given: dict[str, Any]) -> KnowledgeDomain:
        rows = KnowledgeDomain.objects.for_user(self.person)
        found: KnowledgeDomain | None = rows.filter(pk=given[field]).first()
        if found is None:
            raise serializers.ValidationError({field: [_("There is no such domain.")]})
        return found


class TransferMetricSerializer(RowSerializer):
    class Meta:
        model = TransferMetric
        fields = ["id", "transfer_task", "metric_name", "metric_value", "timestamp"]


class TransferTaskViewSet(SharedViewSet):
    """One use of mappings to carry knowledge from a domain (`source_id`) to another (`target_id`)."""

    queryset = TransferTask.objects.order_by("-pk")
    serializer_class = TransferTaskSerializer
    http_method_names = ["get", "post", "delete", "head", "options"]
    filterset_fields = {
        "source_id": ["exact"],
        "target_id": ["exact"],
        "task_type": ["exact"],
        "status": ["exact"],
        "created_at": ["gte", "lt"],
    }
    ordering_fields = ["id", "source_id", "target_id", "task_type", "created_at"]

    def perform_destroy(self, instance: TransferTask) -> None:
        services.delete_transfer(task=instance, by=self.request.user)


class TransferMetricViewSet(SharedReadOnlyViewSet):
    """A figure of a transfer task: recall, mrr, accuracy or coverage, dot, before, control or after."""

    queryset = TransferMetric.objects.order_by("-pk")
    serializer_class = TransferMetricSerializer
    filterset_fields = {"transfer_task": ["exact"], "metric_name": ["exact"]}
    ordering_fields = ["id", "metric_name"]
