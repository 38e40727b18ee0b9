"""REST resources of media."""

from agi_site.lib.api.fields import RowSerializer
from agi_site.lib.api.viewsets import OwnedListReadDestroyViewSet, OwnedReadOnlyViewSet, OwnedViewSet

from .models import AudioMetadata, ImageMetadata, MediaObject, MediaTag, VideoMetadata


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
        ]


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


class ImageMetadataViewSet(OwnedListReadDestroyViewSet):
    """An image a person put in."""

    queryset = ImageMetadata.objects.order_by("-pk")
    serializer_class = ImageMetadataSerializer
    filterset_fields = {"filename": ["exact"], "created_at": ["gte", "lt"]}
    ordering_fields = ["id", "filename", "created_at"]


class AudioMetadataViewSet(OwnedListReadDestroyViewSet):
    """A sound recording a person put in."""

    queryset = AudioMetadata.objects.order_by("-pk")
    serializer_class = AudioMetadataSerializer
    filterset_fields = {"filename": ["exact"], "created_at": ["gte", "lt"]}
    ordering_fields = ["id", "filename", "created_at"]


class VideoMetadataViewSet(OwnedListReadDestroyViewSet):
    """A video a person put in."""

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


router_entries = [
    ("image-metadata", ImageMetadataViewSet),
    ("audio-metadata", AudioMetadataViewSet),
    ("video-metadata", VideoMetadataViewSet),
    ("media-tags", MediaTagViewSet),
    ("media-objects", MediaObjectViewSet),
]
