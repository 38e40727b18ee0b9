"""Bytes into and out of sandboxes: files and archives, each scanned on its way."""

import re
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self

from django.utils import timezone
from django.utils.translation import gettext as _

from agi_site.lib.problems import Conflict, Invalid

from ..models import Sandbox, SandboxFile, SandboxInstance
from . import inside, mirror
from .access import instance_of
from .archives import Chunks, Member, members, tar_members
from .inspection import Course, check_file, check_members, check_whole
from .limits import bounds
from .mime import is_text, mime_type
from .paths import clean, clean_name
from .repacking import Packed, repack, shown
from .spool import Spool, too_large

HEAD = 512  # bytes that tell the type of content
KINDS = {"tar": "application/x-tar", "tar.gz": "application/gzip", "zip": "application/zip"}


@dataclass(frozen=True, slots=True)
class Content:
    """The beginning of a file: `text` is None for what is not UTF-8, `complete` says if this is all of it."""

    path: str
    data: bytes
    size: int
    mime_type: str
    complete: bool

    @property
    def text(self) -> str | None:
        return self.data.decode("utf-8", "ignore") if is_text(self.data) else None


@dataclass(slots=True)
class Download:
    """Bytes on their way to a person: iterate over it once; `close` it when that is left early.

    `whole` holds all of them where they lie ready; else they are packed on their way, of unknown length.
    """

    name: str
    mime_type: str
    chunks: Iterator[bytes]
    _close: Callable[[], None] = lambda: None
    whole: Spool | None = None

    @classmethod
    def of(cls, spool: Spool, *, name: str, mime_type: str) -> Self:
        """All of a spool, which ends with the download."""
        return cls(name, mime_type, _closing(spool, spool.chunks()), spool.close, spool)

    def __iter__(self) -> Iterator[bytes]:
        return self.chunks

    def close(self) -> None:
        self._close()


@dataclass(frozen=True, slots=True)
class Extracted:
    """What came out of an archive: counts, bytes, and the names that were left out (links to outside, …)."""

    files: int
    directories: int
    size_bytes: int
    skipped: list[str] = field(default_factory=list)


# --- Files ------------------------------------------------------------------------------------------------
def read_file(*, sandbox: Sandbox, by: Any, path: str, limit: int = 1 << 20) -> Content:
    """The first `limit` bytes of a file, for the editor and for tools."""
    instance, path = instance_of(sandbox, by), clean_name(path)
    limit = max(1, min(limit, bounds().transfer))
    size = _size_of(instance, path)
    with inside.read(instance, path, most=limit, length=limit) as spool:
        check_file(Course.out_of(sandbox), spool, path=path)
        data = spool.part(0, spool.size)
    return Content(path, data, max(size, len(data)), mime_type(path, data[:HEAD]), len(data) >= size)


def write_file(*, sandbox: Sandbox, by: Any, path: str, content: bytes | str) -> SandboxFile:
    """Write a whole file at once, making folders above it as needed; returns its row."""
    data = content.encode() if isinstance(content, str) else content
    return upload(sandbox=sandbox, by=by, path=path, chunks=[data], size=len(data))


def upload(
    *, sandbox: Sandbox, by: Any, path: str, chunks: Iterable[bytes], size: int | None = None
) -> SandboxFile:
    """Write a file from chunks of bytes with flat memory; `size` (if known) is checked before it starts."""
    instance, path, most = (
        instance_of(sandbox, by, writing=True),
        clean_name(path, new=True),
        bounds().transfer,
    )
    if size is not None and size > most:
        raise too_large(most)
    with Spool.filled(chunks, most=most) as spool:
        check_whole(spool, path=path, size=size)
        check_file(Course.into(sandbox), spool, path=path)
        written = inside.write(instance, path, spool)
        return mirror.put(sandbox, written, sha256=spool.sha256, head=spool.part(0, HEAD))


def download(*, sandbox: Sandbox, by: Any, path: str) -> Download:
    """The bytes of a file, scanned before the first of them leaves."""
    instance, path, most = instance_of(sandbox, by), clean_name(path), bounds().transfer
    if _size_of(instance, path) > most:
        raise too_large(most)
    spool = inside.read(instance, path, most=most)
    try:
        check_file(Course.out_of(sandbox), spool, path=path)
    except BaseException:
        spool.close()
        raise
    return Download.of(spool, name=path.rpartition("/")[2], mime_type=mime_type(path, spool.part(0, HEAD)))


def _size_of(instance: SandboxInstance, path: str) -> int:
    """The bytes of a file; raises NotFound, or Invalid for what is no file."""
    found = inside.stat(instance, path)
    if found.kind != "file":
        raise Invalid(_("“%(path)s” is not a file.") % {"path": shown(path)}, code="not_a_file")
    return found.size


