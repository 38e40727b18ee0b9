"""Bytes on their way, on disk in between: memory stays flat, and nothing goes on before it was scanned."""

import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Self

from django.conf import settings
from django.utils.translation import gettext as _

from agi_site.lib.problems import TooMany

CHUNK = 256 << 10


class TooLarge(TooMany):
    """More bytes than a limit allows."""

    status, code = 413, "too_large"


class Spool:
    """A file without a name, gone with the process whatever happens; knows its size and SHA-256."""

    def __init__(self) -> None:
        folder = Path(settings.DATA_DIR) / "spool"
        folder.mkdir(parents=True, exist_ok=True)
        self.file: IO[bytes] = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed by close()
        self.size = 0
        self._hash = hashlib.sha256()

    @classmethod
    def filled(cls, chunks: Iterable[bytes], *, most: int) -> Self:
        """A spool with all of `chunks`; raises TooLarge beyond `most` bytes."""
        spool = cls()
        try:
            for chunk in chunks:
                if spool.size + len(chunk) > most:
                    raise too_large(most)
                spool.write(chunk)
            return spool.done()
        except BaseException:
            spool.close()
            raise

    def write(self, data: bytes) -> int:
        """Append; also what makes it a file for tarfile and the like to write to."""
        self._hash.update(data)
        self.size += len(data)
        return self.file.write(data)

    def tell(self) -> int:
        return self.size

    def flush(self) -> None:
        self.file.flush()

    def done(self) -> Self:
        """Make all of it readable through `path` and `part`."""
        self.file.flush()
        return self

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    @property
    def path(self) -> str:
        """Under which programs of this process can open it."""
        return f"/dev/fd/{self.file.fileno()}"

    def part(self, offset: int, size: int) -> bytes:
        """Bytes from the middle; moves nothing, so several may read at once."""
        pieces, end = [], offset + size
        while offset < end and (piece := os.pread(self.file.fileno(), end - offset, offset)):
            pieces.append(piece)
            offset += len(piece)
        return b"".join(pieces)

    def chunks(self, offset: int = 0, size: int | None = None) -> Iterator[bytes]:
        """The bytes in chunks, all of them or `size` from `offset` on."""
        end = self.size if size is None else offset + size
        while offset < end and (chunk := self.part(offset, min(CHUNK, end - offset))):
            offset += len(chunk)
            yield chunk

    def kept(self) -> Self:
        """The same bytes once more, which stay when this one is closed."""
        other = type(self)()
        other.file.close()
        other.file = os.fdopen(os.dup(self.file.fileno()), "rb")
        other.size, other._hash = self.size, self._hash.copy()
        return other

    def close(self) -> None:
        self.file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


def too_large(most: int) -> TooLarge:
    """The refusal, with its figure."""
    shown = f"{most / (1 << 20):,.0f} MiB" if most >= 1 << 20 else f"{most:,} B"
    return TooLarge(_("This is larger than the %(most)s allowed here.") % {"most": shown})
