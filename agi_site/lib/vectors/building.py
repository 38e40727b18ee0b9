"""Building the large index from the table: in the background, never while somebody waits."""

import fcntl
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings
from django.utils import timezone

from agi_site.lib import ids

from . import files, store
from .large import KEY, nearest
from .packing import LITTLE_ENDIAN, Matrix
from .rows import Rows

logger = logging.getLogger(__name__)

# Built anew when this share of the rows changed since, at least so many.
STALE_SHARE, STALE_LEAST = 0.05, 2_000
ROWS_PER_LIST = 240
BITS = 2  # of each number in the lists
FLAT_LISTS = 2_048  # above, the lists' centres are clustered in two steps, and found by a graph
POINTS_PER_LIST = 48
EFFORT = 64  # how widely the graph of centres is searched
PROBES = (4, 6, 8, 10, 12, 14, 16, 20, 24, 32, 48, 64, 96, 128)
# What a build promises of itself, on rows of the table as questions.
RECALL, TRIED, NEIGHBOURS = 0.985, 200, 10
ADDED_AT_ONCE = 20_000
OVERLAP = timedelta(seconds=30)


def keep(rows: Rows, dimension: int, *, anew: bool = False) -> bool:
    """Build the index of a table for an engine if it is missing, damaged or stale; says whether it was built.

    One process builds at a time; another that is asked meanwhile leaves it alone.
    """
    folder = files.folder_of(rows.model._meta.db_table, rows.embedding_model)
    if store.configured():
        return _copy(folder, rows, dimension, anew=anew)
    if not rows.more_than(settings.VECTOR_INDEX_ROWS):
        files.remove(folder)
        return False
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder) as allowed:
        if not allowed or not (anew or _is_stale(folder, rows)):
            return False
        started = time.monotonic()
        count = _build(folder, rows, dimension)
        took = time.monotonic() - started
        logger.info("vector index of %s: %d rows in %.0f s", rows.model._meta.db_table, count, took)
        return True


def _copy(folder: Path, rows: Rows, dimension: int, *, anew: bool) -> bool:
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder) as allowed:
        try:
            return allowed and store.copy(rows, dimension, anew=anew) > 0
        except store.Unavailable as error:
            logger.warning("%s waits to be copied: %s", rows.model._meta.db_table, error)
            return False


def discard(table: str, embedding_model: str) -> None:
    """Delete what was built of an engine that is not in use any more."""
    files.remove(files.folder_of(table, embedding_model))
    if store.configured():
        store.remove(table, embedding_model)


@contextmanager
def _alone(folder: Path) -> Iterator[bool]:
    """Whether no other process builds here; the system lets go of the lock when its holder dies."""
    with (folder / "building").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
            return
        yield True


def _is_stale(folder: Path, rows: Rows) -> bool:
    if not files.check(folder):
        return True
    there = files.opened(folder)
    if there is None:
        return True
    fresh = rows.changed(there.newest)
    gone = len(there) + len(fresh.keys() - there.known(fresh)) - rows.count()
    if rows.owner and gone > 0:  # what a person has forgotten is to leave the files, too, and soon
        return True
    return len(fresh) + abs(gone) > max(STALE_LEAST, STALE_SHARE * len(there))


def _build(folder: Path, rows: Rows, dimension: int) -> int:
    newest = (rows.newest() or timezone.now()) - OVERLAP
    build = ids.uuid7()
    place = folder / build
    place.mkdir()
    count = _write_rows(place, rows, dimension)
    keys = np.memmap(place / "keys.s36", KEY, "r", shape=(count,))
    np.argsort(keys, kind="stable").astype(np.int64).tofile(place / "order.i8")
    finish(folder, build, count, dimension, newest=newest.isoformat())
    return count


def finish(folder: Path, build: str, count: int, dimension: int, *, newest: str) -> dict[str, Any]:
    """Cluster what the build's files hold, and let it answer; what was told of it."""
    place = folder / build
    vectors: Matrix = np.memmap(place / "vectors.f4", "<f4", "r", shape=(count, dimension))
    _usual(vectors).tofile(place / "usual.f8")
    probes, effort = _write_lists(place, vectors)
    told: dict[str, Any] = {"dimension": dimension, "rows": count, "newest": newest}
    told |= {"probes": probes, "effort": effort}
    files.take_over(folder, build, told)
    return told


def _write_rows(place: Path, rows: Rows, dimension: int) -> int:
    """The rows as they come; of one that comes twice, the first."""
    seen: set[str] = set()
    with (
        (place / "vectors.f4").open("wb") as vectors,
        (place / "keys.s36").open("wb") as keys,
        (place / "owners.i8").open("wb") as owners,
    ):
        for key, blob, owner in rows.everything():
            if len(blob) == LITTLE_ENDIAN.itemsize * dimension and key not in seen:
                seen.add(key)
                vectors.write(blob)
                keys.write(key.encode().ljust(KEY.itemsize, b"\0"))
                owners.write(int(owner).to_bytes(8, "little", signed=True))
    return len(seen)


