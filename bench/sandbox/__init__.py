"""Sandboxes beside Docker's own SDK and command line, on the same engine, in the same run.

`AGI_DATA` names the folder with `humaneval/`; without it that part is skipped by name.
"""

from bench.report import Figure


def measure() -> list[Figure]:
    """What a worker does, then what a program sees over REST, then 164 programs."""
    from . import humaneval, site, worker

    return [*worker.measure(), *site.measure(), *humaneval.measure()]
