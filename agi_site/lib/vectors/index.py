"""The vectors of one table and engine in this process, looked after as rows change."""

import logging
import threading
import time
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.db import models

from . import files, store
from .comparison import Comparison, View
from .packing import Matrix, Vector
from .parts import Built, Middle
from .recent import Recent
from .rows import Rows

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
# A transaction may commit some time after it took its timestamp, so each look reaches back this far.
OVERLAP = timedelta(seconds=30)
# A table this small is counted at each look; of a larger one the keys are compared from time to time.
COUNTED_ROWS = 5_000
COMPARED_SECONDS = 120.0
REOPENED_SECONDS = 60.0
MOST_READ_SINGLY = 2_000


class VectorIndex:
    """What this process knows of a table's vectors; see the package for where they come from.

    Safe to use from many threads: readers keep the view they hold.
    """

    def __init__(
        self,
        model: type[models.Model],
        embedding_model: str,
        dimension: int,
        owner: str = "",
        beside: type[models.Model] | None = None,
    ) -> None:
        self.rows = Rows(model, embedding_model, owner, beside)
        self.dimension = dimension
        self._folder = files.folder_of(model._meta.db_table, embedding_model)
        self._lock = threading.Lock()
        self._next_look = self._next_comparison = self._next_opening = 0.0
        self._stamp = 0
        self._newest: datetime | None = None
        self._seen: dict[str, datetime] = {}
        self._now = View(Recent.empty(dimension))

    @property
    def size(self) -> int:
        """Bytes of this process's own, roughly; the large index is mapped and shared."""
        return self._now.recent.size

    @property
    def is_large(self) -> bool:
        """Whether a built index answers."""
        return self._now.built is not None

    def touch(self) -> None:
        """Look at the table before the next search."""
        self._next_look = 0.0

    def drop(self, keys: Iterable[str]) -> None:
        """These rows are gone: a search found them, and the table did not have them any more."""
        with self._lock:
            self._hide(set(keys))

    def compare(
        self,
        vector: Vector,
        *,
        owner: int | None = None,
        among: Sequence[str] | None = None,
        background: Matrix | None = None,
    ) -> Comparison:
        """`vector`, shape (d,), against all rows, or exactly those of `owner` or with the keys `among`.

        `background`, shape (b, d), are vectors of texts about nothing in particular: they say what
        "unrelated" looks like where there are too few rows to tell. Raises ValueError where the vector has
        another length.
        """
        if vector.shape != (self.dimension,):
            raise ValueError(f"a vector of {self.dimension} numbers is needed, not of shape {vector.shape}")
        return Comparison(self.view(), vector, owner=owner, among=among, background=background)

    def middle(self, *, owner: int | None = None, among: Sequence[str] | None = None) -> Middle:
        """The average of the vectors that `compare` would compare with, and of how many."""
        view, chosen = self.view(), None if among is None else frozenset(among)
        middles = [view.recent.middle(owner, chosen)]
        if view.built is not None:
            middles.append(view.built.middle(owner, chosen))
        return Middle.together(middles)

    def view(self) -> View:
        """The vectors, looked after if it is time."""
        if time.monotonic() >= self._next_look:
            with self._lock:
                if time.monotonic() >= self._next_look:
                    self._look()
        return self._now

    # --- Looking after ------------------------------------------------------------------------------------
    def _look(self) -> None:
        started = time.monotonic()
        self._open_what_was_built()
        if self._newest is None:
            self._read_everything()
        else:
            self._read_changed(self._newest)
        self._notice_the_gone()
        took = time.monotonic() - started
        self._next_look = time.monotonic() + max(LOOK_SECONDS, 20 * took)

    def _open_what_was_built(self) -> None:
        if store.configured():
            self._open_store()
        else:
            self._open_files()

    def _open_store(self) -> None:
        """What the server has; looked at again from time to time, as the copy goes on. Raises Unavailable."""
        if time.monotonic() < self._next_opening:
            return
        table = self.rows.model._meta.db_table
        stored, built = store.opened(table, self.rows.embedding_model, self.dimension), self._now.built
        self._next_opening = time.monotonic() + REOPENED_SECONDS
        if (stored and stored.newest) != (built and built.newest):
            self._begin(stored)

    def _open_files(self) -> None:
        stamp = files.stamp(self._folder)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        large = files.opened(self._folder)
        if large is not None and large.vectors.shape[1] != self.dimension:
            large = None
        if large is None and self._now.built is None:
            return
        if large is not None:
            files.check_later(self._folder)
        self._begin(large)

    def _begin(self, built: Built | None) -> None:
        """Start from what was built; the next look reads what was written since."""
        self._now = View(Recent.empty(self.dimension), built)
        self._newest, self._seen = (built.newest if built is not None else None), {}
        self._next_comparison = time.monotonic() + COMPARED_SECONDS

    def _read_everything(self) -> None:
        self._newest = self.rows.newest()
        self._now = View(Recent.empty(self.dimension).with_rows(self.rows.everything()))
        self._next_comparison = time.monotonic() + COMPARED_SECONDS

    def _read_changed(self, newest: datetime) -> None:
        since = newest - OVERLAP
        changed = self.rows.changed(since)
        fresh = [key for key, moment in changed.items() if self._seen.get(key) != moment]
        self._take(fresh)
        self._hide(self._now.known(self.rows.emptied(since) - changed.keys()))
        self._seen = changed
        self._newest = max([newest, *changed.values()])

    def _take(self, keys: Sequence[str]) -> None:
        """Read these rows; of those that are as they were built, the large index still answers.

        They may be many: each look reaches back, and the first one after a build into what was built.
        """
        for at in range(0, len(keys), MOST_READ_SINGLY):
            chunk, now, built = keys[at : at + MOST_READ_SINGLY], self._now, self._now.built
            rows = list(self.rows.among(chunk))
            if built is not None:
                read = {row[0] for row in rows}
                rows = built.differing(rows)
                built = built.without(set(chunk) - (read - {row[0] for row in rows}))
            self._now = View(now.recent.with_rows(rows), built)

    def _hide(self, gone: set[str]) -> None:
        if not gone:
            return
        now = self._now
        built = now.built.without(gone) if now.built is not None else None
        self._now = View(now.recent.without(gone), built)

    def _notice_the_gone(self) -> None:
        """Rows that were deleted, or that committed later than a look reaches back.

        Where an index is built, the next build finds them, and a search that meets a deleted one drops it.
        """
        if self._now.built is not None:
            return
        now, known = time.monotonic(), self._now.recent.places.keys()
        if len(known) <= COUNTED_ROWS and self.rows.count() == len(known):
            return
        if len(known) > COUNTED_ROWS and now < self._next_comparison:
            return
        there = self.rows.keys()
        self._hide(known - there)
        self._take(sorted(there - known))
        took = time.monotonic() - now
        self._next_comparison = time.monotonic() + max(COMPARED_SECONDS, 100 * took)