# --- Archives ---------------------------------------------------------------------------------------------
def archive(*, sandbox: Sandbox, by: Any, path: str = "", kind: str = "tar.gz") -> Download:
    """A folder with all that is in it as one archive; `kind` is "tar", "tar.gz" or "zip"."""
    if kind not in KINDS:
        message = _("Choose one of %(kinds)s.") % {"kinds": ", ".join(KINDS)}
        raise Invalid(message, errors={"kind": [message]})
    instance, path, most = instance_of(sandbox, by), clean(path), bounds()
    with inside.archive(instance, path) as stream:
        members_of_folder = _below(path, tar_members(Chunks(stream)))
        packed = repack(members_of_folder, bounds=most, most=most.transfer, strict=False)
    try:
        check_members(Course.out_of(sandbox), packed, folder=path.rpartition("/")[0])
        return _packed_as(packed, kind, name=path.rpartition("/")[2] or sandbox.name or "workspace")
    except BaseException:
        packed.spool.close()
        raise


def extract(*, sandbox: Sandbox, by: Any, chunks: Iterable[bytes], path: str = "") -> Extracted:
    """Unpack an archive (tar, plain or packed by gzip, bzip2, xz or zstd; zip) into a folder."""
    instance, path, most = instance_of(sandbox, by, writing=True), clean(path, new=True), bounds()
    with Spool.filled(chunks, most=most.transfer) as given:
        check_file(Course.into(sandbox), given, path=path or "archive")
        unpacked = members(given, bounds=most)
        with repack(unpacked, bounds=most, most=most.unpacked_from(given.size)) as packed:
            check_members(Course.into(sandbox), packed, folder=path)
            answer = inside.extract(instance, path, packed.spool.chunks())
            mirror.refresh_soon(sandbox)
            _note_refused(packed, answer)
            return Extracted(packed.files, packed.directories, packed.size, packed.skipped)


def _note_refused(packed: Packed, answer: dict[str, Any]) -> None:
    """Name what the sandbox left out (a link is in the way, …); raises Conflict if that is everything."""
    refused = [
        f"{shown(each.get('name', ''))}: {each.get('reason', '')}" for each in answer.get("refused", ())
    ]
    if refused and not answer.get("count"):
        raise Conflict(_("Nothing could be unpacked: %(reason)s") % {"reason": refused[0]}, code="refused")
    for each in refused:
        packed.skip(each)


def _below(path: str, members: Iterator[Member]) -> Iterator[Member]:
    """Members named from the folder's own name on, not from the workspace."""
    cut = len(path) - len(path.rpartition("/")[2])
    for member in members:
        if not inside.is_staging(member.path):
            member.path = member.path[cut:]
            yield member


def _packed_as(packed: Packed, kind: str, *, name: str) -> Download:
    if kind == "tar.gz":
        chunks = _closing(packed.spool, _gzipped(packed.spool.chunks()))
        return Download(f"{name}.{kind}", KINDS[kind], chunks, packed.spool.close)
    if kind == "zip":
        with packed:
            return Download.of(_zipped(packed), name=f"{name}.{kind}", mime_type=KINDS[kind])
    return Download.of(packed.spool, name=f"{name}.{kind}", mime_type=KINDS[kind])


def _gzipped(chunks: Iterator[bytes]) -> Iterator[bytes]:
    packer = zlib.compressobj(6, zlib.DEFLATED, 31)
    for chunk in chunks:
        if data := packer.compress(chunk):
            yield data
    yield packer.flush()


def _zipped(packed: Packed) -> Spool:
    spool = Spool()
    try:
        with zipfile.ZipFile(spool, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as archive:  # type: ignore[arg-type]
            for name, (offset, size) in packed.parts.items():
                info = _zip_info(name, packed.modified[name])
                with archive.open(info, "w", force_zip64=size >= 1 << 31) as target:
                    for chunk in packed.spool.chunks(offset, size):
                        target.write(chunk)
        return spool.done()
    except BaseException:
        spool.close()
        raise


def _zip_info(name: str, modified: float) -> zipfile.ZipInfo:
    """A member as old as its file: packed once more, unchanged files make the same archive."""
    moment = timezone.localtime(datetime.fromtimestamp(modified, UTC))
    known = 1980 <= moment.year <= 2107  # the years a zip can tell
    info = zipfile.ZipInfo(_zip_name(name), moment.timetuple()[:6] if known else (1980, 1, 1, 0, 0, 0))
    info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, 0o100644 << 16
    return info


def _zip_name(name: str) -> str:
    """A zip holds text alone: bytes that are no UTF-8 become %FF and the like, so that names stay apart."""
    return re.sub("[\udc80-\udcff]", lambda found: f"%{ord(found[0]) - 0xDC00:02X}", name)


def _closing(spool: Spool, chunks: Iterator[bytes]) -> Iterator[bytes]:
    with spool:
        yield from chunks
