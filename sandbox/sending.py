"""Bytes of a sandbox as an answer that browsers save and never show: they are not the site's own."""

import asyncio
from collections.abc import AsyncIterator, Iterator

from django.http import StreamingHttpResponse
from django.utils.http import content_disposition_header

from .files import Download


class SentDownload(StreamingHttpResponse):
    """A download piece by piece, under ASGI too, where Django itself would read all of it first."""

    def __init__(self, download: Download) -> None:
        super().__init__(_Chunks(download), content_type="application/octet-stream")

    async def __aiter__(self) -> AsyncIterator[bytes]:
        chunks = iter(self)
        while (chunk := await asyncio.to_thread(next, chunks, None)) is not None:
            yield chunk


class _Chunks:
    """The chunks of a download, which is closed with the answer: when all is sent, or the reader has left."""

    def __init__(self, download: Download) -> None:
        self._download = download

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._download)

    def close(self) -> None:
        self._download.close()


def send(download: Download) -> StreamingHttpResponse:
    """A download as an attachment, never as a page of this site, whatever is in it."""
    response = SentDownload(download)
    name = download.name.replace("\r", " ").replace("\n", " ") or "download"
    response.headers["Content-Disposition"] = content_disposition_header(True, name)
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    response.headers["Cache-Control"] = "private, no-store"
    if download.size is not None:
        response.headers["Content-Length"] = str(download.size)
    return response
