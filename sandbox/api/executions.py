"""REST of what runs in sandboxes: commands, code cells and terminals."""

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from agi_site.lib.api.fields import RowSerializer
from agi_site.lib.api.schema import problems
from agi_site.lib.api.viewsets import OwnedReadOnlyViewSet
from agi_site.lib.problems import Invalid, NotFound

from .. import services
from ..models import ExecutionKind, SandboxExecution
from .bodies import asked
from .given import InputSerializer

LONGEST_WAIT = 30
SECONDS = OpenApiParameter(
    "seconds",
    {"type": "integer", "minimum": 0, "maximum": LONGEST_WAIT, "default": LONGEST_WAIT},
    description="Wait so long at most.",
)

SUMMARY = [
    "id",
    "sandbox",
    "user",
    "kind",
    "command",
    "python_session",
    "working_dir",
    "status",
    "submitted_at",
    "started_at",
    "completed_at",
    "cancel_requested_at",
    "exit_code",
    "signal",
    "cause",
    "detail",
    "stdin_open",
    "stdout_bytes",
    "stderr_bytes",
    "timeout",
    "output_limit",
    "resource_usage",
    "events",
    "socket",
]


class SandboxExecutionSummarySerializer(RowSerializer):
    """An execution without its output, for lists."""

    events = serializers.SerializerMethodField(help_text="Where its output streams, from the beginning.")
    socket = serializers.SerializerMethodField(help_text="Of a terminal: its WebSocket.")

    class Meta:
        model = SandboxExecution
        fields = SUMMARY
        read_only_fields = fields

    @extend_schema_field(OpenApiTypes.URI_REF)
    def get_events(self, execution: SandboxExecution) -> str:
        return f"/events/sandbox-executions/{execution.pk}/?after=0-0"

    def get_socket(self, execution: SandboxExecution) -> str | None:
        if execution.kind != ExecutionKind.TERMINAL:
            return None
        return f"/ws/sandboxes/{execution.sandbox_id}/terminals/{execution.pk}/"


class SandboxExecutionSerializer(SandboxExecutionSummarySerializer):
    """An execution with its output so far; values of its environment are hidden."""

    class Meta(SandboxExecutionSummarySerializer.Meta):
        fields = [*SUMMARY, "environment", "stdout", "stderr"]
        read_only_fields = fields


class SandboxExecutionViewSet(OwnedReadOnlyViewSet):
    """Commands, code cells and terminals run in one's sandboxes; they are begun by verbs of the sandbox.

    The list leaves the output out. An execution says how it ended by `cause`, `exit_code` and `signal`.
    """

    queryset = SandboxExecution.objects.order_by("-pk")
    serializer_class = SandboxExecutionSerializer
    filterset_fields = {
        "sandbox": ["exact"],
        "kind": ["exact"],
        "status": ["exact"],
        "cause": ["exact"],
        "started_at": ["gte", "lt"],
        "submitted_at": ["gte", "lt"],
    }
    ordering_fields = ["id", "started_at", "submitted_at"]

    def get_queryset(self) -> Any:
        rows: Any = super().get_queryset()
        return rows.without_output() if self.action == "list" else rows

    def get_serializer_class(self) -> Any:
        return SandboxExecutionSummarySerializer if self.action == "list" else SandboxExecutionSerializer

    @extend_schema(request=None, responses={202: SandboxExecutionSerializer})
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """End it with all its children; one that has ended is left as it is."""
        row = services.cancel_execution(execution=self.get_object(), by=request.user)
        return Response(self.get_serializer(row).data, status=status.HTTP_202_ACCEPTED)

    @extend_schema(request=InputSerializer, responses={204: None} | problems(503))
    @action(detail=True, methods=["post"])
    def input(self, request: Request, pk: str) -> Response:
        """Type into a running execution whose stdin was left open; `eof` closes it."""
        given = asked(InputSerializer, request)
        services.send_input(
            execution=self.get_object(), by=request.user, data=given["data"].encode(), eof=given["eof"]
        )
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(parameters=[SECONDS], responses=SandboxExecutionSerializer)
    @action(detail=True, methods=["get"])
    def wait(self, request: Request, pk: str) -> Response:
        """The execution as soon as it has ended, or as it is when the time is up."""
        try:
            row = services.wait_for(execution=self.get_object(), timeout=_seconds(request))
        except SandboxExecution.DoesNotExist as gone:  # with its sandbox, meanwhile
            raise NotFound from gone
        return Response(self.get_serializer(row).data)


def _seconds(request: Request) -> int:
    text = request.query_params.get("seconds", str(LONGEST_WAIT))
    if not (text.isascii() and text.isdigit() and len(text) < 4 and int(text) <= LONGEST_WAIT):
        fault = _("Choose a number from %(low)d to %(high)d.") % {"low": 0, "high": LONGEST_WAIT}
        raise Invalid(errors={"seconds": [fault]})
    return int(text)
