"""Archives as hostile input: bombs, bad names, devices, contradictions, passwords, damage, encodings."""

import bz2
import gzip
import io
import lzma
import os
import struct
import tarfile
import time
import tracemalloc
import zipfile
from datetime import UTC, datetime
from typing import Any

import pytest
import zstandard
from django.utils import timezone

from agi_site.lib.problems import Problem
from sandbox import files
from sandbox.files.archives import BadArchive, members
from sandbox.files.limits import Bounds
from sandbox.files.repacking import repack
from sandbox.files.spool import Spool, TooLarge
from sandbox.models import SandboxQuarantine

from .fixtures_files import EICAR

pytestmark = pytest.mark.django_db

BOUNDS = Bounds(transfer=1 << 30, unpacked=1 << 30, files=1000)


def tar_of(*entries: Any, **options: Any) -> bytes:
    """A tar of (name, content) or (name, type, linkname)."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", **options) as tar:
        for entry in entries:
            info = tarfile.TarInfo(entry[0])
            if len(entry) == 3:
                info.type, info.linkname = entry[1], entry[2]
                tar.addfile(info)
            else:
                info.size = len(entry[1])
                tar.addfile(info, io.BytesIO(entry[1]))
    return target.getvalue()


def zip_of(*entries: tuple[Any, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return target.getvalue()


def unpack(data: bytes, bounds: Bounds = BOUNDS, **options: Any) -> dict[str, bytes | str]:
    """What comes out: content by path, links as "-> target"; folders are left out."""
    with Spool.filled([data], most=1 << 30) as spool:
        most = bounds.unpacked_from(spool.size)
        with repack(members(spool, bounds=bounds), bounds=bounds, most=most, **options) as packed:
            found: dict[str, bytes | str] = {"?": ",".join(packed.skipped)} if packed.skipped else {}
            with tarfile.open(packed.spool.path) as tar:
                for info in tar:
                    assert (info.uid, info.mode & 0o7000) == (1000, 0)
                    if info.isreg():
                        source = tar.extractfile(info)
                        assert source is not None
                        found[info.name] = source.read()
                        assert packed.spool.part(*packed.parts[info.name]) == found[info.name]
                    elif info.issym():
                        found[info.name] = f"-> {info.linkname}"
            return found


PLAIN = tar_of(("a/b.txt", b"hello"), ("한글/파일.txt", b"x" * 3000))


@pytest.mark.parametrize(
    "data",
    [PLAIN, gzip.compress(PLAIN), bz2.compress(PLAIN), lzma.compress(PLAIN), zstandard.compress(PLAIN),
     zip_of(("a/b.txt", b"hello"), ("한글/파일.txt", b"x" * 3000)),
     zip_of(("a/b.txt", b"hello"), ("한글/파일.txt", b"x" * 3000), method=zipfile.ZIP_LZMA),
     tar_of(("a/b.txt", b"hello"), ("한글/파일.txt", b"x" * 3000), format=tarfile.GNU_FORMAT)],
    ids=["tar", "gzip", "bzip2", "xz", "zstd", "zip", "zip-lzma", "gnu"],
)  # fmt: skip
def test_every_known_format_gives_the_same(data):
    assert unpack(data) == {"a/b.txt": b"hello", "한글/파일.txt": b"x" * 3000}


def test_folders_above_a_file_are_made_explicit():
    with (
        Spool.filled([tar_of(("a/b/c.txt", b"x"))], most=1 << 20) as spool,
        repack(members(spool, bounds=BOUNDS), bounds=BOUNDS, most=1 << 20) as packed,
    ):
        assert (packed.directories, packed.files) == (2, 1)


# --- Names ------------------------------------------------------------------------------------------------
BAD_NAMES = [
    "../up", "a/../../up", "/etc/passwd", "C:/windows", "a\\..\\b", "line\nbreak", "x" * 300,
    "/".join(["d"] * 100), "..", "turn\u202egpj.exe", "esc\x1b[2J",
]  # fmt: skip


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_bad_name_refuses_the_whole_archive(name):
    with pytest.raises(BadArchive):
        unpack(tar_of(("good.txt", b"1"), (name, b"2")))
    with pytest.raises(BadArchive):
        unpack(zip_of(("good.txt", b"1"), (name, b"2")))


def test_names_from_korean_windows_are_read(monkeypatch):
    data = zip_of(("XXXXXXXX.txt", b"1")).replace(b"XXXXXXXX", "보고서류".encode("cp949"))
    assert unpack(data) == {"보고서류.txt": b"1"}
    named = tar_of(("한글.txt", b"1"), format=tarfile.USTAR_FORMAT, encoding="cp949")
    assert unpack(named) == {"한글.txt": b"1"}


def test_backslashes_of_windows_zips_are_separators():
    info = zipfile.ZipInfo("x")
    info.filename, info.create_system = "folder\\file.txt", 0
    assert unpack(zip_of((info, b"1"))) == {"folder/file.txt": b"1"}


def test_dots_and_the_folder_itself_are_nothing_special():
    data = tar_of(("./", tarfile.DIRTYPE, ""), ("./a", b"1"), ("b//./c", b"2"))
    assert unpack(data) == {"a": b"1", "b/c": b"2"}


# --- Kinds ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, tarfile.CONTTYPE + b""])
def test_devices_and_pipes_are_refused(kind):
    if kind == tarfile.CONTTYPE:
        assert unpack(tar_of(("x", kind, ""))) == {"x": b""}  # a plain file by another letter
        return
    with pytest.raises(BadArchive, match="Devices"):
        unpack(tar_of(("x", kind, "")))


def test_links_stay_inside_or_are_left_out():
    data = tar_of(
        ("a/inside", tarfile.SYMTYPE, "../b"),
        ("a/out", tarfile.SYMTYPE, "../../b"),
        ("a/absolute", tarfile.SYMTYPE, "/etc/passwd"),
        ("b", b"1"),
    )
    assert unpack(data) == {"a/inside": "-> ../b", "b": b"1", "?": "a/out,a/absolute"}


def test_what_a_sandbox_made_keeps_its_links_and_leaves_out_the_rest():
    data = tar_of(
        ("l", tarfile.SYMTYPE, "/usr/bin/python3"), ("p", tarfile.FIFOTYPE, ""), ("new\nline", b"1")
    )
    assert unpack(data, strict=False) == {"l": "-> /usr/bin/python3", "new\nline": b"1", "?": "p"}


def test_hard_links_become_copies_and_only_of_what_is_there():
    assert unpack(tar_of(("a", b"same"), ("b", tarfile.LNKTYPE, "a"))) == {"a": b"same", "b": b"same"}
    for target in ("/etc/passwd", "missing", "b"):
        with pytest.raises(BadArchive):
            unpack(tar_of(("a", b"x"), ("b", tarfile.LNKTYPE, target)))


def test_a_file_below_a_link_or_a_file_is_refused():
    for first in (("d", tarfile.SYMTYPE, "e"), ("d", b"1")):
        with pytest.raises(BadArchive):
            unpack(tar_of(first, ("d/x", b"2")))


def test_a_name_that_comes_twice_is_refused():
    with pytest.raises(BadArchive, match="twice"):
        unpack(tar_of(("a", b"1"), ("./a", b"2")))
    with pytest.warns(UserWarning, match="Duplicate"):
        twice = zip_of(("a", b"1"), ("a", b"2"))
    with pytest.raises(BadArchive, match="twice"):
        unpack(twice)


def test_special_bits_are_dropped_and_owners_can_read_their_files():
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as tar:
        info = tarfile.TarInfo("x")
        info.mode, info.uid = 0o6000, 0
        tar.addfile(info)
    with (
        Spool.filled([target.getvalue()], most=1 << 20) as spool,
        repack(members(spool, bounds=BOUNDS), bounds=BOUNDS, most=1 << 20) as packed,
        tarfile.open(packed.spool.path) as tar,
    ):
        assert [(info.mode, info.uid) for info in tar] == [(0o600, 1000)]


# --- Bombs ------------------------------------------------------------------------------------------------
class Zeros(io.RawIOBase):
    def __init__(self, size: int) -> None:
        self.left = size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = min(len(buffer), self.left)
        buffer[:count] = bytes(count)
        self.left -= count
        return count


def bomb(size: int, mode: str) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode=mode) as tar:
        info = tarfile.TarInfo("zeros")
        info.size = size
        tar.addfile(info, Zeros(size))
    return target.getvalue()


@pytest.mark.parametrize("mode", ["w:gz", "w:bz2", "w:xz"])
def test_a_bomb_ends_at_the_ratio_with_flat_memory(mode):
    data = bomb(150 << 20, mode)
    tracemalloc.start()
    with pytest.raises(TooLarge):
        unpack(data)
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 24 << 20


def test_a_zip_bomb_is_refused_by_what_it_announces():
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(20):
            with archive.open(f"{number}", "w") as file:
                for _megabyte in range(10):
                    file.write(bytes(1 << 20))
    with pytest.raises(TooLarge):
        unpack(target.getvalue())


def test_a_zip_that_lies_about_a_size_is_refused():
    data = zip_of(("a", b"x" * 100_000))
    for size in (10, 200_000):
        lying = data.replace(struct.pack("<I", 100_000), struct.pack("<I", size))
        with pytest.raises(BadArchive):
            unpack(lying)


def test_too_many_files_are_refused():
    few = Bounds(transfer=1 << 30, unpacked=1 << 30, files=50)
    with pytest.raises(TooLarge, match="50"):
        unpack(tar_of(*((f"f{number}", b"") for number in range(51))), few)
    with pytest.raises(TooLarge):
        unpack(zip_of(*((f"f{number}", b"") for number in range(51))), few)
    with pytest.raises(TooLarge):  # folders that are only in names count as well
        unpack(tar_of(*((f"d{number}/e/f", b"") for number in range(20))), few)


def test_a_header_of_gigabytes_is_refused_before_it_is_read():
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 4 << 30
    with pytest.raises(BadArchive, match="header"):
        unpack(info.tobuf(tarfile.GNU_FORMAT) + bytes(10240))


def test_a_negative_size_does_not_loop():
    pax = tarfile.TarInfo("x")
    pax.pax_headers = {"size": "-512"}
    pax.size = 0
    data = pax.tobuf(tarfile.PAX_FORMAT) + tarfile.TarInfo("y").tobuf() + bytes(10240)
    began = time.monotonic()
    with pytest.raises(Problem):
        unpack(data)
    assert time.monotonic() - began < 5


def test_a_sparse_file_is_refused():
    info = tarfile.TarInfo("x")
    info.type = tarfile.GNUTYPE_SPARSE
    with pytest.raises(BadArchive):
        unpack(info.tobuf(tarfile.GNU_FORMAT) + bytes(10240))


def test_a_zip_with_a_password_is_refused_with_the_reason():
    data = bytearray(zip_of(("a", b"secret")))
    central = data.index(b"PK\x01\x02")
    data[6] |= 1
    data[central + 8] |= 1
    with pytest.raises(BadArchive, match="password"):
        unpack(bytes(data))


@pytest.mark.parametrize(
    "data",
    [b"not an archive at all" * 100, gzip.compress(PLAIN)[:-20], gzip.compress(b"plain text"),
     b"PK\x03\x04junk", bz2.compress(PLAIN)[:50], lzma.compress(PLAIN)[:-30], zstandard.compress(PLAIN)[:-9],
     b"\x1f\x8b" + bytes(50),
     zip_of(("a", b"x" * 1000))[:-40], zip_of(("first", b"x" * 1000)).replace(b"first", b"other", 1)],
    ids=["text", "gzip cut", "gzip of text", "zip cut", "bzip2 cut", "xz cut", "zstd cut", "gzip of nothing",
         "zip's end cut", "zip's names differ"],
)  # fmt: skip
def test_a_damaged_archive_is_said_to_be_one(data):
    with pytest.raises(BadArchive, match="archive"):
        unpack(data)


@pytest.mark.parametrize(
    "data",
    [tar_of(("first", b"1"), ("cut", b"x" * 5000))[:3000],
     zip_of(("a", b"text" * 1000), method=zipfile.ZIP_STORED).replace(b"texttext", b"textTEXT", 1)],
    ids=["tar cut", "zip changed"],
)  # fmt: skip
def test_an_archive_with_a_damaged_file_moves_as_it_is_and_is_not_unpacked(data, box, alice, workspace):
    files.upload(sandbox=box, by=alice, path="cut", chunks=[data], size=len(data))
    got = files.download(sandbox=box, by=alice, path="cut")
    assert b"".join(got.chunks) == data
    with pytest.raises(BadArchive, match="damaged"):
        files.extract(sandbox=box, by=alice, chunks=[data])
    assert workspace.tree() == {"cut": data}


# --- Through the services ---------------------------------------------------------------------------------
def test_an_archive_is_unpacked_into_a_folder(box, alice, workspace):
    found = files.extract(sandbox=box, by=alice, path="to", chunks=[gzip.compress(PLAIN)])
    assert (found.files, found.directories, found.size_bytes) == (2, 2, 3005)
    assert workspace.tree() == {"to/a/b.txt": b"hello", "to/한글/파일.txt": b"x" * 3000}


def test_nothing_of_a_refused_archive_gets_in(box, alice, workspace):
    with pytest.raises(BadArchive, match="upwards"):
        files.extract(sandbox=box, by=alice, chunks=[tar_of(("good", b"1"), ("../bad", b"2"))])
    assert workspace.asked == []


def test_a_bad_file_in_an_archive_is_held_back_by_its_own_name(box, alice, workspace):
    for data in (tar_of(("x/bad.com", EICAR)), zip_of(("x/bad.com", EICAR))):
        with pytest.raises(files.Quarantined):
            files.extract(sandbox=box, by=alice, path="in", chunks=[data])
    assert workspace.asked == []
    assert SandboxQuarantine.objects.count() == 2


def test_names_that_are_not_utf_8_stay_apart_in_a_zip(box, alice, workspace):
    for name in (b"bad\xff", b"bad\xfe"):
        workspace.put(os.fsdecode(name), name[-1:])
    done = b"".join(files.archive(sandbox=box, by=alice, kind="zip"))
    with zipfile.ZipFile(io.BytesIO(done)) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {
            "bad%FF": b"\xff",
            "bad%FE": b"\xfe",
        }


def test_an_archive_comes_out_as_tar_gzip_or_zip(box, alice, workspace):
    workspace.put("src/한글.txt", "1")
    workspace.put("src/sub/b.txt", "2")
    workspace.put("other", "3")
    expected = {"src/한글.txt": b"1", "src/sub/b.txt": b"2"}
    for kind in ("tar", "tar.gz", "zip"):
        found = files.archive(sandbox=box, by=alice, path="src", kind=kind)
        assert found.name == f"src.{kind}"
        assert unpack(b"".join(found)) == expected
    assert set(unpack(b"".join(files.archive(sandbox=box, by=alice)))) == {*expected, "other"}


@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_unchanged_files_make_the_same_archive_so_that_a_download_of_it_can_go_on(
    kind, box, alice, workspace, monkeypatch
):
    workspace.put("src/a.txt", "1" * 1000)
    first = files.archive(sandbox=box, by=alice, path="src", kind=kind)
    monkeypatch.setattr("django.utils.timezone.now", lambda: datetime(2030, 1, 1, tzinfo=UTC))
    again = files.archive(sandbox=box, by=alice, path="src", kind=kind)
    assert first.whole.sha256 == again.whole.sha256
    assert b"".join(first) == b"".join(again)


def test_a_file_in_a_zip_is_as_old_as_the_file(box, alice, workspace):
    os.utime(
        workspace.put("src/a.txt", "1"),
        (0, datetime(2020, 5, 6, 7, 8, 10, tzinfo=timezone.get_current_timezone()).timestamp()),
    )
    os.utime(workspace.put("src/b.txt", "1"), (0, 0))  # before the first year that a zip can tell
    data = b"".join(files.archive(sandbox=box, by=alice, path="src", kind="zip"))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        ages = {info.filename: info.date_time for info in archive.infolist()}
    assert ages == {"src/a.txt": (2020, 5, 6, 7, 8, 10), "src/b.txt": (1980, 1, 1, 0, 0, 0)}


def test_an_unknown_kind_of_archive_is_refused(box, alice):
    with pytest.raises(Problem):
        files.archive(sandbox=box, by=alice, kind="rar")
