"""REST resources of knowledge, memory and context."""

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from agi_site.lib.api.fields import RowSerializer
from agi_site.lib.api.json_fields import JSONObjectField
from agi_site.lib.api.viewsets import OwnedListReadDestroyViewSet, OwnedViewSet, SharedViewSet

from . import options, search, services
from .models import Context, Knowledge, KnowledgeTag, Memory, MemoryRelation, MemoryType


class KnowledgeSerializer(RowSerializer):
    tags = serializers.ListField(
        child=serializers.CharField(max_length=50),
        max_length=options.MOST_TAGS,
        required=False,
        source="tag_names",
    )
    metadata = JSONObjectField(required=False, allow_null=True)
    source = serializers.CharField(max_length=255, required=False, allow_null=True, allow_blank=True)
    content = serializers.CharField(max_length=options.LONGEST_CONTENT)

    class Meta:
        model = Knowledge
        fields = [
            "id",
            "title",
            "content",
            "source",
            "tags",
            "metadata",
            "created_by",
            "created_at",
            "updated_at",
            "embedding_model",
        ]
        read_only_fields = ["id", "created_by", "created_at", "updated_at", "embedding_model"]

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return attrs

    def create(self, validated_data: dict[str, Any]) -> Knowledge:
        given = _renamed(validated_data)
        given["source"] = given.get("source") or ""
        return services.add_knowledge(author=self.context["request"].user, **given)

    def update(self, instance: Knowledge, validated_data: dict[str, Any]) -> Knowledge:
        given = _renamed(validated_data)
        if "source" in given:
            given["source"] = given["source"] or ""
        return services.change_knowledge(knowledge=instance, by=self.context["request"].user, **given)


def _renamed(given: dict[str, Any]) -> dict[str, Any]:
    return {"tags" if name == "tag_names" else name: value for name, value in given.items()}


class KnowledgeTagSerializer(RowSerializer):
    class Meta:
        model = KnowledgeTag
        fields = ["id", "knowledge", "tag"]

    def create(self, validated_data: dict[str, Any]) -> KnowledgeTag:
        row: Knowledge = validated_data["knowledge"]
        before = set(row.tag_names)
        wanted = [*before, validated_data["tag"]]
        kept = services.set_tags(knowledge=row, by=self.context["request"].user, tags=wanted)
        added = [tag for tag in kept if tag not in before] or [
            " ".join(validated_data["tag"].lower().split())
        ]
        return KnowledgeTag.objects.get(knowledge=row, tag=added[0])


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
            raise serializers.ValidationError({name: ["This cannot be changed."] for name in fixed})
        return services.change_relation(relation=instance, by=self.context["request"].user, **validated_data)


class ContextSerializer(RowSerializer):
    class Meta:
        model = Context
        fields = ["id", "session", "data", "created_at", "updated_at"]
        read_only_fields = fields


class AskedSerializer(serializers.Serializer[Any]):
    """What a search may say."""

    q = serializers.CharField(max_length=options.LONGEST_QUERY, help_text="Words, or a question.")
    limit = serializers.IntegerField(min_value=1, max_value=50, default=8)


class KnowledgeAskedSerializer(AskedSerializer):
    tag = serializers.CharField(max_length=50, required=False, help_text="Only rows with this tag.")
    source = serializers.CharField(  # type: ignore[assignment]
        max_length=255, required=False, help_text="Only rows with exactly this source."
    )


class MemoryAskedSerializer(AskedSerializer):
    type = serializers.ChoiceField(choices=MemoryType.choices, required=False)


class PieceSerializer(serializers.Serializer[Any]):
    text = serializers.CharField()
    marked = serializers.BooleanField(help_text="Whether it answers the query.")


