"""Admin of transfer."""

from django.contrib import admin

from agi_site.lib.admin import HistoryAdmin, TableAdmin

from .models import DomainOntology, KnowledgeMapping, KnowledgeSource, TransferMetric, TransferTask


@admin.register(KnowledgeSource)
class KnowledgeSourceAdmin(TableAdmin):
    list_display = ["name", "domain", "created_at", "updated_at", "is_active"]
    list_filter = ["is_active"]
    search_fields = ["id", "name", "domain"]


@admin.register(KnowledgeMapping)
class KnowledgeMappingAdmin(TableAdmin):
    list_display = [
        "source_concept",
        "target_concept",
        "source_domain",
        "target_domain",
        "relation_type",
        "confidence",
        "created_at",
    ]
    search_fields = ["id", "source_concept", "target_concept", "source_domain"]


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


@admin.register(DomainOntology)
class DomainOntologyAdmin(TableAdmin):
    list_display = ["domain", "concept", "created_at", "updated_at"]
    search_fields = ["id", "domain", "concept"]


@admin.register(TransferMetric)
class TransferMetricAdmin(HistoryAdmin):
    list_display = ["transfer_task", "metric_name", "metric_value", "timestamp"]
    search_fields = ["id", "metric_name"]
