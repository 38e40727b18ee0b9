"""Admin of knowledge, memory and context; changes go through the services, so search follows."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from agi_site.lib.admin import HistoryAdmin, HistoryInline, RowInline, TableAdmin, link_to
from agi_site.lib.problems import Invalid

from . import indexing, services, vector_sets
from .importing.passages import content_hash
from .models import (
    Context,
    Knowledge,
    KnowledgeDocument,
    KnowledgeImport,
    KnowledgeLock,
    KnowledgeNextVector,
    KnowledgeSearch,
    KnowledgeTag,
    Memory,
    MemoryImport,
    MemoryNextVector,
    MemoryQuestion,
    MemoryRefusal,
    MemoryRelation,
    MemorySearch,
    MemorySetting,
    VectorSet,
)
from .services import documents
from .services.knowledge import check_new, keep_for_others


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


class _KnowledgeForm(forms.ModelForm):
    """A passage; a new one whose text is known already is refused as at every door."""

    def clean_content(self) -> str:
        content: str = self.cleaned_data["content"]
        if self.instance._state.adding:
            try:
                check_new(content, self.cleaned_data.get("title", ""))
            except Invalid as known:
                raise forms.ValidationError(known.errors["content"]) from known
        return content


@admin.register(Knowledge)
class KnowledgeAdmin(_Indexed):
    form = _KnowledgeForm
    list_display = ["title", "source", "created_by", "created_at", "updated_at", "embedding_model"]
    list_filter = ["created_at", "embedding_model"]
    search_fields = ["=id", "title", "source"]
    inlines = [KnowledgeTagInline]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        obj.created_by = obj.created_by if change else (obj.created_by or request.user)
        if change:
            keep_for_others(obj, title=obj.title, content=obj.content)
        if not change or {"title", "content"} & set(form.changed_data):
            obj.content_hash = content_hash(obj.content)
        super().save_model(request, obj, form, change)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        services.delete_many(keys=[obj.pk], by=None)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        services.delete_many(keys=list(queryset.values_list("pk", flat=True)), by=None)


class _DocumentInline(HistoryInline):
    model = KnowledgeDocument
    fields = ["title", "source", "status", "passage_count", "done_count"]
    fk_name = "batch"


@admin.register(KnowledgeImport)
class KnowledgeImportAdmin(HistoryAdmin):
    list_display = ["id", "total", "created_by", "created_at"]
    list_filter = ["created_at"]
    search_fields = ["=id", "=created_by__username"]
    inlines = [_DocumentInline]


@admin.register(KnowledgeDocument)
class KnowledgeDocumentAdmin(HistoryAdmin):
    list_display = ["title", "status", "reason_code", "passage_count", "source", "created_by", "created_at"]
    list_filter = ["status", "kind", "created_at"]
    search_fields = ["=id", "title", "source"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("shared_passages")

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        documents.delete_document(document=obj, by=request.user)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for row in queryset:
            documents.delete_document(document=row, by=request.user)


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

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for row in queryset.select_related("user"):
            services.forget_memory(memory=row, by=row.user)


@admin.register(MemoryRelation)
class MemoryRelationAdmin(TableAdmin):
    list_display = [link_to("source_memory"), "relation_type", link_to("target_memory"), "strength"]
    list_filter = ["relation_type"]
    search_fields = ["=source_memory__id", "=target_memory__id"]


@admin.register(MemoryRefusal)
class MemoryRefusalAdmin(HistoryAdmin):
    list_display = ["__str__", "user", "reason", "type", "extractor", "created_at"]
    list_filter = ["reason", "created_at"]
    search_fields = ["=user__username", "=source_message"]


@admin.register(MemoryQuestion)
class MemoryQuestionAdmin(HistoryAdmin):
    list_display = ["id", "user", link_to("newer"), link_to("older"), "answer", "created_at"]
    list_filter = ["answer", "created_at"]
    search_fields = ["=id", "=user__username"]


@admin.register(Context)
class ContextAdmin(HistoryAdmin):
    list_display = ["session", "created_at", "updated_at"]
    list_filter = ["updated_at"]
    search_fields = ["=id", "=session__id"]


@admin.register(KnowledgeSearch)
class KnowledgeSearchAdmin(HistoryAdmin):
    list_display = ["id", link_to("knowledge"), "length"]
    search_fields = ["=knowledge__id"]


@admin.register(KnowledgeLock)
class KnowledgeLockAdmin(HistoryAdmin):
    list_display = ["name", "updated_at"]
    search_fields = ["=name"]
    ordering = ["name"]


@admin.register(MemorySetting)
class MemorySettingAdmin(HistoryAdmin):
    list_display = ["user", "enabled", "forgotten_at", "updated_at"]
    list_filter = ["enabled"]
    search_fields = ["=user__username"]


@admin.register(MemoryImport)
class MemoryImportAdmin(HistoryAdmin):
    list_display = ["user", "status", "total", "done", "created_at", "finished_at"]
    list_filter = ["status", "created_at"]
    search_fields = ["=id", "=user__username"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("document")


@admin.register(MemorySearch)
class MemorySearchAdmin(HistoryAdmin):
    list_display = ["id", link_to("memory"), "length"]
    search_fields = ["=memory__id"]


@admin.register(VectorSet)
class VectorSetAdmin(HistoryAdmin):
    list_display = ["name", "embedding_model", "next_model", "progress", "started_at", "switched_at"]
    search_fields = ["=name"]
    ordering = ["name"]

    @display(description=_("Progress"))
    def progress(self, row: VectorSet) -> str:
        """How many rows have the next engine's vector; counted as the page is shown."""
        if not row.next_model:
            return "–"
        done, total = vector_sets.progress(indexing.TABLES[row.name])
        return _("%(done)s of %(total)s") % {"done": done, "total": total}


class _NextVectorAdmin(HistoryAdmin):
    list_display = ["__str__", link_to("row"), "embedding_model", "updated_at"]
    list_filter = ["embedding_model"]
    search_fields = ["=row__id"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("embedding")


@admin.register(KnowledgeNextVector)
class KnowledgeNextVectorAdmin(_NextVectorAdmin):
    pass


@admin.register(MemoryNextVector)
class MemoryNextVectorAdmin(_NextVectorAdmin):
    pass
