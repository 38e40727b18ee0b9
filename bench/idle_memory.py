"""The memory of the embedded process tree at rest, with the embedding model and without it."""

import time

from bench.report import Figure
from bench.site import Site, embedded, running_embedded, tree_memory

REST_SECONDS = 3.0


def at_rest(site: Site) -> float:
    """Resident memory in MB, some time after the last thing it did."""
    time.sleep(REST_SECONDS)
    return tree_memory(site.pid)


def measure() -> list[Figure]:
    """Each after one turn, by which everything is loaded that a turn needs."""
    here = at_rest(embedded())
    with running_embedded(EMBEDDING_ENGINE="hashed") as without:
        bare = at_rest(without)
    return [
        Figure(
            "idle memory of the embedded process tree",
            f"{here:.0f} MB",
            f"{bare:.0f} MB (without the embedding model)",
            f"{here - bare:+.0f} MB",
            "at most 600 MB",
        )
    ]
