"""Which concepts of two domains correspond: candidates, confidence, one partner each."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from agi_site.lib.engines.base import EmbeddingEngine

from ..concepts import Concept
from .features import FEATURES, Comparison, Pair, Rows

SHOWN_FROM = 0.12  # less sure pairs are not worth a person's look


@dataclass(frozen=True, slots=True)
class Model:
    """A logistic regression over the features; `threshold`: from where on a pair counts as a mapping.

    Its probability is the confidence: fitted by likelihood, it is calibrated on what it was fitted to.
    """

    means: npt.NDArray[np.float64]
    scales: npt.NDArray[np.float64]
    weights: npt.NDArray[np.float64]
    intercept: float
    threshold: float

    def confidence(self, rows: Rows) -> npt.NDArray[np.float64]:
        """The probability that each pair corresponds, 0 to 1."""
        logits = ((rows - self.means) / self.scales) @ self.weights + self.intercept
        return np.asarray(1 / (1 + np.exp(-np.clip(logits, -50, 50))))

    def shares(self, row: Rows) -> dict[str, float]:
        """What each feature adds to the logit, over an average pair."""
        added = (row - self.means) / self.scales * self.weights
        return {name: round(float(value), 2) for name, value in zip(FEATURES, added, strict=True)}

    def as_json(self) -> dict[str, Any]:
        """As the packaged file holds it."""
        columns = zip(FEATURES, self.means, self.scales, self.weights, strict=True)
        return {
            "intercept": round(self.intercept, 5),
            "threshold": self.threshold,
            "features": {name: [round(float(x), 5) for x in column] for name, *column in columns},
        }


@cache
def packaged() -> Model:
    """The model that `bench/transfer.py --fit` made."""
    data = json.loads((Path(__file__).parent / "model.json").read_text())
    columns = np.array([data["features"][name] for name in FEATURES])
    return Model(columns[:, 0], columns[:, 1], columns[:, 2], data["intercept"], data["threshold"])


@dataclass(frozen=True, slots=True)
class Match:
    """Two concepts that may correspond. `parts`: the features; `shares`: what each of them adds or takes."""

    source: Concept
    target: Concept
    confidence: float
    relation_type: str
    parts: dict[str, float]
    shares: dict[str, float]


def match(
    source: Sequence[Concept],
    target: Sequence[Concept],
    *,
    engine: EmbeddingEngine,
    model: Model | None = None,
    least: float = SHOWN_FROM,
    stop: Callable[[], None] = lambda: None,
) -> list[Match]:
    """The best one-to-one pairs with at least `least` confidence, surest first. Raises EngineError."""
    if not source or not target:
        return []
    model = model or packaged()
    compared = Comparison(source, target, engine, stop)
    if not compared.pairs:
        return []
    rows = compared.features()
    confidence = model.confidence(rows)
    found = []
    for at in one_to_one(compared.pairs, confidence, least):
        one, other = compared.pairs[at]
        parts = {name: round(float(value), 3) for name, value in zip(FEATURES, rows[at], strict=True)}
        sure = round(float(confidence[at]), 4)
        kind = "is_equivalent_to" if sure >= model.threshold else "is_similar_to"
        found.append(Match(source[one], target[other], sure, kind, parts, model.shares(rows[at])))
    return sorted(found, key=lambda one: (-one.confidence, one.source.name))


def one_to_one(pairs: Sequence[Pair], confidence: npt.NDArray[np.float64], least: float) -> list[int]:
    """The places of the pairs that give each concept at most one partner and the greatest sum of confidence.

    Solved for each group of pairs that hang together by itself (Jonker and Volgenant).
    """
    kept = [at for at in range(len(pairs)) if confidence[at] >= least]
    if not kept:
        return []
    ones = {one: n for n, one in enumerate(sorted({pairs[at][0] for at in kept}))}
    others = {other: n for n, other in enumerate(sorted({pairs[at][1] for at in kept}))}
    size = len(ones) + len(others)
    x = [ones[pairs[at][0]] for at in kept]
    y = [len(ones) + others[pairs[at][1]] for at in kept]
    _count, group = connected_components(
        coo_matrix((np.ones(len(kept)), (x, y)), shape=(size, size)), directed=False
    )
    members: dict[int, list[int]] = {}
    for at, one in zip(kept, x, strict=True):
        members.setdefault(int(group[one]), []).append(at)
    return [at for some in members.values() for at in _solve(some, pairs, confidence)]


def _solve(some: list[int], pairs: Sequence[Pair], confidence: npt.NDArray[np.float64]) -> list[int]:
    ones = sorted({pairs[at][0] for at in some})
    others = sorted({pairs[at][1] for at in some})
    grid = np.zeros((len(ones), len(others)))
    places: dict[tuple[int, int], int] = {}
    for at in some:
        cell = ones.index(pairs[at][0]), others.index(pairs[at][1])
        grid[cell], places[cell] = confidence[at], at
    rows, columns = linear_sum_assignment(-grid)
    return [places[cell] for cell in zip(map(int, rows), map(int, columns), strict=True) if cell in places]
