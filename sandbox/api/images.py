"""REST of images: the allow-list of templates, and builds from Dockerfiles."""

from typing import Any

from django.db import transaction
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from agi_site.lib.api.fields import OwnKeyField, RowSerializer
from agi_site.lib.api.schema import problems
from agi_site.lib.api.viewsets import SharedReadOnlyViewSet, SharedViewSet

from .. import services
from ..models import SandboxImage, SandboxImageBuild
from .bodies import asked
from .given import StrictSerializer

LONGEST_DOCKERFILE = 100_000


class SandboxImageSerializer(RowSerializer):
    class Meta:
        model = SandboxImage
        fields = ["id", "name", "tag", "digest", "description", "is_active", "created_at", "updated_at"]
        read_only_fields = ["id", "created_at", "updated_at"]

    @transaction.atomic  # one that is kept off the list is never on it, not for a moment
    def create(self, validated_data: dict[str, Any]) -> SandboxImage:
        by, active = self.context["request"].user, validated_data.pop("is_active", True)
        given = {name: value for name, value in validated_data.items() if value is not None}
        image = services.allow_image(by=by, **given)
        return image if active else services.set_image_active(image=image, by=by, active=False)

    def update(self, instance: SandboxImage, validated_data: dict[str, Any]) -> SandboxImage:
        by, active = self.context["request"].user, validated_data.get("is_active", instance.is_active)
        return services.set_image_active(image=instance, by=by, active=active)


class SandboxImageChangeSerializer(SandboxImageSerializer):
    """Of an image on the list only this changes; another name or digest is another image."""

    class Meta(SandboxImageSerializer.Meta):
        read_only_fields = [name for name in SandboxImageSerializer.Meta.fields if name != "is_active"]


class SandboxImageBuildSummarySerializer(RowSerializer):
    """A build without its Dockerfile and log, for lists."""

    events = serializers.SerializerMethodField(help_text="Where its log streams, from the beginning.")

    class Meta:
        model = SandboxImageBuild
        fields = ["id", "image", "status", "digest", "built_by", "created_at", "completed_at", "events"]
        read_only_fields = fields

    @extend_schema_field(OpenApiTypes.URI_REF)
    def get_events(self, build: SandboxImageBuild) -> str:
        return f"/events/sandbox-image-builds/{build.pk}/?after=0-0"


class SandboxImageBuildSerializer(SandboxImageBuildSummarySerializer):
    """A build with its log so far."""

    class Meta(SandboxImageBuildSummarySerializer.Meta):
        fields = [*SandboxImageBuildSummarySerializer.Meta.fields, "dockerfile", "log"]
        read_only_fields = fields


class BuildGivenSerializer(StrictSerializer):
    """What is to be built: an image on the allow-list, and how."""

    image = OwnKeyField(queryset=SandboxImage.objects.all())
    dockerfile = serializers.CharField(max_length=LONGEST_DOCKERFILE, trim_whitespace=False)


class SandboxImageViewSet(SharedViewSet):
    """Images that templates may use: the operators' allow-list."""

    queryset = SandboxImage.objects.order_by("-pk")
    serializer_class = SandboxImageSerializer
    filterset_fields = {"name": ["exact"], "is_active": ["exact"]}
    ordering_fields = ["id", "name", "created_at"]

    def get_serializer_class(self) -> Any:
        return SandboxImageChangeSerializer if self.action == "partial_update" else SandboxImageSerializer


class SandboxImageBuildViewSet(SharedReadOnlyViewSet):
    """Builds of images. Posting begins one; its log streams at `events`. The list leaves the logs out."""

    queryset = SandboxImageBuild.objects.order_by("-pk")
    serializer_class = SandboxImageBuildSerializer
    filterset_fields = {"image": ["exact"], "status": ["exact"]}
    ordering_fields = ["id", "created_at"]

    def get_queryset(self) -> Any:
        rows: Any = super().get_queryset()
        return rows.defer("dockerfile", "log") if self.action == "list" else rows

    def get_serializer_class(self) -> Any:
        return SandboxImageBuildSummarySerializer if self.action == "list" else SandboxImageBuildSerializer

    @extend_schema(
        request=BuildGivenSerializer,
        responses={202: SandboxImageBuildSerializer} | problems(503),
        filters=False,
    )
    def create(self, request: Request) -> Response:
        """Build an image from a Dockerfile, on one of the hosts."""
        row = services.build_image(by=request.user, **asked(BuildGivenSerializer, request))
        return Response(self.get_serializer(row).data, status=status.HTTP_202_ACCEPTED)
