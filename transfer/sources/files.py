"""Files and folders below the folder that an operator set aside for sources; nothing else of the machine."""

import os
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

from knowledge.importing.extractors.decoding import is_document
from knowledge.options import file_bytes

from ..formats.limits import MOST_BYTES
from ..reasons import SourceFault
from . import records
from .base import Item, Position, Reader, Stop


def root() -> Path:
    """The folder below which file sources and SQLite files lie: `sources` in the data directory."""
    return Path(settings.DATA_DIR) / "sources"


def inside(path: str) -> Path:
    """The real place of a path below `root`; raises SourceFault for a place outside, links included."""
    base = root().resolve()
    try:
        place = (base / path.lstrip("/")).resolve()
    except (OSError, ValueError, RuntimeError) as error:
        raise SourceFault("bad_path") from error
    if not place.is_relative_to(base):
        raise SourceFault("path_outside")
    return place


class FileReader(Reader):
    """A file, or all documents of a folder, by name; pictures and the like are passed over.

    So is what programs keep for themselves: hidden folders, and what editors and systems leave beside a file.
    """

    needed = frozenset({"path"})
    optional = frozenset({"id", "title", "content", "records"})

    def check(self) -> None:
        inside(self.text("path"))

    def items(self, position: Position | None, stop: Stop) -> Iterator[tuple[Item, Position]]:
        after, done = (position or {}).get("file", ""), (position or {}).get("done", 0)
        base = root().resolve()
        for place in self._files():
            stop()
            name = place.relative_to(base).as_posix()
            if name < after:
                continue
            skip = done if name == after else 0
            for number, item in enumerate(self._items(place, name, stop), 1):
                if number > skip:
                    yield item, {"file": name, "done": number}

    def whole(self, stop: Stop) -> tuple[str, bytes]:
        files = [inside(self.text("path"))]
        if not files[0].is_file():
            raise SourceFault("one_file")
        return files[0].name, _bytes(files[0], MOST_BYTES)

    def _files(self) -> list[Path]:
        place = inside(self.text("path"))
        if place.is_file():
            return [place]
        if not place.is_dir():
            raise SourceFault("no_path", path=self.text("path")[:200])
        found = []
        for folder, folders, names in os.walk(place):
            folders[:] = [name for name in folders if not name.startswith(".") and name != "node_modules"]
            kept = [name for name in names if is_document(name) and not name.startswith(("~$", "._"))]
            found += [Path(folder) / name for name in kept]
        base = root().resolve()
        return sorted(
            (one for one in found if one.resolve().is_relative_to(base)),
            key=lambda one: one.relative_to(base).as_posix(),
        )

    def _items(self, place: Path, name: str, stop: Stop) -> Iterator[Item]:
        try:
            data = _bytes(place, file_bytes())
            yield from records.items_of(name, place.name, data, name, self.connection, stop=stop)
        except SourceFault as fault:
            yield Item(name, place.stem[:255], "", name[:255], fault=fault)


def _bytes(place: Path, most: int) -> bytes:
    try:
        if place.stat().st_size > most:
            raise SourceFault("too_large", most=most // 1_000_000)
        return place.read_bytes()
    except OSError as error:
        raise SourceFault("file_unread", name=place.name, error=error.strerror or "?") from error
