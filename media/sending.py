"""The bytes of a file as an answer to their owner."""

from typing import Any

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
