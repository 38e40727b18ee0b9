"""REST of documents: bringing in files and web addresses, one by one or many at once."""

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import parsers, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from agi_site.lib.api.fields import RowSerializer
from agi_site.lib.api.parsers import JSONParser
from agi_site.lib.api.viewsets import SharedViewSet

from .. import options
from ..models import KnowledgeDocument, KnowledgeImport
from ..services import documents, imports


class _TagsField(serializers.ListField):
    """Tags, each a short word."""

    def __init__(self, **options_: Any) -> None:
        child = serializers.CharField(max_length=50)  # one of its own: a child knows its parent
        super().__init__(child=child, max_length=options.MOST_TAGS, required=False, **options_)


class KnowledgeDocumentSerializer(RowSerializer):
    reason = serializers.CharField(read_only=True, help_text="Why it is in its state, in your language.")

    class Meta:
        model = KnowledgeDocument
        fields = [
            "id",
            "batch",
            "kind",
            "title",
            "source",
            "media_type",
            "size",
            "sha256",
            "status",
            "reason",
            "reason_code",
            "passage_count",
            "done_count",
            "counts",
            "tags",
            "created_by",
            "created_at",
            "updated_at",
            "read_at",
        ]
        read_only_fields = fields


class DocumentFileSerializer(serializers.Serializer[Any]):
    """A file that is brought in."""

    file = serializers.FileField(allow_empty_file=True)
    tags = _TagsField()


class DocumentUrlSerializer(serializers.Serializer[Any]):
    """A web address that is brought in."""

    url = serializers.CharField(max_length=options.LONGEST_URL)
    tags = _TagsField()


class ImportFilesSerializer(serializers.Serializer[Any]):
    """Files that are brought in at once."""

    files = serializers.ListField(
        child=serializers.FileField(allow_empty_file=True), max_length=options.MOST_FILES
    )
    tags = _TagsField()


class ImportUrlsSerializer(serializers.Serializer[Any]):
    """Web addresses that are brought in at once."""

    urls = serializers.ListField(child=serializers.CharField(), max_length=options.MOST_URLS)
    tags = _TagsField()


class ProgressSerializer(serializers.Serializer[Any]):
    """How far an import is."""

    total = serializers.IntegerField(help_text="Documents.")
    ended = serializers.IntegerField(help_text="Documents that are ready, known already, or failed.")
    failed = serializers.IntegerField()
    percent = serializers.IntegerField()
    passages = serializers.IntegerField(help_text="Passages that are done.")
    is_busy = serializers.BooleanField()
    states = serializers.DictField(child=serializers.IntegerField(), help_text="Documents by state.")


class KnowledgeImportSerializer(RowSerializer):
    progress = serializers.SerializerMethodField()

    class Meta:
        model = KnowledgeImport
        fields = ["id", "total", "tags", "progress", "created_by", "created_at"]
        read_only_fields = fields

    @extend_schema_field(ProgressSerializer)
    def get_progress(self, row: KnowledgeImport) -> dict[str, Any]:
        held: dict[str, imports.Progress] | None = self.context.get("progress")
        progress = held[row.pk] if held is not None else imports.progress_of([row])[row.pk]
        return dict(ProgressSerializer(progress).data)


class RetriedSerializer(serializers.Serializer[Any]):
    retried = serializers.IntegerField(help_text="Documents that are tried again.")


class KnowledgeDocumentViewSet(SharedViewSet):
    """Files and web addresses that were imported. Who brought one in, or an operator, changes and deletes."""

    queryset = KnowledgeDocument.objects.defer("shared_passages").order_by("-pk")
    serializer_class = KnowledgeDocumentSerializer
    parser_classes = [JSONParser, parsers.MultiPartParser]
    http_method_names = ["get", "post", "delete", "head", "options"]
    filterset_fields = {
        "batch": ["exact"],
        "kind": ["exact"],
        "status": ["exact"],
        "sha256": ["exact"],
        "created_by": ["exact"],
        "created_at": ["gte", "lt"],
    }
    ordering_fields = ["id", "created_at", "title"]

    @extend_schema(
        request={"multipart/form-data": DocumentFileSerializer, "application/json": DocumentUrlSerializer},
        responses={202: KnowledgeDocumentSerializer},
    )
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Bring in a file (multipart) or a web address (JSON); a task reads it."""
        is_file = str(request.content_type).startswith("multipart/")
        asked = (DocumentFileSerializer if is_file else DocumentUrlSerializer)(data=request.data)
        asked.is_valid(raise_exception=True)
        given = asked.validated_data
        if is_file:
            file = given["file"]
            row = documents.add_file(by=request.user, name=file.name, file=file, tags=given.get("tags", []))
        else:
            row = documents.add_url(by=request.user, url=given["url"], tags=given.get("tags", []))
        return Response(self.get_serializer(row).data, status=status.HTTP_202_ACCEPTED)

    def perform_destroy(self, instance: KnowledgeDocument) -> None:
        documents.delete_document(document=instance, by=self.request.user)

    @extend_schema(request=None, responses={202: KnowledgeDocumentSerializer})
    @action(detail=True, methods=["post"])
    def retry(self, request: Request, pk: str) -> Response:
        """Read it again: one that failed goes on where it was, an address is looked at for changes."""
        row = documents.retry_document(document=self.get_object(), by=request.user)
        return Response(self.get_serializer(row).data, status=status.HTTP_202_ACCEPTED)


class KnowledgeImportViewSet(SharedViewSet):
    """Several documents brought in at once, and how far that is."""

    queryset = KnowledgeImport.objects.order_by("-pk")
    serializer_class = KnowledgeImportSerializer
    parser_classes = [JSONParser, parsers.MultiPartParser]
    http_method_names = ["get", "post", "head", "options"]
    filterset_fields = {"created_by": ["exact"], "created_at": ["gte", "lt"]}
    ordering_fields = ["id", "created_at"]

    def get_serializer(self, *args: Any, **kwargs: Any) -> Any:
        serializer: Any = super().get_serializer(*args, **kwargs)
        if kwargs.get("many") and args:
            serializer.context["progress"] = imports.progress_of(args[0])
        return serializer

    @extend_schema(
        request={"multipart/form-data": ImportFilesSerializer, "application/json": ImportUrlsSerializer},
        responses={202: KnowledgeImportSerializer},
    )
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Bring in files (multipart, `files` several times) or web addresses (JSON, `urls`)."""
        is_file = str(request.content_type).startswith("multipart/")
        asked = (ImportFilesSerializer if is_file else ImportUrlsSerializer)(data=request.data)
        asked.is_valid(raise_exception=True)
        given = asked.validated_data
        batch = imports.add_all(
            by=request.user,
            files=[(file.name, file) for file in given.get("files", [])],
            urls=given.get("urls", []),
            tags=given.get("tags", []),
        )
        return Response(self.get_serializer(batch).data, status=status.HTTP_202_ACCEPTED)

    @extend_schema(request=None, responses={202: RetriedSerializer})
    @action(detail=True, methods=["post"])
    def retry(self, request: Request, pk: str) -> Response:
        """Try again what failed of it."""
        count = imports.retry_import(batch=self.get_object(), by=request.user)
        return Response({"retried": count}, status=status.HTTP_202_ACCEPTED)
