"""Bytes of a person as an answer that browsers save and never show: they are not the site's own.

Where their length is known, a part of them can be asked for (`Range`): players seek, and a download that was
cut off goes on. Nothing is read into memory as a whole, under ASGI neither.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from datetime import datetime
from typing import Any, Protocol

from django.core.files import File
from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.utils.cache import get_conditional_response
from django.utils.http import content_disposition_header, http_date, quote_etag
from django.utils.translation import gettext_lazy as _

from .api.errors import problem_response
from .problems import Problem
from .ranges import Part, Unsatisfiable, part_asked

BINARY = "application/octet-stream"
CHUNK = 256 << 10
PRIVATE = "private, no-store"


class NoSuchPart(Problem):
    """The file ends before what was asked for."""

    status, code, title = 416, "range_not_satisfiable", _("The file ends before the part that is asked for.")


class Source(Protocol):
    """`size` bytes, any part of which can be read without reading what stands before it."""

    @property
    def size(self) -> int: ...

    def chunks(self, offset: int = 0, size: int | None = None) -> Iterator[bytes]:
        """`size` bytes from `offset` on, or all from there, in pieces."""

    def close(self) -> None:
        """Give up what is open; called once, whether or not anything was read."""


class StoredFile:
    """A Source of a file that a Django storage opened; closes it."""

    def __init__(self, file: "File[bytes]") -> None:
        self._file = file
        self.size = int(file.size)

    def chunks(self, offset: int = 0, size: int | None = None) -> Iterator[bytes]:
        left = self.size - offset if size is None else size
        remote = getattr(self._file, "obj", None)
        if hasattr(remote, "get"):
            # django-storages would fetch all of an S3 object, into memory, before the first byte
            yield from _s3_part(remote, offset, left) if left else ()
            return
        self._file.seek(offset)
        while left > 0 and (data := self._file.read(min(CHUNK, left))):
            left -= len(data)
            yield data

    def close(self) -> None:
        self._file.close()


class PrivateBytes(StreamingHttpResponse):
    """Bytes piece by piece, under ASGI too, where Django itself would read all of them first."""

    def __init__(self, chunks: Iterable[bytes], *, close: Callable[[], None], name: str, kind: str) -> None:
        super().__init__(_Closing(chunks, close), content_type=kind)
        name = name.replace("\r", " ").replace("\n", " ") or "download"
        self.headers["Content-Disposition"] = content_disposition_header(True, name)
        self.headers["X-Content-Type-Options"] = "nosniff"
        self.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
        self.headers["Cache-Control"] = PRIVATE

    async def __aiter__(self) -> AsyncIterator[bytes]:
        chunks = iter(self)
        while (chunk := await asyncio.to_thread(next, chunks, None)) is not None:
            yield chunk


class _Closing:
    """Pieces whose source is closed with the answer: when all is sent, or the reader has left."""

    def __init__(self, chunks: Iterable[bytes], close: Callable[[], None]) -> None:
        self._chunks, self.close = chunks, close

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._chunks)


def send_stream(
    chunks: Iterable[bytes], *, close: Callable[[], None], name: str, kind: str = BINARY
) -> PrivateBytes:
    """Bytes that are made on their way, so that only all of them can be had."""
    answer = PrivateBytes(chunks, close=close, name=name, kind=kind)
    answer.headers["Accept-Ranges"] = "none"
    return answer


def send_source(
    request: HttpRequest,
    source: Source,
    *,
    name: str,
    kind: str = BINARY,
    version: str = "",
    modified: datetime | None = None,
) -> HttpResponseBase:
    """A source as an attachment called `name`: all of it, the part that is asked for, or why neither.

    `version` names these very bytes (a hash of them, or a name that is never given to others) and becomes the
    strong ETag. Preconditions are answered as RFC 9110, section 13.2.2 has it. The source ends with the
    answer.
    """
    etag = quote_etag(version) if version else ""
    seconds = int(modified.timestamp()) if modified else None
    answer: HttpResponseBase | None = get_conditional_response(request, etag or None, seconds)
    if answer is None:
        try:
            part = part_asked(request, size=source.size, etag=etag, modified=seconds)
            answer = _answer(request, source, part, name=name, kind=kind)
        except Unsatisfiable:
            answer = _refusal(request, source.size)
    if not isinstance(answer, PrivateBytes):
        source.close()
    answer.headers["Accept-Ranges"] = "bytes"
    answer.headers["Cache-Control"] = PRIVATE
    if etag:
        answer.headers["ETag"] = etag
    if seconds is not None:
        answer.headers["Last-Modified"] = http_date(seconds)
    return answer


def _answer(request: HttpRequest, source: Source, part: Part | None, *, name: str, kind: str) -> PrivateBytes:
    """All or a part of a source; to HEAD, what is said of it alone."""
    wanted = part or Part(0, source.size)
    if request.method == "HEAD":
        source.close()
        answer = PrivateBytes((), close=lambda: None, name=name, kind=kind)
    else:
        chunks = source.chunks(wanted.offset, wanted.size)
        answer = PrivateBytes(chunks, close=source.close, name=name, kind=kind)
    answer.headers["Content-Length"] = str(wanted.size)
    if part is not None:
        answer.status_code = 206
        answer.headers["Content-Range"] = part.header(source.size)
    return answer


def _refusal(request: HttpRequest, size: int) -> HttpResponseBase:
    answer = problem_response(request, NoSuchPart())
    answer.headers["Content-Range"] = f"bytes */{size}"
    return answer


def _s3_part(remote: Any, offset: int, size: int) -> Iterator[bytes]:
    """A part of an object in S3, by a ranged request of its own."""
    body = remote.get(Range=f"bytes={offset}-{offset + size - 1}")["Body"]
    try:
        yield from body.iter_chunks(CHUNK)
    finally:
        body.close()
