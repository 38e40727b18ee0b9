"""The table `sandbox_file` as a mirror of the workspace: brought up to date on change, never by the clock.

What a door writes is put down at once; whatever else may have changed (an execution ended, somebody watches
and sees a change) queues one refresh, which asks the sandbox for its manifest and writes the differences in
batches.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import batched
from typing import Any

from django.db import connection, transaction
from django.db.models import Value
from django.db.models.functions import Concat, Length, Substr
from django.utils import timezone

from agi_site.lib import events
from agi_site.lib.problems import Problem
from system import queue
from system.models import TaskStatus

from ..channels import sandbox_channel
from ..models import Sandbox, SandboxFile, SandboxHost, SandboxInstance, SandboxStatus, SandboxWorkspace
from . import inside, limits
from .inside import Found
from .mime import mime_type
from .paths import sayable

BATCH = 500
LONGEST_PATH = 255  # characters of the column
TOLD = 100  # how many changed paths an event names
PAUSE = timedelta(seconds=1)
# Content of files up to this size is hashed again by the sandbox rather than told what it was.
WORTH_TELLING = 64 << 10
MOST_TOLD = 10_000
_UPDATED = ["content_hash", "size_bytes", "mime_type", "is_directory", "last_modified", "modified_ns"]


# --- When -------------------------------------------------------------------------------------------------
def refresh_soon(sandbox: Sandbox | str) -> None:
    """Let a worker bring the mirror up to date in about a second; many calls become one refresh."""
    key = sandbox if isinstance(sandbox, str) else str(sandbox.pk)
    host = SandboxHost.objects.filter(sandboxes=key).first()
    if host is None:
        return
    # One that runs may have looked already, so a second one waits behind it.
    for turn in ("", ":next"):
        task = queue.enqueue(
            task_type="sandbox.files.refresh",
            payload={"sandbox_id": key},
            key=f"sandbox.files.refresh:{key}{turn}",
            queue=host.queue,
            run_at=timezone.now() + PAUSE,
            priority=-1,
        )
        if task.status == TaskStatus.PENDING:
            return


def put(sandbox: Sandbox, written: Found, *, sha256: str, head: bytes) -> SandboxFile:
    """Put down a file that was just written, with the folders above it; returns its row.

    A path too long for the table gives a row that is not stored.
    """
    now, path = timezone.now(), written.path
    row = SandboxFile(
        sandbox=sandbox,
        path=path,
        content_hash=sha256,
        size_bytes=written.size,
        mime_type=mime_type(path, head),
        last_modified=_moment(written.modified_ns),
        modified_ns=written.modified_ns,
    )
    if not _fits(path):
        return row
    parents = [
        SandboxFile(sandbox=sandbox, path=parent, is_directory=True, last_modified=now)
        for parent in _parents(path)
    ]
    SandboxFile.objects.bulk_create(parents, ignore_conflicts=True)
    _upsert([row])
    _tell(sandbox, changed=[path], removed=[])
    found: SandboxFile = SandboxFile.objects.get(sandbox=sandbox, path=path)
    return found


def put_folder(sandbox: Sandbox, path: str) -> None:
    """Put down a folder that was just made, with those above it."""
    now = timezone.now()
    SandboxFile.objects.bulk_create(
        [
            SandboxFile(sandbox=sandbox, path=each, is_directory=True, last_modified=now)
            for each in [*_parents(path), path]
            if _fits(each)
        ],
        ignore_conflicts=True,
    )
    _tell(sandbox, changed=[path], removed=[])


@transaction.atomic
def take_away(sandbox: Sandbox, path: str, *, tell: bool = True) -> None:
    """Forget a path and everything below it."""
    if not _is_utf8(path):
        return
    rows = SandboxFile.objects.filter(sandbox=sandbox)
    if path:
        rows.filter(path=path).delete()
        rows = rows.filter(path__startswith=f"{path}/")
    rows.delete()
    if tell:
        _tell(sandbox, changed=[], removed=[path])


@transaction.atomic
def rename(sandbox: Sandbox, source: str, target: str) -> None:
    """Give a path, and everything below it, another beginning."""
    if not _is_utf8(source):  # its files are new to the table
        refresh_soon(sandbox)
        return
    take_away(sandbox, target, tell=False)
    rows = SandboxFile.objects.filter(sandbox=sandbox)
    longest = LONGEST_PATH - (len(target) - len(source))
    below = rows.filter(path__startswith=f"{source}/")
    below.annotate(length=Length("path")).filter(length__gt=longest).delete()
    if _fits(target):
        below.update(path=Concat(Value(target), Substr("path", len(source) + 1)))
        rows.filter(path=source).update(path=target)
        SandboxFile.objects.bulk_create(
            [
                SandboxFile(sandbox=sandbox, path=parent, is_directory=True, last_modified=timezone.now())
                for parent in _parents(target)
            ],
            ignore_conflicts=True,
        )
    else:
        take_away(sandbox, source, tell=False)
    _tell(sandbox, changed=[target], removed=[source])


# --- Refreshing -------------------------------------------------------------------------------------------
@dataclass(slots=True)
class Refreshed:
    """What a refresh found."""

    files: int = 0
    changed: int = 0
    removed: int = 0
    left_out: int = 0


def refresh(sandbox: Sandbox) -> Refreshed | None:
    """Make the table say what the workspace holds now; None where the sandbox does not run any more."""
    instance = SandboxInstance.objects.select_related("host").filter(sandbox=sandbox.pk).defer("spec").first()
    if sandbox.status != SandboxStatus.RUNNING or instance is None:
        return None
    known = _known(sandbox)
    told = sorted((row for row in known.values() if row.worth_telling), key=lambda row: -row.size)[:MOST_TOLD]
    found, left_out = _storable(inside.manifest(instance, {row.path: row.found for row in told}))
    changed = [
        entry for entry in found.values() if (row := known.get(entry.path)) is None or row.differs(entry)
    ]
    gone = [row for path, row in known.items() if path not in found]
    _write(sandbox, changed, gone, total=sum(entry.size for entry in found.values() if entry.kind == "file"))
    if changed or gone:
        _tell(sandbox, changed=[entry.path for entry in changed], removed=[row.path for row in gone])
    return Refreshed(len(found), len(changed), len(gone), left_out)


@dataclass(frozen=True, slots=True)
class _Row:
    """What the table says of one path."""

    pk: str
    path: str
    size: int
    modified_ns: int | None
    sha256: str
    is_directory: bool

    @property
    def worth_telling(self) -> bool:
        return bool(self.sha256) and self.modified_ns is not None and self.size > WORTH_TELLING

    @property
    def found(self) -> Found:
        return Found(self.path, "file", self.size, 0, self.modified_ns or 0, self.sha256)

    def differs(self, entry: Found) -> bool:
        if self.is_directory or entry.kind == "directory":
            return self.is_directory != (entry.kind == "directory")
        return (self.size, self.modified_ns, self.sha256) != (entry.size, entry.modified_ns, entry.sha256)


def _known(sandbox: Sandbox) -> dict[str, _Row]:
    columns = ("pk", "path", "size_bytes", "modified_ns", "content_hash", "is_directory")
    rows = SandboxFile.objects.filter(sandbox=sandbox).values_list(*columns)
    return {
        path: _Row(pk, path, size or 0, modified, sha256 or "", bool(folder))
        for pk, path, size, modified, sha256, folder in rows.iterator(chunk_size=5000)
    }


def _storable(entries: Iterable[Found]) -> tuple[dict[str, Found], int]:
    """What the table can hold of a manifest, and how many entries it cannot: names too long or not UTF-8.

    MySQL compares without spaces at the end, so of two such names it holds the one without.
    """
    found: dict[str, Found] = {}
    most, left_out = limits.value("mirrored_files"), 0
    for entry in entries:
        if inside.is_staging(entry.path):
            continue
        if len(found) < most and entry.kind in {"file", "directory", "link"} and _fits(entry.path):
            found[entry.path] = entry
        else:
            left_out += 1
    twins = [path for path in found if path.endswith(" ") and path.rstrip(" ") in found]
    for path in twins:
        del found[path]
    return found, left_out + len(twins)


def _write(sandbox: Sandbox, changed: list[Found], gone: list[_Row], *, total: int) -> None:
    for batch in batched(gone, BATCH):
        SandboxFile.objects.filter(pk__in=[row.pk for row in batch]).delete()
    for some in batched(changed, BATCH):
        _upsert([_row_of(sandbox, entry) for entry in some])
    if changed or gone:
        SandboxWorkspace.objects.filter(sandbox=sandbox).update(
            size_bytes=total, last_modified=timezone.now()
        )


def _row_of(sandbox: Sandbox, entry: Found) -> SandboxFile:
    is_directory = entry.kind == "directory"
    return SandboxFile(
        sandbox=sandbox,
        path=entry.path,
        content_hash=entry.sha256 or None,
        size_bytes=0 if is_directory else entry.size,
        mime_type=_type_of(entry),
        is_directory=is_directory,
        last_modified=_moment(entry.modified_ns),
        modified_ns=entry.modified_ns,
    )


def _type_of(entry: Found) -> str | None:
    return {"directory": None, "link": "inode/symlink"}.get(entry.kind, mime_type(entry.path))


def _upsert(rows: list[SandboxFile]) -> None:
    """Store rows by (sandbox, path), in one statement on every engine; what is there keeps its key."""
    options: dict[str, Any] = {}
    if connection.features.supports_update_conflicts_with_target:  # MySQL and MariaDB take any unique key
        options["unique_fields"] = ["sandbox", "path"]
    SandboxFile.objects.bulk_create(rows, update_conflicts=True, update_fields=_UPDATED, **options)


def _moment(nanoseconds: int) -> datetime:
    """A time stamp as a date that every engine can hold (MySQL's begin in 1970 and end in 2038 or later)."""
    return datetime.fromtimestamp(min(max(nanoseconds / 1e9, 1), 2**31 - 1), UTC)


def _fits(path: str) -> bool:
    """Whether the column can hold a path: not too long, and UTF-8."""
    return bool(path) and len(path) <= LONGEST_PATH and _is_utf8(path)


def _is_utf8(path: str) -> bool:
    """Whether a name is text to a database, which names of files need not be."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in path


def _parents(path: str) -> Iterator[str]:
    names = path.split("/")[:-1]
    return ("/".join(names[: count + 1]) for count in range(len(names)))


def _tell(sandbox: Sandbox, *, changed: list[str], removed: list[str]) -> None:
    """Publish `files` on the sandbox's channel after the commit: counts, and the first of the paths."""
    data = {
        "changed": len(changed),
        "removed": len(removed),
        "paths": [sayable(path) for path in (changed + removed)[:TOLD]],
    }
    channel = sandbox_channel(str(sandbox.pk))
    transaction.on_commit(lambda: events.publish(channel, "files", data), robust=True)


def run_refresh(sandbox_id: str) -> dict[str, Any]:
    """The work of `sandbox.files.refresh`: what cannot be asked now is asked at the next change."""
    sandbox = Sandbox.objects.filter(pk=sandbox_id).first()
    if sandbox is None:
        return {"skipped": "gone"}
    try:
        done = refresh(sandbox)
    except Problem as error:
        return {"skipped": str(error.code)}
    if done is None:
        return {"skipped": "not running"}
    return {"files": done.files, "changed": done.changed, "removed": done.removed, "left_out": done.left_out}
