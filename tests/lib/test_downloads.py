"""Downloads: the part that is asked for, and only of the very bytes it was asked of (RFC 9110)."""

import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage
from django.test import RequestFactory
from django.utils.http import http_date

from agi_site.lib.downloads import CHUNK, StoredFile, send_source, send_stream

pytestmark = pytest.mark.django_db  # at an answer's end Django looks after its connections
DATA = bytes(range(100))
OLD = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)


class Bytes:
    """A source in memory that knows whether it was closed, and what was read of it."""

    def __init__(self, data: bytes = DATA) -> None:
        self.data, self.size = data, len(data)
        self.closed, self.read = 0, 0

    def chunks(self, offset: int = 0, size: int | None = None) -> Iterator[bytes]:
        for at in range(offset, offset + (self.size if size is None else size), 10):
            piece = self.data[at : min(at + 10, offset + (size or 0))]
            self.read += len(piece)
            yield piece

    def close(self) -> None:
        self.closed += 1


def ask(source: Any, method: str = "GET", modified: datetime = OLD, **headers: Any) -> Any:
    request = RequestFactory().generic(method, "/", headers=headers)
    return send_source(request, source, name="a.bin", version="v1", modified=modified)


def body(answer: Any) -> bytes:
    return b"".join(answer)


@pytest.mark.parametrize(
    ("asked", "told", "wanted"),
    [
        ("bytes=0-9", "bytes 0-9/100", DATA[:10]),
        ("bytes=0-0", "bytes 0-0/100", DATA[:1]),
        ("bytes=99-", "bytes 99-99/100", DATA[99:]),
        ("bytes=0-", "bytes 0-99/100", DATA),
        ("bytes=90-1000", "bytes 90-99/100", DATA[90:]),
        ("bytes=-7", "bytes 93-99/100", DATA[93:]),
        ("bytes=-1000", "bytes 0-99/100", DATA),
        ("BYTES= 5-6 ", "bytes 5-6/100", DATA[5:7]),
    ],
)
def test_the_part_that_is_asked_for_is_sent(asked: str, told: str, wanted: bytes) -> None:
    source = Bytes()
    answer = ask(source, range=asked)
    assert (answer.status_code, answer["Content-Range"]) == (206, told)
    assert body(answer) == wanted
    assert answer["Content-Length"] == str(len(wanted)) == str(source.read)
    answer.close()
    assert source.closed == 1


@pytest.mark.parametrize("asked", ["bytes=100-", "bytes=100-200", "bytes=-0", f"bytes={'9' * 25}-"])
def test_what_lies_beyond_the_end_is_refused_with_the_length(asked: str) -> None:
    source = Bytes()
    answer = ask(source, range=asked)
    assert (answer.status_code, answer["Content-Range"]) == (416, "bytes */100")
    assert (answer["Content-Type"], answer["Accept-Ranges"]) == ("application/problem+json", "bytes")
    assert (source.closed, source.read) == (1, 0)


@pytest.mark.parametrize(
    "asked",
    [
        "bytes=0-1,5-6", "bytes=9-5", "bytes=a-b", "bytes=", "bytes=-", "bytes=--5", "bytes=1", "items=0-5",
        "0-5", f"bytes={'9' * 5000}-", "bytes=٣-٤",
    ],
)  # fmt: skip
def test_several_ranges_and_what_is_none_are_answered_with_everything(asked: str) -> None:
    answer = ask(Bytes(), range=asked)
    assert (answer.status_code, answer["Content-Length"], body(answer)) == (200, "100", DATA)
    assert "Content-Range" not in answer


def test_a_file_without_bytes_is_sent_whatever_part_is_asked_for() -> None:
    answer = ask(Bytes(b""), range="bytes=0-1023")
    assert (answer.status_code, answer["Content-Length"], body(answer)) == (200, "0", b"")


def test_head_tells_of_all_of_it_and_reads_nothing() -> None:
    source = Bytes()
    answer = ask(source, "HEAD", range="bytes=0-9")
    assert (answer.status_code, answer["Content-Length"], answer["Accept-Ranges"]) == (200, "100", "bytes")
    assert (answer["ETag"], answer["Last-Modified"]) == ('"v1"', http_date(OLD.timestamp()))
    assert (body(answer), source.read) == (b"", 0)
    answer.close()
    assert source.closed == 1


