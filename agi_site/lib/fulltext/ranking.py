"""Which rows answer a query, and in which order: the database finds candidates, BM25 is computed here."""

import re
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import models

from .scoring import Candidate, Scorer, best_first, rarity, side_by_side, with_feedback, with_spans
from .table import Terms
from .terms import LONGEST_TERM, forms_of, terms

MOST_QUERY_TERMS = 64
MOST_CANDIDATES = 1_000
SAMPLE = 2_000
SAMPLE_SECONDS = 60.0
COUNTED_RARELY_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Match:
    """A row found, ranked by `score`; `share`, in [0, 1], is its BM25 over the most that could be."""

    key: Any
    score: float
    share: float


@dataclass(frozen=True, slots=True)
class Statistics:
    """How common terms are, counted over the newest `rows` of `total` companion rows."""

    rows: int = 0
    total: int = 0
    average_length: float = 1.0
    containing: Counter[str] = field(default_factory=Counter)

    def weight(self, term: str) -> float:
        """BM25's inverse document frequency, always above 0."""
        return rarity(self.rows, self.holding(term))

    def expected(self, term: str) -> float:
        """About how many rows of the table hold `term`."""
        return self.holding(term) * self.total / self.rows if self.rows else 0.0

    def holding(self, term: str) -> int:
        """How many of the rows hold `term`, in any of its forms."""
        forms = sum(self.containing[form] for form in forms_of(term))
        return min(self.rows, self.containing[term] + forms)


def match(
    rows: "models.QuerySet[Any, Any]", query: str, *, key: str, limit: int, prefix: bool = False
) -> list[Match]:
    """The best `limit` companion rows of `rows` for `query`, best first; `key` names the column to return.

    With `prefix`, the query's last word may be the beginning of a word (search as you type). Rows that share
    no term are not found. Where a query's terms are held by more than about 1,000 rows, its most common terms
    no longer find rows, but still rank them.
    """
    said = terms(query)
    asked = list(dict.fromkeys(said))
    start = _beginning(query) if prefix else ""
    if not asked and not start:
        return []
    statistics = _statistics_of(rows.model)
    asked = sorted(asked, key=lambda term: (statistics.holding(term), term))[:MOST_QUERY_TERMS]
    weights = {term: statistics.weight(term) for term in asked}
    if start and start not in weights:
        weights[start] = max(weights.values(), default=1.0)
    wanted = _candidates(asked, start, statistics)
    found = rows.filter(grams__matches=wanted).order_by("-pk").values_list(key, "grams", "length")
    forms = {form: term for term in asked for form in forms_of(term) if form not in weights}
    pairs = side_by_side(said, weights)
    scorer = Scorer(weights, statistics.average_length, pairs, start, forms)
    ranked = best_first(
        scorer.scored(Candidate(row[0], row[1].split(" "), row[2])) for row in found[:MOST_CANDIDATES]
    )
    ranked = with_spans(ranked, said, scorer)
    if not prefix:
        ranked = best_first(with_feedback(ranked, scorer, statistics.weight))
    return [Match(row.key, row.score, row.share) for row in ranked[:limit]]


def _beginning(query: str) -> str:
    """The last word as typed so far, if it is one in Latin letters that goes to the query's end."""
    word = re.search(r"[a-z0-9]{2,}$", query.lower())
    return word[0][:LONGEST_TERM] if word else ""


def _candidates(asked: Sequence[str], prefix: str, statistics: Statistics) -> Terms:
    """The rarest terms that together are held by at most MOST_CANDIDATES rows."""
    chosen: list[str] = []
    room = float(MOST_CANDIDATES)
    for term in asked:
        room -= statistics.expected(term)
        if room < 0 and (chosen or prefix):
            break
        forms = forms_of(term)
        if room < 0 and not forms:
            return Terms(tuple(asked), every=True)
        chosen += [term, *forms]
    return Terms(tuple(chosen), prefix=prefix)


_statistics: dict[str, tuple[float, Statistics]] = {}
_lock = threading.Lock()


def _statistics_of(model: type[models.Model]) -> Statistics:
    """Counted once a minute or oftener. A term too new to be counted passes for rare, and is found."""
    table = model._meta.db_table
    now = time.monotonic()
    with _lock:
        until, known = _statistics.get(table, (0.0, Statistics()))
    if now < until:
        return known
    known = _count(model)
    # A small table changes its shape with every row, and is counted in no time; a large one hardly changes.
    kept = min(COUNTED_RARELY_SECONDS, SAMPLE_SECONDS * known.total / SAMPLE)
    with _lock:
        _statistics[table] = (now + kept, known)
    return known


def _count(model: type[models.Model]) -> Statistics:
    rows = model._default_manager.order_by("-pk").values_list("grams", "length")
    containing: Counter[str] = Counter()
    counted = length = 0
    for text, size in rows[:SAMPLE]:
        containing.update(set(text.split(" ")))
        counted, length = counted + 1, length + size
    total = counted if counted < SAMPLE else _about_how_many(model)
    return Statistics(counted, total, max(1.0, length / max(1, counted)), containing)


def _about_how_many(model: type[models.Model]) -> int:
    """The span of the numbers that rows got: at once, where counting a large table takes its time."""
    ends = model._default_manager.aggregate(first=models.Min("pk"), last=models.Max("pk"))
    return int(ends["last"] - ends["first"]) + 1


def forget_statistics() -> None:
    """Count again at the next search."""
    with _lock:
        _statistics.clear()
