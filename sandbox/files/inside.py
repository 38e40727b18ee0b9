"""The runner's file operations as the rest of this room wants them: the one place that knows their words."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .. import gateway
from ..models import SandboxInstance
from .spool import Spool

MANIFEST_SECONDS = 120.0
STAGING = ".agi-restore"  # where a restore puts things down before they take their places


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


def manifest(instance: SandboxInstance, known: Mapping[str, Found], *, path: str = "") -> Iterable[Found]:
    """Everything below a folder, with hashes; what is as `known` says need not be read again."""
    told = [[path, each.size, each.modified_ns, each.sha256] for path, each in known.items()]
    answer = gateway.call(instance, "manifest", path=path, known=told, timeout=MANIFEST_SECONDS)
    return _entries(answer)


def entries(instance: SandboxInstance, path: str) -> Iterable[Found]:
    """What is in a folder."""
    return _entries(gateway.call(instance, "list", path=path), folder=path)


def stat(instance: SandboxInstance, path: str) -> Found:
    """What a path is; raises NotFound."""
    return _found(gateway.call(instance, "stat", path=path), path=path)


def write(instance: SandboxInstance, path: str, spool: Spool) -> dict[str, Any]:
    """Write a file whole, with the folders above it."""
    return gateway.write(instance, path, spool.chunks(), size=spool.size)


def move(instance: SandboxInstance, source: str, target: str, *, overwrite: bool) -> None:
    """Rename; raises NotFound, or Conflict where something is."""
    gateway.call(instance, "move", source=source, target=target, overwrite=overwrite)


def delete(instance: SandboxInstance, path: str) -> None:
    """Delete a path with all that is below; raises NotFound."""
    gateway.call(instance, "delete", path=path)


def _entries(answer: Mapping[str, Any], *, folder: str = "") -> Iterator[Found]:
    for entry in answer.get("entries", ()):
        path = str(entry.get("path") or entry.get("name", ""))
        yield _found(entry, path=f"{folder}/{path}" if folder and "path" not in entry else path)


def _found(entry: Mapping[str, Any], *, path: str) -> Found:
    return Found(
        path=path,
        kind=str(entry.get("kind", "other")),
        size=int(entry.get("size", 0)),
        mode=int(entry.get("mode", 0)),
        modified_ns=int(entry.get("mtime_ns", 0)),
        sha256=str(entry.get("sha256") or ""),
        target=str(entry.get("target") or ""),
    )