@pytest.mark.parametrize(
    ("validator", "holds"),
    [
        ('"v1"', True),
        ('"v2"', False),
        ('W/"v1"', False),
        ("v1", False),
        ("*", False),
        (http_date(OLD.timestamp()), True),
        (http_date(OLD.timestamp() + 1), False),
        (http_date(OLD.timestamp() - 1), False),
    ],
)
def test_a_part_is_only_sent_of_the_version_it_is_asked_of(validator: str, holds: bool) -> None:
    answer = ask(Bytes(), range="bytes=50-", if_range=validator)
    assert (answer.status_code, body(answer)) == ((206, DATA[50:]) if holds else (200, DATA))


def test_the_date_of_what_changed_this_very_second_says_nothing() -> None:
    now = datetime.now(UTC) + timedelta(seconds=2)
    assert (
        ask(Bytes(), modified=now, range="bytes=50-", if_range=http_date(now.timestamp())).status_code == 200
    )


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"if_none_match": '"v1"'}, 304),
        ({"if_none_match": '"v1"', "range": "bytes=500-"}, 304),
        ({"if_modified_since": http_date(OLD.timestamp())}, 304),
        ({"if_match": '"v2"'}, 412),
        ({"if_match": '"v1"', "range": "bytes=5-"}, 206),
        ({"if_unmodified_since": http_date(OLD.timestamp() - 1)}, 412),
        ({"if_none_match": '"v2"'}, 200),
    ],
)
def test_preconditions_come_before_the_part(headers: dict[str, str], status: int) -> None:
    source = Bytes()
    answer = ask(source, **headers)
    assert answer.status_code == status
    assert (answer["ETag"], answer["Cache-Control"]) == ('"v1"', "private, no-store")
    answer.close()
    assert source.closed == 1


def test_it_is_an_attachment_and_never_a_page() -> None:
    request = RequestFactory().get("/", headers={"range": "bytes=0-1"})
    answer = send_source(request, Bytes(), name="a\r\nb.html", kind="audio/wav")
    assert answer["Content-Disposition"] == 'attachment; filename="a  b.html"'
    assert (answer["Content-Type"], answer["X-Content-Type-Options"]) == ("audio/wav", "nosniff")
    assert (answer["Content-Security-Policy"], answer["Cache-Control"]) == (
        "sandbox; default-src 'none'", "private, no-store",
    )  # fmt: skip
    assert "ETag" not in answer


def test_under_asgi_it_is_read_no_further_than_it_is_sent() -> None:
    source = Bytes()
    answer = ask(source, range="bytes=20-79")

    async def take() -> list[bytes]:
        pieces = aiter(answer)
        first = [await anext(pieces)]
        assert source.read == 10
        return first + [piece async for piece in pieces]

    assert b"".join(async_to_sync(take)()) == DATA[20:80]


def test_what_is_made_on_its_way_is_had_as_a_whole_only() -> None:
    closed: list[bool] = []
    answer = send_stream([b"ab", b"c"], close=lambda: closed.append(True), name="a.tar.gz")
    assert (answer["Accept-Ranges"], body(answer)) == ("none", b"abc")
    answer.close()
    assert closed == [True]


def test_a_part_of_a_stored_file_is_read_without_what_stands_before_it(tmp_path: Any) -> None:
    storage = FileSystemStorage(tmp_path)
    data = bytes(CHUNK) + b"middle" + bytes(2 * CHUNK)
    stored = StoredFile(storage.open(storage.save("a", ContentFile(data))))
    assert b"".join(stored.chunks(CHUNK, 6)) == b"middle"
    assert [len(piece) for piece in stored.chunks()] == [CHUNK, CHUNK, CHUNK, 6]
    stored.close()


def test_a_part_of_an_object_in_s3_is_asked_of_s3() -> None:
    """As django-storages opens one: its `obj` gives ranges, its `read` fetches everything first."""

    class Body(io.BytesIO):
        def iter_chunks(self, size: int) -> Iterator[bytes]:
            return iter(lambda: self.read(size), b"")

    class Remote:
        def get(self, *, Range: str) -> dict[str, Any]:  # noqa: N803 - the name S3 gives it
            first, last = map(int, Range.removeprefix("bytes=").split("-"))
            return {"Body": Body(DATA[first : last + 1])}

    class Opened:
        obj, size = Remote(), len(DATA)

        def close(self) -> None:
            """Nothing is open."""

    assert body(ask(StoredFile(Opened()), range="bytes=40-49")) == DATA[40:50]
    assert body(ask(StoredFile(Opened()))) == DATA
