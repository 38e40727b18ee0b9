"""REST of files: those in a sandbox, below `/sandboxes/<id>/files/`, and the table that mirrors them."""

from typing import Any

from django.http import HttpResponseBase
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from agi_site.lib.api.fields import RowSerializer
from agi_site.lib.api.schema import bytes_of, problems
from agi_site.lib.api.viewsets import OwnedReadOnlyViewSet
from agi_site.lib.problems import Invalid

from .. import files
from ..models import SandboxFile
from ..sending import send
from .bodies import LONGEST_PATH, PATH, GzipParser, RawParser, TarParser, ZipParser, asked, body_of, path_of
from .given import StrictSerializer

LONGEST_TEXT = 1 << 20  # of a file that is read or written as JSON
MOST_ENTRIES = 1000
FOLDER = OpenApiParameter(
    "path", OpenApiTypes.STR, description="Below the workspace; empty is the workspace."
)
KINDS = ("tar", "tar.gz", "zip")
BYTES = bytes_of("application/octet-stream") | problems(409, 503)


class SandboxFileSerializer(RowSerializer):
    class Meta:
        model = SandboxFile
        fields = [
            "id",
            "sandbox",
            "path",
            "content_hash",
            "size_bytes",
            "mime_type",
            "is_directory",
            "created_at",
            "last_modified",
        ]
        read_only_fields = fields


class SandboxFileViewSet(OwnedReadOnlyViewSet):
    """Files of one's sandboxes as they were last seen; `/sandboxes/<id>/files/` asks the sandbox itself."""

    queryset = SandboxFile.objects.order_by("-pk")
    serializer_class = SandboxFileSerializer
    filterset_fields = {"sandbox": ["exact"], "path": ["exact"], "content_hash": ["exact"]}
    ordering_fields = ["id", "content_hash", "created_at"]


class SayableField(serializers.CharField):
    """A name as text; what in it is no UTF-8 is told as �."""

    def to_representation(self, value: str) -> str:
        return files.sayable(value)


class EntrySerializer(serializers.Serializer[Any]):
    """One thing in a folder."""

    name = SayableField(help_text="Bytes that are no UTF-8 are told as �: such a path cannot be asked for.")
    path = SayableField()
    kind = serializers.CharField(help_text="file, directory, link or other")
    size = serializers.IntegerField(help_text="Bytes.")
    mode = serializers.IntegerField()
    modified = serializers.DateTimeField()
    target = SayableField(help_text="Where a link points.")


class ListingSerializer(serializers.Serializer[Any]):
    """A folder, folders first; `more` says that `offset` leads on."""

    path = serializers.CharField()
    entries = EntrySerializer(many=True)
    total = serializers.IntegerField()
    more = serializers.BooleanField()


class TextSerializer(serializers.Serializer[Any]):
    """The beginning of a file as text; null where it is not text (UTF-8)."""

    path = serializers.CharField()
    content = serializers.CharField(source="text", allow_null=True)
    size = serializers.IntegerField(help_text="Bytes of the whole file.")
    mime_type = serializers.CharField()
    complete = serializers.BooleanField(help_text="Whether this is all of it.")


class ExtractedSerializer(serializers.Serializer[Any]):
    """What came out of an archive."""

    files = serializers.IntegerField()
    directories = serializers.IntegerField()
    size_bytes = serializers.IntegerField()
    skipped = serializers.ListField(child=serializers.CharField(), help_text="Names that were left out.")


class _PathSerializer(StrictSerializer):
    path = serializers.CharField(max_length=LONGEST_PATH, trim_whitespace=False)


class FolderGivenSerializer(_PathSerializer):
    """A folder to be made, with those above it."""


class TextGivenSerializer(_PathSerializer):
    """A whole file as text."""

    content = serializers.CharField(max_length=LONGEST_TEXT, allow_blank=True, trim_whitespace=False)


class MoveFileSerializer(StrictSerializer):
    """From where to where."""

    source = serializers.CharField(max_length=LONGEST_PATH, trim_whitespace=False)  # type: ignore[assignment]
    target = serializers.CharField(max_length=LONGEST_PATH, trim_whitespace=False)
    overwrite = serializers.BooleanField(required=False, default=False)


class PageOfFolderSerializer(StrictSerializer):
    """Which part of a folder."""

    path = serializers.CharField(
        max_length=LONGEST_PATH, required=False, default="", allow_blank=True, trim_whitespace=False
    )
    offset = serializers.IntegerField(min_value=0, max_value=10_000_000, required=False, default=0)
    limit = serializers.IntegerField(
        min_value=1, max_value=MOST_ENTRIES, required=False, default=MOST_ENTRIES
    )


