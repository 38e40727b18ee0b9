"""Bytes on their way out: a file or an archive as a response."""

from collections.abc import Iterator
from typing import Any

from django.http import StreamingHttpResponse
from django.utils.http import content_disposition_header

from ..files import Download


def send(download: Download) -> StreamingHttpResponse:
    """Stream a download as an attachment: never as a page of this site, whatever is in it."""
    response = StreamingHttpResponse(_Chunks(download), content_type="application/octet-stream")
    name = download.name.replace("\r", " ").replace("\n", " ") or "download"
    response.headers["Content-Disposition"] = content_disposition_header(True, name)
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "no-store"
    if download.size is not None:
        response.headers["Content-Length"] = str(download.size)
    return response


class _Chunks:
    """The chunks of a download; closed when the other side hangs up."""

    def __init__(self, download: Download) -> None:
        self._download = download

    def __iter__(self) -> Iterator[Any]:
        return iter(self._download)

    def close(self) -> None:
        self._download.close()
