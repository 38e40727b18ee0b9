"""Admin of knowledge, memory and context; changes go through the services, so search follows."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action

from agi_site.lib.admin import HistoryAdmin, RowInline, TableAdmin, link_to

from . import indexing, services
from .models import Context, Knowledge, KnowledgeSearch, KnowledgeTag, Memory, MemoryRelation, MemorySearch


class KnowledgeTagInline(RowInline):
    model = KnowledgeTag
    fields = ["tag"]


class _Indexed(TableAdmin):
    """Rows that are searched: whatever is saved here is indexed anew."""

    actions = ["index_again"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("embedding")

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        indexing.index(obj)

    @action(description=_("Index again"))
    def index_again(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Make the chosen rows findable anew: their terms now, their vectors by a task."""
        for row in queryset:
            indexing.index(row)
        self.message_user(request, _("The chosen rows are indexed; their vectors follow."))


@admin.register(Knowledge)
class KnowledgeAdmin(_Indexed):
    list_display = ["title", "source", "created_by", "created_at", "updated_at", "embedding_model"]
    list_filter = ["created_at", "embedding_model"]
    search_fields = ["=id", "title", "source"]
    inlines = [KnowledgeTagInline]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        obj.created_by = obj.created_by if change else (obj.created_by or request.user)
        super().save_model(request, obj, form, change)


@admin.register(KnowledgeTag)
class KnowledgeTagAdmin(TableAdmin):
    list_display = ["tag", link_to("knowledge")]
    search_fields = ["=tag"]


@admin.register(Memory)
class MemoryAdmin(_Indexed):
    list_display = ["__str__", "user", "type", "importance", "access_count", "last_accessed", "created_at"]
    list_filter = ["type", "created_at"]
    search_fields = ["=id", "=user__username"]

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        services.forget_memory(memory=obj, by=obj.user)


@admin.register(MemoryRelation)
class MemoryRelationAdmin(TableAdmin):
    list_display = [link_to("source_memory"), "relation_type", link_to("target_memory"), "strength"]
    list_filter = ["relation_type"]
    search_fields = ["=source_memory__id", "=target_memory__id"]


@admin.register(Context)
class ContextAdmin(HistoryAdmin):
    list_display = ["session", "created_at", "updated_at"]
    list_filter = ["updated_at"]
    search_fields = ["=id", "=session__id"]


@admin.register(KnowledgeSearch)
class KnowledgeSearchAdmin(HistoryAdmin):
    list_display = ["id", link_to("knowledge"), "length"]
    search_fields = ["=knowledge__id"]


@admin.register(MemorySearch)
class MemorySearchAdmin(HistoryAdmin):
    list_display = ["id", link_to("memory"), "length"]
    search_fields = ["=memory__id"]