class FilesOfSandbox(OwnedReadOnlyViewSet):
    """The verbs about files; a sandbox that does not run answers 409, one whose host is silent 503."""

    @extend_schema(
        parameters=[PageOfFolderSerializer],
        responses={200: ListingSerializer} | problems(409, 503),
        filters=False,
    )
    @action(detail=True, methods=["get"], url_path="files", pagination_class=None, filter_backends=[])
    def files(self, request: Request, pk: str) -> Response:
        """What is in a folder now."""
        given = PageOfFolderSerializer(data=request.query_params.dict())
        given.is_valid(raise_exception=True)
        found = files.list_files(sandbox=self.get_object(), by=request.user, **given.validated_data)
        return Response(ListingSerializer(found).data)

    @extend_schema(parameters=[PATH], request=None, responses={204: None} | problems(503), filters=False)
    @files.mapping.delete
    def delete_file(self, request: Request, pk: str) -> Response:
        """Delete a file, or a folder with all that is in it."""
        files.delete(sandbox=self.get_object(), by=request.user, path=path_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(parameters=[PATH], responses=BYTES)
    @action(detail=True, methods=["get"], url_path="files/content", parser_classes=[RawParser])
    def file_content(self, request: Request, pk: str) -> HttpResponseBase:
        """The bytes of a file, or with `Range` a part of them."""
        found = files.download(sandbox=self.get_object(), by=request.user, path=path_of(request))
        return send(request, found)

    @extend_schema(
        parameters=[PATH],
        request={"application/octet-stream": OpenApiTypes.BINARY},
        responses={200: SandboxFileSerializer} | problems(411, 503),
    )
    @file_content.mapping.put
    def upload_file(self, request: Request, pk: str) -> Response:
        """Write a file of any size from the raw bytes of the body; folders above it are made."""
        sandbox, path = self.get_object(), path_of(request)
        size, chunks = body_of(request, RawParser)
        row = files.upload(sandbox=sandbox, by=request.user, path=path, chunks=chunks, size=size)
        return self._file(row)

    @extend_schema(parameters=[PATH], responses={200: TextSerializer} | problems(409, 503))
    @action(detail=True, methods=["get"], url_path="files/text")
    def file_text(self, request: Request, pk: str) -> Response:
        """The beginning of a file (1 MiB) as text."""
        found = files.read_file(
            sandbox=self.get_object(), by=request.user, path=path_of(request), limit=LONGEST_TEXT
        )
        return Response(TextSerializer(found).data)

    @extend_schema(request=TextGivenSerializer, responses={200: SandboxFileSerializer} | problems(503))
    @file_text.mapping.put
    def write_text(self, request: Request, pk: str) -> Response:
        """Write a whole file from a text."""
        given = asked(TextGivenSerializer, request)
        return self._file(files.write_file(sandbox=self.get_object(), by=request.user, **given))

    @extend_schema(request=FolderGivenSerializer, responses={204: None} | problems(503))
    @action(detail=True, methods=["post"], url_path="files/mkdir")
    def make_folder(self, request: Request, pk: str) -> Response:
        """Make a folder."""
        given = asked(FolderGivenSerializer, request)
        files.make_directory(sandbox=self.get_object(), by=request.user, **given)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=MoveFileSerializer, responses={204: None} | problems(503))
    @action(detail=True, methods=["post"], url_path="files/move")
    def move_file(self, request: Request, pk: str) -> Response:
        """Give a file or folder another path; what is there is replaced only by `overwrite`."""
        files.move(sandbox=self.get_object(), by=request.user, **asked(MoveFileSerializer, request))
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(
        parameters=[FOLDER, OpenApiParameter("kind", OpenApiTypes.STR, enum=KINDS, default="tar.gz")],
        responses=BYTES,
    )
    @action(
        detail=True,
        methods=["get"],
        url_path="files/archive",
        parser_classes=[TarParser, GzipParser, ZipParser, RawParser],
    )
    def archive(self, request: Request, pk: str) -> HttpResponseBase:
        """A folder with all that is in it as one archive."""
        kind = request.query_params.get("kind", "tar.gz")
        if kind not in KINDS:
            raise Invalid(errors={"kind": [_("Choose one of %(kinds)s.") % {"kinds": ", ".join(KINDS)}]})
        path = path_of(request, default="")
        return send(request, files.archive(sandbox=self.get_object(), by=request.user, path=path, kind=kind))

    @extend_schema(
        parameters=[FOLDER],
        request={"application/octet-stream": OpenApiTypes.BINARY},
        responses={200: ExtractedSerializer} | problems(411, 503),
    )
    @archive.mapping.put
    def extract(self, request: Request, pk: str) -> Response:
        """Unpack an archive (tar, also packed; zip) given as the body into a folder.

        It may also be sent as application/x-tar, application/gzip or application/zip.
        """
        sandbox, path = self.get_object(), path_of(request, default="")
        _size, chunks = body_of(request, TarParser, GzipParser, ZipParser, RawParser)
        found = files.extract(sandbox=sandbox, by=request.user, path=path, chunks=chunks)
        return Response(ExtractedSerializer(found).data)

    def _file(self, row: SandboxFile) -> Response:
        return Response(SandboxFileSerializer(row, context=self.get_serializer_context()).data)
