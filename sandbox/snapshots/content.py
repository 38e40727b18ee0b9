"""A snapshot as it is stored: its manifest, then the workspace as a tar packed by zstd, in one file.

The manifest is a JSON list of [path, kind, size, permissions, SHA-256 or target of a link], packed by zstd,
in one of zstd's skippable frames: `tar --zstd` and `zstd -d` pass over it, so a download opens everywhere.
"""

import hashlib
import io
import json
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import zstandard
from django.utils.translation import gettext as _

from agi_site.lib.problems import Conflict

from ..files import storing
from ..files.archives import FILE, LINK, MEMORY, BadArchive, tar_members
from ..files.limits import bounds
from ..files.repacking import Packed, repack, shown
from ..files.spool import CHUNK, Spool, TooLarge
from ..models import SandboxSnapshot

LEVEL = 3
FRAME = b"\x50\x2a\x4d\x18"  # the magic of a skippable frame
LONGEST_MANIFEST = 256 << 20

type Line = tuple[str, str, int, int, str]


class Mismatch(Conflict):
    """What is stored is not the snapshot that was made."""

    code = "mismatch"


@dataclass(slots=True)
class Sealed:
    """The stored form in a spool, with what the row says of it."""

    spool: Spool
    manifest_hash: str
    lines: list[Line] = field(default_factory=list)


def describe(packed: Packed) -> list[Line]:
    """The manifest of a tar, by path."""
    lines: list[Line] = []
    with Path(packed.spool.path).open("rb") as file:
        for member in tar_members(file):
            about, size = "", 0
            if member.kind == FILE:
                about, size = _hash(member.read), member.size
            elif member.kind == LINK:
                about = member.target
            lines.append((member.path, member.kind, size, member.mode, about))
    return sorted(lines)


def seal(packed: Packed) -> Sealed:
    """Put a tar and its manifest together in the stored form."""
    lines = describe(packed)
    text = json.dumps(lines, separators=(",", ":")).encode()
    head = zstandard.ZstdCompressor(level=LEVEL).compress(text)
    spool = Spool()
    try:
        spool.write(FRAME + len(head).to_bytes(4, "little") + head)
        packer = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True).compressobj(
            size=packed.spool.size
        )
        for chunk in packed.spool.chunks():
            spool.write(packer.compress(chunk))
        spool.write(packer.flush())
        return Sealed(spool.done(), hashlib.sha256(text).hexdigest(), lines)
    except BaseException:
        spool.close()
        raise


@contextmanager
def verified(snapshot: SandboxSnapshot) -> Iterator[tuple[Spool, Packed]]:
    """What is stored, and the plain tar in it, once every byte is known to be as it was when it was made.

    Raises Mismatch, which names the first file that is not.
    """
    with _fetched(snapshot) as stored:
        expected = _manifest(stored, snapshot)
        with _unpacked(stored) as packed:
            _compare(expected, describe(packed))
            if stored.sha256 != snapshot.content_hash:
                raise Mismatch(_("The stored snapshot was changed, though each of its files is as it was."))
            yield stored, packed


def _fetched(snapshot: SandboxSnapshot) -> Spool:
    try:
        with closing(storing.open_stored(str(snapshot.storage_path))) as file:
            return Spool.filled(iter(lambda: file.read(CHUNK), b""), most=snapshot.stored_bytes + CHUNK)
    except (OSError, TooLarge) as error:
        raise Mismatch(_("The stored snapshot is missing, or not as long as it was.")) from error


def _manifest(stored: Spool, snapshot: SandboxSnapshot) -> list[Line]:
    head = stored.part(0, 8)
    try:
        if head[:4] != FRAME:
            raise ValueError("no manifest")
        packed = stored.part(8, int.from_bytes(head[4:], "little"))
        text = zstandard.ZstdDecompressor().decompress(packed, max_output_size=LONGEST_MANIFEST)
        if hashlib.sha256(text).hexdigest() != snapshot.manifest_hash:
            raise ValueError("another manifest")
        return [(path, kind, size, mode, about) for path, kind, size, mode, about in json.loads(text)]
    except (ValueError, TypeError, zstandard.ZstdError) as error:
        raise Mismatch(
            _("The manifest of the stored snapshot is not the one that was made with it.")
        ) from error


def _unpacked(stored: Spool) -> Packed:
    """The tar in the stored form, as far as it can be read: the comparison tells what is missing."""
    frame = 8 + int.from_bytes(stored.part(4, 4), "little")
    most = bounds()
    file = Path(stored.path).open("rb")  # noqa: SIM115 - closed below
    with file:
        file.seek(frame)
        reader = zstandard.ZstdDecompressor(max_window_size=MEMORY).stream_reader(file)
        try:
            return repack(
                tar_members(io.BufferedReader(reader)), bounds=most, most=most.unpacked, strict=False
            )  # type: ignore[type-var]
        except (BadArchive, TooLarge) as error:
            raise Mismatch(_("The stored snapshot is damaged and cannot be unpacked.")) from error


def _compare(expected: Iterable[Line], found: Iterable[Line]) -> None:
    wanted, there = {line[0]: line for line in expected}, {line[0]: line for line in found}
    for path in sorted(wanted.keys() | there.keys()):
        if wanted.get(path) != there.get(path):
            raise mismatch_at(path)


def mismatch_at(path: str) -> Mismatch:
    """The refusal that names a file."""
    return Mismatch(
        _("“%(path)s” is not as it was when the snapshot was made. Nothing was changed.")
        % {"path": shown(path)}
    )


def _hash(read: object) -> str:
    digest = hashlib.sha256()
    while chunk := read(CHUNK):  # type: ignore[operator]
        digest.update(chunk)
    return digest.hexdigest()
