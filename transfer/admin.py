"""Admin of transfer; what changes concepts and mappings keeps their companions in line."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action

from agi_site.lib.admin import HistoryAdmin, HistoryInline, TableAdmin, link_to

from . import services
from .models import (
    ConceptRelation,
    DomainOntology,
    KnowledgeDomain,
    KnowledgeMapping,
    KnowledgeSource,
    KnowledgeSourceItem,
    TransferMetric,
    TransferTask,
)

READING = ("contents", "is_active", "read_every")


class KnowledgeSourceItemInline(HistoryInline):
    model = KnowledgeSourceItem
    fields = ["external_id", "reason", "updated_at"]


@admin.register(KnowledgeSource)
class KnowledgeSourceAdmin(TableAdmin):
    """Connections are set on the pages and over REST: a form would show what is sealed."""

    list_display = [
        "name",
        "domain",
        "kind",
        "status",
        "synced_at",
        "read_every",
        "next_read_at",
        "is_active",
        "created_at",
    ]
    list_filter = ["kind", "status", "read_every", "is_active"]
    search_fields = ["=id", "name", "domain"]
    exclude = ["connection_info"]
    inlines = [KnowledgeSourceItemInline]
    actions = ["read_now"]

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @action(description=_("Read now"))
    def read_now(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Queue the reading of the chosen sources."""
        for source in queryset:
            services.sync_source(source=source, by=request.user)
        self.message_user(request, _("The chosen sources will be read."))

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """How it is read is changed as on its page: the next time follows from it."""
        given = {name: form.cleaned_data[name] for name in READING if name in form.changed_data}
        for name in given:  # what the row still holds is to be kept by the first of the two
            setattr(obj, name, form.initial[name])
        super().save_model(request, obj, form, change)
        if given:
            services.change_source(source=obj, by=request.user, **given)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        services.delete_source(source=obj, by=request.user)


@admin.register(KnowledgeSourceItem)
class KnowledgeSourceItemAdmin(HistoryAdmin):
    list_display = ["external_id", link_to("source"), "reason", "updated_at"]
    search_fields = ["=id", "external_id"]


@admin.register(KnowledgeDomain)
class KnowledgeDomainAdmin(TableAdmin):
    list_display = ["name", "title", "concept_count", "created_at", "updated_at"]
    search_fields = ["=id", "name", "title"]

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        services.delete_domain(domain=obj, by=request.user)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for domain in queryset:
            services.delete_domain(domain=domain, by=request.user)


@admin.register(KnowledgeMapping)
class KnowledgeMappingAdmin(TableAdmin):
    list_display = [
        "source_concept",
        "target_concept",
        "source_domain",
        "target_domain",
        "relation_type",
        "confidence",
        "status",
        "created_at",
    ]
    list_filter = ["status", "relation_type"]
    search_fields = ["=id", "source_concept", "target_concept", "source_domain"]
    actions = ["accept", "reject"]

    @action(description=_("Accept"))
    def accept(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Accept the chosen mappings."""
        self._decide(request, queryset, "accept")

    @action(description=_("Reject"))
    def reject(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Reject the chosen mappings."""
        self._decide(request, queryset, "reject")

    def _decide(self, request: HttpRequest, queryset: QuerySet[Any], decision: str) -> None:
        for mapping in queryset:
            services.review_mapping(mapping=mapping, by=request.user, decision=decision)
        self.message_user(request, _("The decisions are stored."))


class TransferMetricInline(HistoryInline):
    model = TransferMetric
    fields = ["metric_name", "metric_value", "timestamp"]


@admin.register(TransferTask)
class TransferTaskAdmin(HistoryAdmin):
    list_display = [
        "source_id",
        "target_id",
        "task_type",
        "status",
        "created_at",
        "started_at",
        "completed_at",
    ]
    list_filter = ["status", "created_at"]
    search_fields = ["id", "source_id", "target_id", "task_type"]
    inlines = [TransferMetricInline]


@admin.register(DomainOntology)
class DomainOntologyAdmin(TableAdmin):
    list_display = ["domain", "concept", "created_at", "updated_at"]
    search_fields = ["=id", "domain", "concept"]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        services.mirror(obj)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        services.delete_concept(row=obj, by=request.user)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for row in queryset:
            services.delete_concept(row=row, by=request.user)


@admin.register(ConceptRelation)
class ConceptRelationAdmin(HistoryAdmin):
    list_display = [link_to("concept"), "type", "target", "domain"]
    search_fields = ["=id", "target"]


@admin.register(TransferMetric)
class TransferMetricAdmin(HistoryAdmin):
    list_display = ["transfer_task", "metric_name", "metric_value", "timestamp"]
    search_fields = ["id", "metric_name"]
