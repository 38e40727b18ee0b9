"""Members of an archive written as one plain tar that holds nothing but regular files, folders and links."""

import io
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from posixpath import dirname, normpath
from typing import Any, Self

from django.utils.translation import gettext as _

from . import paths
from .archives import DIRECTORY, FILE, LINK, LONGEST_HEADER, BadArchive, Member, told, too_many
from .limits import Bounds
from .spool import Spool, too_large

BLOCK = tarfile.BLOCKSIZE
OWNER = 1000  # as whom everything in a sandbox runs
NAMED = 100  # how many of the left out are named


@dataclass(slots=True)
class Packed:
    """A plain tar in a spool, and where in it which file's bytes are: path, then (offset, size).

    `modified` says when each of the files was changed, in seconds since 1970.
    """

    spool: Spool = field(default_factory=Spool)
    directories: int = 0
    links: int = 0
    size: int = 0
    parts: dict[str, tuple[int, int]] = field(default_factory=dict)
    modified: dict[str, float] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)
    skipped_count: int = 0

    @property
    def files(self) -> int:
        return len(self.parts)

    def skip(self, path: str) -> None:
        """Note that something was left out."""
        self.skipped_count += 1
        if len(self.skipped) < NAMED:
            self.skipped.append(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.spool.close()


def repack(members: Iterable[Member], *, bounds: Bounds, most: int, strict: bool = True) -> Packed:
    """Write the members into a tar of at most `most` bytes of files; raises BadArchive or TooLarge.

    `strict` is for what people bring: a bad name, a device or a contradiction refuses the whole archive, and
    links to the outside are left out. Else (what a sandbox itself made) only what cannot be packed is.
    """
    packed = Packed()
    try:
        with told(), tarfile.open(fileobj=packed.spool, mode="w", format=tarfile.PAX_FORMAT) as tar:  # type: ignore[call-overload]
            writer = _Writer(tar, packed, bounds.files, most, strict)
            for member in members:
                writer.add(member)
        packed.spool.done()
    except BaseException:
        packed.spool.close()
        raise
    return packed


@dataclass(slots=True)
class _Writer:
    tar: tarfile.TarFile
    packed: Packed
    most_files: int
    most: int
    strict: bool
    seen: dict[str, str] = field(default_factory=dict)  # the kind of every path so far

    def add(self, member: Member) -> None:
        path = "/".join(name for name in member.path.split("/") if name not in ("", "."))
        fault = self._fault(member, path)
        if fault and self.strict:
            raise BadArchive(f"{shown(member.path)}: {fault}")
        if fault or (member.kind == LINK and self.strict and not _stays_inside(path, member.target)):
            self.packed.skip(member.path)
        elif path and not (member.kind == DIRECTORY and path in self.seen):
            self._add_parents(path)
            self._add(member, path)

    def _fault(self, member: Member, path: str) -> str:
        if member.kind not in (FILE, DIRECTORY, LINK):
            return _("Devices, pipes and the like cannot be unpacked.")
        fault = paths.fault_of_member(member.path) if self.strict else paths.fault_of(path)
        if fault:
            return fault
        if path in self.seen and (member.kind != DIRECTORY or self.seen[path] != DIRECTORY):
            return _("This is in the archive twice.")
        if any(self.seen.get(parent, DIRECTORY) != DIRECTORY for parent in _parents(path)):
            return _("This is below something that is not a folder.")
        if not path and member.kind != DIRECTORY:
            return _("Name a file or folder below the workspace.")
        if member.same_as and self._original(member) not in self.packed.parts:
            return _("This is a link to something that is not in the archive.")
        return ""

    def _original(self, member: Member) -> str:
        return "/".join(name for name in member.same_as.split("/") if name not in ("", "."))

    def _add_parents(self, path: str) -> None:
        for parent in _parents(path):
            if parent not in self.seen:
                self._add(Member(parent, DIRECTORY, mode=0o755), parent)

    def _add(self, member: Member, path: str) -> None:
        if len(self.seen) >= self.most_files:
            raise too_many(self.most_files)
        self.seen[path] = member.kind
        info = tarfile.TarInfo(path)
        info.uid = info.gid = OWNER
        info.mode, info.mtime = member.mode & 0o777, _moment(member.modified)
        if member.kind == FILE:
            self._add_file(member, info)
            return
        if member.kind == LINK:
            info.type, info.linkname, info.mode = tarfile.SYMTYPE, member.target[:LONGEST_HEADER], 0o777
            self.packed.links += 1
        else:
            info.type, info.mode = tarfile.DIRTYPE, info.mode | (0o700 if self.strict else 0)
            self.packed.directories += 1
        self.tar.addfile(info)
        self.tar.members.clear()  # type: ignore[attr-defined]  # else it keeps every header it ever wrote

    def _add_file(self, member: Member, info: tarfile.TarInfo) -> None:
        source: Any = member
        info.size = member.size
        if member.same_as:
            offset, info.size = self.packed.parts[self._original(member)]
            self.packed.spool.flush()
            source = io.BufferedReader(_Part(self.packed.spool, offset, info.size))
        if self.packed.size + info.size > self.most:
            raise too_large(self.most)
        if self.strict:
            info.mode |= 0o600
        self.tar.addfile(info, source)
        self.tar.members.clear()  # type: ignore[attr-defined]
        self.packed.size += info.size
        start = self.packed.spool.size - -(-info.size // BLOCK) * BLOCK
        self.packed.parts[info.name] = (start, info.size)
        self.packed.modified[info.name] = info.mtime


class _Part(io.RawIOBase):
    """A part of a spool to read from."""

    def __init__(self, spool: Spool, offset: int, size: int) -> None:
        self._spool, self._offset, self._rest = spool, offset, size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._spool.part(self._offset, min(len(buffer), self._rest))
        buffer[: len(data)] = data
        self._offset += len(data)
        self._rest -= len(data)
        return len(data)


def shown(path: str) -> str:
    """A name for a message: short, and without what would break its line."""
    text = "".join(character if character.isprintable() else "�" for character in path)
    return text if len(text) <= 120 else text[:60] + "…" + text[-59:]


def _parents(path: str) -> list[str]:
    names = path.split("/")[:-1]
    return ["/".join(names[: count + 1]) for count in range(len(names))]


def _stays_inside(path: str, target: str) -> bool:
    if not target or "\0" in target or target.startswith("/"):
        return False
    end = normpath(f"{dirname(path)}/{target}" if dirname(path) else target)
    return end != ".." and not end.startswith("../")


def _moment(seconds: float) -> float:
    # Times beyond what every file system holds become its beginning.
    return seconds if 0 <= seconds < 1 << 33 else 0
