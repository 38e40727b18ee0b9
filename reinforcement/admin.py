"""Admin of reinforcement learning."""

from django.contrib import admin

from agi_site.lib.admin import HistoryAdmin

from .models import RewardSignal, RLAction, RLAgentState, RLEpisode, RLPolicy


@admin.register(RLAgentState)
class RLAgentStateAdmin(HistoryAdmin):
    list_display = ["agent_id", "timestamp"]
    list_filter = ["timestamp"]
    search_fields = ["id", "agent_id"]


@admin.register(RewardSignal)
class RewardSignalAdmin(HistoryAdmin):
    list_display = [
        "agent_id",
        "trigger_id",
        "trigger_type",
        "reward_value",
        "reward_source",
        "timestamp",
        "user",
    ]
    list_filter = ["timestamp"]
    search_fields = ["id", "agent_id", "trigger_id", "trigger_type"]


@admin.register(RLPolicy)
class RLPolicyAdmin(HistoryAdmin):
    list_display = ["agent_id", "name", "version", "created_at", "updated_at", "is_active"]
    list_filter = ["is_active"]
    search_fields = ["id", "agent_id", "name", "version"]


@admin.register(RLEpisode)
class RLEpisodeAdmin(HistoryAdmin):
    list_display = ["agent_id", "policy", "start_time", "end_time", "total_reward", "steps_count", "success"]
    list_filter = ["success", "start_time"]
    search_fields = ["id", "agent_id"]


@admin.register(RLAction)
class RLActionAdmin(HistoryAdmin):
    list_display = ["episode", "state", "action_type", "step_number", "reward", "timestamp"]
    search_fields = ["id", "action_type"]
