"""Archives of people and of sandboxes, read as hostile input: names, counts, sizes and ratios are bounded.

`members` reads any of the formats member by member, once, from the beginning to the end; what is made of
them is in repacking.py. Nothing is ever unpacked on this machine.
"""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Self

import zstandard
from django.utils.translation import gettext as _

from agi_site.lib.problems import Invalid

from .limits import Bounds
from .spool import CHUNK, Spool, TooLarge, too_large

LONGEST_HEADER = 1 << 20  # bytes of the extra headers of one tar member, and of a link's target
LONGEST_DIRECTORY = 16 << 20  # bytes of a zip's table of contents
MEMORY = 128 << 20  # of a decompressor
BLOCK = tarfile.BLOCKSIZE
FILE, DIRECTORY, LINK = "file", "directory", "link"
_HEADERS = (
    tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK,
)  # fmt: skip
_DAMAGE = (
    tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, zstandard.ZstdError, EOFError, OSError,
    NotImplementedError, ValueError, OverflowError, RecursionError,
)  # fmt: skip


class BadArchive(Invalid):
    """An archive that is damaged, of an unknown kind, or not to be unpacked."""

    code = "archive"


@dataclass(slots=True)
class Member:
    """One member: `read` gives a file's bytes, `target` is what a link says, `mode` has permissions only."""

    path: str
    kind: str
    size: int = 0
    mode: int = 0o644
    modified: float = 0.0
    target: str = ""
    same_as: str = ""  # a hard link: the path of an earlier member
    read: Callable[[int], bytes] = field(default=lambda _size: b"")


# --- Reading ----------------------------------------------------------------------------------------------
class Chunks(io.RawIOBase):
    """Chunks of bytes as a file to read from."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks, self._rest = iter(chunks), memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._rest = memoryview(chunk)
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count


class _Bounded(io.RawIOBase):
    """What a decompressor gives, up to a limit: where bombs end."""

    def __init__(self, source: IO[bytes], most: int) -> None:
        self._source, self._most, self._count = source, most, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._source.read(len(buffer))
        self._count += len(data)
        if self._count > self._most:
            raise too_large(self._most)
        buffer[: len(data)] = data
        return len(data)


class _XZ(io.RawIOBase):
    """xz with bounded memory, which lzma.LZMAFile does not offer."""

    def __init__(self, source: IO[bytes]) -> None:
        self._source = source
        self._unpack = lzma.LZMADecompressor(memlimit=MEMORY)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = b""
        while not data and not self._unpack.eof:
            more = self._source.read(CHUNK) if self._unpack.needs_input else b""
            if not more and self._unpack.needs_input:
                raise EOFError("the end is missing")
            data = self._unpack.decompress(more, len(buffer))
        buffer[: len(data)] = data
        return len(data)


class _Info(tarfile.TarInfo):
    """A tar header that does not make its reader take up memory, or go backwards."""

    @classmethod
    def frombuf(cls, buf: Any, encoding: Any, errors: Any) -> Self:
        info = super().frombuf(buf, encoding, errors)
        if info.size < 0 or (info.type in _HEADERS and info.size > LONGEST_HEADER):
            raise BadArchive(_("This archive has a header that no archive needs."))
        return info


@contextmanager
def told() -> Iterator[None]:
    """Whatever a damaged archive makes its reader say, said for people."""
    try:
        yield
    except _DAMAGE as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # not the archive's fault: this machine's disk
        raise BadArchive(_("This archive is damaged or of a kind that is not known here.")) from error


def _telling(read: Callable[[int], bytes]) -> Callable[[int], bytes]:
    """A member's `read` that tells of damage: it is called from outside of the walk, which does."""

    def reading(size: int) -> bytes:
        with told():
            return read(size)

    return reading


def members(spool: Spool, *, bounds: Bounds) -> Iterator[Member]:
    """The members of an archive of any known format; raises BadArchive or TooLarge."""
    most = bounds.unpacked_from(spool.size)
    with told(), Path(spool.path).open("rb") as file:
        if spool.part(0, 4) in (b"PK\x03\x04", b"PK\x05\x06"):
            yield from _zip_members(file, spool, most, bounds.files)
            return
        unpacked = _unpacked(file, spool.part(0, 6))
        yield from tar_members(unpacked if unpacked is file else _Bounded(unpacked, most))


