"""The REST door of files: raw bodies in and out, and what it refuses before anything reaches a sandbox."""

from datetime import UTC, datetime
from io import BytesIO
from typing import Any
from urllib.parse import quote

import pytest
from asgiref.sync import async_to_sync
from django.test import AsyncClient

from agi_site.lib.problems import Conflict, Unavailable
from sandbox.files import Content, Download, Entry, Extracted, Listing
from sandbox.files.spool import Spool
from sandbox.models import Sandbox, SandboxFile

OCTETS = "application/octet-stream"


def at(sandbox: Sandbox, verb: str = "", **query: Any) -> str:
    tail = "&".join(f"{name}={quote(str(value))}" for name, value in query.items())
    return f"/api/v1/sandboxes/{sandbox.pk}/files/{verb}{'/' if verb else ''}{'?' if tail else ''}{tail}"


def sent(answer: Any) -> bytes:
    return b"".join(answer.streaming_content)


class Bytes(Download):
    """A download of these bytes, packed on their way or lying ready in a spool."""

    def __init__(self, name: str, *chunks: bytes, whole: bool = False) -> None:
        spool = Spool.filled(chunks, most=100) if whole else None
        super().__init__(name=name, mime_type="text/html", chunks=iter(chunks), whole=spool)
        self.closed = False

    def close(self) -> None:
        self.closed = True


def keeping(kept: list[bytes], row: Any) -> Any:
    """A service that takes chunks, keeps them and answers with a row."""

    def take(*, chunks: Any, **_given: Any) -> Any:
        kept.extend(chunks)
        return row

    return take


@pytest.fixture
def a_file(a_sandbox: Sandbox) -> SandboxFile:
    return SandboxFile.objects.create(sandbox=a_sandbox, path="a.txt", size_bytes=5)


# --- Looking ----------------------------------------------------------------------------------------------
def test_a_folder_is_listed_page_by_page(alice: Any, api_of: Any, asks: Any, a_sandbox: Sandbox) -> None:
    entry = Entry("기억", "data/기억", "file", 5, 0o644, datetime(2026, 1, 1, tzinfo=UTC))
    listed = asks("files.list_files", Listing("data", [entry], 2001, True))
    body = api_of(alice).get(at(a_sandbox, path="data", offset=1000, limit=1)).json()
    assert (body["path"], body["total"], body["more"]) == ("data", 2001, True)
    assert (body["entries"][0]["path"], body["entries"][0]["kind"]) == ("data/기억", "file")
    assert listed.last == {"sandbox": a_sandbox, "by": alice, "path": "data", "offset": 1000, "limit": 1}
    api_of(alice).get(at(a_sandbox))
    assert listed.last == {"sandbox": a_sandbox, "by": alice, "path": "", "offset": 0, "limit": 1000}


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 1001}, "limit"),
        ({"offset": "x"}, "offset"),
        ({"path": "x" * 5000}, "path"),
        ({"folder": "a"}, "folder"),
    ],
)
def test_a_question_about_a_folder_that_makes_no_sense_is_named(
    query: Any, field: str, alice: Any, api_of: Any, a_sandbox: Sandbox
) -> None:
    answer = api_of(alice).get(at(a_sandbox, **query))
    assert (answer.status_code, list(answer.json()["errors"])) == (400, [field])


def test_a_text_is_read_and_written_as_json(
    alice: Any, api_of: Any, asks: Any, a_sandbox: Sandbox, a_file: SandboxFile
) -> None:
    asks("files.read_file", Content("a.txt", "안녕".encode(), 6, "text/plain", True))
    written = asks("files.write_file", a_file)
    body = api_of(alice).get(at(a_sandbox, "text", path="a.txt")).json()
    assert (body["content"], body["size"], body["complete"]) == ("안녕", 6, True)
    answer = api_of(alice).put(at(a_sandbox, "text"), {"path": "a.txt", "content": " x\n"})
    assert (answer.status_code, answer.json()["id"]) == (200, a_file.pk)
    assert written.last == {"sandbox": a_sandbox, "by": alice, "path": "a.txt", "content": " x\n"}


def test_a_text_that_is_too_large_for_json_is_refused_as_a_problem(
    alice: Any, api_of: Any, asks: Any, a_sandbox: Sandbox
) -> None:
    written = asks("files.write_file")
    answer = api_of(alice).put(at(a_sandbox, "text"), {"path": "a", "content": "가" * 1_000_000})
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert written.calls == []


