"""REST of what is remembered about the person who asks."""

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from agi_site.lib.api.fields import RowSerializer
from agi_site.lib.api.viewsets import OwnedListReadDestroyViewSet, OwnedReadOnlyViewSet, OwnedViewSet

from .. import options, search, services
from ..models import Memory, MemoryQuestion, MemoryRefusal, MemoryRelation, MemoryType, QuestionAnswer
from .hits import AskedSerializer, FoundSerializer, QuerySerializer, found


class MemorySerializer(RowSerializer):
    content = serializers.CharField(max_length=options.LONGEST_MEMORY)
    importance = serializers.DecimalField(
        max_digits=3, decimal_places=2, min_value=0, max_value=1, required=False
    )
    pinned = serializers.BooleanField(required=False)

    class Meta:
        model = Memory
        fields = [
            "id",
            "user",
            "type",
            "content",
            "importance",
            "pinned",
            "source_message",
            "source_conversation",
            "extractor",
            "confidence",
            "state",
            "valid_from",
            "valid_until",
            "archived_at",
            "metadata",
            "created_at",
            "updated_at",
            "last_accessed",
            "access_count",
            "embedding_model",
        ]
        read_only_fields = [
            name for name in fields if name not in ("type", "content", "importance", "pinned")
        ]

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return attrs

    def create(self, validated_data: dict[str, Any]) -> Memory:
        pinned = validated_data.pop("pinned", False)
        metadata = {"extractor": "person", "pinned": pinned}
        user = self.context["request"].user
        return services.remember(owner=user, gated=False, metadata=metadata, **validated_data)

    def update(self, instance: Memory, validated_data: dict[str, Any]) -> Memory:
        return services.change_memory(memory=instance, by=self.context["request"].user, **validated_data)


class MemoryRelationSerializer(RowSerializer):
    strength = serializers.DecimalField(
        max_digits=3, decimal_places=2, min_value=0, max_value=1, required=False
    )

    class Meta:
        model = MemoryRelation
        fields = ["id", "source_memory", "target_memory", "relation_type", "strength"]
        validators: list[Any] = []  # the service says it as a conflict

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return attrs

    def create(self, validated_data: dict[str, Any]) -> MemoryRelation:
        return services.relate_memories(
            source=validated_data.pop("source_memory"),
            target=validated_data.pop("target_memory"),
            by=self.context["request"].user,
            **validated_data,
        )

    def update(self, instance: MemoryRelation, validated_data: dict[str, Any]) -> MemoryRelation:
        fixed = {"source_memory", "target_memory"} & validated_data.keys()
        if fixed:
            raise serializers.ValidationError({name: [_("This cannot be changed here.")] for name in fixed})
        return services.change_relation(relation=instance, by=self.context["request"].user, **validated_data)


class ForgottenSerializer(QuerySerializer):
    earlier = serializers.ChoiceField(choices=["keep", "restore", "forget"], default="keep")


class HistoryEntrySerializer(serializers.Serializer[Any]):
    at = serializers.DateTimeField(allow_null=True)
    what = serializers.CharField()


class MemoryRefusalSerializer(RowSerializer):
    class Meta:
        model = MemoryRefusal
        fields = [
            "id",
            "user",
            "type",
            "content",
            "reason",
            "memory",
            "source_message",
            "source_conversation",
            "extractor",
            "created_at",
        ]
        read_only_fields = fields


class MemoryQuestionSerializer(RowSerializer):
    class Meta:
        model = MemoryQuestion
        fields = ["id", "user", "newer", "older", "answer", "created_at", "answered_at"]
        read_only_fields = fields


class AnswerSerializer(serializers.Serializer[Any]):
    answer = serializers.ChoiceField(choices=QuestionAnswer.choices)


class MemoryAskedSerializer(AskedSerializer):
    type = serializers.ChoiceField(choices=MemoryType.choices, required=False)
    state = serializers.ChoiceField(
        choices=["current", "past", "any"],
        default="current",
        help_text="`past` is what was replaced, is archived or past its time.",
    )


