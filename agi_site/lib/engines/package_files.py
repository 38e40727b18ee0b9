"""Model files that installed packages hold. One is used only if it is the very file that was tried here."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path


@dataclass(frozen=True, slots=True)
class PackageFile:
    """A file by its package and its name in there, with the check sum of the one that was tried."""

    package: str
    name: str
    sha256: str

    def path(self) -> Path:
        """Where it is; raises ImportError or OSError if it is not there, RuntimeError if it is another."""
        path = folder_of(self.package) / self.name
        if _sha256_of(path) != self.sha256:
            raise RuntimeError(f"{self.name} of {self.package} is not the file that was tried")
        return path


def folder_of(package: str) -> Path:
    """Where a package is, of which no code runs by that; raises ImportError."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ImportError(f"{package} is not installed")
    return Path(spec.submodule_search_locations[0])


@cache
def _sha256_of(path: Path) -> str:
    """Once a process: a model is looked for when its engine is built, and again when it loads."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
