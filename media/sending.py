"""The bytes of a file as an answer to their owner."""

from typing import Any

from django.core.files.base import ContentFile
from django.http import HttpRequest, HttpResponseBase

from agi_site.lib.downloads import StoredFile, send_source

from . import services


def send(request: HttpRequest, row: Any) -> HttpResponseBase:
    """A file, or the part of it that a player asks for; never a page of this site. Raises NotFound."""
    return send_source(
        request,
        StoredFile(services.content_of(row)),
        name=str(row.filename),
        kind=services.type_of(row),
        version=services.version_of(row),
        modified=row.created_at,
    )


def send_small(request: HttpRequest, row: Any) -> HttpResponseBase:
    """The small copy of an image, as messages show it. Raises NotFound or Invalid."""
    return send_source(
        request,
        StoredFile(ContentFile(services.small_of(row))),
        name=str(row.filename),
        kind=services.SMALL_TYPE,
        version=f"{services.version_of(row)}-small",
        modified=row.created_at,
    )