class HitSerializer(serializers.Serializer[Any]):
    """A row found, with how well it answers."""

    id = serializers.CharField()
    kind = serializers.CharField(help_text="knowledge or memory")
    title = serializers.CharField()
    content = serializers.CharField()
    score = serializers.FloatField(help_text="From 0 to 1.")
    parts = serializers.DictField(
        child=serializers.FloatField(),
        help_text="What the score is made of: text, vector; memories: importance, recency.",
    )
    highlights = serializers.SerializerMethodField(help_text="Excerpts, as pieces of text.")
    source = serializers.CharField()  # type: ignore[assignment]

    @extend_schema_field(serializers.ListField(child=PieceSerializer(many=True)))
    def get_highlights(self, hit: search.Hit) -> list[list[dict[str, Any]]]:
        return [[{"text": text, "marked": marked} for text, marked in pieces] for pieces in hit.highlights]


class FoundSerializer(serializers.Serializer[Any]):
    """The rows found, best first."""

    query = serializers.CharField()
    results = HitSerializer(many=True)


def _found(query: str, hits: list[search.Hit]) -> Response:
    return Response(FoundSerializer({"query": query, "results": hits}).data)


class KnowledgeViewSet(SharedViewSet):
    """Passages the team knows. Whose role allows it adds; the author or an operator changes and deletes."""

    queryset = Knowledge.objects.light().order_by("-pk")
    serializer_class = KnowledgeSerializer
    filterset_fields = {
        "source": ["exact"],
        "created_by": ["exact"],
        "tags__tag": ["exact"],
        "created_at": ["gte", "lt"],
        "updated_at": ["gte", "lt"],
    }
    ordering_fields = ["id", "created_at", "title"]

    def perform_destroy(self, instance: Knowledge) -> None:
        services.delete_knowledge(knowledge=instance, by=self.request.user)

    @extend_schema(parameters=[KnowledgeAskedSerializer], responses={200: FoundSerializer}, filters=False)
    @action(detail=False, url_path="search", pagination_class=None, filter_backends=[])
    def search(self, request: Request) -> Response:
        """The passages that answer a question best, by words and by meaning."""
        asked = KnowledgeAskedSerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        given = asked.validated_data
        hits = search.search_knowledge(
            user=request.user,
            query=given["q"],
            limit=given["limit"],
            tags=[given["tag"]] if "tag" in given else [],
            source=given.get("source", ""),
        )
        return _found(given["q"], hits)


class KnowledgeTagViewSet(SharedViewSet):
    """Tags of passages; they are set by who may change the passage."""

    queryset = KnowledgeTag.objects.select_related("knowledge").order_by("-pk")
    serializer_class = KnowledgeTagSerializer
    filterset_fields = {"knowledge": ["exact"], "tag": ["exact"]}
    ordering_fields = ["id", "tag"]
    http_method_names = ["get", "post", "delete", "head", "options"]

    def perform_destroy(self, instance: KnowledgeTag) -> None:
        left = [tag for tag in instance.knowledge.tag_names if tag != instance.tag]
        services.set_tags(knowledge=instance.knowledge, by=self.request.user, tags=left)


class MemoryViewSet(OwnedViewSet):
    """What the assistant remembers about the person who asks."""

    queryset = Memory.objects.defer("embedding").order_by("-pk")
    serializer_class = MemorySerializer
    filterset_fields = {
        "type": ["exact"],
        "importance": ["gte", "lte"],
        "created_at": ["gte", "lt"],
        "last_accessed": ["gte", "lt"],
    }
    ordering_fields = ["id", "created_at", "importance", "access_count"]

    def perform_destroy(self, instance: Memory) -> None:
        services.forget_memory(memory=instance, by=self.request.user)

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
        )
        return _found(given["q"], hits)


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


class ContextViewSet(OwnedListReadDestroyViewSet):
    """What a session carries between messages; deleting it clears it."""

    queryset = Context.objects.order_by("-pk")
    serializer_class = ContextSerializer
    filterset_fields = {"session": ["exact"], "updated_at": ["gte", "lt"]}
    ordering_fields = ["id", "created_at"]


router_entries = [
    ("knowledge", KnowledgeViewSet),
    ("knowledge-tags", KnowledgeTagViewSet),
    ("memories", MemoryViewSet),
    ("memory-relations", MemoryRelationViewSet),
    ("contexts", ContextViewSet),
]
