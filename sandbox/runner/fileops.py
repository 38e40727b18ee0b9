"""File operations below /workspace, by a process that became the sandbox's user: it can do what its code can.

A path is relative to the workspace (or begins with /workspace), and is resolved by the kernel so that it
never leads out (openat2, RESOLVE_BENEATH). Only regular files, folders and symbolic links exist here.
"""

# ruff: noqa: PTH208 -- everything here goes by open folders
from __future__ import annotations

import errno
import os
import stat
import sys

from sandbox import wire
from sandbox.runner import kernel, messages, supervise
from sandbox.runner.small import signal, suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from typing import Any

ROOT = "/workspace"
PART = ".agi-part-"  # names of files that are being written: never shown
CHUNK = 256 * 1024
FAULTS = {
    errno.ENOENT: "not_found",
    errno.ENOTDIR: "not_found",
    errno.EACCES: "not_allowed",
    errno.EPERM: "not_allowed",
    errno.EROFS: "not_allowed",
    errno.EXDEV: "outside",
    errno.ELOOP: "outside",
    errno.ENOSPC: "no_space",
    errno.EDQUOT: "no_space",
    errno.EEXIST: "exists",
    errno.ENOTEMPTY: "not_empty",
    errno.EISDIR: "not_a_file",
    errno.ENAMETOOLONG: "bad_name",
    errno.EINVAL: "bad_name",
}


class Refused(Exception):
    """What cannot be done: `args` are a code and a sentence."""