class MemoryViewSet(OwnedViewSet):
    """What the assistant remembers about the person who asks."""

    queryset = Memory.objects.defer("embedding").order_by("-pk")
    serializer_class = MemorySerializer
    filterset_fields = {
        "type": ["exact"],
        "importance": ["gte", "lte"],
        "created_at": ["gte", "lt"],
        "last_accessed": ["gte", "lt"],
        "valid_until": ["isnull"],
        "archived_at": ["isnull"],
    }
    ordering_fields = ["id", "created_at", "importance", "access_count"]

    @extend_schema(parameters=[ForgottenSerializer])
    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Forget a memory for good; `earlier` says what becomes of those that it had replaced."""
        asked = ForgottenSerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        services.forget_memory(
            memory=self.get_object(), by=request.user, earlier=asked.validated_data["earlier"]
        )
        return Response(status=204)

    @extend_schema(responses={200: HistoryEntrySerializer(many=True)}, filters=False)
    @action(detail=True, url_path="history", pagination_class=None, filter_backends=[])
    def history(self, request: Request, pk: str | None = None) -> Response:
        """What the clock and other memories have done to this one, in sentences, oldest first."""
        entries = [{"at": at, "what": what} for at, what in self.get_object().history]
        return Response(HistoryEntrySerializer(entries, many=True).data)

    @extend_schema(request=None, responses={200: MemorySerializer})
    @action(detail=True, methods=["post"], url_path="restore")
    def restore(self, request: Request, pk: str | None = None) -> Response:
        """Recall an archived memory again."""
        row = services.restore_memory(memory=self.get_object(), by=request.user)
        return Response(self.get_serializer(row).data)

    @extend_schema(parameters=[MemoryAskedSerializer], responses={200: FoundSerializer}, filters=False)
    @action(detail=False, url_path="search", pagination_class=None, filter_backends=[])
    def search(self, request: Request) -> Response:
        """The memories that bear on a text most."""
        asked = MemoryAskedSerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        given = asked.validated_data
        hits = search.search_memory(
            user=request.user,
            query=given["q"],
            limit=given["limit"],
            kind=given.get("type", ""),
            recalled=False,
            state=given["state"],
        )
        return found(given["q"], hits)


class MemoryRelationViewSet(OwnedViewSet):
    """How one memory bears on another."""

    queryset = MemoryRelation.objects.select_related("source_memory").order_by("-pk")
    serializer_class = MemoryRelationSerializer
    filterset_fields = {
        "source_memory": ["exact"],
        "target_memory": ["exact"],
        "relation_type": ["exact"],
    }
    ordering_fields = ["id", "strength"]

    def perform_destroy(self, instance: MemoryRelation) -> None:
        services.unrelate_memories(relation=instance, by=self.request.user)


class MemoryRefusalViewSet(OwnedListReadDestroyViewSet):
    """What the write gate kept out of the memories of the person who asks, and why."""

    queryset = MemoryRefusal.objects.order_by("-pk")
    serializer_class = MemoryRefusalSerializer
    filterset_fields = {"reason": ["exact"], "source_message": ["exact"], "created_at": ["gte", "lt"]}
    ordering_fields = ["id", "created_at"]


class MemoryQuestionViewSet(OwnedReadOnlyViewSet):
    """Pairs of memories that may contradict each other; the person says which one holds."""

    queryset = MemoryQuestion.objects.order_by("-pk")
    serializer_class = MemoryQuestionSerializer
    filterset_fields = {"answer": ["exact", "isnull"], "newer": ["exact"], "older": ["exact"]}
    ordering_fields = ["id", "created_at"]

    @extend_schema(request=AnswerSerializer, responses={200: MemoryQuestionSerializer})
    @action(detail=True, methods=["post"], url_path="answer")
    def answer(self, request: Request, pk: str | None = None) -> Response:
        """Keep the newer memory, the earlier one, or both."""
        given = AnswerSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        row = services.answer_question(
            question=self.get_object(), by=request.user, answer=given.validated_data["answer"]
        )
        return Response(self.get_serializer(row).data)
