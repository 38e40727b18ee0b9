"""Admin of emotions."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from agi_site.lib.admin import HistoryAdmin, TableAdmin, link_to

from . import services
from .models import EmotionalResponse, EmotionAnalysis, EmpathyModel, UserEmotionHistory


@admin.register(EmotionAnalysis)
class EmotionAnalysisAdmin(HistoryAdmin):
    list_display = [
        "id",
        "target_type",
        "target_id",
        link_to("user"),
        "dominant_emotion",
        "intensity",
        "timestamp",
    ]
    list_filter = ["dominant_emotion", "target_type", "timestamp"]
    search_fields = ["id", "target_id"]


@admin.register(EmotionalResponse)
class EmotionalResponseAdmin(TableAdmin):
    list_display = ["trigger_emotion", "response_type", "language", "template", "priority", "is_active"]
    list_filter = ["is_active", "language", "trigger_emotion", "response_type"]
    search_fields = ["trigger_emotion", "template"]


@admin.register(UserEmotionHistory)
class UserEmotionHistoryAdmin(HistoryAdmin):
    list_display = ["id", link_to("user"), "emotion", "intensity", "context", "timestamp"]
    list_filter = ["emotion", "timestamp"]
    search_fields = ["context"]


@admin.register(EmpathyModel)
class EmpathyModelAdmin(TableAdmin):
    list_display = ["name", "version", "is_active", "created_at"]
    list_filter = ["is_active"]
    search_fields = ["name", "description"]
    readonly_fields = ["is_active"]
    actions = ["activate"]

    @admin.action(description=_("Put the selected model in use"), permissions=["change"])
    def activate(self, request: HttpRequest, queryset: QuerySet[EmpathyModel]) -> None:
        chosen = list(queryset[:2])
        if len(chosen) != 1:
            messages.error(request, gettext("Select exactly one."))
            return
        services.activate_model(model=chosen[0])
        messages.success(request, gettext("%(row)s is in use now.") % {"row": chosen[0]})
