"""Bytes into and out of sandboxes: files and archives, each scanned on its way."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ..models import Sandbox, SandboxFile


@dataclass(frozen=True, slots=True)
class Content:
    """The beginning of a file: `text` is None for what is not UTF-8; `complete` says whether it is all of it."""

    path: str
    data: bytes
    size: int
    mime_type: str
    complete: bool

    @property
    def text(self) -> str | None:
        raise NotImplementedError


@dataclass(slots=True)
class Download:
    """Bytes on their way to a person: iterate over it once; `close` it when that is left early."""

    name: str
    size: int | None
    mime_type: str
    chunks: Iterator[bytes]

    def __iter__(self) -> Iterator[bytes]:
        return self.chunks

    def close(self) -> None:
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Extracted:
    """What came out of an archive: counts, bytes, and the names that were left out (links to outside, …)."""

    files: int
    directories: int
    size_bytes: int
    skipped: list[str] = field(default_factory=list)


def read_file(*, sandbox: Sandbox, by: Any, path: str, limit: int = 1 << 20) -> Content:
    """The first `limit` bytes of a file, for the editor and for tools."""
    raise NotImplementedError


def write_file(*, sandbox: Sandbox, by: Any, path: str, content: bytes | str) -> SandboxFile:
    """Write a whole file at once, making folders above it as needed; returns its row."""
    raise NotImplementedError


def upload(
    *, sandbox: Sandbox, by: Any, path: str, chunks: Iterable[bytes], size: int | None = None
) -> SandboxFile:
    """Write a file from chunks of bytes with flat memory; `size` (if known) is checked before it starts."""
    raise NotImplementedError


def download(*, sandbox: Sandbox, by: Any, path: str) -> Download:
    """The bytes of a file."""
    raise NotImplementedError


def archive(*, sandbox: Sandbox, by: Any, path: str = "", kind: str = "tar.gz") -> Download:
    """A folder with all that is in it as one archive; `kind` is "tar", "tar.gz" or "zip"."""
    raise NotImplementedError


def extract(*, sandbox: Sandbox, by: Any, chunks: Iterable[bytes], path: str = "") -> Extracted:
    """Unpack an archive (tar, plain or packed by gzip, bzip2, xz or zstd; zip) into a folder."""
    raise NotImplementedError