# --- Bytes out --------------------------------------------------------------------------------------------
def test_a_file_is_sent_as_an_attachment_and_never_as_a_page(
    alice: Any, api_of: Any, asks: Any, a_sandbox: Sandbox
) -> None:
    download = Bytes('a"b\r\n기억.html', b"<script>", b"alert(1)", whole=True)
    asks("files.download", download)
    answer = api_of(alice).get(at(a_sandbox, "content", path="x.html"))
    assert (answer.status_code, answer["Content-Type"], answer["Content-Length"]) == (200, OCTETS, "16")
    assert answer["Content-Disposition"].startswith("attachment;")
    assert "\n" not in answer["Content-Disposition"]
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert sent(answer) == b"<script>alert(1)"
    assert download.whole is not None
    assert download.whole.file.closed  # with its last byte


def test_a_download_that_was_cut_off_goes_on_where_the_same_bytes_are_there(
    alice: Any, api_of: Any, asks: Any, a_sandbox: Sandbox
) -> None:
    def get(data: bytes, **headers: str) -> Any:
        asks("files.download", Bytes("a.bin", data, whole=True))
        return api_of(alice).get(at(a_sandbox, "content", path="a.bin"), headers=headers)

    first = get(b"0123456789")
    assert (first["Accept-Ranges"], sent(first)) == ("bytes", b"0123456789")
    rest = get(b"0123456789", range="bytes=4-", if_range=first["ETag"])
    assert (rest.status_code, rest["Content-Range"], sent(rest)) == (206, "bytes 4-9/10", b"456789")
    changed = get(b"abcdefghij", range="bytes=4-", if_range=first["ETag"])
    assert (changed.status_code, sent(changed)) == (200, b"abcdefghij")
    beyond = get(b"0123456789", range="bytes=10-")
    assert (beyond.status_code, beyond["Content-Range"]) == (416, "bytes */10")
    assert beyond.json()["code"] == "range_not_satisfiable"


def test_a_folder_is_sent_as_an_archive(alice: Any, api_of: Any, asks: Any, a_sandbox: Sandbox) -> None:
    packed = asks("files.archive", lambda **_given: Bytes("data.zip", b"PK"))
    answer = api_of(alice).get(
        at(a_sandbox, "archive", path="data", kind="zip"), headers={"range": "bytes=1-"}
    )
    assert (answer.status_code, answer["Accept-Ranges"], sent(answer)) == (200, "none", b"PK")
    assert packed.last == {"sandbox": a_sandbox, "by": alice, "path": "data", "kind": "zip"}
    api_of(alice).get(at(a_sandbox, "archive"))
    assert packed.last == {"sandbox": a_sandbox, "by": alice, "path": "", "kind": "tar.gz"}
    assert api_of(alice).get(at(a_sandbox, "archive", kind="rar")).json()["errors"]["kind"]


# --- Bytes in ---------------------------------------------------------------------------------------------
def test_raw_bytes_become_a_file(
    alice: Any, api_of: Any, asks: Any, a_sandbox: Sandbox, a_file: SandboxFile
) -> None:
    kept: list[bytes] = []
    uploaded = asks("files.upload", keeping(kept, a_file))
    content = bytes(range(256)) * 1000
    answer = api_of(alice).put(at(a_sandbox, "content", path="a/b.bin"), content, content_type=OCTETS)
    assert (answer.status_code, answer.json()["id"]) == (200, a_file.pk)
    assert b"".join(kept) == content
    assert max(map(len, kept)) <= 64 * 1024
    assert (uploaded.last["path"], uploaded.last["size"], uploaded.last["by"]) == ("a/b.bin", 256_000, alice)


def test_an_empty_file_is_a_file(
    alice: Any, api_of: Any, asks: Any, a_sandbox: Sandbox, a_file: SandboxFile
) -> None:
    kept: list[bytes] = []
    uploaded = asks("files.upload", keeping(kept, a_file))
    assert api_of(alice).put(at(a_sandbox, "content", path="a"), b"", content_type=OCTETS).status_code == 200
    assert (kept, uploaded.last["size"]) == ([], 0)


def test_a_body_that_ends_early_is_no_file(
    alice: Any, api_of: Any, asks: Any, a_sandbox: Sandbox, a_file: SandboxFile
) -> None:
    asks("files.upload", keeping([], a_file))
    ends_early: dict[str, Any] = {"wsgi.input": BytesIO(b"half")}
    answer = api_of(alice).put(
        at(a_sandbox, "content", path="a"), b"announced", content_type=OCTETS, **ends_early
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "body_ended")


