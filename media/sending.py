"""The bytes of a file as an answer that browsers save: they are a person's, not the site's own."""

from typing import Any

from django.http import FileResponse, HttpResponseBase

from . import services


def send(row: Any) -> HttpResponseBase:
    """A file as an attachment, never as a page of this site, whatever is in it. Raises NotFound."""
    answer = FileResponse(
        services.content_of(row),
        as_attachment=True,
        filename=str(row.filename),
        content_type=services.type_of(row),
    )
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    answer.headers["Cache-Control"] = "private, no-store"
    return answer
