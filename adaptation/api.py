"""REST resources of adaptation."""

from agi_site.lib.api.fields import RowSerializer
from agi_site.lib.api.viewsets import OwnedReadOnlyViewSet, OwnedViewSet, SharedViewSet

from .models import AdaptationLog, AdaptationRule, LearningPreference, LearningSession, UserProfile


class UserProfileSerializer(RowSerializer):
    class Meta:
        model = UserProfile
        fields = [
            "user",
            "interaction_history",
            "knowledge_map",
            "learning_style",
            "proficiency_level",
            "last_updated",
        ]


class LearningPreferenceSerializer(RowSerializer):
    class Meta:
        model = LearningPreference
        fields = ["id", "user", "pref_key", "pref_value", "confidence", "created_at", "updated_at"]
        read_only_fields = ["id", "user", "confidence", "created_at", "updated_at"]


class AdaptationRuleSerializer(RowSerializer):
    class Meta:
        model = AdaptationRule
        fields = [
            "id",
            "condition",
            "action",
            "priority",
            "description",
            "is_active",
            "created_at",
            "updated_at",
        ]
        read_only_fields = ["id", "created_at", "updated_at"]


class LearningSessionSerializer(RowSerializer):
    class Meta:
        model = LearningSession
        fields = ["id", "user", "topic", "start_time", "end_time", "duration", "progress", "metrics"]
        read_only_fields = ["id", "user", "start_time", "duration", "metrics"]


class AdaptationLogSerializer(RowSerializer):
    class Meta:
        model = AdaptationLog
        fields = ["id", "user", "rule", "context", "adaptation_type", "adaptation_details", "timestamp"]


class UserProfileViewSet(OwnedReadOnlyViewSet):
    """What the system knows of the way a person works."""

    queryset = UserProfile.objects.order_by("-pk")
    serializer_class = UserProfileSerializer
    filterset_fields = {"learning_style": ["exact"], "proficiency_level": ["exact"]}
    ordering_fields = ["learning_style", "proficiency_level"]


class LearningPreferenceViewSet(OwnedViewSet):
    """A preference of a person, with a confidence."""

    queryset = LearningPreference.objects.order_by("-pk")
    serializer_class = LearningPreferenceSerializer
    filterset_fields = {"pref_key": ["exact"]}
    ordering_fields = ["id", "created_at"]


class AdaptationRuleViewSet(SharedViewSet):
    """When this holds, adapt like that."""

    queryset = AdaptationRule.objects.order_by("-pk")
    serializer_class = AdaptationRuleSerializer
    filterset_fields = {"priority": ["exact"], "is_active": ["exact"]}
    ordering_fields = ["id", "priority", "is_active", "created_at"]


class LearningSessionViewSet(OwnedViewSet):
    """A stretch of learning about a topic."""

    queryset = LearningSession.objects.order_by("-pk")
    serializer_class = LearningSessionSerializer
    filterset_fields = {"topic": ["exact"], "start_time": ["gte", "lt"]}
    ordering_fields = ["id", "topic", "start_time"]


class AdaptationLogViewSet(OwnedReadOnlyViewSet):
    """One adaptation that was made, and why."""

    queryset = AdaptationLog.objects.order_by("-pk")
    serializer_class = AdaptationLogSerializer
    filterset_fields = {"rule": ["exact"], "adaptation_type": ["exact"], "timestamp": ["gte", "lt"]}
    ordering_fields = ["id", "adaptation_type", "timestamp"]


router_entries = [
    ("user-profiles", UserProfileViewSet),
    ("learning-preferences", LearningPreferenceViewSet),
    ("adaptation-rules", AdaptationRuleViewSet),
    ("learning-sessions", LearningSessionViewSet),
    ("adaptation-logs", AdaptationLogViewSet),
]
