"""Files of a workspace through the runner, in a real container: nothing leads out, whatever is there."""

import contextlib
import io
import json
import os
import socket
import stat
import tarfile
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from sandbox.agent.stream import Attachment, RunnerFault
from sandbox.runner import fileops, messages

from .fixtures_engine import MANY_FILES
from .runner_box import Box, run

pytestmark = pytest.mark.docker_engine


@pytest.fixture(scope="module")
def box(docker_engine: str) -> Iterator[Box]:
    box = Box(docker_engine, memory="512m")
    box.start()
    yield box
    box.close()


@pytest.fixture
def sandbox(box: Box) -> Attachment:
    sandbox = box.attachments[-1]
    sandbox.request("delete", path=".", recursive=True)
    return sandbox


def write(sandbox: Attachment, path: str, data: bytes = b"x", **args: Any) -> dict[str, Any]:
    return sandbox.upload("write", [data], path=path, **args)


def read(sandbox: Attachment, path: str, **args: Any) -> bytes:
    return b"".join(sandbox.download("read", path=path, **args))


def names(sandbox: Attachment) -> set[str]:
    return {entry["path"] for entry in sandbox.request("list", recursive=True)["entries"]}


@contextlib.contextmanager
def refused(code: str) -> Iterator[None]:
    with pytest.raises(RunnerFault) as fault:
        yield
    assert fault.value.code == code, fault.value.message


def test_what_is_written_is_read(sandbox: Attachment) -> None:
    data = os.urandom(5_000_000)
    answer = sandbox.upload("write", [data[:3], data[3:]], path="a/b/한글 이름.bin", mode=0o750)
    assert (answer["size"], answer["sha256"]) == (5_000_000, sha256(data).hexdigest())
    assert read(sandbox, "/workspace/a/b/한글 이름.bin") == data
    assert read(sandbox, "a/b/한글 이름.bin", offset=10, length=100) == data[10:110]
    entry = sandbox.request("stat", path="a//./b/한글 이름.bin")
    assert (entry["type"], entry["mode"], entry["path"]) == ("file", 0o750, "a/b/한글 이름.bin")
    with refused("exists"):
        write(sandbox, "a/b/한글 이름.bin", overwrite=False)
    with refused("not_a_file"):
        read(sandbox, "a")
    with refused("not_found"):
        read(sandbox, "nothing")


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("../x", "outside"),
        ("a/../../x", "outside"),
        ("/etc/passwd", "outside"),
        ("/workspace/../etc/passwd", "outside"),
        ("/workspacex", "outside"),
        ("x" * 256, "bad_name"),
        ("가" * 86, "bad_name"),
        ("a/" * 2100 + "b", "bad_name"),
        ("a\0b", "bad_name"),
        (5, "bad_name"),
        (None, "bad_name"),
    ],
)
def test_paths_that_lead_out_or_are_none_are_refused_everywhere(
    sandbox: Attachment, path: object, code: str
) -> None:
    write(sandbox, "own")
    for op in ("stat", "delete", "mkdir", "list", "manifest"):
        if path is not None or op in {"stat", "delete", "mkdir"}:
            with refused(code):
                sandbox.request(op, path=path)
    with refused(code):
        sandbox.request("move", path="own", to=path)
    with refused(code):
        b"".join(sandbox.download("read", path=path))
    with refused(code):
        sandbox.upload("write", [b"x"], path=path)
    with refused(code):
        b"".join(sandbox.download("archive", paths=[path]))


def test_links_are_told_and_lead_nowhere_outside(sandbox: Attachment) -> None:
    write(sandbox, "real/file", b"inside")
    run(
        sandbox, shell="ln -s /etc/passwd out; ln -s /etc dir; ln -s ../etc up; ln -s real/file in; ln -s l l"
    )
    entries = {entry["path"]: entry for entry in sandbox.request("manifest")["entries"]}
    assert entries["out"]["target"] == "/etc/passwd"
    assert {entries[name]["type"] for name in ("out", "dir", "up", "in", "l")} == {"link"}
    assert "dir/passwd" not in entries
    assert read(sandbox, "in") == b"inside"
    for path in ("out", "dir/passwd", "up/passwd", "l"):
        with refused("outside"):
            read(sandbox, path)
    for path in ("dir/new", "up/new"):
        with refused("outside"):
            write(sandbox, path)
    write(sandbox, "out", b"now a file")  # the link is replaced, not followed
    assert sandbox.request("stat", path="out")["type"] == "file"
    sandbox.request("delete", path="dir")
    assert run(sandbox, argv=["head", "-c", "4", "/etc/passwd"]).out == b"root"


