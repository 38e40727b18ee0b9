"""Admin of creative works."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from agi_site.lib.admin import HistoryAdmin, TableAdmin

from . import services
from .models import CreativeFeedback, CreativeVersion, CreativeWork, GenerationPrompt, InspirationSource


@admin.register(CreativeWork)
class CreativeWorkAdmin(TableAdmin):
    list_display = ["user", "type", "title", "content_ref", "created_at", "updated_at"]
    list_filter = ["type", "created_at"]
    readonly_fields = ["content_ref"]
    search_fields = ["id", "title", "content_ref"]

    def delete_model(self, request: HttpRequest, obj: CreativeWork) -> None:
        """With its contents."""
        services.delete_work(obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[CreativeWork]) -> None:
        """Each as one alone."""
        for work in queryset:
            services.delete_work(work)


@admin.register(GenerationPrompt)
class GenerationPromptAdmin(TableAdmin):
    list_display = ["work", "prompt_type", "timestamp"]
    search_fields = ["id", "prompt_type"]


@admin.register(CreativeFeedback)
class CreativeFeedbackAdmin(TableAdmin):
    list_display = ["work", "user", "rating", "created_at"]
    search_fields = ["id"]


@admin.register(CreativeVersion)
class CreativeVersionAdmin(HistoryAdmin):
    list_display = ["work", "version_number", "content_ref", "created_at"]
    search_fields = ["id", "content_ref"]


@admin.register(InspirationSource)
class InspirationSourceAdmin(TableAdmin):
    list_display = ["work", "source_type", "source_ref", "influence_level", "created_at"]
    search_fields = ["id", "source_type", "source_ref"]
