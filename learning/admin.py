"""Admin of learning."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from agi_site.lib.admin import HistoryAdmin, HistoryInline, TableAdmin, link_to

from . import services
from .models import EvaluationResult, Feedback, LearningData, ModelVersion, TrainingJob


@admin.register(Feedback)
class FeedbackAdmin(HistoryAdmin):
    list_display = ["id", "entity_type", "entity_id", link_to("user"), "rating", "comment", "created_at"]
    list_filter = ["rating", "entity_type", "created_at"]
    search_fields = ["id", "entity_id", "comment"]


@admin.register(LearningData)
class LearningDataAdmin(TableAdmin):
    list_display = ["id", "type", "created_at"]
    list_filter = ["type", "created_at"]
    search_fields = ["id", "type"]


class EvaluationResultInline(HistoryInline):
    model = EvaluationResult
    ordering = ["-pk"]
    fields = ["dataset_name", "metrics", "created_at"]


@admin.register(ModelVersion)
class ModelVersionAdmin(TableAdmin):
    list_display = ["model_name", "version", "is_active", "path", "created_at"]
    list_filter = ["is_active", "model_name"]
    search_fields = ["model_name", "version"]
    readonly_fields = ["is_active"]
    inlines = [EvaluationResultInline]
    actions = ["activate"]

    @admin.action(description=_("Put the selected version in use"), permissions=["change"])
    def activate(self, request: HttpRequest, queryset: QuerySet[ModelVersion]) -> None:
        chosen = list(queryset[:2])
        if len(chosen) != 1:
            messages.error(request, gettext("Select exactly one."))
            return
        services.activate_version(version=chosen[0])
        messages.success(request, gettext("%(row)s is in use now.") % {"row": chosen[0]})


@admin.register(TrainingJob)
class TrainingJobAdmin(TableAdmin):
    list_display = ["id", "model_name", "status", "created_at", "started_at", "completed_at"]
    list_filter = ["status", "model_name", "created_at"]
    search_fields = ["id", "model_name"]
    readonly_fields = ["status", "started_at", "completed_at", "result_model_id", "metrics"]


@admin.register(EvaluationResult)
class EvaluationResultAdmin(HistoryAdmin):
    list_display = ["dataset_name", link_to("model_version"), "metrics", "created_at"]
    list_filter = ["dataset_name", "created_at"]
    search_fields = ["id", "dataset_name"]
