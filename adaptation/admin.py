"""Admin of adaptation."""

from django.contrib import admin

from agi_site.lib.admin import HistoryAdmin, TableAdmin

from .models import AdaptationLog, AdaptationRule, LearningPreference, LearningSession, UserProfile


@admin.register(UserProfile)
class UserProfileAdmin(HistoryAdmin):
    list_display = ["user", "learning_style", "proficiency_level", "last_updated"]
    search_fields = ["learning_style", "proficiency_level"]


@admin.register(LearningPreference)
class LearningPreferenceAdmin(TableAdmin):
    list_display = ["user", "pref_key", "pref_value", "confidence", "created_at", "updated_at"]
    search_fields = ["pref_key", "pref_value"]


@admin.register(AdaptationRule)
class AdaptationRuleAdmin(TableAdmin):
    list_display = ["priority", "is_active", "created_at", "updated_at"]
    list_filter = ["is_active"]
    search_fields = ["id"]


@admin.register(LearningSession)
class LearningSessionAdmin(TableAdmin):
    list_display = ["user", "topic", "start_time", "end_time", "duration", "progress"]
    list_filter = ["start_time"]
    search_fields = ["id", "topic"]


@admin.register(AdaptationLog)
class AdaptationLogAdmin(HistoryAdmin):
    list_display = ["user", "rule", "adaptation_type", "timestamp"]
    list_filter = ["timestamp"]
    search_fields = ["adaptation_type"]
