"""The runner's file operations as the rest of this room wants them: the one place that knows their words."""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import batched
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from agi_site.lib.problems import Conflict, Invalid, NotFound, Problem

from .. import gateway
from ..models import SandboxInstance
from .spool import Spool

STAGING = ".agi-restore"  # where a restore puts things down before they take their places
STAGED = ".agi-restore-done"  # what remains of it, to be deleted
MOST_ENTRIES = 1_000_000
KINDS = {"folder": "directory"}

# What the runner refuses, said for people.
SAID: dict[str, tuple[type[Problem], Promise]] = {
    "not_found": (NotFound, _("There is no such file or folder.")),
    "not_allowed": (Conflict, _("The permissions of this file or folder do not allow that.")),
    "outside": (Invalid, _("This leads out of the workspace, perhaps by a link.")),
    "no_space": (Conflict, _("The disk of this sandbox is full.")),
    "exists": (Conflict, _("Something else has this name already.")),
    "not_empty": (Conflict, _("There is a folder with files in it.")),
    "not_a_file": (Invalid, _("This is not a file.")),
    "bad_name": (Invalid, _("No file can have this name.")),
    "bad_archive": (Invalid, _("This archive is damaged or of a kind that is not known here.")),
    "too_large": (Conflict, _("The archive holds more than there is room for.")),
    "no_memory": (Conflict, _("The sandbox has too little memory left for this.")),
}


@dataclass(frozen=True, slots=True)
class Found:
    """What the sandbox says of a path: `kind` is "file", "directory", "link" or "other"."""

    path: str
    kind: str
    size: int
    mode: int
    modified_ns: int
    sha256: str = ""
    target: str = ""


def is_staging(path: str) -> bool:
    """Whether a path belongs to a restore that is under way, or was interrupted."""
    return path.split("/", 1)[0] in {STAGING, STAGED}


@contextmanager
def said() -> Iterator[None]:
    """Around a call: what the runner refuses by its code gets a sentence for people."""
    try:
        yield
    except Problem as error:
        kind, message = SAID.get(error.code, (type(error), None))
        if message is None:
            raise
        raise kind(message, code=error.code) from error


def manifest(instance: SandboxInstance, known: Mapping[str, Found], *, path: str = "") -> Iterator[Found]:
    """Everything below a folder, with hashes; what is as `known` says need not be read again."""
    rows = ([each.path, each.size, each.modified_ns, each.sha256] for each in known.values())
    told = (b"".join(json.dumps(row).encode() + b"\n" for row in some) for some in batched(rows, 200))
    with said():
        yield from map(
            _found, gateway.lines(instance, "manifest", told=told, path=path or ".", known=bool(known))
        )


def entries(instance: SandboxInstance, path: str) -> Iterator[Found]:
    """What is in a folder."""
    with said():
        yield from map(_found, gateway.lines(instance, "list", path=path or ".", limit=MOST_ENTRIES))


def stat(instance: SandboxInstance, path: str) -> Found:
    """What a path is; raises NotFound."""
    with said():
        return _found(gateway.call(instance, "stat", path=path or "."))


def make_folder(instance: SandboxInstance, path: str) -> None:
    """Make a folder and those above it."""
    with said():
        gateway.call(instance, "mkdir", path=path)


def move(instance: SandboxInstance, source: str, target: str, *, overwrite: bool) -> None:
    """Rename; raises NotFound, or Conflict where something is."""
    with said():
        gateway.call(instance, "move", path=source, to=target, overwrite=overwrite)


def delete(instance: SandboxInstance, path: str) -> None:
    """Delete a path with all that is below; raises NotFound."""
    with said():
        gateway.call(instance, "delete", path=path, recursive=True, timeout=600)


def read(instance: SandboxInstance, path: str, *, most: int, length: int | None = None) -> Spool:
    """The bytes of a file in a spool; raises TooLarge."""
    args = {} if length is None else {"length": length}
    with said(), gateway.read(instance, path, **args) as stream:
        return Spool.filled(stream, most=most)


def write(instance: SandboxInstance, path: str, spool: Spool) -> Found:
    """Write a file whole, with the folders above it; what it is then."""
    with said():
        return _found(gateway.write(instance, path, spool.chunks()))


@contextmanager
def archive(instance: SandboxInstance, path: str) -> Iterator[gateway.ByteStream]:
    """A folder as a tar; names begin at the workspace. `answer["skipped"]` counts what could not be read."""
    with said(), gateway.archive(instance, paths=[path or "."]) as stream:
        yield stream


def extract(
    instance: SandboxInstance, path: str, chunks: Iterable[bytes], *, any_links: bool = False
) -> dict[str, Any]:
    """Unpack a tar into a folder; `refused` are [{"name", "reason"}], `refused_count` how many."""
    with said():
        return gateway.extract(instance, path or ".", chunks, any_links=any_links)


def _found(entry: Mapping[str, Any]) -> Found:
    path = str(entry.get("path", ""))
    return Found(
        path="" if path == "." else path,
        kind=KINDS.get(str(entry.get("type")), str(entry.get("type", "other"))),
        size=int(entry.get("size", 0)),
        mode=int(entry.get("mode", 0)),
        modified_ns=int(entry.get("mtime_ns", 0)),
        sha256=str(entry.get("sha256") or ""),
        target=str(entry.get("target") or ""),
    )
