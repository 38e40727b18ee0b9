"""REST resources of the system, for those whose role allows them."""

from datetime import timedelta
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.permissions import DjangoModelPermissions
from rest_framework.request import Request
from rest_framework.response import Response

from agi_site.lib import crypto
from agi_site.lib.api.fields import RowSerializer
from agi_site.lib.api.permissions import RolePermissions
from agi_site.lib.api.viewsets import SharedReadOnlyViewSet, SharedViewSet

from . import queue, services
from .models import HealthCheck, Log, Monitoring, Setting, TaskQueue

LOG_SPAN = timedelta(days=30)


class SettingSerializer(RowSerializer):
    """A setting; a secret is written as text and read as its mask."""

    class Meta:
        model = Setting
        fields = ["id", "category", "key", "value", "description", "is_encrypted", "created_at", "updated_at"]
        read_only_fields = ["id", "created_at", "updated_at"]

    def to_representation(self, instance: Setting) -> dict[str, Any]:
        shown: dict[str, Any] = super().to_representation(instance)
        return shown | {"value": crypto.MASK} if instance.is_encrypted else shown

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs = super().validate(attrs)
        if self.instance and {"category", "key"} & {
            name for name, value in attrs.items() if value != getattr(self.instance, name)
        }:
            raise serializers.ValidationError({"key": [_("A setting keeps its category and key.")]})
        return attrs

    def create(self, validated_data: dict[str, Any]) -> Setting:
        return self._store(validated_data)

    def update(self, instance: Setting, validated_data: dict[str, Any]) -> Setting:
        names = {"category": instance.category, "key": instance.key}
        if validated_data.get("value", crypto.MASK) == crypto.MASK and instance.is_encrypted:
            validated_data["value"] = services.keep_secret(instance.category, instance.key)
            validated_data["is_encrypted"] = True
        return self._store({"value": instance.value} | validated_data | names)

    def _store(self, values: dict[str, Any]) -> Setting:
        return services.set_setting(by=self.context["request"].user, **values)


class LogSerializer(RowSerializer):
    class Meta:
        model = Log
        fields = [
            "id",
            "level",
            "message",
            "timestamp",
            "component",
            "user_id",
            "session_id",
            "request_id",
            "stack_trace",
        ]


class MonitoringSerializer(RowSerializer):
    class Meta:
        model = Monitoring
        fields = ["id", "component", "metric", "value", "timestamp"]


class HealthCheckSerializer(RowSerializer):
    class Meta:
        model = HealthCheck
        fields = ["id", "component", "status", "details", "timestamp"]


class TaskQueueSerializer(RowSerializer):
    class Meta:
        model = TaskQueue
        fields = [
            "id",
            "task_type",
            "priority",
            "status",
            "payload",
            "result",
            "error_message",
            "created_at",
            "started_at",
            "completed_at",
            "retry_count",
            "max_retries",
            "queue",
            "unique_key",
            "available_at",
            "lease_until",
            "worker",
        ]


@extend_schema_serializer(component_name="Nothing")
class NothingSerializer(serializers.Serializer[Any]):
    """A verb that takes no values."""


class OperateTasks(RolePermissions):
    """The verbs on a task change it, though they are posted."""

    perms_map = RolePermissions.perms_map | {"POST": DjangoModelPermissions.perms_map["PATCH"]}


class SettingViewSet(SharedViewSet):
    """Settings that hold for the whole system."""

    queryset = Setting.objects.order_by("-pk")
    serializer_class = SettingSerializer
    filterset_fields = {"category": ["exact"], "key": ["exact"], "is_encrypted": ["exact"]}
    ordering_fields = ["id", "category", "key"]

    def perform_destroy(self, instance: Setting) -> None:
        services.remove_setting(category=instance.category, key=instance.key, by=self.request.user)


class LogViewSet(SharedReadOnlyViewSet):
    """Lines of the log; without `timestamp__gte`, those of the last 30 days."""

    queryset = Log.objects.order_by("-pk")
    serializer_class = LogSerializer
    filterset_fields = {
        "level": ["exact", "in"],
        "component": ["exact"],
        "user_id": ["exact"],
        "session_id": ["exact"],
        "request_id": ["exact"],
        "timestamp": ["gte", "lt"],
    }
    ordering_fields = ["id", "timestamp"]

    def get_queryset(self) -> Any:
        rows: Any = super().get_queryset()
        if "timestamp__gte" in self.request.query_params:
            return rows
        return rows.since(timezone.now() - LOG_SPAN)


class MonitoringViewSet(SharedReadOnlyViewSet):
    """Measurements of the system's parts."""

    queryset = Monitoring.objects.order_by("-pk")
    serializer_class = MonitoringSerializer
    filterset_fields = {"component": ["exact"], "metric": ["exact"], "timestamp": ["gte", "lt"]}
    ordering_fields = ["id", "timestamp"]


class HealthCheckViewSet(SharedReadOnlyViewSet):
    """What the health checks found."""

    queryset = HealthCheck.objects.order_by("-pk")
    serializer_class = HealthCheckSerializer
    filterset_fields = {"component": ["exact"], "status": ["exact"], "timestamp": ["gte", "lt"]}
    ordering_fields = ["id", "timestamp"]


class TaskQueueViewSet(SharedReadOnlyViewSet):
    """Work done outside of requests."""

    queryset = TaskQueue.objects.order_by("-pk")
    serializer_class = TaskQueueSerializer
    permission_classes = [OperateTasks]
    filterset_fields = {
        "status": ["exact", "in"],
        "task_type": ["exact"],
        "queue": ["exact"],
        "created_at": ["gte", "lt"],
    }
    ordering_fields = ["id", "created_at", "task_type"]

    @extend_schema(request=NothingSerializer, responses={200: TaskQueueSerializer})
    @action(detail=True, methods=["post"])
    def retry(self, request: Request, pk: str) -> Response:
        """Let a failed or canceled task start anew."""
        task = queue.retry(task_id=self.get_object().pk, by=request.user)
        return Response(self.get_serializer(task).data)

    @extend_schema(request=NothingSerializer, responses={200: TaskQueueSerializer})
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """End a waiting or running task."""
        task = queue.cancel(task_id=self.get_object().pk, by=request.user)
        return Response(self.get_serializer(task).data)


router_entries = [
    ("settings", SettingViewSet),
    ("logs", LogViewSet),
    ("monitoring", MonitoringViewSet),
    ("task-queue", TaskQueueViewSet),
    ("health-checks", HealthCheckViewSet),
]
