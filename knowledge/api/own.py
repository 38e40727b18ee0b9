"""REST of what a person decides about their memory: on or off, the file out and in, forgetting everything."""

import json
from typing import Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import parsers, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from agi_site.lib.api.fields import RowSerializer
from agi_site.lib.api.viewsets import OwnedReadOnlyViewSet

from .. import portable, services
from ..models import MemoryImport, MemorySetting


class MemorySettingSerializer(RowSerializer):
    class Meta:
        model = MemorySetting
        fields = ["user", "enabled", "forgotten_at", "updated_at"]
        read_only_fields = ["user", "forgotten_at", "updated_at"]


class SwitchSerializer(serializers.Serializer[Any]):
    """On or off."""

    enabled = serializers.BooleanField()


class ConfirmSerializer(serializers.Serializer[Any]):
    """One's own username, as a sign that one means it."""

    confirm = serializers.CharField(max_length=150)


class ForgottenSerializer(serializers.Serializer[Any]):
    """How many rows of each table are gone."""

    memory = serializers.IntegerField()
    memory_refusal = serializers.IntegerField()
    memory_question = serializers.IntegerField()
    memory_import = serializers.IntegerField()
    context = serializers.IntegerField()


class MemoryImportSerializer(RowSerializer):
    error = serializers.CharField(source="fault", read_only=True, allow_null=True)

    class Meta:
        model = MemoryImport
        fields = ["id", "user", "status", "total", "done", "report", "error", "created_at", "finished_at"]
        read_only_fields = fields


class MemoryFileSerializer(serializers.Serializer[Any]):
    """A file of memories."""

    file = serializers.FileField()


class MemorySettingViewSet(OwnedReadOnlyViewSet):
    """What the person who asks has decided about their memory."""

    queryset = MemorySetting.objects.order_by("-pk")
    serializer_class = MemorySettingSerializer
    filterset_fields = {"enabled": ["exact"]}
    ordering_fields = ["updated_at"]

    @extend_schema(responses=MemorySettingSerializer, filters=False)
    @action(detail=False, methods=["get"], pagination_class=None)
    def mine(self, request: Request) -> Response:
        """Whether one is remembered; also before anything was decided."""
        row = services.memory_of(user=request.user)
        return Response(self.get_serializer(row).data)

    @extend_schema(request=SwitchSerializer, responses=MemorySettingSerializer)
    @mine.mapping.patch
    def switch(self, request: Request) -> Response:
        """Turn memory on or off; off, nothing is recalled and nothing new is formed."""
        asked = SwitchSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        row = services.set_memory(user=request.user, **asked.validated_data)
        return Response(self.get_serializer(row).data)

    @extend_schema(responses={(200, "application/json"): OpenApiTypes.OBJECT}, filters=False)
    @action(detail=False, methods=["get"], pagination_class=None)
    def export(self, request: Request) -> HttpResponse:
        """Everything one is remembered by, as one file (knowledge/README.md describes it)."""
        text = json.dumps(portable.export_memory(user=request.user), cls=portable.Encoder, ensure_ascii=False)
        response = HttpResponse(text, content_type="application/json; charset=utf-8")
        response.headers["Content-Disposition"] = 'attachment; filename="memory.json"'
        response.headers["Cache-Control"] = "no-store"
        return response

    @extend_schema(request=ConfirmSerializer, responses=ForgottenSerializer)
    @action(detail=False, methods=["post"], url_path="forget-everything")
    def forget_everything(self, request: Request) -> Response:
        """Forget all one is remembered by, for good; `confirm` is one's own username."""
        asked = ConfirmSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        gone = services.forget_everything(user=request.user, typed=asked.validated_data["confirm"])
        return Response(ForgottenSerializer(gone).data)


class MemoryImportViewSet(OwnedReadOnlyViewSet):
    """Files of memories that were brought along, and what came of each."""

    queryset = MemoryImport.objects.defer("document").order_by("-pk")
    serializer_class = MemoryImportSerializer
    filterset_fields = {"status": ["exact"], "created_at": ["gte", "lt"]}
    ordering_fields = ["id", "created_at"]

    @extend_schema(
        request={"multipart/form-data": MemoryFileSerializer},
        responses={200: MemoryImportSerializer, 202: MemoryImportSerializer},
    )
    @action(detail=False, methods=["post"], parser_classes=[parsers.MultiPartParser])
    def upload(self, request: Request) -> Response:
        """Take in a file: at once if it is short, by a task otherwise. The same file again adds nothing."""
        asked = MemoryFileSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        data = asked.validated_data["file"].read(portable.MOST_BYTES + 1)
        session = getattr(request._request, "session_row", None)
        row = portable.accept_import(user=request.user, data=data, session=session)
        ended = status.HTTP_200_OK if row.finished_at else status.HTTP_202_ACCEPTED
        return Response(self.get_serializer(row).data, status=ended)


router_entries = [
    ("memory-settings", MemorySettingViewSet),
    ("memory-imports", MemoryImportViewSet),
]
