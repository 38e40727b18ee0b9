"""Images, audio and video: their metadata, tags and detected objects (the seed's section 5.6)."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from agi_site.lib.fields import CreatedAtField, EmbeddingField, EnumField, UUIDKey, enum_check, range_check
from agi_site.lib.owned import OwnedModel


def clock(seconds: int | None) -> str:
    """A length as players show it: "1:05", "1:00:05"; "" where it is not known."""
    if seconds is None:
        return ""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class ImageMetadata(OwnedModel):
    """An image a person put in (table `image_metadata`, 5.6.1)."""

    owner_path = "user"

    id = UUIDKey()
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.DB_CASCADE, related_name="image_metadata", verbose_name=_("user")
    )
    filename = models.CharField(_("filename"), max_length=255, db_index=True)
    path = models.CharField(_("path"), max_length=512)
    width = models.IntegerField(_("width"), null=True, blank=True)
    height = models.IntegerField(_("height"), null=True, blank=True)
    format = models.CharField(_("format"), max_length=20, null=True, blank=True)
    size_bytes = models.BigIntegerField(_("size bytes"), null=True, blank=True)
    created_at = CreatedAtField(_("created at"), db_index=True)
    embedding = EmbeddingField(_("embedding"))
    tags = models.JSONField(_("tags"), null=True, blank=True)
    # Beyond the seed; the README says why.
    kept = models.BooleanField(_("kept"), default=True, db_default=True)

    class Meta:
        db_table = "image_metadata"
        verbose_name = _("image metadata")
        verbose_name_plural = _("image metadata")

    def __str__(self) -> str:
        return str(self.filename)


class AudioMetadata(OwnedModel):
    """A sound recording a person put in (table `audio_metadata`, 5.6.2)."""

    owner_path = "user"

    id = UUIDKey()
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.DB_CASCADE, related_name="audio_metadata", verbose_name=_("user")
    )
    filename = models.CharField(_("filename"), max_length=255, db_index=True)
    path = models.CharField(_("path"), max_length=512)
    duration = models.IntegerField(_("duration"), null=True, blank=True)
    format = models.CharField(_("format"), max_length=20, null=True, blank=True)
    sample_rate = models.IntegerField(_("sample rate"), null=True, blank=True)
    channels = models.IntegerField(_("channels"), null=True, blank=True)
    size_bytes = models.BigIntegerField(_("size bytes"), null=True, blank=True)
    created_at = CreatedAtField(_("created at"), db_index=True)
    embedding = EmbeddingField(_("embedding"))
    transcript = models.TextField(_("transcript"), null=True, blank=True)

    class Meta:
        db_table = "audio_metadata"
        verbose_name = _("audio metadata")
        verbose_name_plural = _("audio metadata")

    @property
    def length(self) -> str:
        """How long it is, as players show it."""
        return clock(self.duration)

    def __str__(self) -> str:
        return str(self.filename)


class VideoMetadata(OwnedModel):
    """A video a person put in (table `video_metadata`, 5.6.3)."""

    owner_path = "user"

    id = UUIDKey()
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.DB_CASCADE, related_name="video_metadata", verbose_name=_("user")
    )
    filename = models.CharField(_("filename"), max_length=255, db_index=True)
    path = models.CharField(_("path"), max_length=512)
    duration = models.IntegerField(_("duration"), null=True, blank=True)
    format = models.CharField(_("format"), max_length=20, null=True, blank=True)
    resolution = models.CharField(_("resolution"), max_length=20, null=True, blank=True)
    fps = models.DecimalField(_("fps"), max_digits=5, decimal_places=2, null=True, blank=True)
    size_bytes = models.BigIntegerField(_("size bytes"), null=True, blank=True)
    created_at = CreatedAtField(_("created at"), db_index=True)
    embedding = EmbeddingField(_("embedding"))
    transcript = models.TextField(_("transcript"), null=True, blank=True)

    class Meta:
        db_table = "video_metadata"
        verbose_name = _("video metadata")
        verbose_name_plural = _("video metadata")

    @property
    def length(self) -> str:
        """How long it is, as players show it."""
        return clock(self.duration)

    def __str__(self) -> str:
        return str(self.filename)


class TaggedMedia(models.TextChoices):
    IMAGE = "image", _("image")
    AUDIO = "audio", _("audio")
    VIDEO = "video", _("video")


class MediaTag(OwnedModel):
    """A tag on a media file (table `media_tag`, 5.6.4)."""

    owner_path = "user"

    id = models.BigAutoField(_("id"), primary_key=True)
    media_id = models.CharField(_("media id"), max_length=36)
    media_type = EnumField(_("media type"), choices=TaggedMedia)
    tag = models.CharField(_("tag"), max_length=50, db_index=True)
    confidence = models.DecimalField(_("confidence"), max_digits=5, decimal_places=4, null=True, blank=True)
    # Beyond the seed; the README says why.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.DB_CASCADE, related_name="media_tags", verbose_name=_("user")
    )

    class Meta:
        db_table = "media_tag"
        verbose_name = _("media tag")
        verbose_name_plural = _("media tags")
        indexes = [
            models.Index(fields=["media_id", "media_type"], name="media_tag_media_media_type_idx"),
        ]
        constraints = [
            enum_check("media_tag_media_type_enum", "media_type", TaggedMedia),
            range_check("media_tag_confidence_range", "confidence", 0, 1),
        ]

    def __str__(self) -> str:
        return str(self.tag)


class DetectedMedia(models.TextChoices):
    IMAGE = "image", _("image")
    VIDEO = "video", _("video")


class MediaObject(OwnedModel):
    """A thing detected in an image or a video (table `media_object`, 5.6.5)."""

    owner_path = "user"

    id = models.BigAutoField(_("id"), primary_key=True)
    media_id = models.CharField(_("media id"), max_length=36)
    media_type = EnumField(_("media type"), choices=DetectedMedia)
    object_class = models.CharField(_("object class"), max_length=100, db_index=True)
    confidence = models.DecimalField(_("confidence"), max_digits=5, decimal_places=4)
    bounding_box = models.JSONField(_("bounding box"), null=True, blank=True)
    frame_number = models.IntegerField(_("frame number"), null=True, blank=True)
    # Beyond the seed; the README says why.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.DB_CASCADE, related_name="media_objects", verbose_name=_("user")
    )

    class Meta:
        db_table = "media_object"
        verbose_name = _("media object")
        verbose_name_plural = _("media objects")
        indexes = [
            models.Index(fields=["media_id", "media_type"], name="media_object_media_media_t_idx"),
        ]
        constraints = [
            enum_check("media_object_media_type_enum", "media_type", DetectedMedia),
            range_check("media_object_confidence_range", "confidence", 0, 1),
        ]

    def __str__(self) -> str:
        return str(self.object_class)
