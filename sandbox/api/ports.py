"""REST of the ports of sandboxes that may be reached from outside."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from agi_site.lib.api.fields import RowSerializer
from agi_site.lib.api.schema import problems
from agi_site.lib.api.viewsets import OwnedListReadDestroyViewSet

from .. import port_access, services
from ..models import SandboxPort


class SandboxPortSerializer(RowSerializer):
    class Meta:
        model = SandboxPort
        fields = [
            "id",
            "sandbox",
            "container_port",
            "host_port",
            "protocol",
            "published",
            "description",
            "created_at",
        ]
        read_only_fields = fields


class AddressSerializer(serializers.Serializer[Any]):
    """Where a port is reached."""

    address = serializers.CharField(
        help_text="Good once and for seconds; it answers with a cookie that opens the rest of that origin."
    )


class SandboxPortViewSet(OwnedListReadDestroyViewSet):
    """Ports of one's sandboxes made reachable; they are opened by the sandbox's verb `ports`."""

    queryset = SandboxPort.objects.select_related("sandbox").order_by("-pk")
    serializer_class = SandboxPortSerializer
    filterset_fields = {"sandbox": ["exact"]}
    ordering_fields = ["id", "created_at"]

    def perform_destroy(self, instance: SandboxPort) -> None:
        services.remove_port(port=instance, by=self.request.user)

    @extend_schema(request=None, responses={200: AddressSerializer} | problems(503))
    @action(detail=True, methods=["post"])
    def open(self, request: Request, pk: str) -> Response:
        """An address of the port's own origin, for a browser or a program that keeps cookies."""
        address = port_access.hand_over(
            port=self.get_object(),
            by=request.user,
            session=getattr(request._request, "session_row", None),
            secure=request.is_secure(),
        )
        return Response(AddressSerializer({"address": address}).data)
