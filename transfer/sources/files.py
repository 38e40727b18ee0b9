"""Files and folders below the folder that an operator set aside for sources; nothing else of the machine."""

import os
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext as _

from . import records
from .base import Item, Position, Reader, SourceFault, Stop

MOST_BYTES = 8 * 1024 * 1024


def root() -> Path:
    """The folder below which file sources and SQLite files lie: `sources` in the data directory."""
    return Path(settings.DATA_DIR) / "sources"


def inside(path: str) -> Path:
    """The real place of a path below `root`; raises SourceFault for a place outside, links included."""
    base = root().resolve()
    try:
        place = (base / path.lstrip("/")).resolve()
    except (OSError, ValueError, RuntimeError) as error:
        raise SourceFault(_("This path cannot be read.")) from error
    if not place.is_relative_to(base):
        raise SourceFault(_("The path leads out of the folder for sources."))
    return place


class FileReader(Reader):
    """A file, or all readable files of a folder, by name."""

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
            for number, item in enumerate(self._items(place, name), 1):
                if number > skip:
                    yield item, {"file": name, "done": number}

    def whole(self, stop: Stop) -> tuple[str, bytes]:
        files = [inside(self.text("path"))]
        if not files[0].is_file():
            raise SourceFault(_("An ontology is one file; the path names none."))
        return files[0].name, _bytes(files[0])

    def _files(self) -> list[Path]:
        place = inside(self.text("path"))
        if place.is_file():
            return [place]
        if not place.is_dir():
            message = _("There is no “%(path)s” in the folder for sources.")
            raise SourceFault(message % {"path": self.text("path")[:200]})
        found = []
        for folder, _folders, names in os.walk(place):
            told = records.READABLE | records.UNREAD  # pictures and the like are passed over
            found += [Path(folder) / name for name in names if Path(name).suffix.lower() in told]
        base = root().resolve()
        return sorted(
            (one for one in found if one.resolve().is_relative_to(base)),
            key=lambda one: one.relative_to(base).as_posix(),
        )

    def _items(self, place: Path, name: str) -> Iterator[Item]:
        try:
            if place.suffix.lower() in records.UNREAD:
                raise SourceFault(_("Sources do not read files of this type. Import it as a document."))
            data = _bytes(place)
            yield from records.items_of(name, place.stem, place.suffix.lower(), data, name, self.connection)
        except SourceFault as fault:
            yield Item(name, place.stem[:255], "", name[:255], fault=str(fault))


def _bytes(place: Path) -> bytes:
    try:
        if place.stat().st_size > MOST_BYTES:
            raise SourceFault(
                _("A file may have at most %(most)s MB.") % {"most": MOST_BYTES // 1024 // 1024}
            )
        return place.read_bytes()
    except OSError as error:
        message = _("“%(name)s” cannot be read (%(error)s).")
        raise SourceFault(message % {"name": place.name, "error": error.strerror or "?"}) from error
