"""REST of conversations as files."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.response import Response

from . import services
from .services import transcript_formats as formats


class TranscriptSourceSerializer(serializers.Serializer[Any]):
    """What an answer cites as [n]."""

    n = serializers.IntegerField()
    title = serializers.CharField(allow_blank=True)


class TranscriptPictureSerializer(serializers.Serializer[Any]):
    """A picture of a message: a small copy of it in base64, or its name alone."""

    name = serializers.CharField(allow_blank=True, max_length=formats.LONGEST_NAME)
    type = serializers.CharField(
        required=False, max_length=50, help_text="image/jpeg where it comes from here"
    )
    data = serializers.CharField(required=False, allow_blank=True)  # type: ignore[assignment]


class TranscriptMessageSerializer(serializers.Serializer[Any]):
    """One message of a file; `model` and `sources` stand at answers."""

    role = serializers.ChoiceField(choices=formats.ROLES)
    content = serializers.CharField(
        max_length=formats.LONGEST_MESSAGE, trim_whitespace=False, allow_blank=True
    )
    created_at = serializers.DateTimeField(required=False)
    model = serializers.CharField(required=False, allow_blank=True, max_length=200)
    sources = TranscriptSourceSerializer(many=True, required=False)
    pictures = TranscriptPictureSerializer(many=True, required=False)


class TranscriptSerializer(serializers.Serializer[Any]):
    """One conversation of a file."""

    title = serializers.CharField(required=False, allow_blank=True, max_length=formats.LONGEST_TITLE)
    created_at = serializers.DateTimeField(required=False)
    messages = TranscriptMessageSerializer(many=True, allow_empty=False)


class TranscriptFileSerializer(serializers.Serializer[Any]):
    """Conversations as a file."""

    format = serializers.ChoiceField(choices=[formats.FORMAT])
    version = serializers.ChoiceField(choices=[formats.VERSION])
    conversations = TranscriptSerializer(many=True, allow_empty=False)


class ImportedConversationsSerializer(serializers.Serializer[Any]):
    """The conversations that were made."""

    conversations = serializers.ListField(
        child=serializers.CharField(), help_text=_("Their ids, in the file’s order.")
    )


class TranscriptActions:
    """The verbs of a conversation's viewset about files."""

    @extend_schema(responses=TranscriptFileSerializer)
    @action(detail=True, methods=["get"])
    def transcript(self: Any, request: Any, pk: str) -> Response:
        """What was said, as a document that can be taken in again."""
        row = self.get_object()
        return Response(services.export_conversation(conversation=row, by=request.user))

    @extend_schema(request=TranscriptFileSerializer, responses={201: ImportedConversationsSerializer})
    @action(detail=False, methods=["post"], url_path="import", url_name="import")
    def take_in(self: Any, request: Any) -> Response:
        """Make conversations of such a document; nothing is learnt from what they say."""
        asked = TranscriptFileSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        transcripts = formats.read(request.data)
        made = services.store_transcripts(owner=request.user, transcripts=transcripts)
        body = {"conversations": [row.pk for row in made]}
        return Response(ImportedConversationsSerializer(body).data, status=status.HTTP_201_CREATED)
