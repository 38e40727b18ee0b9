"""Rows of plans as REST shows them."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from agi_site.lib.api.fields import RowSerializer
from agi_site.lib.api.json_fields import JSONObjectField

from ..models import PlanExecution, PlanSchedule, PlanStep, PlanStepExecution
from ..services.checking import MOST
from ..services.drafts import key_of


class PlanStepSerializer(RowSerializer):
    """A step; `depends_on` holds ids of steps of the same plan, with commas, as the table has it."""

    key = serializers.CharField(max_length=50, required=False)
    depends_on = serializers.CharField(required=False, allow_blank=True, allow_null=True, max_length=100_000)
    order_index = serializers.IntegerField(
        required=False,
        min_value=0,
        max_value=2**31 - 1,
        help_text=_("Its place from 0; beyond the last one it is the end."),
    )
    description = serializers.CharField(max_length=10_000, required=False, allow_blank=True)
    arguments = JSONObjectField(required=False, allow_null=True)
    max_retries = serializers.IntegerField(required=False, min_value=0, max_value=MOST["max_retries"])
    retry_seconds = serializers.IntegerField(required=False, min_value=0, max_value=MOST["retry_seconds"])
    timeout_seconds = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=MOST["timeout_seconds"]
    )

    class Meta:
        model = PlanStep
        fields = [
            "id",
            "plan",
            "order_index",
            "key",
            "description",
            "kind",
            "tool_name",
            "arguments",
            "sub_plan",
            "depends_on",
            "condition",
            "for_each",
            "max_retries",
            "retry_seconds",
            "timeout_seconds",
            "on_failure",
            "status",
            "started_at",
            "completed_at",
            "execution_details",
        ]
        read_only_fields = ["id", "status", "started_at", "completed_at", "execution_details"]
        validators: list[Any] = []  # the service keeps keys and places unique

    def to_representation(self, instance: PlanStep) -> dict[str, Any]:
        """The row with everything it waits for, and the key it goes by."""
        body = super().to_representation(instance)
        body["depends_on"] = ",".join(map(str, instance.dependencies)) or None
        body["key"] = key_of(instance)
        return body

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """The service checks the whole plan; the table's own rules then hold."""
        return attrs


class PlanExecutionSerializer(RowSerializer):
    error_details = serializers.SerializerMethodField(help_text=_("In the reader's language."))
    events = serializers.SerializerMethodField(help_text=_("Where its states stream."))

    class Meta:
        model = PlanExecution
        fields = [
            "id",
            "plan",
            "user",
            "status",
            "paused_at",
            "version",
            "inputs",
            "budget",
            "spent",
            "steps_total",
            "unattended",
            "started_at",
            "completed_at",
            "result",
            "error_code",
            "error_details",
            "trigger_type",
            "trigger_id",
            "events",
        ]
        read_only_fields = fields

    def get_error_details(self, execution: PlanExecution) -> str | None:
        return execution.error_text or None

    def get_events(self, execution: PlanExecution) -> str:
        return f"/events/plan-executions/{execution.pk}/"


class PlanStepExecutionSerializer(RowSerializer):
    error_message = serializers.CharField(
        source="error_text", read_only=True, help_text=_("In the reader's language.")
    )

    class Meta:
        model = PlanStepExecution
        fields = [
            "id",
            "execution",
            "step",
            "parent",
            "item_index",
            "order_index",
            "key",
            "kind",
            "status",
            "attempt",
            "remaining",
            "available_at",
            "spec",
            "input",
            "output",
            "usage",
            "error_code",
            "error_message",
            "tool_execution",
            "started_at",
            "completed_at",
        ]
        read_only_fields = fields


class PlanScheduleSerializer(RowSerializer):
    inputs = JSONObjectField(required=False, allow_null=True)

    class Meta:
        model = PlanSchedule
        fields = [
            "id",
            "user",
            "plan",
            "cron",
            "time_zone",
            "inputs",
            "enabled",
            "next_run_at",
            "last_execution",
            "error_message",
            "created_at",
            "updated_at",
        ]
        read_only_fields = [
            "id",
            "user",
            "next_run_at",
            "last_execution",
            "error_message",
            "created_at",
            "updated_at",
        ]
