"""Admin of media."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from agi_site.lib.admin import HistoryAdmin, TableAdmin

from . import services
from .models import AudioMetadata, ImageMetadata, MediaObject, MediaTag, VideoMetadata


class FileAdmin(TableAdmin):
    """Files come by upload alone, and go with their bytes; what they say of themselves is read from them."""

    list_filter = ["created_at"]
    readonly_fields = ["user", "path", "format", "size_bytes"]

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """With its tags, what was seen in it, and its bytes."""
        services.delete_media(row=obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Each as one alone."""
        for row in queryset:
            services.delete_media(row=row)


@admin.register(ImageMetadata)
class ImageMetadataAdmin(FileAdmin):
    list_display = ["user", "filename", "path", "width", "height", "format", "size_bytes", "kept"]
    list_filter = [*FileAdmin.list_filter, "kept"]
    readonly_fields = [*FileAdmin.readonly_fields, "width", "height", "kept"]
    search_fields = ["id", "filename", "format"]


@admin.register(AudioMetadata)
class AudioMetadataAdmin(FileAdmin):
    list_display = ["user", "filename", "path", "duration", "format", "sample_rate", "channels"]
    readonly_fields = [*FileAdmin.readonly_fields, "duration", "sample_rate", "channels"]
    search_fields = ["id", "filename", "format"]


@admin.register(VideoMetadata)
class VideoMetadataAdmin(FileAdmin):
    list_display = ["user", "filename", "path", "duration", "format", "resolution", "fps"]
    readonly_fields = [*FileAdmin.readonly_fields, "duration", "resolution", "fps"]
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
