"""REST of what the scanner held back: read by its owner, decided on by those who may."""

from typing import Any

from django.http import HttpResponseBase
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response

from agi_site.lib.api.fields import RowSerializer
from agi_site.lib.api.viewsets import OwnedReadOnlyViewSet

from .. import files
from ..models import SandboxQuarantine
from ..sending import send
from .files import BYTES

MAY_DECIDE = "sandbox.change_sandboxquarantine"


class MayDecide(BasePermission):
    """Releasing and removing is not for those whose file it was."""

    def has_permission(self, request: Request, view: Any) -> bool:
        return bool(request.user and request.user.has_perm(MAY_DECIDE))


class SandboxQuarantineSerializer(RowSerializer):
    class Meta:
        model = SandboxQuarantine
        fields = [
            "id",
            "user",
            "sandbox",
            "path",
            "direction",
            "scanner",
            "rule",
            "content_hash",
            "size_bytes",
            "status",
            "created_at",
            "decided_at",
        ]
        read_only_fields = fields


class SandboxQuarantineViewSet(OwnedReadOnlyViewSet):
    """Files that the scanner held back: one's own, or everybody's for those who decide on them."""

    queryset = SandboxQuarantine.objects.order_by("-pk")
    serializer_class = SandboxQuarantineSerializer
    filterset_fields = {"sandbox": ["exact"], "status": ["exact"], "direction": ["exact"]}
    ordering_fields = ["id", "created_at"]

    def get_queryset(self) -> Any:
        user = self.request.user
        return self.queryset.all() if user.has_perm(MAY_DECIDE) else super().get_queryset()

    @extend_schema(request=None, responses=SandboxQuarantineSerializer)
    @action(detail=True, methods=["post"], permission_classes=[MayDecide])
    def release(self, request: Request, pk: str) -> Response:
        """Declare the content harmless: it passes from now on, for everybody."""
        row = files.release_quarantined(quarantined=self.get_object(), by=request.user)
        return Response(self.get_serializer(row).data)

    @extend_schema(request=None, responses=SandboxQuarantineSerializer)
    @action(detail=True, methods=["post"], permission_classes=[MayDecide])
    def remove(self, request: Request, pk: str) -> Response:
        """Destroy the held copy; the row stays as a record."""
        row = files.remove_quarantined(quarantined=self.get_object(), by=request.user)
        return Response(self.get_serializer(row).data)

    @extend_schema(responses=BYTES)
    @action(detail=True, methods=["get"], permission_classes=[MayDecide])
    def download(self, request: Request, pk: str) -> HttpResponseBase:
        """The held bytes, for those who look into it; this is recorded."""
        return send(request, files.open_quarantined(quarantined=self.get_object(), by=request.user))
