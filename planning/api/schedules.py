"""REST of schedules."""

from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers

from agi_site.lib.api.viewsets import OwnedViewSet
from agi_site.lib.problems import Invalid

from .. import services
from ..models import PlanSchedule
from .rows import PlanScheduleSerializer


class PlanScheduleViewSet(OwnedViewSet):
    """When a plan runs by itself: five cron fields in a time zone. Such runs are unattended."""

    queryset = PlanSchedule.objects.order_by("-pk")
    serializer_class = PlanScheduleSerializer
    filterset_fields = {"plan": ["exact"], "enabled": ["exact"]}
    ordering_fields = ["id", "created_at"]

    def perform_create(self, serializer: serializers.BaseSerializer[Any]) -> None:
        values = dict(serializer.validated_data)
        serializer.instance = services.create_schedule(by=self.request.user, **values)

    def perform_update(self, serializer: serializers.BaseSerializer[Any]) -> None:
        values = dict(serializer.validated_data)
        plan = values.pop("plan", None)
        if plan is not None and plan != serializer.instance.plan:
            raise Invalid(errors={"plan": [_("A schedule stays with its plan. Make a new one.")]})
        services.update_schedule(schedule=serializer.instance, by=self.request.user, **values)

    def perform_destroy(self, instance: PlanSchedule) -> None:
        services.delete_schedule(schedule=instance, by=self.request.user)
