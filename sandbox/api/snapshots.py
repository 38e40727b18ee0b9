"""REST of snapshots: made, restored, cloned from, downloaded, deleted."""

from django.http import HttpResponseBase
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from agi_site.lib.api.fields import OwnKeyField, RowSerializer
from agi_site.lib.api.viewsets import OwnedListReadDestroyViewSet, OwnedReadOnlyViewSet

from .. import services, snapshots
from ..models import SandboxSnapshot
from ..sending import send
from .bodies import asked
from .files import BYTES
from .given import RenameSerializer, StrictSerializer
from .rows import SandboxSerializer


class SandboxSnapshotSerializer(RowSerializer):
    class Meta:
        model = SandboxSnapshot
        fields = [
            "id",
            "user",
            "sandbox",
            "name",
            "kind",
            "status",
            "detail",
            "content_hash",
            "manifest_hash",
            "size_bytes",
            "stored_bytes",
            "file_count",
            "created_at",
        ]
        read_only_fields = fields


class SnapshotNameSerializer(StrictSerializer):
    """What a snapshot is called."""

    name = serializers.CharField(max_length=100, required=False, default="", allow_blank=True)


class RestoreSerializer(StrictSerializer):
    """Which snapshot comes back."""

    snapshot = OwnKeyField(queryset=SandboxSnapshot.objects.all())
    end_executions = serializers.BooleanField(
        required=False, default=False, help_text="End what runs; else it stands in the way."
    )


class CloneSerializer(SnapshotNameSerializer):
    """The name of the copy, and of which moment it is: now, or a snapshot's."""

    snapshot = OwnKeyField(queryset=SandboxSnapshot.objects.all(), required=False, allow_null=True)


class SandboxSnapshotViewSet(OwnedListReadDestroyViewSet):
    """Workspaces as they were; they are made by the sandbox's verb `snapshots`."""

    queryset = SandboxSnapshot.objects.order_by("-pk")
    serializer_class = SandboxSnapshotSerializer
    filterset_fields = {"sandbox": ["exact"], "status": ["exact"], "kind": ["exact"]}
    ordering_fields = ["id", "created_at"]

    def perform_destroy(self, instance: SandboxSnapshot) -> None:
        snapshots.delete_snapshot(snapshot=instance, by=self.request.user)

    @extend_schema(request=RenameSerializer, responses=SandboxSnapshotSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Give it another name."""
        row, given = self.get_object(), asked(RenameSerializer, request)
        if "name" in given:
            row = snapshots.rename_snapshot(snapshot=row, by=request.user, name=given["name"])
        return Response(self.get_serializer(row).data)

    @extend_schema(responses=BYTES)
    @action(detail=True, methods=["get"])
    def download(self, request: Request, pk: str) -> HttpResponseBase:
        """The archive (tar, packed by zstd)."""
        return send(request, snapshots.download_snapshot(snapshot=self.get_object(), by=request.user))


class SnapshotsOfSandbox(OwnedReadOnlyViewSet):
    """The verbs of a sandbox that make and use snapshots."""

    @extend_schema(request=SnapshotNameSerializer, responses={202: SandboxSnapshotSerializer})
    @action(detail=True, methods=["post"], url_path="snapshots")
    def snapshots(self, request: Request, pk: str) -> Response:
        """Keep the workspace as it is now; a worker packs it."""
        sandbox, given = self.get_object(), asked(SnapshotNameSerializer, request)
        row = snapshots.create_snapshot(sandbox=sandbox, by=request.user, **given)
        body = SandboxSnapshotSerializer(row, context=self.get_serializer_context()).data
        return Response(body, status=status.HTTP_202_ACCEPTED)

    @extend_schema(request=RestoreSerializer, responses={202: SandboxSerializer})
    @action(detail=True, methods=["post"])
    def restore(self, request: Request, pk: str) -> Response:
        """Replace the workspace by that of a snapshot, which is verified first."""
        sandbox, given = self.get_object(), asked(RestoreSerializer, request)
        row = snapshots.restore_snapshot(sandbox=sandbox, by=request.user, **given)
        body = SandboxSerializer(row, context=self.get_serializer_context()).data
        return Response(body, status=status.HTTP_202_ACCEPTED)

    @extend_schema(request=CloneSerializer, responses={201: SandboxSerializer})
    @action(detail=True, methods=["post"])
    def clone(self, request: Request, pk: str) -> Response:
        """Make another sandbox of the same recipe, with a copy of the workspace."""
        sandbox, given = self.get_object(), asked(CloneSerializer, request)
        row = services.clone_sandbox(sandbox=sandbox, by=request.user, **given)
        body = SandboxSerializer(row, context=self.get_serializer_context()).data
        return Response(body, status=status.HTTP_201_CREATED)
