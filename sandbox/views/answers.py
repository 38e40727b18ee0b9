"""Bytes of a sandbox as an answer that a browser saves and never shows: it is somebody's code, not the site's."""

from collections.abc import Iterator

from django.http import StreamingHttpResponse
from django.utils.http import content_disposition_header

from ..files import Download


def stream(download: Download) -> StreamingHttpResponse:
    """A download as an attachment; the way into the sandbox is closed when the reader leaves early."""
    response = StreamingHttpResponse(_chunks(download), content_type="application/octet-stream")
    response.headers["Content-Disposition"] = content_disposition_header(True, download.name)
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    response.headers["Cache-Control"] = "private, no-store"
    if download.size is not None:
        response.headers["Content-Length"] = str(download.size)
    return response


def _chunks(download: Download) -> Iterator[bytes]:
    try:
        yield from download
    finally:
        download.close()
