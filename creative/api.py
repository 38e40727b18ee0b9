"""REST resources of creative works."""

from pathlib import PurePosixPath

from django.http import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request

from agi_site.lib.api.fields import RowSerializer
from agi_site.lib.api.viewsets import OwnedReadOnlyViewSet, OwnedViewSet
from agi_site.lib.downloads import StoredFile, send_source

from . import services
from .models import CreativeFeedback, CreativeVersion, CreativeWork, GenerationPrompt, InspirationSource


class CreativeWorkSerializer(RowSerializer):
    class Meta:
        model = CreativeWork
        fields = [
            "id",
            "user",
            "type",
            "title",
            "content_ref",
            "parameters",
            "metadata",
            "created_at",
            "updated_at",
        ]
        read_only_fields = ["id", "user", "content_ref", "created_at", "updated_at"]


class GenerationPromptSerializer(RowSerializer):
    class Meta:
        model = GenerationPrompt
        fields = ["id", "work", "prompt_text", "prompt_type", "timestamp"]
        read_only_fields = ["id", "timestamp"]


class CreativeFeedbackSerializer(RowSerializer):
    class Meta:
        model = CreativeFeedback
        fields = ["id", "work", "user", "rating", "comment", "aspects", "created_at"]
        read_only_fields = ["id", "user", "created_at"]


class CreativeVersionSerializer(RowSerializer):
    class Meta:
        model = CreativeVersion
        fields = ["id", "work", "version_number", "content_ref", "changes_description", "created_at"]


class InspirationSourceSerializer(RowSerializer):
    class Meta:
        model = InspirationSource
        fields = ["id", "work", "source_type", "source_ref", "influence_level", "created_at"]
        read_only_fields = ["id", "created_at"]


class CreativeWorkViewSet(OwnedViewSet):
    """A work a person made with the assistant, of any medium."""

    queryset = CreativeWork.objects.order_by("-pk")
    serializer_class = CreativeWorkSerializer
    filterset_fields = {"type": ["exact"], "created_at": ["gte", "lt"]}
    ordering_fields = ["id", "created_at"]

    def perform_destroy(self, instance: CreativeWork) -> None:
        services.delete_work(instance)

    @extend_schema(responses={(200, "text/plain"): OpenApiTypes.STR})
    @action(detail=True, methods=["get"])
    def content(self, request: Request, pk: str) -> HttpResponseBase:
        """The content of its present version, as text to be downloaded."""
        work = self.get_object()
        name = PurePosixPath(work.content_ref or "")
        return send_source(
            request,
            StoredFile(services.content_of(work)),
            name=name.name,
            kind="text/plain; charset=utf-8",
            version=name.stem,  # each version has a file of its own
        )


class GenerationPromptViewSet(OwnedViewSet):
    """A prompt that led to a work."""

    queryset = GenerationPrompt.objects.order_by("-pk")
    serializer_class = GenerationPromptSerializer
    filterset_fields = {"work": ["exact"], "prompt_type": ["exact"]}
    ordering_fields = ["id", "prompt_type"]


class CreativeFeedbackViewSet(OwnedViewSet):
    """What a person thought of a work."""

    queryset = CreativeFeedback.objects.order_by("-pk")
    serializer_class = CreativeFeedbackSerializer
    filterset_fields = {"work": ["exact"], "rating": ["exact"]}
    ordering_fields = ["id", "rating", "created_at"]


class CreativeVersionViewSet(OwnedReadOnlyViewSet):
    """A version of a work."""

    queryset = CreativeVersion.objects.order_by("-pk")
    serializer_class = CreativeVersionSerializer
    filterset_fields = {"work": ["exact"]}
    ordering_fields = ["id", "created_at"]


class InspirationSourceViewSet(OwnedViewSet):
    """What a work was inspired by."""

    queryset = InspirationSource.objects.order_by("-pk")
    serializer_class = InspirationSourceSerializer
    filterset_fields = {"work": ["exact"], "source_type": ["exact"]}
    ordering_fields = ["id", "source_type", "created_at"]


router_entries = [
    ("creative-works", CreativeWorkViewSet),
    ("generation-prompts", GenerationPromptViewSet),
    ("creative-feedback", CreativeFeedbackViewSet),
    ("creative-versions", CreativeVersionViewSet),
    ("inspiration-sources", InspirationSourceViewSet),
]
