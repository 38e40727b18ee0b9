"""REST resources of reinforcement learning."""

from agi_site.lib.api.fields import RowSerializer
from agi_site.lib.api.viewsets import OwnedReadOnlyViewSet, SharedReadOnlyViewSet

from .models import RewardSignal, RLAction, RLAgentState, RLEpisode, RLPolicy


class RLAgentStateSerializer(RowSerializer):
    class Meta:
        model = RLAgentState
        fields = ["id", "agent_id", "state_representation", "timestamp", "metadata"]


class RewardSignalSerializer(RowSerializer):
    class Meta:
        model = RewardSignal
        fields = [
            "id",
            "agent_id",
            "trigger_id",
            "trigger_type",
            "reward_value",
            "reward_source",
            "timestamp",
            "context",
            "user",
        ]


class RLPolicySerializer(RowSerializer):
    class Meta:
        model = RLPolicy
        fields = [
            "id",
            "agent_id",
            "name",
            "version",
            "parameters",
            "performance_metrics",
            "created_at",
            "updated_at",
            "is_active",
        ]


class RLEpisodeSerializer(RowSerializer):
    class Meta:
        model = RLEpisode
        fields = [
            "id",
            "agent_id",
            "policy",
            "start_time",
            "end_time",
            "total_reward",
            "steps_count",
            "success",
            "metadata",
        ]


class RLActionSerializer(RowSerializer):
    class Meta:
        model = RLAction
        fields = [
            "id",
            "episode",
            "state",
            "action_type",
            "action_details",
            "step_number",
            "reward",
            "timestamp",
        ]


class RLAgentStateViewSet(SharedReadOnlyViewSet):
    """A state an agent was in."""

    queryset = RLAgentState.objects.order_by("-pk")
    serializer_class = RLAgentStateSerializer
    filterset_fields = {"agent_id": ["exact"], "timestamp": ["gte", "lt"]}
    ordering_fields = ["id", "agent_id", "timestamp"]


class RewardSignalViewSet(OwnedReadOnlyViewSet):
    """A reward an agent was given."""

    queryset = RewardSignal.objects.order_by("-pk")
    serializer_class = RewardSignalSerializer
    filterset_fields = {"agent_id": ["exact"], "reward_source": ["exact"], "timestamp": ["gte", "lt"]}
    ordering_fields = ["id", "agent_id", "reward_source", "timestamp"]


class RLPolicyViewSet(SharedReadOnlyViewSet):
    """A policy of an agent, by version."""

    queryset = RLPolicy.objects.order_by("-pk")
    serializer_class = RLPolicySerializer
    filterset_fields = {"name": ["exact"], "is_active": ["exact"]}
    ordering_fields = ["id", "is_active", "created_at"]


class RLEpisodeViewSet(SharedReadOnlyViewSet):
    """One episode of an agent under a policy."""

    queryset = RLEpisode.objects.order_by("-pk")
    serializer_class = RLEpisodeSerializer
    filterset_fields = {"agent_id": ["exact"], "policy": ["exact"], "start_time": ["gte", "lt"]}
    ordering_fields = ["id", "agent_id", "start_time"]


class RLActionViewSet(SharedReadOnlyViewSet):
    """One step of an episode."""

    queryset = RLAction.objects.order_by("-pk")
    serializer_class = RLActionSerializer
    filterset_fields = {
        "episode": ["exact"],
        "state": ["exact"],
        "action_type": ["exact"],
        "step_number": ["exact"],
    }
    ordering_fields = ["id", "action_type", "step_number"]


router_entries = [
    ("rl-agent-states", RLAgentStateViewSet),
    ("reward-signals", RewardSignalViewSet),
    ("rl-policies", RLPolicyViewSet),
    ("rl-episodes", RLEpisodeViewSet),
    ("rl-actions", RLActionViewSet),
]
