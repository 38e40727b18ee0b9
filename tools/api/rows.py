"""The rows of tools as REST shows them."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from agi_site.lib.api.fields import RowSerializer

from .. import registry, schemas
from ..models import Approval, Tool, ToolExecution, ToolParameter, ToolPolicy


class ToolSerializer(RowSerializer):
    available = serializers.SerializerMethodField(help_text="Whether this installation can run it.")
    schema = serializers.SerializerMethodField(help_text="JSON Schema of the arguments.")

    class Meta:
        model = Tool
        fields = [
            "id",
            "name",
            "description",
            "category",
            "version",
            "enabled",
            "exec_env",
            "kind",
            "source",
            "timeout_seconds",
            "retry_safe",
            "max_retries",
            "max_concurrent",
            "rate_limit",
            "available",
            "schema",
            "created_at",
            "updated_at",
        ]
        read_only_fields = fields

    def get_available(self, tool: Tool) -> bool:
        return registry.of_row(tool) is not None

    @extend_schema_field({"type": "object", "additionalProperties": True})
    def get_schema(self, tool: Tool) -> dict[str, Any]:
        return schemas.json_schema(tool.parameters.all())


class ToolParameterSerializer(RowSerializer):
    class Meta:
        model = ToolParameter
        fields = ["id", "tool", "name", "description", "type", "required", "default_value", "schema"]
        read_only_fields = fields


class ToolExecutionSerializer(RowSerializer):
    tool_name = serializers.CharField(source="tool.name", read_only=True)
    duration = serializers.FloatField(read_only=True, allow_null=True, help_text="Seconds.")
    approval = serializers.SerializerMethodField(help_text="The question asked before it, if any.")
    approved_by = serializers.SerializerMethodField(help_text="Who agreed to it, if anybody was asked.")
    events = serializers.SerializerMethodField(help_text="Where it can be followed while it runs.")

    class Meta:
        model = ToolExecution
        fields = [
            "id",
            "tool",
            "tool_name",
            "user",
            "sandbox",
            "parameters",
            "result",
            "result_size",
            "status",
            "error_message",
            "error_code",
            "trigger_type",
            "trigger_id",
            "asked_through",
            "unattended",
            "ran_in",
            "policy_effect",
            "policy",
            "approval",
            "approved_by",
            "attempt",
            "awaits_type",
            "awaits_id",
            "idempotency_key",
            "duration",
            "created_at",
            "started_at",
            "deadline_at",
            "stop_requested_at",
            "completed_at",
            "events",
        ]
        read_only_fields = fields

    @extend_schema_field({"type": ["string", "null"]})
    def get_approval(self, execution: ToolExecution) -> str | None:
        if hasattr(execution, "approval_pk"):
            found: str | None = execution.approval_pk
            return found
        return execution.approval.pk if execution.approval else None

    @extend_schema_field({"type": ["integer", "null"]})
    def get_approved_by(self, execution: ToolExecution) -> int | None:
        if hasattr(execution, "approved_by"):
            found: int | None = execution.approved_by
            return found
        approval = execution.approval
        return approval.decided_by_id if approval and approval.status == "approved" else None

    @extend_schema_field(OpenApiTypes.URI_REF)
    def get_events(self, execution: ToolExecution) -> str:
        return f"/events/tool-executions/{execution.pk}/?after=0-0"


class ToolPolicySerializer(RowSerializer):
    class Meta:
        model = ToolPolicy
        fields = [
            "id",
            "tool",
            "category",
            "role",
            "effect",
            "approver",
            "unattended",
            "expires_seconds",
            "exec_env",
            "reason",
            "created_by",
            "created_at",
            "updated_at",
        ]
        read_only_fields = ["id", "created_by", "created_at", "updated_at"]

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """The service holds the table's rules, and says which is broken better than their names do."""
        return attrs


class ApprovalSerializer(RowSerializer):
    class Meta:
        model = Approval
        fields = [
            "id",
            "user",
            "target_type",
            "target_id",
            "title",
            "reason",
            "arguments",
            "edited_arguments",
            "approver",
            "delegate",
            "status",
            "created_at",
            "expires_at",
            "decided_at",
            "decided_by",
            "note",
        ]
        read_only_fields = fields
