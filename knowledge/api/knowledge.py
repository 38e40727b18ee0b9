"""REST of what the team knows."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from agi_site.lib.api.fields import RowSerializer, TimeField
from agi_site.lib.api.json_fields import JSONObjectField
from agi_site.lib.api.viewsets import SharedViewSet

from .. import options, search, services
from ..models import Knowledge, KnowledgeTag
from ..services.knowledge import clean_tags
from .hits import AskedSerializer, FoundSerializer, found


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
    place = serializers.CharField(read_only=True, help_text="Where in its document it stands.")

    class Meta:
        model = Knowledge
        fields = [
            "id",
            "title",
            "content",
            "source",
            "tags",
            "metadata",
            "document",
            "position",
            "place",
            "created_by",
            "created_at",
            "updated_at",
            "embedding_model",
        ]
        read_only_fields = [
            "id",
            "document",
            "position",
            "created_by",
            "created_at",
            "updated_at",
            "embedding_model",
        ]

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
        added = [tag for tag in kept if tag not in before] or clean_tags([validated_data["tag"]])
        return KnowledgeTag.objects.get(knowledge=row, tag=added[0])


class KnowledgeAskedSerializer(AskedSerializer):
    tag = serializers.CharField(max_length=50, required=False, help_text="Only rows with this tag.")
    source = serializers.CharField(  # type: ignore[assignment]
        max_length=255, required=False, help_text="Only rows with exactly this source."
    )
    since = TimeField(required=False, help_text="Only rows added from then on.")
    until = TimeField(required=False, help_text="Only rows added before then.")


class KnowledgeViewSet(SharedViewSet):
    """Passages the team knows. Whose role allows it adds; the author or an operator changes and deletes."""

    queryset = Knowledge.objects.light().order_by("-pk")
    serializer_class = KnowledgeSerializer
    filterset_fields = {
        "source": ["exact"],
        "document": ["exact"],
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
            since=given.get("since"),
            until=given.get("until"),
        )
        return found(given["q"], hits)


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
