"""REST of the policy's rules, for those who run the house."""

from typing import Any

from agi_site.lib.api.viewsets import SharedViewSet

from .. import services
from ..models import ToolPolicy
from .rows import ToolPolicySerializer


class ToolPolicyViewSet(SharedViewSet):
    """A rule: which tools run for whom, and after whose consent."""

    queryset = ToolPolicy.objects.order_by("-pk")
    serializer_class = ToolPolicySerializer
    filterset_fields = {
        "tool": ["exact"],
        "category": ["exact"],
        "role": ["exact"],
        "effect": ["exact"],
    }
    ordering_fields = ["id", "created_at"]

    def perform_create(self, serializer: Any) -> None:
        serializer.instance = services.create_policy(by=self.request.user, **serializer.validated_data)

    def perform_update(self, serializer: Any) -> None:
        services.change_policy(policy=serializer.instance, by=self.request.user, **serializer.validated_data)

    def perform_destroy(self, instance: ToolPolicy) -> None:
        services.remove_policy(policy=instance, by=self.request.user)