def _usual(vectors: Matrix) -> Any:
    """Mean and covariance of all rows, shape (d + 1, d)."""
    width = vectors.shape[1]
    total, products = np.zeros(width), np.zeros((width, width))
    for at in range(0, len(vectors), ADDED_AT_ONCE):
        part = np.asarray(vectors[at : at + ADDED_AT_ONCE])
        total += part.sum(axis=0, dtype=np.float64)
        products += part.T @ part
    mean = total / len(vectors)
    return np.concatenate([mean[None], products / len(vectors) - np.outer(mean, mean)])


# --- Inverted lists ---------------------------------------------------------------------------------------
def _write_lists(place: Path, vectors: Matrix) -> tuple[int, int]:
    """Cluster the rows into lists and write them; how many lists a search has to look at, and its effort."""
    import faiss

    faiss.omp_set_num_threads(1)  # others work meanwhile
    count, width = vectors.shape
    wanted = max(16, count // ROWS_PER_LIST)
    random = np.random.default_rng(1)
    sample = np.sort(random.choice(count, min(count, wanted * POINTS_PER_LIST), replace=False))
    centres = _centres(np.asarray(vectors[sample]), wanted)
    graph = len(centres) > FLAT_LISTS
    quantizer = (
        faiss.IndexHNSWFlat(width, 32, faiss.METRIC_INNER_PRODUCT) if graph else faiss.IndexFlatIP(width)
    )
    of_faiss: Any = faiss  # its type stubs do not know the bits
    # Two bits of each number abridge a vector well whose numbers are about as large as each other, which they
    # are after a turn in an arbitrary direction: some engines leave many at zero.
    turn = of_faiss.RandomRotationMatrix(width, width)
    turn.init(1)
    quantizer.add(turn.apply(centres))
    inner = of_faiss.IndexIVFRaBitQ(quantizer, width, len(centres), faiss.METRIC_INNER_PRODUCT, True, BITS)
    lists = of_faiss.IndexPreTransform(turn, inner)
    lists.train(np.asarray(vectors[sample[:ADDED_AT_ONCE]]))
    for at in range(0, count, ADDED_AT_ONCE):
        lists.add(np.ascontiguousarray(vectors[at : at + ADDED_AT_ONCE], np.float32))
    effort = EFFORT if graph else 0
    probes = _probes(lists, vectors, np.sort(random.choice(count, min(TRIED, count), replace=False)), effort)
    faiss.write_index(lists, str(place / files.LISTS))
    return probes, max(effort, probes if graph else 0)


def _centres(points: Matrix, wanted: int) -> Matrix:
    """Centres of about `wanted` clusters, length one; many are found in two steps, which costs √ of one."""
    if wanted <= FLAT_LISTS:
        return _kmeans(points, wanted)
    groups = _kmeans(points, int(np.sqrt(wanted)))
    of = np.argmax(points @ groups.T, axis=1)
    found = []
    for group in range(len(groups)):
        part = points[of == group]
        if share := round(wanted * len(part) / len(points)):
            found.append(_kmeans(part, share))
    return np.concatenate(found)


def _kmeans(points: Matrix, wanted: int) -> Matrix:
    import faiss

    wanted = max(1, min(wanted, len(points)))
    means = faiss.Kmeans(
        points.shape[1],
        wanted,
        niter=8,
        spherical=True,
        seed=1,
        min_points_per_centroid=1,
        max_points_per_centroid=POINTS_PER_LIST * 4,
    )
    means.train(np.ascontiguousarray(points, np.float32))
    return np.asarray(means.centroids, np.float32)


def _probes(lists: Any, vectors: Matrix, tried: Any, effort: int) -> int:
    """The fewest lists with which nearly all of the nearest rows of sample rows are found."""
    asked = np.asarray(vectors[tried])
    best = np.zeros((len(asked), 0), np.float32)
    for at in range(0, len(vectors), ADDED_AT_ONCE):
        part = np.concatenate([best, asked @ np.asarray(vectors[at : at + ADDED_AT_ONCE]).T], axis=1)
        best = np.partition(part, -min(NEIGHBOURS, part.shape[1]), axis=1)[:, -NEIGHBOURS:]
    least = best.min(axis=1, keepdims=True) - 1e-5
    for probes in PROBES:
        wide = max(effort, probes) if effort else 0
        found = [nearest(lists, vectors, one, NEIGHBOURS, probes, wide)[1] for one in asked]
        right = sum(int((cosines >= floor).sum()) for cosines, floor in zip(found, least, strict=True))
        if right >= RECALL * best.size:
            return probes
    return PROBES[-1]
