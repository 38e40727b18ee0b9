"""Admin of media."""

from django.contrib import admin

from agi_site.lib.admin import HistoryAdmin, TableAdmin

from .models import AudioMetadata, ImageMetadata, MediaObject, MediaTag, VideoMetadata


@admin.register(ImageMetadata)
class ImageMetadataAdmin(TableAdmin):
    list_display = ["user", "filename", "path", "width", "height", "format", "size_bytes"]
    list_filter = ["created_at"]
    search_fields = ["id", "filename", "format"]


@admin.register(AudioMetadata)
class AudioMetadataAdmin(TableAdmin):
    list_display = ["user", "filename", "path", "duration", "format", "sample_rate", "channels"]
    list_filter = ["created_at"]
    search_fields = ["id", "filename", "format"]


@admin.register(VideoMetadata)
class VideoMetadataAdmin(TableAdmin):
    list_display = ["user", "filename", "path", "duration", "format", "resolution", "fps"]
    list_filter = ["created_at"]
    search_fields = ["id", "filename", "format", "resolution"]


@admin.register(MediaTag)
class MediaTagAdmin(TableAdmin):
    list_display = ["media_id", "media_type", "tag", "confidence", "user"]
    list_filter = ["media_type"]
    search_fields = ["media_id", "tag"]


@admin.register(MediaObject)
class MediaObjectAdmin(HistoryAdmin):
    list_display = ["media_id", "media_type", "object_class", "confidence", "frame_number", "user"]
    list_filter = ["media_type"]
    search_fields = ["media_id", "object_class"]
