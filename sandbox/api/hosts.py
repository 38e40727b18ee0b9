"""REST of hosts and of the containers on them, for those who run the site."""

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from agi_site.lib.api.fields import RowSerializer
from agi_site.lib.api.permissions import RoleMayChange
from agi_site.lib.api.viewsets import SharedReadOnlyViewSet

from .. import services
from ..models import SandboxHost, SandboxInstance


class SandboxHostSerializer(RowSerializer):
    class Meta:
        model = SandboxHost
        fields = [
            "id",
            "name",
            "status",
            "detail",
            "cpu_count",
            "memory_bytes",
            "info",
            "last_seen",
            "created_at",
        ]
        read_only_fields = fields


class SandboxInstanceSerializer(RowSerializer):
    class Meta:
        model = SandboxInstance
        fields = [
            "id",
            "host",
            "template",
            "sandbox",
            "profile",
            "status",
            "container_id",
            "cause",
            "created_at",
            "warm_at",
            "claimed_at",
            "gone_at",
        ]
        read_only_fields = fields


class SandboxHostViewSet(SharedReadOnlyViewSet):
    """Docker engines that sandboxes run on."""

    queryset = SandboxHost.objects.order_by("-pk")
    serializer_class = SandboxHostSerializer
    filterset_fields = {"name": ["exact"], "status": ["exact"]}
    ordering_fields = ["id", "name", "created_at"]

    @extend_schema(request=None, responses=SandboxHostSerializer)
    @action(detail=True, methods=["post"], permission_classes=[RoleMayChange])
    def drain(self, request: Request, pk: str) -> Response:
        """Place nothing new on it; what people have there stays."""
        row = services.drain_host(host=self.get_object(), by=request.user)
        return Response(self.get_serializer(row).data)

    @extend_schema(request=None, responses=SandboxHostSerializer)
    @action(detail=True, methods=["post"], permission_classes=[RoleMayChange])
    def activate(self, request: Request, pk: str) -> Response:
        """Use a drained one again."""
        row = services.activate_host(host=self.get_object(), by=request.user)
        return Response(self.get_serializer(row).data)


class SandboxInstanceViewSet(SharedReadOnlyViewSet):
    """Containers with their disks: warm ones of the pools, and those of sandboxes."""

    queryset = SandboxInstance.objects.defer("spec").order_by("-pk")
    serializer_class = SandboxInstanceSerializer
    filterset_fields = {
        "host": ["exact"],
        "template": ["exact"],
        "sandbox": ["exact"],
        "profile": ["exact"],
        "status": ["exact"],
    }
    ordering_fields = ["id", "created_at"]