def test_a_link_swapped_in_while_files_are_read_never_leads_out(sandbox: Attachment) -> None:
    swap = """
import os, time
os.makedirs("d1"); open("d1/passwd", "w").write("mine")
until = time.time() + 2
while time.time() < until:
    os.rename("d1", "t"); os.symlink("/etc", "d1"); os.unlink("d1"); os.rename("t", "d1")
"""
    channel = sandbox.open("exec", argv=["python3", "-c", swap])
    got = set()
    while not channel.ended.is_set():
        with contextlib.suppress(RunnerFault):
            got.add(read(sandbox, "d1/passwd"))
    channel.close()
    assert got <= {b"mine"}


def test_special_files_are_neither_opened_nor_packed(sandbox: Attachment) -> None:
    code = "import socket; s = socket.socket(socket.AF_UNIX); s.bind('sock')"
    run(sandbox, "cell", code=code)
    run(sandbox, shell="mkfifo fifo || true; mknod null c 1 3 || true; echo hi > hi")
    entries = {entry["path"]: entry["type"] for entry in sandbox.request("list")["entries"]}
    assert entries["sock"] == "other"
    with pytest.raises(RunnerFault):
        read(sandbox, "sock")
    download = sandbox.download("archive")
    with tarfile.open(fileobj=io.BytesIO(b"".join(download))) as packed:
        assert packed.getnames() == ["hi"]
    assert download.answer["skipped"] == len(entries) - 1


def test_a_manifest_knows_hashes_and_reads_only_what_changed(sandbox: Attachment) -> None:
    for number in range(20):
        write(sandbox, f"f{number}", b"%d" % number)
    first = sandbox.request("manifest")
    assert first["hashed"] == 20
    assert {e["path"]: e["sha256"] for e in first["entries"]}["f3"] == sha256(b"3").hexdigest()
    keep = ("path", "size", "mtime_ns", "sha256")
    known = b"".join(json.dumps([e[name] for name in keep]).encode() + b"\n" for e in first["entries"])
    write(sandbox, "f3", b"x")
    again = sandbox.request("manifest", known=True, chunks=[known])
    assert again["hashed"] == 1
    assert {e["path"]: e["sha256"] for e in again["entries"]}["f3"] == sha256(b"x").hexdigest()


def test_a_full_disk_is_told_and_leaves_no_half_file(sandbox: Attachment) -> None:
    with refused("no_space"):
        sandbox.upload("write", (bytes(1_000_000) for _ in range(100)), path="big")
    assert names(sandbox) == set()
    write(sandbox, "small")
    sandbox.request("stat", path="small")


def test_an_upload_given_up_leaves_nothing(sandbox: Attachment) -> None:
    channel = sandbox.open("write", path="half")
    channel.send(bytes(100_000))
    time.sleep(0.2)
    channel.close()
    time.sleep(0.3)
    assert run(sandbox, argv=["ls", "-A"]).out == b""


@pytest.mark.parametrize("whole", [True, False])
def test_an_upload_is_whole_only_when_the_runner_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: bool
) -> None:
    monkeypatch.setattr(fileops, "ROOT", str(tmp_path))
    take, give = os.pipe()
    runner, child = socket.socketpair()
    with runner, child, os.fdopen(take, "rb"), os.fdopen(give, "wb", buffering=0) as source:
        task = fileops.Task({}, [take, give], messages.Inbox(child))
        source.write(b"half")
        if whole:
            messages.send(runner, {"whole": True})
        source.close()
        runner.close()
        assert task.read() == b"half"
        with contextlib.nullcontext() if whole else pytest.raises(fileops.Refused, match="given_up"):
            assert task.read() == b""


