"""Extracting an archive that somebody made: every name is looked at, and nothing leaves the folder."""

import contextlib
import os
import stat
import tarfile
from typing import Any

from sandbox.runner import kernel
from sandbox.runner.fileops import CHUNK, PART, Refused, Task, clean, exists, make_folders, put_file, remove

MAX_FILES = 200_000
MAX_HEADER = 64 * 1024  # bytes of a long name or of a pax header
TOLD = 100


class _Info(tarfile.TarInfo):
    """Headers are read into memory, so their size is looked at first; a broken one is no archive's end."""

    @classmethod
    def fromtarfile(cls, archive: Any) -> Any:
        """The next header; Refused where tarfile would take what is broken for the end."""
        try:
            return super().fromtarfile(archive)
        except (tarfile.TruncatedHeaderError, tarfile.InvalidHeaderError) as error:  # type: ignore[attr-defined]
            raise Refused("bad_archive", f"The archive is damaged: {error}") from None

    def _proc_member(self, archive: Any) -> Any:
        headers = {tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE}
        if self.type in headers | {tarfile.SOLARIS_XHDTYPE} and self.size > MAX_HEADER:
            raise Refused("bad_archive", "A header of the archive is too long.")
        if self.type == tarfile.GNUTYPE_SPARSE:
            raise Refused("bad_archive", "Sparse files are not taken from archives.")
        return super()._proc_member(archive)  # type: ignore[misc]


class _In:
    """What tarfile reads from."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._rest = b""

    def read(self, size: int) -> bytes:
        """Exactly `size` bytes, fewer only at the end."""
        parts, have = [self._rest], len(self._rest)
        while have < size and (data := self._task.read()):
            parts.append(data)
            have += len(data)
        data = b"".join(parts)
        self._rest = data[size:]
        return data[:size]

    def drain(self) -> None:
        """What follows the archive's end."""
        while self._task.read():
            pass


class Extraction:
    """One archive on its way into a folder of the workspace."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.prefix = task.path(default=".")
        self.max_files = min(int(task.args.get("max_files") or MAX_FILES), MAX_FILES)
        self.left = task.args.get("max_bytes")
        self.count = self.bytes = self.refused_count = self._refused_so_far = 0
        self.refused: list[dict[str, str]] = []
        self.modes: list[tuple[str, int]] = []

    def member(self, tar: tarfile.TarFile, info: tarfile.TarInfo) -> None:
        """One entry: put in its place, or refused with the reason."""
        if self.count + self.refused_count >= self.max_files:
            raise Refused("too_many", "There are too many files in this archive.")
        try:
            path = self._path(info)
            if path != ".":
                self._put(tar, info, path)
                self.count += 1
        except Refused as refused:
            if refused.args[0] in {"too_large", "bad_archive"}:
                raise
            self.refuse(info.name, refused.args[1])
        except UnicodeError:
            self.refuse(info.name, "The name is no text.")
        except (IsADirectoryError, NotADirectoryError, FileExistsError, PermissionError) as error:
            self.refuse(info.name, str(error.strerror))
        except OSError as error:
            if error.errno not in {18, 40, 36, 22}:  # EXDEV, ELOOP, ENAMETOOLONG, EINVAL: a name like that
                raise
            self.refuse(info.name, str(error.strerror))

    def refuse(self, name: str, reason: str) -> None:
        """Count it, and tell the first of them."""
        self.refused_count += 1
        if len(self.refused) < TOLD:
            self.refused.append({"name": name[:300], "reason": reason})

    def _path(self, info: tarfile.TarInfo) -> str:
        path = clean(info.name)
        if any(part.startswith(PART) for part in path.split("/")):
            raise Refused("bad_name", "This name is kept for files that are being written.")
        return clean(f"{self.prefix}/{path}")

    def _put(self, tar: tarfile.TarFile, info: tarfile.TarInfo, path: str) -> None:
        if not (info.isreg() or info.isdir() or info.issym()):
            raise Refused("not_a_file", "Only files, folders and symbolic links are taken from archives.")
        make_folders(self.task, path if info.isdir() else path.rpartition("/")[0])
        folder, name = self.task.parent(path)
        try:
            if info.isdir():
                if not stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
                    raise Refused("exists", "Something else has this name.")
                self.modes.append((path, info.mode & 0o777 | 0o700))
            elif info.issym():
                self._link(info, folder, name, path)
            else:
                self._file(tar, info, folder, name)
        finally:
            os.close(folder)

    def _file(self, tar: tarfile.TarFile, info: tarfile.TarInfo, folder: int, name: str) -> None:
        if self.left is not None and self.bytes + info.size > self.left:
            raise Refused("too_large", "The archive holds more than there is room for.")
        self._make_way(folder, name)
        source = tar.extractfile(info)
        assert source is not None
        pieces = iter(lambda: source.read(CHUNK), b"")
        put_file(folder, name, pieces, info.mode & 0o777)
        self.bytes += info.size
        with contextlib.suppress(OSError, OverflowError, ValueError):
            moment = int(info.mtime * 1_000_000_000)
            os.utime(name, ns=(moment, moment), dir_fd=folder, follow_symlinks=False)

    def _link(self, info: tarfile.TarInfo, folder: int, name: str, path: str) -> None:
        """A link that stays inside; where it points is looked at as text, since it may not exist yet."""
        target = info.linkname
        depth = path.count("/")
        for part in target.split("/"):
            depth += -1 if part == ".." else 0 if part in {"", "."} else 1
            if depth < 0:
                break
        inside = bool(self.task.args.get("any_links")) or not (target.startswith("/") or depth < 0)
        if not inside or not target or len(os.fsencode(target)) > 4095:
            raise Refused("outside", "The link points out of the workspace.")
        self._make_way(folder, name)
        os.symlink(target, name, dir_fd=folder)

    def _make_way(self, folder: int, name: str) -> None:
        if exists(folder, name):
            found = os.stat(name, dir_fd=folder, follow_symlinks=False)
            if stat.S_ISDIR(found.st_mode):
                raise Refused("exists", "A folder has this name.")
            remove(self.task, folder, name, recursive=False)

    def finish(self) -> dict[str, Any]:
        """Folders get their modes at last, so that one without rights can still be filled."""
        for path, mode in reversed(self.modes):
            with contextlib.suppress(OSError):
                fd = kernel.open_beneath(self.task.root, path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
                os.fchmod(fd, mode)
                os.close(fd)
        return {
            "count": self.count,
            "bytes": self.bytes,
            "refused": self.refused,
            "refused_count": self.refused_count,
        }


def op_extract(task: Task) -> dict[str, Any]:
    """{"path"=".", "max_files", "max_bytes", "any_links"=false}: the tar the caller sends, packed or not.

    With "any_links" (a snapshot that is put back) links may point anywhere, as those made inside may.
    """
    extraction = Extraction(task)
    make_folders(task, extraction.prefix)
    source = _In(task)
    try:
        # named explicitly: tarfile's own extraction is not used at all
        with tarfile.open(None, "r|*", source, 20 * 512, tarinfo=_Info) as tar:  # type: ignore[call-overload]
            for info in tar:
                extraction.member(tar, info)
                tar.members = []  # it would keep them all
        source.drain()
    except (tarfile.TarError, EOFError) as error:
        raise Refused("bad_archive", f"This is not a readable archive: {error}") from None
    except OSError as error:
        if error.errno is None:  # a decompressor's
            raise Refused("bad_archive", f"This is not a readable archive: {error}") from None
        raise
    except ValueError as error:
        raise Refused("bad_archive", f"This is not a readable archive: {error}") from None
    return extraction.finish()
