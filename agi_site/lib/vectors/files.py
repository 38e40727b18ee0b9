"""The large index of one table and engine, as files under DATA_DIR that all processes of a machine map.

    vectors/<table>/<engine>/current.json       which build answers, its files' sizes and check sums
    vectors/<table>/<engine>/<build>/…          keys, owners, order, vectors, usual, lists

A build is never changed. `current.json` is replaced in one step, after everything it names is on the disk.
Deleting any of it is safe: the table has the truth, and the next build brings the files back.
"""

import hashlib
import json
import logging
import os
import re
import shutil
import threading
import zlib
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings

from .large import KEY, Large, Lists

logger = logging.getLogger(__name__)

CURRENT = "current.json"
LISTS = "lists.faiss"
FORM = "rabitq-2-turned"  # what the lists hold; builds of other forms are made anew
CHECKED_AT_ONCE = 1 << 22


def folder_of(table: str, embedding_model: str) -> Path:
    """Where the builds of a table's index for an engine are kept; it need not exist."""
    plain = re.sub(r"[^a-z0-9]+", "-", embedding_model.lower()).strip("-")[:40]
    short = hashlib.sha256(embedding_model.encode()).hexdigest()[:8]
    return Path(settings.DATA_DIR) / "vectors" / table / f"{plain}-{short}"


def stamp(folder: Path) -> int:
    """Changes when another build takes over; 0 while there is none."""
    try:
        return (folder / CURRENT).stat().st_mtime_ns
    except OSError:
        return 0


def opened(folder: Path) -> Large | None:
    """The build that answers now, its sizes checked; None where there is none or it is damaged."""
    try:
        told = json.loads((folder / CURRENT).read_text())
        place = folder / told["build"]
        for name, (size, _sum) in told["files"].items():
            if (place / name).stat().st_size != size:
                raise ValueError(f"{name} has another size than it was written with")
        if told["form"] != FORM:
            raise ValueError("it was built by another version")
        width, rows = told["dimension"], told["rows"]
        usual = np.fromfile(place / "usual.f8", np.float64).reshape(width + 1, width).astype(np.float32)
        vectors = np.memmap(place / "vectors.f4", "<f4", "r", shape=(rows, width))
        return Large(
            Lists(place / LISTS, vectors, told["probes"], told["effort"]),
            datetime.fromisoformat(told["newest"]),
            np.memmap(place / "keys.s36", KEY, "r", shape=(rows,)),
            np.memmap(place / "owners.i8", np.int64, "r", shape=(rows,)),
            vectors,
            np.memmap(place / "order.i8", np.int64, "r", shape=(rows,)),
            usual[0],
            usual[1:],
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        reject(folder, str(error))
        return None


def reject(folder: Path, why: str) -> None:
    """Let no process use this build any more; the next one is made from the table."""
    logger.error("the vector index in %s is damaged (%s); exact search until it is built again", folder, why)
    (folder / CURRENT).unlink(missing_ok=True)


def check(folder: Path) -> bool:
    """Whether every byte of the build that answers is as it was written; a damaged one is rejected."""
    try:
        told = json.loads((folder / CURRENT).read_text())
        for name, (_size, right) in told["files"].items():
            if check_sum(folder / told["build"] / name) != right:
                raise ValueError(f"the bytes of {name} have changed")
    except FileNotFoundError:
        return (folder / CURRENT).exists()
    except (OSError, ValueError, KeyError, TypeError) as error:
        reject(folder, str(error))
        return False
    return True


def check_later(folder: Path) -> None:
    """Check in a thread, so that nobody waits: a gigabyte takes about a second."""
    threading.Thread(target=check, args=(folder,), name="vector-check", daemon=True).start()


def check_sum(path: Path) -> int:
    """CRC-32 of a file."""
    total = 0
    with path.open("rb") as file:
        while piece := file.read(CHECKED_AT_ONCE):
            total = zlib.crc32(piece, total)
    return total


def take_over(folder: Path, build: str, told: dict[str, Any]) -> None:
    """Let the build `build` answer from now on, and remove those before the last."""
    place = folder / build
    files = {path.name: (path.stat().st_size, check_sum(path)) for path in sorted(place.iterdir())}
    for path in place.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())
    text = json.dumps(told | {"form": FORM, "build": build, "files": files})
    new = folder / f"{CURRENT}.new"
    new.write_text(text)
    new.replace(folder / CURRENT)
    for old in folder.iterdir():
        # A process may hold the files of an old build open; on Linux they stay until it lets go.
        if old.is_dir() and old.name != build:
            shutil.rmtree(old, ignore_errors=True)


def remove(folder: Path) -> None:
    """Delete the index of an engine that is not in use any more."""
    (folder / CURRENT).unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