class Task:
    """One operation: its arguments, where its bytes come from and go to."""

    def __init__(self, args: dict[str, Any], files: list[int], inbox: messages.Inbox) -> None:
        self.args = args
        self._source, self.out = files
        self._inbox, self._whole = inbox, False
        self.root = os.open(ROOT, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def read(self) -> bytes:
        """Some of the caller's bytes, b"" at their end; Refused where they break off.

        A pipe that ends does not say why. So the runner says it first when all has come (`FileOp`); where it
        does not, it is about to end this process, or has ended itself.
        """
        data = os.read(self._source, CHUNK)
        while not data and not self._whole:
            self._whole = self._inbox.next() is not None
            if not self._whole and not self._inbox.receive():
                raise Refused("given_up", "The upload broke off.")
        return data

    def write(self, data: bytes) -> None:
        """Bytes to the caller; blocks while it does not take them."""
        view = memoryview(data)
        while view:
            view = view[os.write(self.out, view) :]

    def line(self, value: dict[str, Any]) -> None:
        """A JSON line to the caller."""
        self.write(wire.to_json(value) + b"\n")

    def path(self, name: str = "path", default: str | None = None) -> str:
        """An argument that is a path, made relative; Refused if it leads out or is none."""
        return clean(self.args.get(name, default))

    def parent(self, path: str) -> tuple[int, str]:
        """The open folder that has the path's last part, and that part."""
        folder, _slash, name = path.rpartition("/")
        if name in {"", "."}:
            raise Refused("outside", "The workspace itself is not yours to change.")
        return kernel.open_beneath(self.root, folder or ".", os.O_PATH | os.O_DIRECTORY), name


def clean(given: Any) -> str:
    """A path without its /workspace; Refused."""
    if not isinstance(given, str):
        raise Refused("bad_name", "A path is a text.")
    if given.startswith(ROOT + "/") or given == ROOT:
        given = given[len(ROOT) + 1 :]
    if given.startswith("/"):
        raise Refused("outside", "Paths lie below the workspace.")
    parts = [part for part in given.split("/") if part not in {"", "."}]
    if ".." in parts:
        raise Refused("outside", "Paths lie below the workspace.")
    try:
        too_long = any(len(os.fsencode(part)) > 255 for part in parts) or len(os.fsencode(given)) > 4095
    except UnicodeError:
        raise Refused("bad_name", "A path has letters that no file's name can have.") from None
    if too_long or "\0" in given:
        raise Refused("bad_name", "A name may have 255 bytes, a path 4095, and none of them is zero.")
    return "/".join(parts) or "."


def describe(path: str, found: os.stat_result, target: str | None = None) -> dict[str, Any]:
    """A file as the caller knows it; sizes in bytes, times in nanoseconds since 1970."""
    kinds = {stat.S_IFREG: "file", stat.S_IFDIR: "folder", stat.S_IFLNK: "link"}
    entry: dict[str, Any] = {
        "path": path,
        "type": kinds.get(stat.S_IFMT(found.st_mode), "other"),
        "size": found.st_size,
        "mtime_ns": found.st_mtime_ns,
        "mode": stat.S_IMODE(found.st_mode),
    }
    if target is not None:
        entry["target"] = target
    return entry


def read_in(task: Task) -> Any:
    """The bytes the caller sends, to their end."""
    while data := task.read():
        yield data


def new_sha256() -> Any:
    """A hash object."""
    from hashlib import sha256  # here, so that OpenSSL is loaded by those who need it only

    return sha256()


def op_stat(task: Task) -> dict[str, Any]:
    """{"path"}: the entry itself; a link is not followed."""
    path = task.path()
    if path == ".":
        return describe(path, os.fstat(task.root))
    folder, name = task.parent(path)
    found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    target = os.readlink(name, dir_fd=folder) if stat.S_ISLNK(found.st_mode) else None
    return describe(path, found, target)


def op_read(task: Task) -> dict[str, Any]:
    """{"path", "offset"=0, "length"=all}: the bytes of a regular file."""
    path = task.path()
    fd = open_file(task, path)
    found = os.fstat(fd)
    os.lseek(fd, int(task.args.get("offset") or 0), os.SEEK_SET)
    left = task.args.get("length")
    left = found.st_size if left is None else int(left)
    total = 0
    while left > 0 and (data := os.read(fd, min(CHUNK, left))):
        task.write(data)
        total, left = total + len(data), left - len(data)
    return describe(path, found) | {"sent": total}


def open_file(task: Task, path: str) -> int:
    """A regular file to read; Refused, OSError."""
    fd = kernel.open_beneath(task.root, path, os.O_RDONLY | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise Refused("not_a_file", "This is not a regular file.")
    return fd


def op_write(task: Task) -> dict[str, Any]:
    """{"path", "mode"=0o644, "parents"=true, "overwrite"=true}: what the caller sends, all or nothing."""
    path = task.path()
    if task.args.get("parents", True):
        make_folders(task, path.rpartition("/")[0])
    folder, name = task.parent(path)
    if not task.args.get("overwrite", True) and exists(folder, name):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path)
    digest = new_sha256()
    found = put_file(folder, name, read_in(task), int(task.args.get("mode") or 0o644), digest)
    return describe(path, found) | {"sha256": digest.hexdigest()}


def put_file(folder: int, name: str, pieces: Any, mode: int, digest: Any = None) -> os.stat_result:
    """Write a new file beside the old one, then put it in its place."""
    part = PART + os.urandom(8).hex()
    fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=folder)
    try:
        for piece in pieces:
            view = memoryview(piece)
            while view:
                view = view[os.write(fd, view) :]
            if digest is not None:
                digest.update(piece)
        os.fchmod(fd, mode & 0o777)
        os.rename(part, name, src_dir_fd=folder, dst_dir_fd=folder)
        return os.fstat(fd)
    except BaseException:
        with suppress(OSError):
            os.unlink(part, dir_fd=folder)
        raise
    finally:
        os.close(fd)


def exists(folder: int, name: str) -> bool:
    """Whether there is such an entry, a dangling link too."""
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def make_folders(task: Task, path: str) -> None:
    """The folder and those above it."""
    parts = [part for part in path.split("/") if part not in {"", "."}]
    for count in range(1, len(parts) + 1):
        folder, name = task.parent("/".join(parts[:count]))
        try:
            os.mkdir(name, 0o755, dir_fd=folder)
        except FileExistsError:
            pass
        finally:
            os.close(folder)


def op_mkdir(task: Task) -> dict[str, Any]:
    """{"path", "parents"=true}: a folder; one that is there already is fine."""
    path = task.path()
    if task.args.get("parents", True):
        make_folders(task, path)
    else:
        folder, name = task.parent(path)
        os.mkdir(name, 0o755, dir_fd=folder)
    os.close(kernel.open_beneath(task.root, path, os.O_PATH | os.O_DIRECTORY))
    return {}


