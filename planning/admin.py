"""Admin of plans."""

from django.contrib import admin

from agi_site.lib.admin import HistoryAdmin, TableAdmin

from .models import Plan, PlanExecution, PlanStep


@admin.register(Plan)
class PlanAdmin(TableAdmin):
    list_display = ["user", "title", "created_at", "updated_at", "status", "started_at", "completed_at"]
    list_filter = ["status", "created_at"]
    search_fields = ["id", "title"]


@admin.register(PlanStep)
class PlanStepAdmin(TableAdmin):
    list_display = ["plan", "order_index", "status", "depends_on", "started_at", "completed_at"]
    list_filter = ["status"]
    search_fields = ["depends_on"]


@admin.register(PlanExecution)
class PlanExecutionAdmin(HistoryAdmin):
    list_display = ["plan", "user", "status", "started_at", "completed_at"]
    list_filter = ["status", "started_at"]
    search_fields = ["id"]
