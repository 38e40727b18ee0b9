"""Walking the workspace: lists, manifests with hashes, archives. Flat in memory, whatever is there."""

from __future__ import annotations

import os
import stat

from sandbox import wire
from sandbox.runner import kernel
from sandbox.runner.fileops import CHUNK, PART, Refused, Task, clean, describe, new_sha256, read_in

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, Final

MAX_ENTRIES = 1_000_000
MAX_DEPTH_BYTES = 4095
BLOCK = 512  # of a tar
PAX_FORMAT: Final = 2  # tarfile's
NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"  # the sha256 of no byte


class Walk:
    """The entries below a folder, folders before what is in them; what cannot be read is counted."""

    def __init__(self, task: Task, path: str, *, recursive: bool = True, limit: int = MAX_ENTRIES) -> None:
        self.task, self.path, self.recursive = task, path, recursive
        self.limit = min(limit, MAX_ENTRIES)
        self.count = self.skipped = 0
        self.truncated = False

    def __iter__(self) -> Iterator[tuple[str, os.stat_result, str | None, int]]:
        """Path, stat (of links themselves), where a link points, and the folder, open until the next one."""
        waiting = [self.path]
        first = True
        while waiting:
            path = waiting.pop()
            try:
                fd = kernel.open_beneath(self.task.root, path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            except OSError:
                if first:
                    raise
                self.skipped += 1
                continue
            first = False
            try:
                yield from self._folder(fd, "" if path == "." else f"{path}/", waiting)
            finally:
                os.close(fd)

    def _folder(self, fd: int, prefix: str, waiting: list[str]) -> Iterator[Any]:
        with os.scandir(fd) as entries:
            for entry in entries:
                if entry.name.startswith(PART):
                    continue
                if self.count >= self.limit:
                    self.truncated = True
                    waiting.clear()
                    return
                path = prefix + entry.name
                try:
                    found = entry.stat(follow_symlinks=False)
                    link = stat.S_ISLNK(found.st_mode)
                    target = os.readlink(entry.name, dir_fd=fd) if link else None
                except OSError:
                    self.skipped += 1
                    continue
                self.count += 1
                yield path, found, target, fd
                if self.recursive and stat.S_ISDIR(found.st_mode):
                    if len(os.fsencode(path)) > MAX_DEPTH_BYTES:
                        self.skipped += 1
                    else:
                        waiting.append(path)

    def figures(self) -> dict[str, Any]:
        """How many entries there were, how many could not be read, and whether there are more."""
        return {"count": self.count, "skipped": self.skipped, "truncated": self.truncated}


class Lines:
    """JSON lines to the caller, in large pieces."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self._lines: list[bytes] = []
        self._size = 0

    def put(self, value: dict[str, Any]) -> None:
        """A line."""
        line = wire.to_json(value) + b"\n"
        self._lines.append(line)
        self._size += len(line)
        if self._size >= CHUNK // 8:
            self.flush()

    def flush(self) -> None:
        """What was put so far."""
        self.task.write(b"".join(self._lines))
        self._lines.clear()
        self._size = 0


def op_list(task: Task) -> dict[str, Any]:
    """{"path"=".", "recursive"=false, "limit"=10000}: entries as lines; symlinks are told, never followed."""
    limit = int(task.args.get("limit") or 10_000)
    walk = Walk(task, task.path(default="."), recursive=bool(task.args.get("recursive")), limit=limit)
    lines = Lines(task)
    for path, found, target, _folder in walk:
        lines.put(describe(path, found, target))
    lines.flush()
    return walk.figures()


def op_manifest(task: Task) -> dict[str, Any]:
    """{"path"=".", "known"=false, "limit", "max_bytes"}: entries as lines, files with their sha256.

    With "known" the caller sends lines [path, size, mtime_ns, sha256]: what did not change is not read again.
    A file larger than "max_bytes", or one that cannot be read, has no sha256.
    """
    known = _known(task) if task.args.get("known") else {}
    most = task.args.get("max_bytes")
    walk = Walk(task, task.path(default="."), limit=int(task.args.get("limit") or MAX_ENTRIES))
    lines = Lines(task)
    hashed = total = 0
    for path, found, target, folder in walk:
        entry = describe(path, found, target)
        if stat.S_ISREG(found.st_mode):
            total += found.st_size
            before = known.pop(path, None)
            if before is not None and before[:2] == (found.st_size, found.st_mtime_ns):
                entry["sha256"] = before[2]
            elif most is None or found.st_size <= most:
                hashed += 1
                _hash(folder, path, entry)
        lines.put(entry)
    lines.flush()
    return walk.figures() | {"bytes": total, "hashed": hashed}


def _known(task: Task) -> dict[str, tuple[int, int, str]]:
    text = b"".join(read_in(task))
    rows = (wire.from_json(line) for line in text.splitlines())
    return {path: (size, mtime_ns, digest) for path, size, mtime_ns, digest in rows}


def _open(folder: int, path: str) -> int:
    """The path's last part in its open folder: never a link, never waiting."""
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.open(path.rpartition("/")[2], flags, dir_fd=folder)


def _hash(folder: int, path: str, entry: dict[str, Any]) -> None:
    if not entry["size"]:
        entry["sha256"] = NOTHING
        return
    try:
        fd = _open(folder, path)
    except OSError:
        entry["unreadable"] = True
        return
    try:
        before = os.fstat(fd)
        if not stat.S_ISREG(before.st_mode):
            return
        digest = new_sha256()
        while data := os.read(fd, CHUNK * 4):
            digest.update(data)
        after = os.fstat(fd)
        entry.update(size=after.st_size, mtime_ns=after.st_mtime_ns, sha256=digest.hexdigest())
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            entry["changing"] = True
    except OSError:
        entry["unreadable"] = True
    finally:
        os.close(fd)


class _Out:
    """What tarfile writes to."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._parts: list[bytes] = []
        self._size = self.total = 0

    def write(self, data: bytes) -> int:
        """Collected into large pieces."""
        self._parts.append(bytes(data))
        self._size += len(data)
        self.total += len(data)
        if self._size >= CHUNK:
            self.flush()
        return len(data)

    def flush(self) -> None:
        """On its way."""
        self._task.write(b"".join(self._parts))
        self._parts.clear()
        self._size = 0


def op_archive(task: Task) -> dict[str, Any]:
    """{"paths"=["."], "limit"}: a tar (pax) of regular files, folders and links; the rest is counted."""
    paths = [clean(path) for path in task.args.get("paths") or ["."]]
    out = _Out(task)
    figures = {"count": 0, "skipped": 0, "bytes": 0}
    for path in paths:
        if path != ".":
            found, target, folder = _entry(task, path)
            _add(folder, out, path, found, target, figures)
            os.close(folder)
            if not stat.S_ISDIR(found.st_mode):
                continue
        walk = Walk(task, path, limit=int(task.args.get("limit") or MAX_ENTRIES))
        for inner, found, target, folder in walk:
            _add(folder, out, inner, found, target, figures)
        if walk.truncated:
            raise Refused("too_many", "There are too many files for an archive.")
        figures["skipped"] += walk.skipped
    out.write(bytes(2 * BLOCK))
    out.flush()
    return figures | {"sent": out.total}


def _entry(task: Task, path: str) -> tuple[os.stat_result, str | None, int]:
    """What one path is, where it points if it is a link, and its open folder."""
    folder, name = task.parent(path)
    found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    return found, os.readlink(name, dir_fd=folder) if stat.S_ISLNK(found.st_mode) else None, folder


def _add(
    folder: int, out: _Out, path: str, found: os.stat_result, target: str | None, figures: dict[str, int]
) -> None:
    import tarfile

    info = tarfile.TarInfo(path)
    # whole seconds: a fraction would cost every entry a header of its own
    info.mode, info.mtime = stat.S_IMODE(found.st_mode) & 0o777, found.st_mtime_ns // 1_000_000_000
    info.uid = info.gid = kernel.UID
    if stat.S_ISDIR(found.st_mode):
        info.type = tarfile.DIRTYPE
        out.write(info.tobuf(PAX_FORMAT))
    elif target is not None:
        info.type, info.linkname = tarfile.SYMTYPE, target
        out.write(info.tobuf(PAX_FORMAT))
    elif not stat.S_ISREG(found.st_mode) or not _add_file(folder, out, path, info):
        figures["skipped"] += 1
        return
    figures["count"] += 1
    figures["bytes"] += info.size


def _add_file(folder: int, out: _Out, path: str, info: Any) -> bool:
    """A file as long as it is when it is opened: what grows meanwhile is cut, what shrinks is filled."""
    try:
        fd = _open(folder, path)
    except OSError:
        return False
    try:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            return False
        left = info.size = found.st_size
        out.write(info.tobuf(PAX_FORMAT))
        while left and (data := os.read(fd, min(CHUNK, left))):
            out.write(data)
            left -= len(data)
    finally:
        os.close(fd)
    while left:
        left -= out.write(bytes(min(CHUNK, left)))
    out.write(bytes(-info.size % BLOCK))
    return True