def op_delete(task: Task) -> dict[str, Any]:
    """{"path", "recursive"=false}: how many entries went. "." with "recursive" empties the workspace."""
    path = task.path()
    recursive = bool(task.args.get("recursive"))
    if path == "." and recursive:
        return {"deleted": sum(remove(task, task.root, name, recursive) for name in os.listdir(task.root))}
    folder, name = task.parent(path)
    return {"deleted": remove(task, folder, name, recursive)}


def remove(task: Task, folder: int, name: str, recursive: bool) -> int:
    """Remove an entry with all below it, however deep: folders are lifted to the top to be emptied."""
    if not stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
        os.unlink(name, dir_fd=folder)
        return 1
    try:
        os.rmdir(name, dir_fd=folder)
    except OSError as error:
        if not recursive or error.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
            raise
    else:
        return 1
    waiting = [lift(task, folder, name)]
    removed = 0
    while waiting:
        removed += _empty(task, waiting)
    return removed


def lift(task: Task, folder: int, name: str) -> str:
    """Move a folder to the top of the workspace under a hidden name."""
    hidden = PART + os.urandom(8).hex()
    with suppress(OSError):
        os.chmod(name, 0o700, dir_fd=folder)  # its owner may have closed it
    os.rename(name, hidden, src_dir_fd=folder, dst_dir_fd=task.root)
    return hidden


def _empty(task: Task, waiting: list[str]) -> int:
    """Empty the last of the lifted folders, and remove it; folders in it are lifted in their turn."""
    hidden = waiting.pop()
    fd = os.open(hidden, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=task.root)
    removed = 1
    try:
        for name in os.listdir(fd):
            if stat.S_ISDIR(os.stat(name, dir_fd=fd, follow_symlinks=False).st_mode):
                waiting.append(lift(task, fd, name))
            else:
                os.unlink(name, dir_fd=fd)
                removed += 1
    finally:
        os.close(fd)
    os.rmdir(hidden, dir_fd=task.root)
    return removed


def op_move(task: Task) -> dict[str, Any]:
    """{"path", "to", "overwrite"=false, "parents"=true}: rename within the workspace."""
    path, to = task.path(), task.path("to")
    if task.args.get("parents", True):
        make_folders(task, to.rpartition("/")[0])
    folder, name = task.parent(path)
    new_folder, new_name = task.parent(to)
    if not task.args.get("overwrite") and exists(new_folder, new_name):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), to)
    os.rename(name, new_name, src_dir_fd=folder, dst_dir_fd=new_folder)
    return describe(to, os.stat(new_name, dir_fd=new_folder, follow_symlinks=False))


def operation(name: str) -> Any:
    """The function of an operation; those with more to load stand in files of their own."""
    if name in {"list", "manifest", "archive"}:
        from sandbox.runner import tree

        return getattr(tree, f"op_{name}")
    if name == "extract":
        from sandbox.runner import untar

        return untar.op_extract
    if name == "watch":
        from sandbox.runner import watch

        return watch.op_watch
    return globals()[f"op_{name}"]


def serve(sock: socket.socket, inbox: messages.Inbox, task: dict[str, Any], privileged: bool) -> None:
    """Do one operation and answer."""
    files = task["files"]
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(1))
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    kernel.write_file("/proc/self/oom_score_adj", supervise.OOM_SCORE)
    os.nice(supervise.NICE // 2)
    os.umask(0)
    if not privileged:
        kernel.become_user()
    try:
        doing = Task(task["args"], files, inbox)
        answer = {"answer": operation(task["file"])(doing)}
    except Refused as refused:
        answer = {"fault": refused.args[0], "message": refused.args[1]}
    except OSError as error:
        fault = FAULTS.get(error.errno or 0, "failed")
        where = f"{error.filename}: " if isinstance(error.filename, str) else ""
        answer = {"fault": fault, "message": f"{where}{error.strerror or error}"}
    except MemoryError:
        answer = {"fault": "no_memory", "message": "There is not enough memory for this."}
    except (ValueError, KeyError, TypeError) as error:
        answer = {"fault": "bad_request", "message": f"{type(error).__name__}: {error}"}
    messages.close_all(files)
    messages.send(sock, answer)
