"""A REST list of fifty and an insert of one, beside bare DRF views of the same rows on the same server."""

import statistics
import time
from collections.abc import Callable
from dataclasses import replace

from bench.report import Figure
from bench.site import embedded

BLOCKS, REQUESTS = 12, 25


def rate(work: Callable[[], object]) -> float:
    """Calls per second over one block."""
    started = time.perf_counter()
    for _ in range(REQUESTS):
        work()
    return REQUESTS / (time.perf_counter() - started)


def in_turn(ours: Callable[[], object], bare: Callable[[], object]) -> tuple[float, float, float]:
    """Both rates (medians of blocks taken in turn) and the median of the blocks' ratios."""
    rate(ours)
    rate(bare)
    pairs = [(rate(ours), rate(bare)) for _ in range(BLOCKS)]
    return (
        statistics.median(a for a, _b in pairs),
        statistics.median(b for _a, b in pairs),
        statistics.median(a / b for a, b in pairs),
    )


def figure(what: str, measured: tuple[float, float, float]) -> Figure:
    """A pair of rates, told."""
    here, bare, ratio = measured
    return Figure(
        what, f"{here:.0f} /s", f"{bare:.0f} /s (bare DRF view)", f"{ratio:.2f} ×", "at least 0.6 ×"
    )


def measure() -> list[Figure]:
    """Ours has authentication, permissions, throttling, filters and keyset paging on."""
    site = embedded()
    bare = replace(site, token="", _connection=None)
    plan = {"title": "bench", "description": "A plan among others."}
    for _ in range(120):
        site.call("POST", "/api/v1/plans/", plan)
    return [
        figure(
            "REST list of 50",
            in_turn(lambda: site.call("GET", "/api/v1/plans/"), lambda: bare.call("GET", "/bench/plans/")),
        ),
        figure(
            "REST insert of one",
            in_turn(
                lambda: site.call("POST", "/api/v1/plans/", plan),
                lambda: bare.call("POST", "/bench/plans/", plan),
            ),
        ),
    ]
