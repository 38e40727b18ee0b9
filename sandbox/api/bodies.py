"""What verbs are given: JSON by a serializer, or the raw bytes of a file or an archive."""

from collections.abc import Iterator
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework import parsers, serializers
from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.request import Request

from agi_site.lib.problems import Invalid, Problem

CHUNK = 64 * 1024
LONGEST_PATH = 4096
PATH = OpenApiParameter(
    "path",
    OpenApiTypes.STR,
    required=True,
    description="Below the workspace, with slashes: `data/table.csv`.",
)


class LengthRequired(Problem):
    """A body without a length: nobody could tell whether all of it arrived."""

    status, code = 411, "length_required"


class RawParser(parsers.BaseParser):
    """The bytes of a file, as they come; they are read by `body_of`, never held whole."""

    media_type = "application/octet-stream"

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        return stream


class TarParser(RawParser):
    """The bytes of an archive."""

    media_type = "application/x-tar"


class GzipParser(RawParser):
    """The bytes of a packed archive."""

    media_type = "application/gzip"


class ZipParser(RawParser):
    """The bytes of a zip."""

    media_type = "application/zip"


def asked(serializer: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    """The request's JSON, checked; raises what the framework turns into a problem naming the fields."""
    given = serializer(data=request.data, context={"request": request})
    given.is_valid(raise_exception=True)
    data: dict[str, Any] = given.validated_data
    return data


def path_of(request: Request, *, default: str | None = None) -> str:
    """The path that the query names; raises Invalid without one, or with one that no file can have."""
    path = request.query_params.get("path") or default
    if path is None:
        raise Invalid(errors={"path": [_("Say which file, as ?path=…")]})
    if len(path.encode(errors="surrogatepass")) > LONGEST_PATH:
        raise Invalid(errors={"path": [_("This path is too long.")]})
    if "\0" in path or any("\ud800" <= letter <= "\udfff" for letter in path):
        raise Invalid(errors={"path": [_("This path holds what no name of a file can hold.")]})
    return path


def body_of(request: Request, *parsed_as: type[RawParser]) -> tuple[int, Iterator[bytes]]:
    """The length of a raw body, and its bytes in pieces; a body that ends early raises Invalid at its end.

    Raises UnsupportedMediaType (415) for another kind of body: a form would arrive with its wrapping.
    """
    kind = (request.content_type or "").partition(";")[0].strip().lower()
    if kind not in {parser.media_type for parser in parsed_as}:
        raise UnsupportedMediaType(kind)
    length = str(request.META.get("CONTENT_LENGTH") or "")
    if not length and "HTTP_TRANSFER_ENCODING" in request.META:
        raise LengthRequired(_("Say how long the body is: Content-Length is missing."))
    if length and not (length.isascii() and length.isdigit() and len(length) < 16):
        raise Invalid(_("The length of the body is not a number."), code="bad_length")
    size = int(length or 0)
    return size, _pieces(request.stream, size) if size else iter(())


def _pieces(stream: Any, size: int) -> Iterator[bytes]:
    left = size
    while left:
        try:
            piece = stream.read(min(CHUNK, left))
        except OSError:
            piece = b""  # the other side hung up
        if not piece:
            raise Invalid(_("The body ended before all of it arrived. Send it again."), code="body_ended")
        left -= len(piece)
        yield piece
