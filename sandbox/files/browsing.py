"""Looking at the files of a sandbox, and making, moving and deleting them."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..models import Sandbox


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing in a folder: `kind` is "file", "directory", "link" or "other"; `path` from the workspace on."""

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


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of a folder, folders first; `more` says that there are entries beyond it (ask on with `offset`)."""

    path: str
    entries: list[Entry]
    total: int
    more: bool


def list_files(*, sandbox: Sandbox, by: Any, path: str = "", offset: int = 0, limit: int = 1000) -> Listing:
    """What is in a folder now, as the sandbox itself sees it."""
    raise NotImplementedError


def stat_file(*, sandbox: Sandbox, by: Any, path: str) -> Entry:
    """What a path is now."""
    raise NotImplementedError


def make_directory(*, sandbox: Sandbox, by: Any, path: str) -> None:
    """Make a folder and those above it; one that is there already is fine."""
    raise NotImplementedError


def move(*, sandbox: Sandbox, by: Any, source: str, target: str, overwrite: bool = False) -> None:
    """Give a file or folder another path; raises Conflict (`exists`) where something is, unless `overwrite`."""
    raise NotImplementedError


def delete(*, sandbox: Sandbox, by: Any, path: str) -> None:
    """Delete a file, or a folder with all that is in it."""
    raise NotImplementedError


def watch(
    *, sandbox: Sandbox, by: Any, path: str = ""
) -> AbstractContextManager[Iterator[dict[str, Any] | None]]:
    """Changes as they happen, None in between about every 15 s; the mirror follows while somebody watches."""
    raise NotImplementedError