@pytest.mark.parametrize(
    "kind", ["application/json", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded", ""]
)
def test_another_kind_of_body_is_refused_before_it_is_read(
    kind: str, alice: Any, api_of: Any, asks: Any, a_sandbox: Sandbox
) -> None:
    uploaded = asks("files.upload")
    answer = api_of(alice).generic("PUT", at(a_sandbox, "content", path="a"), b"abc", content_type=kind)
    assert answer.status_code == 415
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert uploaded.calls == []


def test_a_body_of_unknown_length_is_refused(alice: Any, api_of: Any, a_sandbox: Sandbox) -> None:
    answer = api_of(alice).generic(
        "PUT",
        at(a_sandbox, "content", path="a"),
        b"abc",
        content_type=OCTETS,
        CONTENT_LENGTH="",
        HTTP_TRANSFER_ENCODING="chunked",
    )
    assert (answer.status_code, answer.json()["code"]) == (411, "length_required")


@pytest.mark.parametrize("kind", ["application/x-tar", "application/gzip", "application/zip", OCTETS])
def test_an_archive_is_unpacked_into_a_folder(
    kind: str, alice: Any, api_of: Any, asks: Any, a_sandbox: Sandbox
) -> None:
    kept: list[bytes] = []
    unpacked = asks("files.extract", keeping(kept, Extracted(2, 1, 30, ["../out"])))
    answer = api_of(alice).put(at(a_sandbox, "archive", path="in"), b"tar", content_type=kind)
    assert answer.json() == {"files": 2, "directories": 1, "size_bytes": 30, "skipped": ["../out"]}
    assert (kept, unpacked.last["path"]) == ([b"tar"], "in")


# --- Changing ---------------------------------------------------------------------------------------------
def test_files_are_moved_deleted_and_folders_made(
    alice: Any, api_of: Any, asks: Any, a_sandbox: Sandbox
) -> None:
    made, moved, deleted = (asks(f"files.{name}") for name in ("make_directory", "move", "delete"))
    api = api_of(alice)
    who = {"sandbox": a_sandbox, "by": alice}
    assert api.post(at(a_sandbox, "mkdir"), {"path": "a b"}).status_code == 204
    assert made.last == {**who, "path": "a b"}
    assert api.post(at(a_sandbox, "move"), {"source": "a", "target": "b"}).status_code == 204
    assert moved.last == {**who, "source": "a", "target": "b", "overwrite": False}
    assert api.delete(at(a_sandbox, path="a/b")).status_code == 204
    assert deleted.last == {**who, "path": "a/b"}


@pytest.mark.parametrize(
    ("method", "verb"),
    [("delete", ""), ("get", "content"), ("put", "content"), ("get", "text")],
)
@pytest.mark.parametrize("query", [{}, {"path": ""}, {"path": "a\0b"}, {"path": "x" * 5000}])
def test_a_path_that_no_file_has_is_named(
    method: str, verb: str, query: Any, alice: Any, api_of: Any, a_sandbox: Sandbox
) -> None:
    answer = getattr(api_of(alice), method)(at(a_sandbox, verb, **query), content_type=OCTETS)
    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["path"])


@pytest.mark.parametrize(
    ("problem", "status"),
    [
        (Conflict("It is stopped.", code="not_running"), 409),
        (Unavailable("Silent.", code="no_agent"), 503),
    ],
)
def test_what_stands_in_the_way_is_told_before_the_first_byte(
    problem: Any, status: int, alice: Any, api_of: Any, asks: Any, a_sandbox: Sandbox
) -> None:
    asks("files.download", problem)
    answer = api_of(alice).get(at(a_sandbox, "content", path="a"))
    assert (answer.status_code, answer.json()["code"]) == (status, problem.code)
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.django_db(transaction=True)
def test_under_asgi_too_a_file_is_sent_piece_by_piece(alice: Any, asks: Any, a_sandbox: Sandbox) -> None:
    taken: list[int] = []

    def chunks() -> Any:
        for number in range(3):
            taken.append(number)
            yield b"%d" % number

    download = Bytes("a")
    download.chunks = chunks()
    asks("files.download", download)

    async def ask() -> None:
        client = AsyncClient()
        await client.aforce_login(alice)
        answer = await client.get(at(a_sandbox, "content", path="a"))
        pieces = aiter(answer)
        assert await anext(pieces) == b"0"
        assert taken == [0]
        assert [piece async for piece in pieces] == [b"1", b"2"]

    async_to_sync(ask)()
