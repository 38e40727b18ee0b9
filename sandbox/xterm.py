"""The browser terminal's program, xterm.js, as static files below `xterm/`.

It comes from a package (requirements-terminal.txt) of which nothing else is used: not its code, and of its
files only those that are, byte for byte, what xterm.js published. Without them pages fall back to lines.
"""

import hashlib
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.contrib.staticfiles.finders import BaseFinder
from django.core.files.storage import FileSystemStorage

PREFIX = "xterm"
# SHA-256 of the files in @xterm/xterm 6.0.0 and @xterm/addon-fit 0.11.0.
FILES = {
    "xterm.js": "14903579ff54664cd72f8e8699e6961a6272c21863ec1c3b118cdc8af5d4a972",
    "xterm.css": "854a7c0fb70e8b1a083c16797ab827299fb18744f5ad34f227b48337e33293c6",
    "addon-fit.js": "ba3ea256ce0620a0992a197d6c9baea64823fc93d8da07a9e366ca9943c18527",
}


@cache
def folder() -> Path | None:
    """Where the files stand; None where one is missing or is not what it should be."""
    spec = find_spec("tinyterminal")
    for place in (spec.submodule_search_locations or []) if spec else []:
        found = Path(place) / "static" / "vendor"
        if all(_digest(found / name) == wanted for name, wanted in FILES.items()):
            return found
    return None


def is_there() -> bool:
    """Whether pages can show a full terminal."""
    return folder() is not None


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


class XtermFinder(BaseFinder):
    """Gives the files to Django's static files, for serving and for collectstatic."""

    def check(self, **kwargs: Any) -> list[Any]:
        """Nothing to complain about: a missing terminal is no fault of the configuration."""
        return []

    def find(self, path: str, find_all: bool = False, **kwargs: Any) -> Any:
        """The file behind `xterm/<name>`; [] for anything else."""
        top, _slash, name = path.partition("/")
        found = folder()
        if top != PREFIX or name not in FILES or found is None:
            return []
        return [str(found / name)] if find_all else str(found / name)

    def list(self, ignore_patterns: Any) -> Iterator[tuple[str, FileSystemStorage]]:
        """The files, for collectstatic."""
        found = folder()
        if found is None:
            return
        storage = FileSystemStorage(location=found)
        storage.prefix = PREFIX  # type: ignore[attr-defined]  # as Django's own finders mark theirs
        for name in FILES:
            yield name, storage
