"""REST of the ledger: what ran, its whole result, and stopping it."""

from django.http import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from agi_site.lib.api.viewsets import OwnedReadOnlyViewSet

from .. import services
from ..models import ToolExecution
from ..sending import send_result
from .rows import ToolExecutionSerializer


class ToolExecutionViewSet(OwnedReadOnlyViewSet):
    """One run of a tool."""

    queryset = ToolExecution.objects.select_related("tool").with_approvals().order_by("-pk")
    serializer_class = ToolExecutionSerializer
    filterset_fields = {
        "tool": ["exact"],
        "tool__name": ["exact"],
        "status": ["exact"],
        "error_code": ["exact"],
        "trigger_type": ["exact"],
        "trigger_id": ["exact"],
        "created_at": ["gte", "lt"],
    }
    ordering_fields = ["id", "created_at", "started_at"]

    @extend_schema(request=None, responses={202: ToolExecutionSerializer})
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """Stop it: what waits ends now, what runs within moments."""
        execution = services.cancel_execution(execution=self.get_object(), by=request.user)
        return Response(self.get_serializer(execution).data, status=status.HTTP_202_ACCEPTED)

    @extend_schema(responses={(200, "application/json"): OpenApiTypes.ANY, (200, "text/plain"): str})
    @action(detail=True, methods=["get"])
    def result(self, request: Request, pk: str) -> HttpResponseBase:
        """The whole result, however large: JSON, or text where the tool gave text."""
        return send_result(request, self.get_object())
