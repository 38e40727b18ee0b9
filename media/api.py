"""REST resources of media."""

from collections.abc import Sequence
from typing import Any

from django.http import HttpResponseBase
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from agi_site.lib.api.fields import RowSerializer
from agi_site.lib.api.schema import bytes_of
from agi_site.lib.api.viewsets import OwnedListReadDestroyViewSet, OwnedReadOnlyViewSet, OwnedViewSet
from agi_site.lib.problems import TooLarge

from . import services
from .models import AudioMetadata, ImageMetadata, MediaObject, MediaTag, VideoMetadata
from .sending import send

WRAPPING = 64 << 10  # of a form around a file


class ImageMetadataSerializer(RowSerializer):
    class Meta:
        model = ImageMetadata
        fields = [
            "id",
            "user",
            "filename",
            "path",
            "width",
            "height",
            "format",
            "size_bytes",
            "created_at",
            "tags",
            "kept",
        ]
        read_only_fields = fields


class AudioMetadataSerializer(RowSerializer):
    class Meta:
        model = AudioMetadata
        fields = [
            "id",
            "user",
            "filename",
            "path",
            "duration",
            "format",
            "sample_rate",
            "channels",
            "size_bytes",
            "created_at",
            "transcript",
        ]
        read_only_fields = fields


class VideoMetadataSerializer(RowSerializer):
    class Meta:
        model = VideoMetadata
        fields = [
            "id",
            "user",
            "filename",
            "path",
            "duration",
            "format",
            "resolution",
            "fps",
            "size_bytes",
            "created_at",
            "transcript",
        ]
        read_only_fields = fields


class MediaTagSerializer(RowSerializer):
    target = ("media_type", "media_id")

    class Meta:
        model = MediaTag
        fields = ["id", "media_id", "media_type", "tag", "confidence", "user"]
        read_only_fields = ["id", "user"]


class MediaObjectSerializer(RowSerializer):
    class Meta:
        model = MediaObject
        fields = [
            "id",
            "media_id",
            "media_type",
            "object_class",
            "confidence",
            "bounding_box",
            "frame_number",
            "user",
        ]


class UploadSerializer(serializers.Serializer[Any]):
    """A file. What it is, its bytes say; its name is kept to be shown."""

    file = serializers.FileField(use_url=False)


class MediaFileViewSet(OwnedListReadDestroyViewSet):
    """Files of one kind: put in, read back, deleted. Where one lies is for the site to say."""

    kind = ""
    parser_classes: Sequence[Any] = [MultiPartParser]

    @extend_schema(request={"multipart/form-data": UploadSerializer})
    def create(self, request: Request) -> Response:
        """Put a file in; what it says of itself is read from it."""
        check_length(request)
        given = UploadSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        file = given.validated_data["file"]
        row = services.store_upload(owner=request.user, kind=self.kind, name=file.name or "", file=file)
        return Response(self.get_serializer(row).data, status=status.HTTP_201_CREATED)

    def perform_destroy(self, instance: Any) -> None:
        services.delete_media(row=instance)

    @extend_schema(responses=bytes_of(*services.TYPES, services.BINARY), filters=False)
    @action(detail=True, pagination_class=None)
    def content(self, request: Request, pk: str) -> HttpResponseBase:
        """The bytes of the file, or with `Range` a part of them."""
        return send(request, self.get_object())


class ImageMetadataViewSet(MediaFileViewSet):
    """An image a person put in."""

    kind = "image"
    queryset = ImageMetadata.objects.order_by("-pk")
    serializer_class = ImageMetadataSerializer
    filterset_fields = {"filename": ["exact"], "created_at": ["gte", "lt"]}
    ordering_fields = ["id", "filename", "created_at"]


class AudioMetadataViewSet(MediaFileViewSet):
    """A sound recording a person put in."""

    kind = "audio"
    queryset = AudioMetadata.objects.order_by("-pk")
    serializer_class = AudioMetadataSerializer
    filterset_fields = {"filename": ["exact"], "created_at": ["gte", "lt"]}
    ordering_fields = ["id", "filename", "created_at"]


class VideoMetadataViewSet(MediaFileViewSet):
    """A video a person put in."""

    kind = "video"
    queryset = VideoMetadata.objects.order_by("-pk")
    serializer_class = VideoMetadataSerializer
    filterset_fields = {"filename": ["exact"], "created_at": ["gte", "lt"]}
    ordering_fields = ["id", "filename", "created_at"]


class MediaTagViewSet(OwnedViewSet):
    """A tag on a media file."""

    queryset = MediaTag.objects.order_by("-pk")
    serializer_class = MediaTagSerializer
    filterset_fields = {"media_id": ["exact"], "media_type": ["exact"], "tag": ["exact"]}
    ordering_fields = ["id", "tag"]


class MediaObjectViewSet(OwnedReadOnlyViewSet):
    """A thing detected in an image or a video."""

    queryset = MediaObject.objects.order_by("-pk")
    serializer_class = MediaObjectSerializer
    filterset_fields = {"media_id": ["exact"], "media_type": ["exact"], "object_class": ["exact"]}
    ordering_fields = ["id", "object_class"]


def check_length(request: Request) -> None:
    """Raise TooLarge before anything of a body that is too large is read."""
    length = str(request.META.get("CONTENT_LENGTH") or "0")
    if length.isdecimal() and int(length) > services.LARGEST_FILE + WRAPPING:
        raise TooLarge(_("A file may have at most %(most)s MB.") % {"most": services.LARGEST_FILE >> 20})


router_entries = [
    ("image-metadata", ImageMetadataViewSet),
    ("audio-metadata", AudioMetadataViewSet),
    ("video-metadata", VideoMetadataViewSet),
    ("media-tags", MediaTagViewSet),
    ("media-objects", MediaObjectViewSet),
]