def test_moving_and_deleting(sandbox: Attachment) -> None:
    write(sandbox, "a/b/c")
    with refused("not_empty"):
        sandbox.request("delete", path="a")
    sandbox.request("move", path="a/b", to="new/place")
    assert names(sandbox) == {"a", "new", "new/place", "new/place/c"}
    with refused("exists"):
        sandbox.request("move", path="a", to="new/place/c")
    with refused("outside"):
        sandbox.request("delete", path=".")
    assert sandbox.request("delete", path="new", recursive=True)["deleted"] == 3


def test_folders_too_deep_for_a_path_and_closed_ones_can_be_deleted(sandbox: Attachment) -> None:
    deep = "import os\nfor _ in range(3000): os.mkdir('deeper'); os.chdir('deeper')\nopen('f', 'w').close()"
    run(sandbox, "cell", code=deep)
    run(sandbox, shell="mkdir -p shut/in; touch shut/in/f; chmod 000 shut/in shut")
    listed = sandbox.request("manifest")
    assert listed["skipped"] >= 1
    assert sandbox.request("delete", path=".", recursive=True, timeout=60)["deleted"] > 3000
    assert run(sandbox, argv=["ls", "-A"]).out == b""


def hostile() -> bytes:
    """An archive of bad names and things, and one good file at each end."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:

        def add(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", data: bytes = b"bad") -> None:
            info = tarfile.TarInfo(name)
            info.type, info.linkname, info.mode = kind, link, 0o6777
            info.size = len(data) if kind == tarfile.REGTYPE else 0
            info.devmajor, info.devminor = 1, 3
            tar.addfile(info, io.BytesIO(data) if info.size else None)

        add("good/first", data=b"good")
        for name in (
            "../evil",
            "/etc/evil",
            "a/../../evil",
            "x" * 300,
            "y/" * 2200 + "z",
            "/workspace/../evil",
        ):
            add(name)
        add("link", tarfile.SYMTYPE, "/etc")
        add("link/evil")
        add("up", tarfile.SYMTYPE, "a/../../..")
        add("up/evil2")
        add("fine", tarfile.SYMTYPE, "good")
        add("fine/through", data=b"inside")
        add("hard", tarfile.LNKTYPE, "/etc/passwd")
        add("hard2", tarfile.LNKTYPE, "good/first")
        add("char", tarfile.CHRTYPE)
        add("block", tarfile.BLKTYPE)
        add("fifo", tarfile.FIFOTYPE)
        add("good", data=b"a file where a folder is")
        add(".agi-part-0123456789abcdef")
        add("good/last", data=b"good")
    return out.getvalue()


def test_a_hostile_archive_leaves_only_what_is_good(box: Box, sandbox: Attachment) -> None:
    answer = sandbox.upload("extract", [hostile()], path="into")
    found = names(sandbox)
    top = {path.split("/")[1] for path in found if "/" in path}
    # below "link" and "up", which were refused as links, plain folders were made
    assert top == {"good", "fine", "link", "up"}
    assert read(sandbox, "into/good/through") == b"inside"
    assert sandbox.request("stat", path="into/link")["type"] == "folder"
    assert answer["refused_count"] == len(answer["refused"]) == 15
    mode = sandbox.request("stat", path="into/good/last")["mode"]
    assert not mode & (stat.S_ISUID | stat.S_ISGID | stat.S_ISVTX)
    assert run(sandbox, shell="ls / /etc /tmp | grep -c evil").out == b"0\n"


@pytest.mark.parametrize("pack", ["w:gz", "w:bz2", "w:xz"])
def test_a_packed_archive_is_extracted_and_a_bomb_is_not(sandbox: Attachment, pack: str) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=pack) as tar:  # type: ignore[call-overload]
        for name, size in (("a", 1000), ("b", 30_000_000)):
            info = tarfile.TarInfo(name)
            info.size = size
            tar.addfile(info, io.BytesIO(bytes(size)))
    with refused("too_large"):
        sandbox.upload("extract", [out.getvalue()], path=".", max_bytes=1_000_000)
    assert names(sandbox) == {"a"}
    assert sandbox.upload("extract", [out.getvalue()], path=".")["count"] == 2


@pytest.mark.parametrize(
    "data",
    [
        b"no archive at all" * 100,
        b"",
        hostile()[:1300],
        hostile()[:700] + os.urandom(3000),
        b"\x1f\x8b" + os.urandom(500),
    ],
)
def test_what_is_no_archive_is_told(sandbox: Attachment, data: bytes) -> None:
    with refused("bad_archive"):
        sandbox.upload("extract", [data], path=".")


def test_a_header_that_claims_gigabytes_is_refused(sandbox: Attachment) -> None:
    info = tarfile.TarInfo("././@PaxHeader")
    info.type, info.size = tarfile.XHDTYPE, 4_000_000_000
    with refused("bad_archive"):
        sandbox.upload("extract", [info.tobuf(tarfile.USTAR_FORMAT), bytes(100_000)], path=".")


def test_archives_go_round_with_long_names_and_odd_bytes(sandbox: Attachment) -> None:
    make = r"""