def is_archive(spool: Spool) -> bool:
    """Whether it begins as an archive does (a packed single file counts as well)."""
    head = spool.part(0, 6)
    return (
        head[:4] in (b"PK\x03\x04", b"\x28\xb5\x2f\xfd")
        or head[:3] in (b"\x1f\x8b\x08", b"BZh")
        or head == b"\xfd7zXZ\0"
        or spool.part(257, 5) == b"ustar"
    )


def _unpacked(file: Any, head: bytes) -> Any:
    if head[:2] == b"\x1f\x8b":
        return gzip.GzipFile(fileobj=file)
    if head[:3] == b"BZh":
        return bz2.BZ2File(file)
    if head == b"\xfd7zXZ\0":
        return _XZ(file)
    if head[:4] == b"\x28\xb5\x2f\xfd":
        return zstandard.ZstdDecompressor(max_window_size=MEMORY).stream_reader(file, read_across_frames=True)
    return file


def tar_members(file: Any) -> Iterator[Member]:
    """The members of a plain tar that is read once, from its beginning to its end."""
    with told():
        buffered = io.BufferedReader(file, CHUNK) if isinstance(file, io.RawIOBase) else file
        tar = tarfile.open(fileobj=buffered, mode="r|", bufsize=CHUNK, tarinfo=_Info)  # noqa: SIM115 - holds nothing
        while (info := tar.next()) is not None:
            tar.members.clear()  # type: ignore[attr-defined]  # else it keeps every header it ever read
            yield _of_tar(tar, info)


def _of_tar(tar: tarfile.TarFile, info: tarfile.TarInfo) -> Member:
    member = Member(
        path=_readable(info.name),
        kind="other",
        mode=info.mode & 0o777,
        modified=max(0.0, float(info.mtime or 0)),
    )
    if info.isreg() and not info.issparse():
        source = tar.extractfile(info)
        if source is not None:
            member.kind, member.size, member.read = FILE, info.size, _telling(source.read)
    elif info.isdir():
        member.kind = DIRECTORY
    elif info.issym():
        member.kind, member.target = LINK, info.linkname
    elif info.islnk():
        member.kind, member.same_as = FILE, _readable(info.linkname)
    return member


def _zip_members(file: IO[bytes], spool: Spool, most: int, most_files: int) -> Iterator[Member]:
    total = 0
    archive = zipfile.ZipFile(_Guarded(file))
    if len(archive.filelist) > most_files:
        raise too_many(most_files)
    for info in archive.filelist:
        if info.flag_bits & 1:
            raise BadArchive(_("This zip is protected by a password, so its files cannot be scanned."))
        total += info.file_size
        if total > most:
            raise too_large(most)
        member = _of_zip(info)
        if member.kind == DIRECTORY:
            yield member
            continue
        with archive.open(info) as source:
            if member.kind == LINK:
                member.target = source.read(LONGEST_HEADER).decode("utf-8", "surrogateescape")
            member.read = _telling(source.read)
            yield member
            if source.read(1):
                raise BadArchive(_("This archive says less of a file than it holds."))


def _of_zip(info: zipfile.ZipInfo) -> Member:
    name = info.filename if info.flag_bits & 0x800 else _readable(info.filename, "cp437")
    mode = info.external_attr >> 16
    kind = DIRECTORY if info.is_dir() else LINK if mode & 0o170000 == 0o120000 else FILE
    if info.create_system == 0:  # made on Windows: the separator may be the other one
        name = name.replace("\\", "/")
    try:
        modified = datetime(*info.date_time, tzinfo=UTC).timestamp()
    except ValueError:
        modified = 0.0
    permissions = mode & 0o777 or (0o755 if kind == DIRECTORY else 0o644)
    return Member(path=name, kind=kind, size=info.file_size, mode=permissions, modified=max(0.0, modified))


class _Guarded(io.BufferedReader):
    """A file that is not read in one huge piece: zipfile takes a zip's whole table of contents at once."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(io.FileIO(file.fileno(), closefd=False))

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > LONGEST_DIRECTORY:
            raise BadArchive(_("The table of contents of this zip is too long."))
        return super().read(size)


def _readable(name: str, encoding: str = "utf-8") -> str:
    """A name whose archive does not say its encoding: UTF-8, else that of Korean Windows, else as it is."""
    try:
        raw = name.encode(encoding, "surrogateescape")
    except UnicodeEncodeError:
        return name
    for guess in ("utf-8", "cp949"):
        try:
            return raw.decode(guess)
        except UnicodeDecodeError:
            continue
    return name


def too_many(most: int) -> TooLarge:
    """The refusal of too many members, with the figure."""
    return TooLarge(
        _("There are more than %(most)s files and folders in this archive.") % {"most": f"{most:,}"}
    )
