"""One query's cosines with the rows of a table, and what is usual among them."""

from collections.abc import Iterable
from dataclasses import dataclass

from .packing import Matrix, Vector
from .parts import Built, Part, Usual
from .recent import Recent

# With fewer rows than this, the background helps to say what is usual.
FEW_ROWS = 200
# A row is a clear match when it stands this many standard deviations above the usual.
UNUSUAL = 3.0
USUAL_LIMIT = 100  # what a search asks for: looked up once


@dataclass(frozen=True, slots=True)
class View:
    """The vectors at one moment: what was built, without the rows that changed since, and the recent ones."""

    recent: Recent
    built: Built | None = None

    def known(self, keys: Iterable[str]) -> set[str]:
        """Those of these rows that have a vector here."""
        wanted = set(keys)
        found = wanted & self.recent.places.keys()
        return found if self.built is None else found | self.built.known(wanted - found)


class Comparison:
    """A vector against all rows, or against certain ones: exactly, or nearly where many were built."""

    def __init__(
        self,
        view: View,
        vector: Vector,
        *,
        owner: int | None = None,
        among: Iterable[str] | None = None,
        background: Matrix | None = None,
    ) -> None:
        chosen = None if among is None else frozenset(among)
        self._parts: list[Part] = [view.recent.compare(vector, owner, chosen)]
        if view.built is not None:
            self._parts.append(view.built.compare(vector, owner, chosen))
        self._known: tuple[int, dict[str, float]] | None = None
        self._average, self._spread = self._average_and_spread(vector, background)

    def best(self, limit: int) -> dict[str, float]:
        """The shares of the `limit` nearest rows by key, best first."""
        return self._shares(self.nearest(limit))

    def nearest(self, limit: int) -> dict[str, float]:
        """The cosines of the `limit` nearest rows by key, best first; equally near ones in order of keys."""
        if self._known is None or self._known[0] < limit:
            found = [item for part in self._parts for item in part.nearest(limit).items()]
            self._known = (limit, dict(sorted(found, key=lambda one: (-one[1], one[0]))[:limit]))
        return dict(list(self._known[1].items())[:limit])

    def of(self, keys: Iterable[str]) -> dict[str, float]:
        """The shares of certain rows; a row without a vector, or not among those compared, has none."""
        wanted = list(dict.fromkeys(keys))
        found: dict[str, float] = {}
        for part in self._parts:
            left = [key for key in wanted if key not in found]
            found |= part.of(left) if left else {}
        return self._shares({key: found[key] for key in wanted if key in found})

    def _average_and_spread(self, vector: Vector, background: Matrix | None) -> tuple[float, float]:
        """The usual cosine, and how far above it the best or a clearly unusual one lies."""
        usual = Usual.together(part.usual() for part in self._parts)
        best = max(self.nearest(USUAL_LIMIT).values(), default=0.0)
        if background is not None and usual.rows < FEW_ROWS:
            usual = Usual.together([usual, Usual.among(background @ vector)])
        return usual.average, max(best - usual.average, UNUSUAL * usual.deviation, 1e-6)

    def _shares(self, cosines: dict[str, float]) -> dict[str, float]:
        """Where cosines lie between the usual (0) and the best (1), which may be below 1 itself."""
        return {
            key: min(1.0, max(0.0, (cosine - self._average) / self._spread))
            for key, cosine in cosines.items()
        }
