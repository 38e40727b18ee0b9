"""How figures are told."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured value beside its baseline; `promise` is what the docs say of it."""

    what: str
    value: str
    baseline: str
    ratio: str
    promise: str


def percentiles(seconds: Sequence[float]) -> tuple[float, float]:
    """The 50th and 95th percentile of durations, in milliseconds."""
    ordered = sorted(seconds)
    return statistics.median(ordered) * 1000, ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))] * 1000


def told(seconds: Sequence[float]) -> str:
    """Durations as `p50 / p95 ms`."""
    middle, high = percentiles(seconds)
    return f"{middle:.1f} / {high:.1f} ms"


def table(figures: Sequence[Figure]) -> str:
    """All figures in columns."""
    rows = [("figure", "here", "baseline", "ratio or difference", "promise")]
    rows += [(f.what, f.value, f.baseline, f.ratio, f.promise) for f in figures]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows
    )