import os
os.makedirs("d" * 200 + "/" + "가" * 80)
open("d" * 200 + "/" + "가" * 80 + "/" + "f" * 255, "w").write("long")
open(b"odd-\xff\xfe\n name", "w").write("odd")
os.symlink("odd", "link"); os.mkdir("empty"); os.chmod("empty", 0o700)
open("run.sh", "w").write("x"); os.chmod("run.sh", 0o755)
"""
    run(sandbox, "cell", code=make)
    before = {
        e["path"]: (e["type"], e["mode"], e.get("sha256")) for e in sandbox.request("manifest")["entries"]
    }
    assert len(before) == 7
    data = b"".join(sandbox.download("archive"))
    sandbox.request("delete", path=".", recursive=True)
    assert sandbox.upload("extract", [data], path=".")["refused_count"] == 0
    after = {
        e["path"]: (e["type"], e["mode"], e.get("sha256")) for e in sandbox.request("manifest")["entries"]
    }
    assert after == before


def test_watching_tells_what_changed_below_in_new_folders_too(sandbox: Attachment) -> None:
    lines = sandbox.lines("watch", timeout=5)
    assert next(lines)["event"] == "ready"
    write(sandbox, "a/b/c.txt")
    run(sandbox, shell="sleep 0.1; rm a/b/c.txt; mkdir n; echo 1 > n/1")
    seen = set()
    while not {("a/b/c.txt", "deleted"), ("n/1", "changed")} <= seen:
        line = next(lines)
        seen.add((line["path"], line["event"]))
    assert not any(path.rpartition("/")[2].startswith(".agi-part-") for path, _event in seen)
    lines.close()


def timed(call: Callable[[], Any]) -> tuple[Any, float]:
    began = time.monotonic()
    return call(), time.monotonic() - began


@pytest.fixture
def fresh_box(docker_engine: str) -> Iterator[Box]:
    """A container whose highest use of memory is this test's own."""
    box = Box(docker_engine, memory="512m")
    box.start()
    yield box
    box.close()


def test_very_many_files_are_listed_packed_and_deleted_in_flat_memory(fresh_box: Box) -> None:
    """Together an archive of 100 MB, of holes that take no room in the workspace."""
    sandbox = fresh_box.attachments[-1]
    bytes_each = 100_000_000 // MANY_FILES
    code = f"""
import os
os.mkdir("many")
for i in range({MANY_FILES}):
    with open(f"many/{{i}}", "w") as file:
        file.truncate({bytes_each})
"""
    run(sandbox, "cell", within=60, code=code)
    before = sandbox.request("usage")["memory"]
    manifest, took = timed(lambda: sandbox.request("manifest", timeout=60))
    assert (manifest["count"], manifest["truncated"]) == (MANY_FILES + 1, False)
    packed, packing = timed(lambda: sum(map(len, sandbox.download("archive"))))
    assert packed >= MANY_FILES * (512 + bytes_each)
    peak = sandbox.request("usage")["memory_peak"]
    assert peak - before < 30_000_000 + 300 * MANY_FILES
    deleted, deleting = timed(lambda: sandbox.request("delete", path="many", recursive=True, timeout=60))
    assert deleted["deleted"] == MANY_FILES + 1
    print(
        f"\n{MANY_FILES:,} files: {(peak - before) >> 20} MiB, manifest {took:.1f} s, archive {packing:.1f} s"
    )
    print(f"deleted in {deleting:.1f} s")
    assert sandbox.request("list", limit=5)["truncated"] is False
