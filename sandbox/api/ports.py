"""REST of the ports of sandboxes that may be reached from outside."""

from agi_site.lib.api.fields import RowSerializer
from agi_site.lib.api.viewsets import OwnedListReadDestroyViewSet

from .. import services
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


class SandboxPortViewSet(OwnedListReadDestroyViewSet):
    """Ports of one's sandboxes made reachable; they are opened by the sandbox's verb `ports`."""

    queryset = SandboxPort.objects.order_by("-pk")
    serializer_class = SandboxPortSerializer
    filterset_fields = {"sandbox": ["exact"]}
    ordering_fields = ["id", "created_at"]

    def perform_destroy(self, instance: SandboxPort) -> None:
        services.remove_port(port=instance, by=self.request.user)
