"""Looking at the files of a sandbox, and making, moving and deleting them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from .. import gateway
from ..models import Sandbox
from . import inside, mirror
from .access import instance_of
from .inside import Found
from .paths import clean, clean_name, sayable

LONGEST_PAGE = 10_000


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing in a folder: `kind` is "file", "directory", "link" or "other", `path` is its full one."""

    name: str
    path: str
    kind: str
    size: int
    mode: int
    modified: datetime
    target: str = ""  # of a link

    @property
    def is_directory(self) -> bool:
        return self.kind == "directory"

    @property
    def can_be_named(self) -> bool:
        """Whether addresses and JSON can hold its path: names inside a sandbox need not be UTF-8."""
        return sayable(self.path) == self.path


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of a folder, folders first; `more` says that there are entries beyond it (ask with `offset`)."""

    path: str
    entries: list[Entry]
    total: int
    more: bool


def list_files(*, sandbox: Sandbox, by: Any, path: str = "", offset: int = 0, limit: int = 1000) -> Listing:
    """What is in a folder now, as the sandbox itself sees it."""
    instance, path = instance_of(sandbox, by), clean(path)
    found = sorted(inside.entries(instance, path), key=lambda each: (each.kind != "directory", each.path))
    offset, limit = max(0, offset), max(1, min(limit, LONGEST_PAGE))
    page = found[offset : offset + limit]
    return Listing(path, [_entry(each) for each in page], len(found), offset + len(page) < len(found))


def stat_file(*, sandbox: Sandbox, by: Any, path: str) -> Entry:
    """What a path is now."""
    return _entry(inside.stat(instance_of(sandbox, by), clean(path)))


def make_directory(*, sandbox: Sandbox, by: Any, path: str) -> None:
    """Make a folder and those above it; one that is there already is fine."""
    instance, path = instance_of(sandbox, by, writing=True), clean_name(path, new=True)
    inside.make_folder(instance, path)
    mirror.put_folder(sandbox, path)


def move(*, sandbox: Sandbox, by: Any, source: str, target: str, overwrite: bool = False) -> None:
    """Give a file or folder another path; Conflict (`exists`) where something is, unless `overwrite`."""
    instance = instance_of(sandbox, by, writing=True)
    source, target = clean_name(source, field="source"), clean_name(target, new=True, field="target")
    inside.move(instance, source, target, overwrite=overwrite)
    mirror.rename(sandbox, source, target)


def delete(*, sandbox: Sandbox, by: Any, path: str) -> None:
    """Delete a file, or a folder with all that is in it."""
    instance, path = instance_of(sandbox, by, writing=True), clean_name(path)
    inside.delete(instance, path)
    mirror.take_away(sandbox, path)


@contextmanager
def watch(*, sandbox: Sandbox, by: Any, path: str = "") -> Iterator[Iterator[dict[str, Any] | None]]:
    """Changes as they happen, None in between about every 15 s; the mirror follows while somebody watches."""
    with gateway.watch(instance_of(sandbox, by), clean(path)) as changes:
        yield _mirrored(sandbox, changes)


def _mirrored(sandbox: Sandbox, changes: Iterator[dict[str, Any] | None]) -> Iterator[dict[str, Any] | None]:
    for change in changes:
        if change:
            mirror.refresh_soon(sandbox)
        yield change


def _entry(found: Found) -> Entry:
    return Entry(
        name=found.path.rpartition("/")[2],
        path=found.path,
        kind=found.kind,
        size=found.size,
        mode=found.mode,
        modified=datetime.fromtimestamp(max(0, found.modified_ns // 1_000_000_000), UTC),
        target=found.target,
    )
